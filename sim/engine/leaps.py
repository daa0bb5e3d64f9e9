"""Where a run can leap: it repeats itself until a link changes, or until it ends (see `calendar`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter

from .accounting import Tally
from .calendar import Calendar, Leap
from .interpreter import Replay
from .ops import Op
from .steady_state import MOST_CYCLES, MOST_MARKS, MOST_PERIODS, MOST_ROUNDS_WAITED, Beat, Marks, Rhythm, Rounds
from .timeline import Timeline

_CLEAR = 1e-6
"""Nothing may happen so close to a moment at which sums are compared, as a share of a round."""
_INTO = (math.sqrt(5) - 1) / 2
"""Where in a time in which nothing happens sums are compared; its middle is where a phase of an exchange may end."""
_SAME, _ROUNDING, _ULPS = 1e-9, 1e-12, 8
"""Sums of two cycles are the same if they differ by less than this share of the larger, and of the cycle."""


_STEPS = attrgetter("steps")
_Cycle = tuple[Timeline, Timeline]
"""The sums where a cycle begins, and where it ends."""


class Programs:
    """The ops of the workers of a run that may turn out to be shorter, or longer: only its last rounds are others then.

    Args:
      make: makes the ops of every worker of a run of so many inner steps.
      steps: how many they are at first.
    """

    def __init__(self, make: Callable[[int], Sequence[Iterable[Op]]], steps: int) -> None:
        self._make, self.steps = make, steps
        self.each = [_Program(ops) for ops in make(steps)]

    def become(self, steps: int) -> None:
        """Goes on as the ops of a run of so many steps, which are the same so far."""
        if steps != self.steps:
            self.steps = steps
            for program, ops in zip(self.each, self._make(steps), strict=True):
                program.goes_on_as(ops)


class _Program:
    """The ops of a worker, some of which were taken."""

    def __init__(self, ops: Iterable[Op]) -> None:
        self._ops, self._taken = iter(ops), 0

    def __iter__(self) -> Iterator[Op]:
        return self

    def __next__(self) -> Op:
        op = next(self._ops)
        self._taken += 1
        return op

    def goes_on_as(self, ops: Iterable[Op]) -> None:
        """Goes on with other ops; so many of them are left out as were taken."""
        self._ops = islice(ops, self._taken, None)


def first_guess(beat: Beat, steps: int) -> int:
    """The inner steps of a run that are replayed at least, if it repeats itself as soon as can be."""
    few = (2 * MOST_ROUNDS_WAITED + 2 + MOST_ROUNDS_WAITED + 1 + 2) * beat.longest
    return min(steps, beat.period + few + (steps - few) % beat.period)


def may_leap(beat: Beat, steps: int) -> bool:
    """Whether a run may leap over one period: after rounds to settle, and a period to compare, and before the end."""
    settled = (2 * MOST_ROUNDS_WAITED + 2) * beat.longest
    return steps > settled + 2 * beat.period + (MOST_ROUNDS_WAITED + 1) * beat.longest


def find_leaps(
    begin: Callable[[Calendar], tuple[Replay, Marks]],
    workers: Sequence[int],
    programs: Programs | None = None,
    *,
    beat: Beat,
    steps: int,
    drains: bool,
) -> tuple[Calendar, Replay]:
    """The leaps that a run can make: wherever it repeats itself until a link changes, or until it ends.

    Args:
      begin: begins a replay of the run with a calendar, which is empty at first; it leaves marks of every worker.
      workers: those who compute; others have nothing to do.
      programs: their ops, which are made to last; and in the end for as long as is replayed; None: they last.
      beat: the rounds of these workers.
      steps: inner steps of a worker, in the mean.
      drains: whether nothing is under way, and all workers go on at the same time, after every round.

    Returns:
      The leaps, and the replay, which stands where no more can be leapt over: before the last rounds of a run that is
      shorter by them.

    Raises:
      InputError, ReplayError: as for `replay`.
    """
    calendar = Calendar()
    replay, marks = begin(calendar)
    waited = 0 if drains else MOST_ROUNDS_WAITED
    search = _Search(replay, workers, marks, calendar, programs, beat, steps, waited)
    while search.to_go() > beat.period and search.goes_on():
        search.leap()
    if not search.goes_on():
        replay.check_over()
    replay.marks = None
    if programs is not None:
        programs.become(steps - calendar.steps)
    return calendar, replay


class _Search:
    """A replay that leaps wherever it can."""

    def __init__(
        self,
        replay: Replay,
        workers: Sequence[int],
        marks: Marks,
        calendar: Calendar,
        programs: Programs | None,
        beat: Beat,
        steps: int,
        waited: int,
    ) -> None:
        self._replay, self._env, self._calendar, self._waited = replay, replay.env, calendar, waited
        self._tallies: list[Tally] = [replay.traffic.tallies[worker] for worker in workers]
        self._marks = [marks[worker] for worker in workers]
        self._beat, self._steps, self._programs = beat, steps, programs
        self._change_s = self._next_change_s()

    def _next_change_s(self) -> float:
        return self._replay.traffic.carrier.next_change_s()

    def goes_on(self) -> bool:
        """Whether anything is still to happen."""
        return self._env.peek() < math.inf

    def to_go(self) -> int:
        """Inner steps that may be leapt over: those that no worker has begun, without the end of the run."""
        ahead = self._beat.ahead(self._made())
        return self._steps - self._calendar.steps - ahead - (MOST_ROUNDS_WAITED + 1) * self._beat.longest

    def _made(self) -> list[int]:
        """Inner steps that each worker has made."""
        return list(map(_STEPS, self._tallies))

    def leap(self) -> None:
        """Leaps to the next change of a link, or to the end, once the run repeats itself; or goes on to the change."""
        rhythm, sums = self._until_it_repeats()
        if rhythm is not None and not _alike(sums, rhythm.seconds):
            return  # something happened at the edge of a cycle; or it is no rhythm: one is looked for anew
        if rhythm is not None:
            cycles, now_s = self.to_go() // rhythm.cycle, float(self._env.now)
            if self._change_s < math.inf:
                left_s = self._change_s - max(now_s, self._replay.traffic.carrier.decided_s())
                cycles = min(cycles, math.floor(left_s / rhythm.seconds * (1 - _ROUNDING)))
            if cycles > 0:
                self._calendar.add(Leap(now_s, rhythm.seconds, cycles, rhythm.cycle, *sums[-1]))
                self._replay.traffic.carrier.clock_leapt()
                self._change_s = self._next_change_s()
        self._on_to_the_change()

    def _until_it_repeats(self) -> tuple[Rhythm | None, list[_Cycle]]:
        """Replays until the run repeats itself, and on until the sums of two cycles are known, which overlap.

        Returns:
          How it repeats itself, and the sums where these cycles begin and end; None: a link changes first, or the run
          ends.
        """
        first = 1 + self._beat.begun(self._made())
        for own in self._marks:
            own.clear()
        rounds = Rounds(self._beat, self._waited, first)
        seen: list[tuple[float, Timeline]] = []
        for whole in range(1, (MOST_PERIODS + MOST_CYCLES) * self._beat.every):
            if rounds.kept > MOST_MARKS or not self._replay_to(first + whole):
                break
            rounds.take(self._marks)
            if rhythm := rounds.look(whole):
                from_s = rounds.begin_s(whole - self._beat.rounds(rhythm.cycle))
                return self._cycles(rhythm, [each for each in seen if each[0] >= from_s])
            if _is_noted(whole):
                if not self._replay_to_a_gap(_CLEAR * rounds.lasted_s(whole - 2)):
                    break
                seen.append((float(self._env.now), self._replay.timeline()))
        return None, []

    def _cycles(self, rhythm: Rhythm, seen: list[tuple[float, Timeline]]) -> tuple[Rhythm | None, list[_Cycle]]:
        """The sums of two cycles: of those that begin where sums were taken, else of the next ones."""
        seen = [each for each in seen if each[0] + rhythm.seconds > self._env.now][:2]
        if not seen:
            if not self._replay_to_a_gap(_CLEAR * rhythm.seconds / self._beat.rounds(rhythm.cycle)):
                return None, []
            seen.append((float(self._env.now), self._replay.timeline()))
        until_s = seen[-1][0] + (3 - len(seen)) * rhythm.seconds
        steps = math.ceil((until_s - self._env.now) / rhythm.seconds * rhythm.cycle) + 2 * self._beat.longest
        if until_s >= self._change_s or not self._may_go_on(steps):
            return None, []
        if len(seen) == 1:
            ((begin_s, before),) = seen
            between, after = (self._sums_at(begin_s + times * rhythm.seconds) for times in (1, 2))
            return rhythm, [(before, between), (between, after)]
        return rhythm, [(before, self._sums_at(begin_s + rhythm.seconds)) for begin_s, before in seen]

    def _sums_at(self, moment_s: float) -> Timeline:
        self._env.run(until=moment_s)
        return self._replay.timeline()

    def _replay_to(self, rounds: float) -> bool:
        """Replays until every worker has made so many rounds; False: a link changes first, or the run ends."""
        env, change_s, before = self._env, self._change_s, list[int]()
        while env.peek() < change_s:
            steps = self._made()
            if steps != before:
                before = steps
                if not self._may_go_on(0):
                    return False
                if self._beat.reached(steps, rounds):
                    return True
            env.step()
        return False

    def _replay_to_a_gap(self, least_s: float) -> bool:
        """Replays into the next time in which nothing happens for so long; False: a link changes first, or it ends."""
        env = self._env
        while env.peek() - env.now <= 2 * least_s:
            if env.peek() >= self._change_s or not self._may_go_on(0):
                return False
            env.step()
        moment_s = env.now + _INTO * (env.peek() - env.now)
        if not moment_s < self._change_s or not self._may_go_on(0):
            return False
        env.run(until=moment_s)
        return True

    def _may_go_on(self, steps: int) -> bool:
        """Whether workers may make so many steps more before the end of the run; the programs then last that long."""
        to_go = self.to_go()
        if to_go <= steps:
            return False
        if self._programs is not None:
            left = self._steps - self._calendar.steps
            made, period = self._programs.steps, self._beat.period
            while made < left and made - (left - to_go) <= steps:
                made = min(left, made + max(1, made // (2 * period)) * period)
            self._programs.become(made)
        return True

    def _on_to_the_change(self) -> None:
        """Replays until the next change of a link, if there is one before the end that is not leapt over."""
        marks, self._replay.marks = self._replay.marks, None
        self._replay_to(math.inf)
        self._replay.marks = marks
        if self.to_go() > 0 and self.goes_on():
            self._env.run(until=self._change_s)
            self._change_s = self._next_change_s()


def _is_noted(whole: int) -> bool:
    """Whether sums are taken after so many rounds: after 4, 5, 8, 9, 16, 17, ..., as nobody knows yet which matter."""
    return whole >= 4 and 0 in (whole & (whole - 1), (whole - 1) & (whole - 2))


def _alike(cycles: Sequence[_Cycle], cycle_s: float) -> bool:
    """Whether all sums grew as much in one cycle as in the other; where not, something happened at the edge of one."""
    first, second = ([list(_sums(each)) for each in cycle] for cycle in cycles)
    for before, after, other_before, other_after in zip(*first, *second, strict=True):
        grown = other_after - other_before
        if abs(grown - (after - before)) > _SAME * max(abs(grown), cycle_s) + _ULPS * math.ulp(other_after):
            return False
    return True


def _sums(timeline: Timeline) -> Iterator[float]:
    for worker in timeline.workers:
        yield from worker.sums().values()
        yield from worker.waited_for_s
    for link in timeline.links:
        yield from (link.carried_bytes, link.busy_s, link.full_s)
