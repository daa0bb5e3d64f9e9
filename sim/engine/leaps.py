"""Where a run can leap: it repeats itself until a link changes, or until it ends (see `calendar`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from .accounting import Tally
from .calendar import Calendar, Leap
from .interpreter import Replay
from .steady_state import MOST_PERIODS, MOST_PERIODS_WAITED, Marks, Rhythm, settled
from .timeline import Timeline

_CLEAR = 1e-6
"""Nothing may happen so close to a moment at which sums are compared, as a share of a cycle."""
_INTO = (math.sqrt(5) - 1) / 2
"""Where in a time in which nothing happens sums are compared; its middle is where a phase of an exchange may end."""
_SAME, _ROUNDING = 1e-9, 1e-12
"""Sums of two cycles are the same if they differ by less than this share of the larger, and of the cycle."""


def may_leap(period: int, steps: int) -> bool:
    """Whether a run may leap over one period: after four to settle and two to compare, and before the end."""
    return steps > (4 + 2 + 1 + MOST_PERIODS_WAITED + 1) * period


def find_leaps(
    begin: Callable[[Calendar], tuple[Replay, Marks]], workers: Sequence[int], *, period: int, steps: int, drains: bool
) -> tuple[Calendar, Timeline | None]:
    """The leaps that a run can make: wherever it repeats itself until a link changes, or until it ends.

    Args:
      begin: begins a replay of the run with a calendar, which is empty at first; it leaves marks of every worker.
      workers: those who compute; others have nothing to do.
      period: steps after which the programs of all workers repeat.
      steps: inner steps of every worker.
      drains: whether nothing is under way, and all workers go on at the same time, after every period.

    Returns:
      The leaps; and the sums of the whole run if it makes none.

    Raises:
      InputError, ReplayError: as for `replay`.
    """
    calendar = Calendar()
    replay, marks = begin(calendar)
    tallies = [replay.traffic.tallies[worker] for worker in workers]
    own = [marks[worker] for worker in workers]
    search = _Search(replay, tallies, own, calendar, period, steps, 0 if drains else MOST_PERIODS_WAITED)
    while search.to_go() > 0 and search.goes_on():
        search.leap(search.until_it_repeats())
    if not calendar.leaps:
        search.replay.env.run()
    if not search.goes_on():
        search.replay.check_over()
    return calendar, None if calendar.leaps else search.replay.timeline()


class _Search:
    """A replay that leaps wherever it can."""

    def __init__(
        self,
        replay: Replay,
        tallies: list[Tally],
        marks: Marks,
        calendar: Calendar,
        period: int,
        steps: int,
        waited: int,
    ) -> None:
        self.replay, self._tallies, self._marks, self._calendar = replay, tallies, marks, calendar
        self._period, self._steps, self._waited = period, steps, waited
        self._change_s = self._next_change_s()

    def _next_change_s(self) -> float:
        return self.replay.traffic.carrier.next_change_s()

    def goes_on(self) -> bool:
        """Whether anything is still to happen."""
        return self.replay.env.peek() < math.inf

    def to_go(self) -> int:
        """Inner steps that may be leapt over: those that no worker has begun, without the end of the run."""
        ahead = max(tally.steps for tally in self._tallies)
        return self._steps - self._calendar.steps - ahead - (MOST_PERIODS_WAITED + 1) * self._period

    def until_it_repeats(self) -> tuple[Rhythm, float] | None:
        """Replays until the run repeats itself: how, and when a cycle began [s]; None: a link changes first."""
        first = 1 + max(tally.steps for tally in self._tallies) // self._period
        for own in self._marks:
            own.clear()
        periods = 2 * self._waited + 3
        while periods <= MOST_PERIODS:
            target = (first + periods) * self._period
            while self.replay.env.peek() < self._change_s:
                if self.to_go() <= 0:
                    return None
                if min(tally.steps for tally in self._tallies) >= target:
                    break
                self.replay.env.step()
            else:
                return None
            marks = [
                [
                    mark._replace(step=mark.step - first * self._period)
                    for mark in own
                    if mark.step >= first * self._period
                ]
                for own in self._marks
            ]
            if found := settled(marks, self._period, periods, self._waited):
                return found
            periods *= 2
        return None

    def leap(self, found: tuple[Rhythm, float] | None) -> None:
        """Compares the sums of two cycles, and leaps to the next change, or to the end; or goes on to the change."""
        moment_s = None if found is None else self._clear_moment_s(*found)
        if found is not None and moment_s is not None and moment_s + 2 * found[0].seconds < self._change_s:
            cycle_s, steps = found[0].seconds, found[0].cycle * self._period
            first, before, after = (self._sums_at(moment_s + number * cycle_s) for number in range(3))
            cycles = self.to_go() // steps
            if self._change_s < math.inf:
                left_s = self._change_s - self.replay.env.now
                cycles = min(cycles, math.floor(left_s / cycle_s * (1 - _ROUNDING)))
            if cycles > 0 and _alike(first, before, after, cycle_s):
                now_s = float(self.replay.env.now)
                self._calendar.add(Leap(now_s, cycle_s, cycles, steps, before, after))
                self.replay.traffic.carrier.clock_leapt()
                self._change_s = self._next_change_s()
        self._on_to_the_change()

    def _sums_at(self, moment_s: float) -> Timeline:
        self.replay.env.run(until=moment_s)
        return self.replay.timeline()

    def _on_to_the_change(self) -> None:
        """Replays until the next change of a link, if there is one before the end that is not leapt over."""
        while self.replay.env.peek() < self._change_s and self.to_go() > 0:
            self.replay.env.step()
        if self.to_go() > 0 and self.goes_on():
            self.replay.env.run(until=self._change_s)
            self._change_s = self._next_change_s()

    def _clear_moment_s(self, rhythm: Rhythm, begin_s: float) -> float | None:
        """The next moment of a cycle that is as far from everything that happens as any; None: it is not far enough."""
        moments = np.array(
            [
                moment_s
                for own in self._marks
                for mark in own
                for moment_s in (mark.end_s, mark.begin_s, mark.end_s if mark.done_s is None else mark.done_s)
            ]
        )
        happens = np.sort(np.mod(moments - begin_s, rhythm.seconds))
        gaps = np.diff([*happens, happens[0] + rhythm.seconds])
        widest = int(gaps.argmax())
        if gaps[widest] < 2 * _CLEAR * rhythm.seconds:
            return None
        after_s = math.fmod(happens[widest] + _INTO * gaps[widest], rhythm.seconds)
        now_s = self.replay.env.now
        return begin_s + after_s + rhythm.seconds * max(0, math.ceil((now_s - begin_s - after_s) / rhythm.seconds))


def _alike(first: Timeline, second: Timeline, third: Timeline, cycle_s: float) -> bool:
    """Whether all sums grew as much in one cycle as in the next; where they did not, something happened at its edge."""
    one, two, three = (np.array(list(_sums(each))) for each in (first, second, third))
    limit = _SAME * np.maximum(np.abs(three - two), cycle_s) + 8 * np.spacing(np.abs(three))
    return bool((np.abs((three - two) - (two - one)) <= limit).all())


def _sums(timeline: Timeline) -> Iterator[float]:
    for worker in timeline.workers:
        yield from worker.sums().values()
        yield from worker.waited_for_s
    for link in timeline.links:
        yield from (link.carried_bytes, link.busy_s, link.full_s)
