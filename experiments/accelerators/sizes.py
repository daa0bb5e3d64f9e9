"""The nine published sizes compiled for chips that are not there: what a step needs and takes at best, before and now.

`before` is the form of the cases `*-plain`: attention by plain products, layers in a loop, microbatches of two
sequences. `now` is what the trainer does by itself. Both read the same tokens in a step. A size that one chip does not
hold is spread over the fewest chips that do.

    python -m experiments.accelerators.sizes --chip v5e

Limits: as of `trainer.programs.roofline`; exchanges between the chips of a spread model take no time.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax

from sim.documents.validation import validate
from sim.errors import CrosshaulError
from sim.laws.model_family import FAMILY
from trainer.config.run import TrainConfig
from trainer.parallel.mesh import make_mesh
from trainer.recording.compile_only import compile_for, step_roofline
from trainer.recording.inventory import Programs
from trainer.recording.memory_advice import fitted
from trainer.recording.targets import parse_target, target_devices

from .absent import fits_bytes, in_one_line, speeds, too_large

TABLE = Path(__file__).parent / "sizes.csv"
Form = Literal["before", "now"]
FORMS: tuple[Form, ...] = ("before", "now")
TARGETS = {
    "h100": {chips: f"gpu:h100:{chips}" for chips in (1, 2, 4, 8)},
    "v5e": {
        1: "tpu:v5e:1x1",
        2: "tpu:v5e:1x2",
        4: "tpu:v5e:2x2",
        8: "tpu:v5e:2x4",
        16: "tpu:v5e:4x4",
        32: "tpu:v5e:4x8",
    },
    "v5p": {1: "tpu:v5p:1x1x1", 2: "tpu:v5p:1x1x2", 4: "tpu:v5p:2x2x1", 8: "tpu:v5p:2x2x2"},
}
"""Chips, and the target of each number of them."""
_SEQUENCES = {"335m": 16, "550m": 16, "1.3b": 16, "2.4b": 8, "4b": 8, "10b": 8}
"""Sequences of 2,048 tokens in a step; 32 of the smaller sizes. Those of the list for one GPU."""
_EXCHANGED = ("gather", "gradients", "exchange", "update")


class Way(NamedTuple):
    """How a size is run on a chip, where that is not left to the trainer.

    Attributes:
      remat: what the backward pass recomputes.
      shards: chips that share each matrix.
      parts: chips among which parameters, gradients and state lie in parts (`--fully-sharded`).
      microbatches: the first number to try; more follow for as long as it does not fit. None for two sequences each
        (before) or the trainer's default (now).
    """

    remat: str = "none"
    shards: int = 1
    parts: int = 1
    microbatches: int | None = None

    @property
    def chips(self) -> int:
        """How many it takes."""
        return self.shards * self.parts

    @property
    def spread(self) -> str:
        """Over what the model lies, in words."""
        shards = f"{self.shards} shards" if self.shards > 1 else ""
        return shards or (f"{self.parts} parts" if self.parts > 1 else "one chip")


_LAYER = Way("layer")
WAYS: dict[tuple[str, str, Form], Way] = {
    ("h100", "1.3b", "before"): _LAYER,
    ("h100", "2.4b", "before"): _LAYER,
    ("h100", "2.4b", "now"): _LAYER,
    ("h100", "4b", "before"): Way("layer", shards=2),
    ("h100", "4b", "now"): _LAYER,
    ("h100", "10b", "before"): Way("layer", shards=4),
    ("h100", "10b", "now"): Way("layer", parts=4),
    ("v5e", "90m", "now"): Way(microbatches=8),
    ("v5e", "180m", "before"): Way(microbatches=32),
    ("v5e", "180m", "now"): Way(microbatches=16),
    ("v5e", "335m", "before"): Way("layer", microbatches=16),
    ("v5e", "335m", "now"): Way(microbatches=16),
    ("v5e", "550m", "before"): Way("layer", shards=2, microbatches=16),
    ("v5e", "550m", "now"): Way("layer", microbatches=16),
    ("v5e", "1.3b", "before"): Way("layer", shards=4),
    ("v5e", "1.3b", "now"): Way("layer", parts=4),
    **{
        ("v5e", model, form): Way("layer", shards=shards, microbatches=8)
        for model, shards in (("2.4b", 8), ("4b", 8), ("10b", 32))
        for form in FORMS
    },
    ("v5p", "1.3b", "before"): _LAYER,
    ("v5p", "1.3b", "now"): Way(microbatches=4),
    ("v5p", "2.4b", "before"): _LAYER,
    ("v5p", "2.4b", "now"): _LAYER,
    ("v5p", "4b", "before"): Way("layer", shards=2),
    ("v5p", "4b", "now"): _LAYER,
    ("v5p", "10b", "before"): Way("layer", shards=4),
    ("v5p", "10b", "now"): Way("layer", parts=4),
}
"""By chip, size and form; `Way()` for all others."""


@dataclass(frozen=True)
class Sized:
    """A size as compiled for a chip.

    Attributes:
      chip: its name.
      model: the size.
      form: before or now.
      chips: how many hold one copy of the model.
      spread: over what it lies.
      tokens_a_step: of all of them together.
      remat: what the backward pass recomputes.
      attention: the implementation.
      microbatches: of a step; None if it did not compile, as for all that follow.
      parameters: N.
      memory_gb: peak of a chip [GB].
      exchanged_gb: payload of a chip in the exchanges of a step, which the seconds are without [GB].
      roofline_s: seconds of a step at best [s].
      mfu: model flops with causal attention over peak and seconds.
      mfu_of_6n: the same with 6 N flops a token.
      unknown_loops: loops of unknown length, which the seconds count once.
      problem: why it did not compile or does not fit; empty if it does.
    """

    chip: str
    model: str
    form: str
    chips: int
    spread: str
    tokens_a_step: int
    remat: str
    attention: str
    microbatches: int | None = None
    parameters: int | None = None
    memory_gb: float | None = None
    exchanged_gb: float | None = None
    roofline_s: float | None = None
    mfu: float | None = None
    mfu_of_6n: float | None = None
    unknown_loops: int | None = None
    problem: str = ""


def run_of(model: str, form: Form, way: Way) -> TrainConfig:
    """The run of a size: Data-Parallel, in bfloat16; its platform decides what is not given."""
    sequences = _SEQUENCES.get(model, 32)
    run: dict[str, Any] = {"model": model, "algorithm": "data-parallel", "steps": 10, "remat": way.remat}
    run |= {"sequences": sequences // way.parts, "shards": way.shards, "devices_per_replica": way.parts}
    run |= {"fully_sharded": way.parts > 1, "microbatches": way.microbatches}
    if form == "before":
        run |= {"attention": "xla", "unrolled": False, "microbatches": way.microbatches or sequences // way.parts // 2}
    return validate(TrainConfig, run, source=f"{model} {form}")


def compile_size(chip: str, form: Form, way: Way, config: TrainConfig) -> Sized:
    """Compiles a size for as many chips as its way takes, in more microbatches for as long as it does not fit."""
    devices = target_devices(parse_target(TARGETS[chip][way.chips]))
    mesh = make_mesh(1, way.parts, way.shards, devices=devices)
    run: dict[str, Any] = {"chip": chip, "model": config.model.name, "form": form}
    run |= {"chips": way.chips, "spread": way.spread}
    run |= {"tokens_a_step": config.batch_tokens, "remat": config.remat, "attention": config.attention}
    try:
        config, programs = fitted(
            config,
            lambda tried: compile_for(tried, mesh),
            lambda made: made.memory().peak_bytes,
            fits_bytes(devices[0]),
            print,
        )
    except (CrosshaulError, jax.errors.JaxRuntimeError) as error:
        return Sized(**run, problem=in_one_line(error))
    return Sized(**run, microbatches=config.microbatches, **_figures(config, programs, devices[0]))


def _figures(config: TrainConfig, programs: Programs, device: Any) -> dict[str, Any]:
    roofline, memory_gb = step_roofline(programs, str(device.device_kind)), programs.memory().peak_bytes / 1e9
    payloads = [
        each.payload_bytes
        for name in _EXCHANGED
        if name in programs.described
        for each in programs.described[name].collectives
    ]
    return {
        "parameters": config.model.params,
        "memory_gb": round(memory_gb, 2),
        "exchanged_gb": round(sum(payloads) / 1e9, 2),
        **speeds(config, device, roofline),
        "unknown_loops": roofline.unknown_loops if roofline else None,
        "problem": "; ".join([*filter(None, [too_large(memory_gb, device)]), *programs.notes]),
    }


def table(new: Sequence[Sized], before: str) -> str:
    """The rows as CSV, by chip, size and form: those of `before` that were not compiled again, and the new ones."""
    names = [each.name for each in fields(Sized)]
    rows = {key_of(row): row for row in csv.DictReader(before.splitlines())}
    for each in new:
        row = {name: "" if value is None else str(value) for name, value in asdict(each).items()}
        rows[key_of(row)] = row
    order = [list(TARGETS), list(FAMILY), list(FORMS)]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        rows[key]
        for key in sorted(rows, key=lambda key: [names.index(part) for names, part in zip(order, key, strict=True)])
    )
    return out.getvalue()


def key_of(row: dict[str, str]) -> tuple[str, str, str]:
    """What tells a row from all others."""
    return row["chip"], row["model"], row["form"]


def wanted(chip: str, only: Sequence[str]) -> Iterator[tuple[str, Form]]:
    """The sizes and forms of a chip that are asked for: `35m` is both of its forms, `35m-before` one."""
    for model in FAMILY:
        for form in FORMS:
            if not only or model in only or f"{model}-{form}" in only:
                yield model, form


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0, 1 if a size does not compile or fit, 2 if an option is wrong."""
    from sim.shell.delivery import write_atomically

    given = _parser().parse_args(arguments)
    known = {name for model in FAMILY for name in (model, *(f"{model}-{form}" for form in FORMS))}
    if unknown := set(given.only) - known:
        print(f"--only {min(unknown)}: no such size; write one of {', '.join(FAMILY)}, or 35m-before or 35m-now")
        return 2
    problems = 0
    made: dict[TrainConfig, Sized] = {}
    for model, form in wanted(given.chip, given.only):
        begin, way = time.monotonic(), WAYS.get((given.chip, model, form), Way())
        run = run_of(model, form, way).on(parse_target(TARGETS[given.chip][way.chips]).platform)
        row = made[run] = replace(made[run], form=form) if run in made else compile_size(given.chip, form, way, run)
        before = given.out.read_text(encoding="utf-8") if given.out.exists() else ""
        write_atomically(given.out, table([row], before))
        said = row.problem or f"{row.memory_gb} GB, {row.roofline_s} s, MFU {row.mfu}"
        print(f"{given.chip} {model} {form}: {said} ({time.monotonic() - begin:.0f} s)", flush=True)
        problems += bool(row.problem)
    return int(problems > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.accelerators.sizes", description=__doc__)
    parser.add_argument("--chip", choices=list(TARGETS), required=True, help="what is compiled for")
    parser.add_argument("--only", nargs="+", default=[], metavar="SIZE", help="some sizes: 35m, or 35m-before")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table [default: sizes.csv]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
