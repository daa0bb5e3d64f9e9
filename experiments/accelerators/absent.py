"""The cases compiled for a device that is not there: whether they compile and fit, and what they take at best."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sim.errors import CrosshaulError
from trainer.parallel.chip_rates import find_rates
from trainer.parallel.mesh import make_mesh
from trainer.programs.roofline import Roofline, estimate_roofline
from trainer.recording.compile_only import compile_for, step_roofline
from trainer.recording.header import make_header
from trainer.recording.targets import native_log_hidden, parse_target, target_devices

from .cases import Case, Training, program_of
from .ceilings import compile_ceiling
from .training import run_of

FITS_BYTES = 75e9
"""Memory that a case may take on a GPU of 80 GB, of which driver and allocator keep some [byte]."""


@dataclass(frozen=True)
class Compiled:
    """A case as compiled.

    Attributes:
      case: its name.
      parameters: N; None without a model.
      tokens_a_step: of the device; None likewise.
      memory_gb: peak of the largest program with what stays beside it [GB]; None if it did not compile.
      roofline_s: seconds of a step (or of the whole loop) at best [s].
      mfu: model flops with causal attention over peak and roofline.
      mfu_of_6n: the same with 6 N flops a token.
      compile_s: seconds that the compiler took here [s].
      problem: why it did not compile or does not fit; empty if it does.
    """

    case: str
    parameters: int | None = None
    tokens_a_step: int | None = None
    memory_gb: float | None = None
    roofline_s: float | None = None
    mfu: float | None = None
    mfu_of_6n: float | None = None
    compile_s: float = 0.0
    problem: str = ""


def compile_absent(cases: Sequence[Case], target: str) -> Iterator[Compiled]:
    """Compiles the cases one after the other, cases with the same programs once.

    Args:
      cases: all that shall be compiled.
      target: one device, as `record-trace --target` writes it.
    """
    device = target_devices(parse_target(target))[0]
    known: dict[str, Compiled] = {}
    for case in cases:
        program = program_of(case)
        if program not in known:
            known[program] = _compiled(case, device)
        yield replace(known[program], case=case.name)


def _compiled(case: Case, device: Any) -> Compiled:
    begin = time.monotonic()
    try:
        made = _training(case, device) if isinstance(case, Training) else _ceiling(case, device)
    except CrosshaulError as error:
        made = {"problem": str(error)}
    if (made.get("memory_gb") or 0.0) > FITS_BYTES / 1e9:
        made["problem"] = f"needs more than {FITS_BYTES / 1e9:g} GB"
    return Compiled(case.name, **made, compile_s=round(time.monotonic() - begin, 1))


def table(compiled: Sequence[Compiled]) -> str:
    """The rows as CSV; compile times are left out, since they are those of this machine."""
    out = io.StringIO()
    rows = [{key: value for key, value in asdict(each).items() if key != "compile_s"} for each in compiled]
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _training(case: Training, device: Any) -> dict[str, Any]:
    config = run_of(case, "gpu")
    mesh = make_mesh(1, 1, devices=[device])
    programs = compile_for(config, mesh)
    header = make_header(config, mesh, programs, data="", command="", timing="")
    share = config.replicas_per_device  # replicas take turns, and a header counts one of them
    roofline, peak = step_roofline(programs, str(device.device_kind)), header.device.peak_flop_per_s
    seconds = roofline.seconds if roofline else None
    return {
        "parameters": config.model.params,
        "tokens_a_step": config.batch_tokens,
        "memory_gb": round(header.memory.peak_bytes / 1e9, 2) if header.memory else None,
        "roofline_s": round(share * seconds, 5) if seconds else None,
        "mfu": _share(header.model_flop, seconds, peak),
        "mfu_of_6n": _share(header.rule_flop, seconds, peak),
    }


def _ceiling(case: Any, device: Any) -> dict[str, Any]:
    with native_log_hidden():
        compiled = compile_ceiling(case, make_mesh(1, 1, devices=[device]))
    memory: Any = compiled.memory_analysis()
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    rates = find_rates(str(device.device_kind))
    roofline = estimate_roofline(compiled.as_text() or "", rates) if rates else Roofline()
    return {"memory_gb": round(held / 1e9, 2), "roofline_s": round(roofline.seconds, 5) or None}


def _share(flop: float | None, seconds: float | None, peak: float | None) -> float | None:
    return round(flop / seconds / peak, 4) if flop and seconds and peak else None
