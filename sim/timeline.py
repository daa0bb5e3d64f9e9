"""What happened in a replay, as plain data: sums always, spans when asked for. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import NamedTuple


class Span(NamedTuple):
    """One stretch of a worker's time."""

    worker: int
    what: str
    """`compute`, `wait` (for slower members of a collective), or the collective's name."""
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over one worker's run.

    For every worker compute_s + straggler_wait_s + exposed_inside_s + exposed_across_s is its finishing time.

    Attributes:
      compute_s: time in compute ops [s].
      straggler_wait_s: time at a barrier before the last member came [s].
      exposed_inside_s, exposed_across_s: time stood still while an exchange inside its datacenter, or across
        datacenters, was under way [s].
      hidden_s: time that exchanges it takes part in were under way while it computed [s].
    """

    compute_s: float = 0.0
    straggler_wait_s: float = 0.0
    exposed_inside_s: float = 0.0
    exposed_across_s: float = 0.0
    hidden_s: float = 0.0

    @property
    def exposed_s(self) -> float:
        """Time stood still for exchanges [s]."""
        return self.exposed_inside_s + self.exposed_across_s


@dataclass(frozen=True, slots=True)
class Timeline:
    """The outcome of a replay.

    Attributes:
      wall_clock_s: when the last worker finished [s].
      workers: sums of each worker.
      crossing_bytes: bytes sent across datacenter boundaries, all sites together [byte].
      spans: every stretch of every worker in order of its end, where they were asked for.
    """

    wall_clock_s: float
    workers: tuple[Totals, ...]
    crossing_bytes: float
    spans: tuple[Span, ...] = ()

    def mean(self, field: str) -> float:
        """The mean of one of the sums over the workers."""
        return float(sum(getattr(totals, field) for totals in self.workers)) / len(self.workers)


def extrapolate(shorter: Timeline, longer: Timeline, periods: int) -> Timeline:
    """Continues a periodic run: `shorter` plus `periods` times the difference between `longer` and `shorter`.

    Exact when the run repeats itself with the period by which the two differ, because every sum is then linear in
    the number of periods.

    Args:
      shorter: the replay of some steps.
      longer: the replay of one period more.
      periods: how many periods to add to `shorter`.
    """

    def line(first: float, second: float) -> float:
        return first + (second - first) * periods

    def totals(first: Totals, second: Totals) -> Totals:
        names = [field.name for field in fields(Totals)]
        return replace(first, **{name: line(getattr(first, name), getattr(second, name)) for name in names})

    return Timeline(
        wall_clock_s=line(shorter.wall_clock_s, longer.wall_clock_s),
        workers=tuple(totals(a, b) for a, b in zip(shorter.workers, longer.workers, strict=True)),
        crossing_bytes=line(shorter.crossing_bytes, longer.crossing_bytes),
    )
