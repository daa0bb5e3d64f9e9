"""The cases compiled for a device that is not there: whether they compile and fit, and what they take at best."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import jax

from sim.errors import CrosshaulError
from trainer.config.run import TrainConfig
from trainer.parallel.chip_rates import find_rates
from trainer.parallel.chips import recorded_device
from trainer.parallel.mesh import make_mesh
from trainer.programs.inner_step import compile_fused
from trainer.programs.program import describe
from trainer.programs.roofline import Roofline, estimate_roofline
from trainer.recording.compile_only import compile_for, platform_of, step_roofline
from trainer.recording.header import model_flop
from trainer.recording.targets import native_log_hidden, parse_target, target_devices

from .cases import Case, Copy, Products, Training, program_of
from .ceilings import compile_ceiling
from .training import run_of

FITS_SHARE = 15 / 16
"""Share of a chip's published memory that a case may take: 75 of 80 GB, since driver and allocator keep some."""


@dataclass(frozen=True)
class Compiled:
    """A case as compiled.

    Attributes:
      case: its name.
      part: `split` or `fused`, the programs of that clock; `loop` of a ceiling.
      parameters: N; None without a model.
      tokens_a_step: of one replica; None likewise.
      memory_gb: peak of the largest program with what stays beside it [GB]; None if it did not compile.
      roofline_s: seconds of a step of one replica (or of the whole loop) at best [s].
      mfu: model flops with causal attention over peak and roofline.
      mfu_of_6n: the same with 6 N flops a token.
      compile_s: seconds that the compiler took here [s].
      problem: why it did not compile or does not fit; empty if it does.
    """

    case: str
    part: str
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
    known: dict[str, list[Compiled]] = {}
    for case in cases:
        program = program_of(case)
        if program not in known:
            known[program] = list(_parts(case, device))
        yield from (replace(each, case=case.name) for each in known[program])


def _parts(case: Case, device: Any) -> Iterator[Compiled]:
    if not isinstance(case, Training):
        yield _compiled(case.name, "loop", partial(_ceiling, case, device), device)
        return
    yield _compiled(case.name, "split", partial(_split, case, device), device)
    if case.clock == "both":
        yield _compiled(case.name, "fused", partial(_fused, case, device), device)


def _compiled(name: str, part: str, compile_part: Callable[[], dict[str, Any]], device: Any) -> Compiled:
    begin = time.monotonic()
    try:
        made = compile_part()
    except (CrosshaulError, jax.errors.JaxRuntimeError) as error:
        made = {"problem": in_one_line(error)}
    if problem := too_large(made.get("memory_gb") or 0.0, device):
        made["problem"] = problem
    return Compiled(name, part, **made, compile_s=round(time.monotonic() - begin, 1))


def in_one_line(error: Exception) -> str:
    """What went wrong, as a cell of a table."""
    return str(error).splitlines()[0][:300]


def fits_bytes(device: Any) -> float:
    """The memory that a case may take on a device [byte]."""
    return FITS_SHARE * (recorded_device([device]).memory_bytes or math.inf)


def too_large(memory_gb: float, device: Any) -> str:
    """Why a case of so much memory does not fit a device; empty if it does."""
    there = fits_bytes(device) / 1e9
    return f"needs more than {there:.3g} GB" if memory_gb > there else ""


def table(compiled: Sequence[Compiled], before: str, order: Sequence[str]) -> str:
    """The rows as CSV; compile times are left out, since they are those of this machine.

    Args:
      compiled: cases that were compiled now.
      before: the table as it was, of which the rows of all other cases stay; may be empty.
      order: names of all cases; rows of others are dropped.
    """
    names = [each.name for each in fields(Compiled) if each.name != "compile_s"]
    now = {each.case for each in compiled}
    kept = [row for row in csv.DictReader(before.splitlines()) if row["case"] in set(order) - now]
    new = [{name: "" if (value := getattr(each, name)) is None else str(value) for name in names} for each in compiled]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted([*kept, *new], key=lambda row: order.index(row["case"])))
    return out.getvalue()


def _split(case: Training, device: Any) -> dict[str, Any]:
    """All programs of a run on the split clock, outer steps among them; the roofline is of gradients and update."""
    config, mesh = run_of(case, platform_of(device)), make_mesh(1, 1, devices=[device])
    programs = compile_for(config, mesh)
    return _row(config, device, programs.memory().peak_bytes, step_roofline(programs, str(device.device_kind)))


def _fused(case: Training, device: Any) -> dict[str, Any]:
    """The inner step as one program."""
    config, mesh = run_of(case, platform_of(device)), make_mesh(1, 1, devices=[device])
    with native_log_hidden():
        program = compile_fused(config, mesh)
    rates = find_rates(str(device.device_kind))
    roofline = estimate_roofline(program.as_text(), rates, program.attention_flop) if rates else None
    return _row(config, device, describe("fused step", program, mesh).peak_bytes, roofline)


def _row(config: TrainConfig, device: Any, peak_bytes: int, roofline: Roofline | None) -> dict[str, Any]:
    """A step of one replica: its tokens, its seconds."""
    return {
        "parameters": config.model.params,
        "tokens_a_step": config.devices_per_replica * config.sequences * config.sequence_length,
        "memory_gb": round(peak_bytes / 1e9, 2),
        **speeds(config, device, roofline),
    }


def speeds(config: TrainConfig, device: Any, roofline: Roofline | None) -> dict[str, float | None]:
    """Seconds of a step at best, and the model flops of one device over them and its peak."""
    seconds, peak = roofline.seconds if roofline else None, recorded_device([device]).peak_flop_per_s
    own_tokens = config.sequences * config.sequence_length / config.shards
    return {
        "roofline_s": round(seconds, 5) if seconds else None,
        "mfu": round(model_flop(config) / seconds / peak, 4) if seconds and peak else None,
        "mfu_of_6n": round(6.0 * config.model.params * own_tokens / seconds / peak, 4) if seconds and peak else None,
    }


def _ceiling(case: Copy | Products, device: Any) -> dict[str, Any]:
    with native_log_hidden():
        compiled = compile_ceiling(case, make_mesh(1, 1, devices=[device]))
    memory: Any = compiled.memory_analysis()
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    rates = find_rates(str(device.device_kind))
    roofline = estimate_roofline(compiled.as_text() or "", rates) if rates else Roofline()
    return {"memory_gb": round(held / 1e9, 2), "roofline_s": round(roofline.seconds, 5) or None}
