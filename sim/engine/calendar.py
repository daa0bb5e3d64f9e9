"""Leaps: stretches of a run that are counted and not replayed, because they repeat what was just replayed.

The clock of a replay with leaps stands still in them; the *calendar* goes on, and links change by the calendar. So a
replay of fewer steps, on links that know of the leaps, is the rest of the run.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .timeline import Timeline, extrapolate


@dataclass(frozen=True)
class Leap:
    """Some cycles of a run that are not replayed.

    Attributes:
      at_s: when they begin, by the clock of the replay [s].
      cycle_s: how long each takes [s].
      cycles: how many they are.
      steps: inner steps of every worker in each of them.
      before, after: the sums of the replay when the last cycle before them began, and when it ended.
    """

    at_s: float
    cycle_s: float
    cycles: int
    steps: int
    before: Timeline
    after: Timeline

    @property
    def seconds(self) -> float:
        """How far the calendar goes on [s]."""
        return self.cycles * self.cycle_s


class Calendar:
    """The leaps so far, in order; the calendar of a run is the clock of its replay and the leaps before."""

    def __init__(self, leaps: Iterable[Leap] = ()) -> None:
        self.leaps: list[Leap] = []
        self._at_s: list[float] = []
        self._ends_s: list[float] = []
        """When each ends, by the calendar [s]."""
        self._steps = 0
        self._leapt_s = [0.0]
        """How far all leaps before the first, the second, ... went [s]."""
        for leap in leaps:
            self.add(leap)

    def add(self, leap: Leap) -> None:
        """One leap more, after the others."""
        self.leaps.append(leap)
        self._at_s.append(leap.at_s)
        self._leapt_s.append(self._leapt_s[-1] + leap.seconds)
        self._ends_s.append(leap.at_s + self._leapt_s[-1])
        self._steps += leap.cycles * leap.steps

    def at(self, clock_s: float) -> float:
        """The calendar at a time of the clock [s]."""
        return clock_s + self._leapt_s[bisect_right(self._at_s, clock_s)]

    def clock(self, calendar_s: float) -> float:
        """The first time of the clock at which the calendar has come so far, which is in no leap [s]."""
        if calendar_s == math.inf:
            return math.inf
        clock_s = calendar_s - self._leapt_s[bisect_right(self._ends_s, calendar_s)]
        while self.at(clock_s) < calendar_s:  # a sum may be rounded down
            clock_s = math.nextafter(clock_s, math.inf)
        return clock_s

    def next_leap(self, clock_s: float) -> float:
        """The first leap after a time of the clock; infinite: none [s]."""
        following = bisect_right(self._at_s, clock_s)
        return self._at_s[following] if following < len(self._at_s) else math.inf

    @property
    def steps(self) -> int:
        """Inner steps of every worker that are not replayed."""
        return self._steps

    def whole(self, replayed: Timeline) -> Timeline:
        """The sums of the run: those of the replay, and those of the leaps."""
        for leap in self.leaps:
            replayed = extrapolate(replayed, leap.before, leap.after, leap.cycles)
            later = (replace(each, finish_s=each.finish_s + leap.seconds) for each in replayed.workers)
            replayed = replace(replayed, workers=tuple(later))
        return replayed
