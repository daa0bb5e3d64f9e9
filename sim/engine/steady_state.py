"""When a run begins to repeat itself, found from the replay of its first periods.

With exchanges behind compute something is under way at all times, so a run has a beginning that differs from the
rest: the link is idle at first, and a backlog may build up. What a worker does from some moment on follows from where
all the workers stand, and from what is under way. If all of that is, seen from the beginning of a period, as it was
some periods earlier, then everything repeats. The marks of a replay show it: when each op was over, when the exchange
that it waited for began and was done, and what was left in the buckets of the links.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .accounting import Mark

_TIME_TOLERANCE, _ULPS = 1e-9, 8
"""Two moments are the same if they differ by less than this share of a round, or than so many steps of the clock."""
_CREDIT_TOLERANCE = 1e-12
"""Buckets hold the same if it differs by less than this share of it, or of a round: what still drifts counts."""
MOST_ROUNDS_WAITED = 2
"""An exchange is waited for this many rounds after it began, at the latest."""
MOST_PERIODS, MOST_CYCLES, MOST_MARKS = 1024, 4, 1_000_000

Marks = list[list[Mark]]


@dataclass(frozen=True)
class Beat:
    """The rounds of a run of T inner steps, which are those of a worker in the mean.

    Attributes:
      lengths: inner steps of a round of each worker.
      every: rounds after which the programs of all workers repeat; their steps are a whole number in the mean.
    """

    lengths: tuple[int, ...]
    every: int

    @property
    def longest(self) -> int:
        """The most inner steps of a worker in a round."""
        return max(self.lengths)

    @property
    def period(self) -> int:
        """Inner steps after which the programs of all workers repeat, in the mean."""
        return self.steps(self.every)

    def steps(self, rounds: int) -> int:
        """Inner steps of so many rounds, in the mean of all workers, rounded up."""
        return -(-rounds * sum(self.lengths) // len(self.lengths))

    def rounds(self, steps: int) -> int:
        """Whole rounds of a run of so many inner steps."""
        return steps * len(self.lengths) // sum(self.lengths)

    def begun(self, made: Sequence[int]) -> int:
        """Whole rounds of the worker that is furthest, by the inner steps of each."""
        return max(count // own for count, own in zip(made, self.lengths, strict=True))

    def reached(self, made: Sequence[int], rounds: float) -> bool:
        """Whether every worker has made the steps of so many rounds."""
        return all(count >= rounds * own for count, own in zip(made, self.lengths, strict=True))

    def ahead(self, made: Sequence[int]) -> int:
        """Inner steps of a run, rounded up, in which the worker that is furthest has as many as it has made."""
        team, workers = sum(self.lengths), len(self.lengths)
        return max(-(-count * team // (workers * own)) for count, own in zip(made, self.lengths, strict=True))


@dataclass(frozen=True)
class Rhythm:
    """How a run repeats itself.

    Attributes:
      settled: inner steps after which it does, in the mean of all workers.
      cycle: after how many inner steps, likewise.
      seconds: how long such a cycle takes [s].
    """

    settled: int
    cycle: int
    seconds: float


class Rounds:
    """The rounds of a replay, compared with each other as they come.

    What the workers do in a round follows from their programs and from the moments of a few rounds before it. So the
    run repeats itself as soon as these look as they did one period of the programs earlier, or several, however many
    rounds a period has.

    Args:
      beat: the rounds of the run.
      waited: rounds that an exchange is waited for after it began, at the latest; so many and one must repeat.
      first: the first round that is looked at, of which the first marks may be missing.
    """

    def __init__(self, beat: Beat, waited: int, first: int = 0) -> None:
        self._beat, self._waited, self._first = beat, waited, first
        self._moments: list[list[array[float]]] = []
        """Of every round and worker the moments, in order [s]."""
        self._credit_s: dict[int, Sequence[float]] = {}
        """What the buckets held in the end of a round [s]."""
        self._begins_s: dict[int, float] = {} if first else {0: 0.0}
        """When a round began for the first worker: when the last op before it was over [s]."""
        self._before: tuple[int, float] | None = None
        self._alike = [0] * MOST_CYCLES
        """For one period, two, ...: how many rounds in a row looked as they did so much earlier."""
        self._looked = 0
        self.kept = 0
        """Marks that were taken, and credits."""

    def take(self, marks: Marks) -> None:
        """Takes the marks of every worker since the last time, and removes them."""
        for worker, (own, length) in enumerate(zip(marks, self._beat.lengths, strict=True)):
            for mark in own:
                number = mark.step // length - self._first
                if worker == 0:
                    if self._before is not None and number > self._before[0]:
                        self._begins_s[number] = self._before[1]
                    self._before = number, mark.end_s
                if number < 0:
                    continue
                while len(self._moments) <= number:
                    self._moments.append([array("d") for _ in marks])
                done_s = mark.end_s if mark.done_s is None else mark.done_s
                self._moments[number][worker].extend((mark.end_s, mark.begin_s, done_s))
                if worker == 0:
                    self._credit_s[number] = mark.credit_s
                self.kept += 1 + len(mark.credit_s)
            own.clear()

    def look(self, whole: int) -> Rhythm | None:
        """The rhythm, if so many whole rounds show one; the numbers of earlier calls were smaller."""
        for last in range(self._looked, min(whole, len(self._moments))):
            self._looked = last + 1
            for place in range(MOST_CYCLES):
                earlier = last - (place + 1) * self._beat.every
                like = earlier >= max(self._waited - 1, 1) and self._same(last, earlier)
                self._alike[place] = self._alike[place] + 1 if like else 0
            most = max(self._alike)
            if most > self._waited and most > self._waited + self._ahead(last):
                cycle = (self._alike.index(most) + 1) * self._beat.every
                seconds = self._begins_s[last] - self._begins_s[last - cycle]
                return Rhythm(self._beat.steps(self._first + last), self._beat.steps(cycle), seconds)
        return None

    def _ahead(self, number: int) -> int:
        """How many rounds the first worker was ahead when the last one ended a round: they must repeat, too."""
        end_s = max(max(own, default=0.0) for own in self._moments[number])
        later = number + 1
        while later < len(self._moments) and any(own and own[1] < end_s for own in self._moments[later]):
            later += 1
        return later - number - 1

    def begin_s(self, number: int) -> float:
        """When a round began, by its number from the first that is looked at [s]."""
        return self._begins_s[number]

    def lasted_s(self, number: int) -> float:
        """How long a round took; 0 where nobody knows [s]."""
        return self._begins_s.get(number + 1, 0.0) - self._begins_s.get(number, 0.0)

    def _same(self, number: int, earlier: int) -> bool:
        """Whether two rounds look the same from their beginning."""
        begins_s = self._begins_s
        if number not in begins_s or number - 1 not in begins_s or earlier not in begins_s:
            return False
        length_s, later_s = begins_s[number] - begins_s[number - 1], begins_s[number] - begins_s[earlier]
        least_s = _TIME_TOLERANCE * length_s + _ULPS * math.ulp(begins_s[number])
        for moments, others in zip(self._moments[number], self._moments[earlier], strict=True):
            if len(moments) != len(others):
                return False
            if not all(abs(a - b - later_s) <= least_s for a, b in zip(moments, others, strict=True)):
                return False
        credit_s, others_s = self._credit_s.get(number, ()), self._credit_s.get(earlier, ())
        return len(credit_s) == len(others_s) and all(
            abs(a - b) <= _CREDIT_TOLERANCE * max(length_s, a) for a, b in zip(credit_s, others_s, strict=True)
        )


def find_rhythm(
    replays: Sequence[Callable[[int, Marks], object]], beat: Beat, most_steps: float = math.inf
) -> Rhythm | None:
    """The rhythm that a run settles into.

    Args:
      replays: each replays so many steps from some beginning, and leaves marks. Where several are given, the first that
        settles counts: how long a cycle takes in the end does not depend on where the workers and the links begin
        (moments are sums and maxima of earlier ones: Baccelli et al., Synchronization and Linearity, 3.2).
      beat: the rounds of the run.
      most_steps: a rhythm that shows later than after so many inner steps is of no use.

    Returns:
      The rhythm; None if it has not settled within 1,024 periods, a million marks, or those steps.
    """
    more, most = 2 * MOST_ROUNDS_WAITED + 2, min(MOST_PERIODS * beat.every, most_steps / beat.steps(1))
    while beat.every + more <= most:
        for replay in replays:
            marks: Marks = [[] for _ in beat.lengths]
            replay(beat.steps(beat.every + more), marks)
            rounds = Rounds(beat, MOST_ROUNDS_WAITED)
            rounds.take(marks)
            if found := rounds.look(beat.every + more):
                return found
            if rounds.kept > MOST_MARKS:
                most = 0
        more *= 2
    return None
