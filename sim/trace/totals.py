"""What a recorded run took: its steps and exchanges added up to a wall-clock, and its losses over that time."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

from ..errors import InputError
from .file import UNKNOWN, Exchange, Header, HeldOut, OuterStep, RunSummary, Step, read_header, read_records

DATA_PARALLEL = "data-parallel"


@dataclass(frozen=True)
class LossCurve:
    """Losses [nats per token], each after so many seconds of the run [s]: sequences of one length, in order of time."""

    seconds: Sequence[float] = ()
    losses: Sequence[float] = ()


@dataclass(frozen=True)
class Totals:
    """A recorded run without its warm-up.

    Attributes:
      header: the first line of the trace.
      steps: inner steps that all recorded replicas made.
      replicas: M of the run: those of the file, or where it is of one replica those that its outer exchanges join.
      outer_exchanges: how often parameters were exchanged; None: the file does not tell such exchanges apart.
      gradient_exchanges: whether any time of exchanging gradients was told apart.
      wall_clock_s: steps and exchanges one after the other, each round as long as its slowest replica; None where the
        file does not say it [s].
      compute_s: of it, computing inner steps: a mean over the replicas [s].
      why_not: why there is no wall-clock, or why it is none of a run over a network; else empty.
      warmup_s: what the steps took that the file marks as warm-up, of one replica [s].
      losses: of training, each the mean over the replicas before its step.
      held_out: on held-out text.
    """

    header: Header
    steps: int
    replicas: int
    outer_exchanges: int | None
    gradient_exchanges: bool
    wall_clock_s: float | None
    compute_s: float
    why_not: str
    warmup_s: float
    losses: LossCurve
    held_out: LossCurve

    @property
    def exchange_s(self) -> float | None:
        """All of the wall-clock that computes no inner step: exchanges, waiting, arithmetic of outer steps [s]."""
        return None if self.wall_clock_s is None else self.wall_clock_s - self.compute_s

    @property
    def chips(self) -> frozenset[int]:
        """How many chips the run may have had: a file of one replica counts either its own or those of the whole."""
        own = self.header.chips
        return frozenset({own} if self.header.replicas == self.replicas else {own, own * self.replicas})


@dataclass
class _Read:
    """The records of a trace, by step."""

    compute: dict[int, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    beside: dict[int, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    loss: dict[int, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    outer_s: dict[int, float | None] = field(default_factory=dict)
    outer_compute_s: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    outer_whole_s: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    gradient_s: dict[int, float] = field(default_factory=dict)
    held_out: list[tuple[int, float]] = field(default_factory=list)
    group: int = 1
    warmup_s: float = 0.0


def read_totals(path: Path) -> Totals:
    """Adds a trace up; cached while the file does not change.

    Raises:
      InputError: the file is damaged, or holds no steps besides its warm-up.
    """
    status = path.stat() if path.is_file() else None
    return _totals(path, (status.st_mtime_ns, status.st_size) if status else None)


@lru_cache(maxsize=16)
def _totals(path: Path, version: tuple[int, int] | None) -> Totals:
    header = read_header(path)
    read = _read(path)
    steps = min(map(len, read.compute.values())) if len(read.compute) == header.replicas else 0
    if steps == 0:
        raise InputError(f"{path}: has no inner step of all replicas; record at least one behind the warm-up")
    one_of_several = header.origin is not None and header.replicas == 1
    replicas = read.group if one_of_several and read.outer_s else header.replicas
    why_not = _why_not(header, read)
    ends = array("d", _ends(read, steps))
    last = read.numbers[steps - 1]
    compute_s = math.fsum(math.fsum(each[:steps]) for each in read.compute.values()) / header.replicas
    return Totals(
        header=header,
        steps=steps,
        replicas=replicas,
        outer_exchanges=sum(step <= last for step in read.outer_s) or None,
        gradient_exchanges=bool(read.gradient_s) or any(each > 0 for own in read.beside.values() for each in own),
        wall_clock_s=None if why_not else ends[-1],
        compute_s=compute_s,
        why_not=why_not,
        warmup_s=read.warmup_s / header.replicas,
        losses=_trained(read, ends),
        held_out=_held_out(read, ends),
    )


def _trained(read: _Read, ends: Sequence[float]) -> LossCurve:
    """The losses before each step, means over the replicas."""
    seconds, losses = array("d"), array("d")
    for place, start_s in enumerate(chain((0.0,), ends[:-1])):
        known = [own[place] for own in read.loss.values() if not math.isnan(own[place])]
        if known:
            seconds.append(start_s)
            losses.append(math.fsum(known) / len(known))
    return LossCurve(seconds, losses)


def _held_out(read: _Read, ends: Sequence[float]) -> LossCurve:
    places = {number: place for place, number in enumerate(read.numbers[: len(ends)])} if read.held_out else {}
    points = [(ends[places[step]] if step else 0.0, loss) for step, loss in read.held_out if not step or step in places]
    return LossCurve(tuple(seconds for seconds, _ in points), tuple(loss for _, loss in points))


def _read(path: Path) -> _Read:
    read = _Read()
    for record in read_records(path):
        if isinstance(record, Step):
            whole_s = record.compute_s if record.whole_s is None else record.whole_s
            if record.warmup:
                read.warmup_s += whole_s
                continue
            read.compute[record.replica].append(record.compute_s)
            read.beside[record.replica].append(math.nan if record.whole_s is None else whole_s - record.compute_s)
            if record.replica == 0:
                read.numbers.append(record.step)
            read.loss[record.replica].append(math.nan if record.loss is None else record.loss)
        elif isinstance(record, HeldOut):
            read.held_out.append((record.step, record.loss))
        elif isinstance(record, RunSummary) or record.warmup:
            continue
        elif isinstance(record, OuterStep):
            read.outer_compute_s[record.step] += record.compute_s
            read.outer_whole_s[record.step] += record.whole_s or math.nan
        else:
            _exchanged(read, record)
    return read


def _exchanged(read: _Read, record: Exchange) -> None:
    if record.kind == "gradient":
        if record.seconds is not None:
            read.gradient_s[record.step] = record.seconds
        return
    read.group = record.group_size
    before_s = read.outer_s.get(record.step, 0.0)
    read.outer_s[record.step] = None if before_s is None or record.seconds is None else before_s + record.seconds


def _outer_s(read: _Read, step: int) -> float | None:
    """How long the outer step behind an inner step took, with its exchange; None where nobody measured it [s]."""
    whole_s = read.outer_whole_s.get(step, math.nan)
    if not math.isnan(whole_s):
        return whole_s
    exchange_s = read.outer_s.get(step, 0.0)
    return None if exchange_s is None else exchange_s + read.outer_compute_s.get(step, 0.0)


def _ends(read: _Read, steps: int) -> Iterator[float]:
    """When each step ended, its outer exchange within, if replicas wait for each other at such exchanges alone [s]."""
    met_s, since_s = 0.0, dict.fromkeys(read.compute, 0.0)
    for place, number in zip(range(steps), read.numbers, strict=False):
        for replica, own in read.compute.items():
            beside_s = read.beside[replica][place]
            since_s[replica] += own[place] + (read.gradient_s.get(number, 0.0) if math.isnan(beside_s) else beside_s)
        if number in read.outer_s or number in read.outer_compute_s:
            met_s += max(since_s.values()) + (_outer_s(read, number) or 0.0)
            since_s = dict.fromkeys(since_s, 0.0)
        yield met_s + max(since_s.values())


def _why_not(header: Header, read: _Read) -> str:
    """Why the seconds of a trace do not add up to the wall-clock of a run over a network; empty where they do."""
    if header.times == "estimated":
        return "its seconds are estimated, and nothing ran"
    unmeasured = sum(_outer_s(read, step) is None for step in read.outer_s)
    if unmeasured:
        return f"{unmeasured} of its {len(read.outer_s)} exchanges have no seconds"
    if header.chips > header.device.count:
        return "its replicas took turns on a device"
    if header.origin is None and header.device.platform == "cpu" and header.device.count > 1:
        return "its replicas shared the cores of one machine"
    if header.origin is None and header.algorithm not in (DATA_PARALLEL, "diloco", UNKNOWN):
        return "record-trace times its exchanges apart, which this algorithm hides"
    return ""
