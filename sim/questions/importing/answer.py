"""The question: what do the logs of a run say of its steps?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...trace.file import Distribution
from ...trace.imports.formats import read_log
from ...trace.imports.log import Asked, Collective, Log, LoggedStep
from ...units.chips import Chip
from ...units.in_words import human_seconds
from .inside import inside_of
from .numbers import NEEDED, Number, Said, chip_of, numbers_of

Logs = Sequence[tuple[Path, str, Log]]
"""Files, each with its format and by what it was recognised, and what was read."""
_SLOW_START = 3.0
"""A first step that takes so many medians is pointed at: it compiled, as a rule."""


@dataclass(frozen=True)
class Taken:
    """What was taken from a file.

    Attributes:
      file: its name.
      format: its format, and by which signs.
      steps: steps in it.
      seconds: of them all [s].
      exchange_s: of these, what was waited for exchanges, and is no compute [s].
      took, guessed, notes: as in `Log`.
    """

    file: str
    format: str
    recognised: str
    steps: int
    seconds: float
    exchange_s: float
    took: tuple[str, ...]
    guessed: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Imported:
    """What the logs say, and the trace that they make.

    Attributes:
      files: in their order.
      replicas: of which there are steps.
      steps: of each; where replicas have different numbers of steps, the fewest.
      warmup: steps at the begin of each replica that are not replayed.
      compute: distribution of the compute of the steps that are replayed; None where there are none.
      replayed_s: their sum, over the replicas [s].
      numbers: about the run.
      chip_flop_per_s: that a chip reached, by 6 flops a parameter and token; None where a number is missing [flop/s].
      peak_share: of the published peak of the chip; None where that is unknown.
      collectives: what a benchmark of the network measured.
      inside: what of it a topology takes under `inside`.
      warnings: what is likely to be wrong.
      series: seconds of the steps of each replica, to be drawn [s].
    """

    files: tuple[Taken, ...]
    replicas: int
    steps: int
    warmup: int
    compute: Distribution | None
    replayed_s: float
    numbers: tuple[Number, ...]
    chip_flop_per_s: float | None
    peak_share: float | None
    collectives: tuple[Collective, ...]
    inside: Mapping[str, str]
    warnings: tuple[str, ...]
    series: Mapping[str, tuple[float, ...]]

    @property
    def missing(self) -> list[str]:
        """Names of the numbers without which there is no trace."""
        return [number.name for number in self.numbers if number.missing]


def read(files: Sequence[Path], asked: Asked, name: str | None = None) -> list[tuple[Path, str, Log]]:
    """Reads the logs; each with its format, and by what it was recognised.

    Raises:
      InputError: a log is of no known format, or damaged.
    """
    found = []
    for path in files:
        log, form = read_log(path, asked, name)
        found.append((path, form.name if name else f"{form.name}: {form.signs}", log))
    return found


def answer(logs: Logs, said: Said, warmup: int = 0) -> Imported:
    """What the logs say together: each log with steps is a replica, unless a column tells several.

    Args:
      logs: from `read`.
      said: what the user says of the run.
      warmup: steps at the begin of each replica that are not replayed.

    Raises:
      InputError: fewer steps than warm-up.
    """
    replicas = series_of(logs)
    numbers = tuple(numbers_of(said, [log.found for _, _, log in logs]))
    values = {number.name: number.value for number in numbers}
    kept = [steps[warmup:] for steps in replicas.values()]
    if replicas and not all(kept):
        raise ArgumentError("{warmup}: leaves no step; the log has {steps}", steps=min(map(len, replicas.values())))
    compute = [step.seconds - step.exchange_s for steps in kept for step in steps]
    speed = _speed(values, said, compute, len(kept))
    chip = chip_of(values)
    share = speed / chip.peak_flop_per_s if speed and chip else None
    collectives = tuple(each for _, _, log in logs for each in log.collectives)
    return Imported(
        files=tuple(_taken(*each) for each in logs),
        replicas=len(replicas),
        steps=min(map(len, kept), default=0),
        warmup=warmup,
        compute=Distribution.of(compute),
        replayed_s=math.fsum(compute),
        numbers=numbers,
        chip_flop_per_s=speed,
        peak_share=share,
        collectives=collectives,
        inside=inside_of(collectives),
        warnings=tuple(_warnings(replicas, warmup, share, chip)),
        series={name: tuple(step.seconds for step in steps) for name, steps in replicas.items()},
    )


def series_of(logs: Logs) -> dict[str, list[LoggedStep]]:
    """The steps of each replica, by the name of its file and what a column calls it."""
    found: dict[str, list[LoggedStep]] = {}
    for position, (path, _, log) in enumerate(logs):
        for step in log.steps:
            found.setdefault(f"{position}:{path.name}{step.replica and f' {step.replica}'}", []).append(step)
    return {name.partition(":")[2] if len(logs) == 1 else name: steps for name, steps in found.items()}


def _speed(
    values: Mapping[str, float | str | None], said: Said, compute: Sequence[float], replicas: int
) -> float | None:
    numbers = [values[name] for name in NEEDED]
    if not compute or any(number is None for number in numbers):
        return None
    params, tokens, count = (float(number or 0) for number in numbers)
    return 6.0 * (said.active_params or params) * tokens / count / (math.fsum(compute) / len(compute))


def _warnings(
    replicas: Mapping[str, list[LoggedStep]], warmup: int, share: float | None, chip: Chip | None
) -> Iterator[str]:
    if share and chip and share > 1:
        yield (
            f"a chip would reach {share:.0%} of the published peak of {chip.name}: parameters, tokens, chips or the "
            "unit of the seconds are not those of this log"
        )
    for name, steps in replicas.items():
        seconds = sorted(step.seconds for step in steps)
        median = seconds[len(seconds) // 2]
        if warmup == 0 and len(steps) > 2 and steps[0].seconds > _SLOW_START * median:
            yield (
                f"{name}: the first step took {human_seconds(steps[0].seconds)}, {steps[0].seconds / median:.0f} times "
                "the median; it counts like the others (--warmup 1 leaves it out)"
            )
    counts = {len(steps) for steps in replicas.values()}
    if len(counts) > 1:
        yield f"the replicas have {min(counts)} to {max(counts)} steps; a replay cuts them to the fewest"


def _taken(path: Path, how: str, log: Log) -> Taken:
    name, _, signs = how.partition(": ")
    return Taken(
        file=str(path),
        format=name,
        recognised=signs or "as --from says",
        steps=len(log.steps),
        seconds=math.fsum(step.seconds for step in log.steps),
        exchange_s=math.fsum(step.exchange_s for step in log.steps),
        took=log.took,
        guessed=log.guessed,
        notes=log.notes,
    )
