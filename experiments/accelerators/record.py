"""Records the cases of a list on the device of this machine, within a budget of seconds.

Cases are compiled in waves, several at a time, and measured one by one behind that, so that nothing compiles (and no
kernel is tried out on the device) while something is measured. The row of a case is in the file as soon as it ends. A
case that fails has a row with its error, and the next one goes on. When the budget is over the process ends, in the
middle of a case if need be; called again with the same folder it goes on with what is missing.

    python -m experiments.accelerators.record --out recording --budget-s 480
    python -m experiments.accelerators.record --compile-only
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from .cases import LISTS, Case, Training, program_of
from .results import Results, Row

MACHINE = "machine"
"""The first row: what all others were measured on."""
_BEGUN = "was begun, and the process ended before it"
_TABLE = Path(__file__).parent / "compiled.csv"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0, 1 if a case failed or does not fit, 2 if an option is wrong."""
    given = _parser().parse_args(arguments)
    listed = LISTS[given.cases]
    if unknown := set(given.only) - {case.name for case in listed}:
        print(f"--only {min(unknown)}: no such case; write one of {', '.join(case.name for case in listed)}")
        return 2
    cases = [case for case in listed if not given.only or case.name in given.only]
    if given.compile_only:
        return _compile(cases, listed, given.target, given.out or _TABLE)
    return record_all(cases, given.out or Path("recording"), budget_s=given.budget_s, workers=given.workers)


def record_all(cases: Sequence[Case], out: Path, *, budget_s: float, workers: int) -> int:
    """Records cases; returns 0, or 1 if one of them failed.

    Args:
      cases: in order of worth.
      out: the folder of results, traces and profiles; a case whose result is there is not recorded again.
      budget_s: seconds from now after which the process ends.
      workers: cases that are compiled at a time.
    """
    ends = time.monotonic() + budget_s
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.95")  # read when JAX starts; by itself it takes 75%
    out.mkdir(parents=True, exist_ok=True)
    results = Results(out / "results.jsonl")
    clock = threading.Timer(budget_s, _end, (budget_s,))
    clock.daemon = True
    clock.start()
    results.put(_machine())
    waiting = results.waiting(cases)
    compiled: dict[str, Future[tuple[float, Any]]] = {}
    with ThreadPoolExecutor(workers) as pool:
        while waiting and time.monotonic() < ends:
            wave, waiting = waiting[:workers], waiting[workers:]
            for case in wave:
                if program_of(case) not in compiled:
                    compiled[program_of(case)] = pool.submit(_compiled, case)
            wait(compiled.values())
            for case in wave:
                results.put({"case": case.name, "error": _BEGUN})
                row = _row(case, compiled[program_of(case)], out)
                results.put(row)
                print(f"{case.name}: {row.get('error') or _said(row)}", flush=True)
                gc.collect()  # arrays of a failed case may hang on its error
    clock.cancel()
    return int(any("error" in results.rows.get(case.name, {}) for case in cases))


def _end(budget_s: float) -> None:
    """Ends the process in the middle of whatever it does; all that was measured is in the file."""
    print(f"the budget of {budget_s:g} s is over", flush=True)
    os._exit(0)


def _compiled(case: Case) -> tuple[float, Any]:
    """Compiles a case; returns the seconds that took, and the programs."""
    begin = time.monotonic()
    if isinstance(case, Training):
        from .training import compile_training

        compiled: Any = compile_training(case)
    else:
        from trainer.parallel.mesh import make_mesh

        from .ceilings import compile_ceiling

        compiled = compile_ceiling(case, make_mesh(1, 1))
    return time.monotonic() - begin, compiled


def _row(case: Case, compiled: Future[tuple[float, Any]], out: Path) -> Row:
    """Measures a case; whatever goes wrong is its result."""
    try:
        compile_s, programs = compiled.result()
        begin = time.monotonic()
        figures = _measured(case, programs, out)
    except Exception as error:
        lines = str(error).splitlines() or [""]
        return {"case": case.name, "error": f"{type(error).__name__}: {lines[0][:300]}"}
    return {"case": case.name, "compile_s": compile_s, "measure_s": time.monotonic() - begin, **figures}


def _measured(case: Case, programs: Any, out: Path) -> dict[str, Any]:
    if isinstance(case, Training):
        from .training import measure_training

        command = shlex.join(["python", "-m", "experiments.accelerators.record", *sys.argv[1:]])
        return measure_training(case, programs, out, command)
    from .ceilings import measure_ceiling

    return measure_ceiling(case, programs)


def _said(row: Row) -> str:
    shown = ("compute_s", "fused_s", "mfu", "bytes_per_s", "flop_per_s", "measure_s")
    return ", ".join(f"{key} {row[key]:.4g}" for key in shown if row.get(key) is not None)


def _machine() -> Row:
    import jax

    from trainer.parallel.chips import recorded_device

    device = jax.devices()[0]
    described = recorded_device([device]).model_dump(exclude={"count", "slices", "source"})
    backend = str(device.client.platform_version).splitlines()[0]
    return {
        "case": MACHINE,
        **described,
        "jax": jax.__version__,
        "backend": backend,
        **_set("XLA_FLAGS", "JAX_PLATFORMS"),
    }


def _set(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def _compile(cases: Sequence[Case], listed: Sequence[Case], target: str, out: Path) -> int:
    from sim.shell.delivery import write_atomically

    from .absent import Compiled, compile_absent, table

    before = out.read_text(encoding="utf-8") if out.exists() else ""
    order = [case.name for case in listed]
    compiled: list[Compiled] = []
    for each in compile_absent(cases, target):
        compiled.append(each)
        write_atomically(out, table(compiled, before, order))
        print(f"{each.case} {each.part}: {each.problem or f'{each.memory_gb} GB'} ({each.compile_s:.0f} s)", flush=True)
    return int(any(each.problem for each in compiled))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.accelerators.record", description=__doc__)
    parser.add_argument("--cases", choices=list(LISTS), default="gpu", help="the list [default: gpu]")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="some cases of the list")
    parser.add_argument("--out", type=Path, help="the folder of the recording, or the table of --compile-only")
    parser.add_argument("--budget-s", type=float, default=480.0, help="seconds after which it ends [default: 480]")
    parser.add_argument(
        "--workers",
        type=int,
        default=max(1, (os.cpu_count() or 2) // 2),
        help="cases compiled at a time [default: half the processors]",
    )
    parser.add_argument("--compile-only", action="store_true", help="compile for --target, measure nothing")
    parser.add_argument("--target", default="gpu:h100", help="one device that is not there [default: gpu:h100]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
