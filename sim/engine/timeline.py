"""What happened in a replay, as plain data: sums always, spans when asked for. Arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

from .ops import STORE


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

    For every worker compute_s + packing_s + straggler_wait_s + exposed_inside_s + exposed_across_s is finish_s.

    Attributes:
      compute_s: time in compute ops that train, as long as they took: on a shared host longer than alone [s].
      packing_s: time in compute ops that only make payloads smaller and restore them, likewise [s].
      straggler_wait_s: time at a barrier before the last member came [s].
      exposed_inside_s, exposed_across_s: time stood still while an exchange inside its datacenter, or across
        datacenters, was under way [s].
      hidden_s: time that it computed while any exchange it takes part in was under way; inside and across each on its
        own [s].
      finish_s: when it was done [s].
      crossing_bytes: sent across datacenter boundaries by collectives whose first member this is, by all their
        members together [byte].
      peak_bytes: the most that its site was given to send to others within one inner step [byte].
      merges, late: how often its change was merged without a barrier, or after the rest had gone on without it.
      staleness, stalest: updates by others that a merged change did not know of: all together, and the most.
      waited_for_s: straggler_wait_s by the worker that was the last to come [s].
    """

    compute_s: float = 0.0
    packing_s: float = 0.0
    straggler_wait_s: float = 0.0
    exposed_inside_s: float = 0.0
    exposed_across_s: float = 0.0
    hidden_s: float = 0.0
    finish_s: float = 0.0
    crossing_bytes: float = 0.0
    peak_bytes: float = 0.0
    merges: float = 0.0
    late: float = 0.0
    staleness: float = 0.0
    stalest: float = 0.0
    waited_for_s: tuple[float, ...] = ()

    def sums(self) -> dict[str, float]:
        """What grows as time passes, by its name, without `waited_for_s`."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _NOT_SUMS}

    @property
    def exposed_s(self) -> float:
        """Time stood still for exchanges [s]."""
        return self.exposed_inside_s + self.exposed_across_s


_NOT_SUMS = ("peak_bytes", "stalest", "waited_for_s")
"""Fields of `Totals` that are not one sum over time."""


class LinkUse(NamedTuple):
    """What one link carried (one direction of it, unless both share its capacity)."""

    name: str
    bandwidth_bits_per_s: float
    """Its full capacity [bit/s]."""
    payload_bits_per_s: float
    """What it can carry of payload at that capacity: less, where packets have headers [bit/s]."""
    carried_bytes: float
    """Payload [byte]."""
    busy_s: float
    """Time with anything on it [s]."""
    full_s: float
    """Time that it was full: flows on it waited for each other [s]."""
    peak_utilization: float
    """Highest share of the capacity of the moment that was used; 1 where more passed, out of a bucket."""

    def plus(self, other: LinkUse, times: float) -> LinkUse:
        """What the link carried here, and another so many times."""
        return self._replace(
            carried_bytes=self.carried_bytes + times * other.carried_bytes,
            busy_s=self.busy_s + times * other.busy_s,
            full_s=self.full_s + times * other.full_s,
            peak_utilization=max(self.peak_utilization, other.peak_utilization),
        )


@dataclass(frozen=True, slots=True)
class Timeline:
    """The outcome of a replay.

    Attributes:
      workers: sums of each worker.
      links: what each link carried for all jobs; empty where exchanges are ideal.
      spans: every stretch of every worker in order of its end, where they were asked for.
    """

    workers: tuple[Totals, ...]
    links: tuple[LinkUse, ...] = ()
    spans: tuple[Span, ...] = ()
    sent: Mapping[tuple[int, int], float] = field(default_factory=dict)
    """What a worker sent to another, by both, where somebody counted [byte]."""
    others_s: float = 0.0
    """When the last worker of any other job finished, where this is a part [s]."""

    @property
    def watched_s(self) -> float:
        """How long the links were watched: until the last worker of any job finished [s]."""
        return max(self.wall_clock_s, self.others_s)

    @property
    def wall_clock_s(self) -> float:
        """When the last worker finished [s]."""
        return max(totals.finish_s for totals in self.workers)

    @property
    def crossing_bytes(self) -> float:
        """Bytes sent across datacenter boundaries, all sites together [byte]."""
        return self.total("crossing_bytes")

    def part(self, first: int, last: int) -> Timeline:
        """One job's workers; the links are those of all jobs."""
        own = (replace(totals, waited_for_s=totals.waited_for_s[first:last]) for totals in self.workers[first:last])
        sent = {
            (a - first, b if b == STORE else b - first): size for (a, b), size in self.sent.items() if first <= a < last
        }
        return replace(self, workers=tuple(own), sent=sent, others_s=self.wall_clock_s)

    def total(self, field: str) -> float:
        """The sum of one of the sums over the workers."""
        return float(sum(getattr(totals, field) for totals in self.workers))

    def mean(self, field: str) -> float:
        """The mean of one of the sums over the workers."""
        return self.total(field) / len(self.workers)


def extrapolate(base: Timeline, shorter: Timeline, longer: Timeline, periods: int) -> Timeline:
    """Continues a periodic run: `base` plus `periods` times the difference between `longer` and `shorter`.

    Exact when the run repeats itself with the period by which the two differ, because every sum is then linear in
    the number of periods.

    Args:
      base: the replay of some steps, whose peaks are those of the run.
      shorter: the sums at some moment.
      longer: the sums one period later.
      periods: how many periods to add to `base`.
    """

    def line(from_: float, first: float, second: float) -> float:
        return from_ + (second - first) * periods

    def totals(own: Totals, first: Totals, second: Totals) -> Totals:
        waited = tuple(map(line, own.waited_for_s, first.waited_for_s, second.waited_for_s))
        later = second.sums()
        sums = {name: line(getattr(own, name), value, later[name]) for name, value in first.sums().items()}
        return replace(own, **sums, waited_for_s=waited)

    return Timeline(
        workers=tuple(totals(*each) for each in zip(base.workers, shorter.workers, longer.workers, strict=True)),
        links=tuple(
            own.plus(second, periods).plus(first, -periods)
            for own, first, second in zip(base.links, shorter.links, longer.links, strict=True)
        ),
        sent={
            pair: line(*(each.sent.get(pair, 0.0) for each in (base, shorter, longer)))
            for pair in {**base.sent, **longer.sent}
        },
    )
