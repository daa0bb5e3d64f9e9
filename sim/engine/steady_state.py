"""When a run begins to repeat itself, found from the replay of its first periods.

With exchanges behind compute something is under way at all times, so a run has a beginning that differs from the
rest: the link is idle at first, and a backlog may build up. What a worker does from some moment on follows from where
all the workers stand, and from what is under way. If all of that is, seen from the beginning of a period, as it was
some periods earlier, then everything repeats. The marks of a replay show it: when each op was over, when the exchange
that it waited for began and was done, and what was left in the buckets of the links.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .accounting import Mark

_TIME_TOLERANCE = 1e-9
"""Two moments are the same if they differ by less than this share of a period."""
_CREDIT_TOLERANCE = 1e-12
"""Buckets hold the same if it differs by less than this share of it, or of a period: what still drifts counts."""
MOST_PERIODS_WAITED = 2
"""An exchange is waited for this many periods after it began, at the latest."""
MOST_PERIODS, _MOST_CYCLES, _MOST_MARKS = 1024, 4, 1_000_000

Marks = list[list[Mark]]
_View = tuple[list[float], Sequence[float]]
"""All moments of a period from its beginning, and what the buckets hold in its end [s]."""


@dataclass(frozen=True)
class Rhythm:
    """How a run repeats itself.

    Attributes:
      settled: periods after which it does.
      cycle: after how many periods.
      seconds: how long such a cycle takes [s].
    """

    settled: int
    cycle: int
    seconds: float


def find_rhythm(
    replays: Sequence[Callable[[int, Marks], object]], workers: int, period: int, most_periods: int | None = None
) -> Rhythm | None:
    """The rhythm that a run settles into.

    Args:
      replays: each replays so many steps from some beginning, and leaves marks. Where several are given, the first that
        settles counts: how long a cycle takes in the end does not depend on where the workers and the links begin
        (moments are sums and maxima of earlier ones: Baccelli et al., Synchronization and Linearity, 3.2).
      workers: how many there are.
      period: steps after which the programs of all workers repeat.
      most_periods: how many there are in the run; None: as many as it takes.

    Returns:
      The rhythm; None if it has not settled within the run, or within 1,024 periods or a million marks.
    """
    most = MOST_PERIODS if most_periods is None else min(most_periods, MOST_PERIODS)
    periods = 2 * MOST_PERIODS_WAITED + 2
    while periods <= most:
        for replay in replays:
            marks: Marks = [[] for _ in range(workers)]
            replay(periods * period, marks)
            if found := settled(marks, period, periods):
                return found[0]
            if sum(1 + len(mark.credit_s) for own in marks for mark in own) > _MOST_MARKS:
                most = 0
        periods *= 2
    return None


def settled(marks: Marks, period: int, periods: int, waited: int = MOST_PERIODS_WAITED) -> tuple[Rhythm, float] | None:
    """The rhythm in the marks of some periods, and when the last period that it was seen in began [s].

    Args:
      marks: of every worker, from the first period on; of which the first may be a part.
      period: steps after which the programs of all workers repeat.
      periods: how many are whole.
      waited: periods that an exchange is waited for after it began, at the latest; so many and one must repeat.

    Returns:
      None if there is none.
    """
    begin_s = [_begins(own, period, periods) for own in marks]
    if any(len(own) < periods for own in begin_s):
        return None
    views, soonest = _views(marks, period, begin_s[0]), max(2 * waited, 2)
    for last in range(soonest, periods):
        length_s = begin_s[0][last] - begin_s[0][last - 1]
        for cycle in range(1, min(_MOST_CYCLES, last - soonest + 1) + 1):
            if all(_same(views[k], views[k - cycle], length_s) for k in range(last - waited, last + 1)):
                return Rhythm(last, cycle, begin_s[0][last] - begin_s[0][last - cycle]), begin_s[0][last]
    return None


def _begins(marks: list[Mark], period: int, periods: int) -> list[float]:
    """When each period began for a worker: when the last step before it was over."""
    begins, k = [0.0], 0
    before = marks[0] if marks else None
    for mark in marks:
        if mark.step // period > k and before is not None and k + 1 < periods:
            begins.append(before.end_s)
            k += 1
        before = mark
    return begins


def _views(marks: Marks, period: int, begin_s: Sequence[float]) -> list[_View]:
    """What each period looks like from its beginning."""
    views: list[_View] = [([], ()) for _ in begin_s]
    for worker, own in enumerate(marks):
        for mark in own:
            k = mark.step // period
            if k >= len(begin_s):
                continue
            moments, credit_s = views[k]
            for moment_s in (mark.end_s, mark.begin_s, mark.end_s if mark.done_s is None else mark.done_s):
                moments.append(moment_s - begin_s[k])
            views[k] = moments, credit_s if worker else mark.credit_s
    return views


def _same(one: _View, other: _View, length_s: float) -> bool:
    (moments, credit), (others, others_credit) = one, other
    if len(moments) != len(others) or len(credit) != len(others_credit):
        return False
    least_s = _TIME_TOLERANCE * length_s
    return all(abs(a - b) <= least_s for a, b in zip(moments, others, strict=True)) and all(
        abs(a - b) <= _CREDIT_TOLERANCE * max(length_s, a) for a, b in zip(credit, others_credit, strict=True)
    )
