"""Learners at their own paces in one process: who makes a step when, and what follows it, in logical time.

A step of the fastest learner takes one unit of logical time, that of a learner of pace p 1/p units; exchanges and
merges take none. The instants at which somebody ends a step are the steps of the loop: with equal paces all learners
take each of them, else some do. Nothing is measured, so a run is the same on any machine.

Who hands in when, and who is in which merge, is the simulator's rule (`sim/merging.py`). A merge begins when a quorum
is there and tau steps of the fastest learner are over since its first member came, or when nobody else could come. As a
transfer takes some time, however little, it does not wait for who comes at the very end of these. Then every learner
takes the merged fragment over: who is in the merge when tau steps are over since it handed in, and stands still until
then if the merge is late; any other one when it ends a step.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import NamedTuple

from sim.merging import Merge, Merges, followed, fragment_of, hand_ins
from sim.own_pace import Pace, deal_steps

from .programs import Event


class Moment(NamedTuple):
    """A step of the loop.

    Attributes:
      turns: the learners that end a step of theirs, each with the number of that step, from 1.
      events: the merges that follow, and who takes fragments over, in order.
    """

    turns: tuple[tuple[int, int], ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class MergeSchedule:
    """The merges of a run.

    Attributes:
      each_steps: T; the learners make M T steps together.
      sync_every: H.
      paces: of each learner, relative to each other.
      fragments: P.
      overlap_steps: tau.
      quorum: K.
      kept: share of its own parameters that a learner keeps when it takes a fragment over, but for the last time.
    """

    each_steps: int
    sync_every: int
    paces: tuple[Fraction, ...]
    fragments: int
    overlap_steps: int
    quorum: int
    kept: float = 0.0

    @property
    def own_steps(self) -> tuple[int, ...]:
        """How many steps each learner makes: shared by pace, as by the simulator."""
        steps_s = followed([float(max(self.paces) / pace) for pace in self.paces], self.quorum)
        if min(steps_s) == max(steps_s):
            return (self.each_steps,) * len(steps_s)
        return deal_steps(
            tuple(Pace(step_s, 0.0, self.sync_every) for step_s in steps_s), len(steps_s) * self.each_steps
        )

    @property
    def steps(self) -> int:
        """Steps of the loop."""
        return len(moments(self))

    def turns(self, step: int) -> tuple[tuple[int, int], ...]:
        """The learners that take a step of the loop, each with the number of its own."""
        return moments(self)[step - 1].turns

    def events(self, step: int) -> Iterator[Event]:
        """The events after a step of the loop, in order."""
        yield from moments(self)[step - 1].events

    def under_way(self, step: int) -> tuple[int, ...]:
        """Nothing: a merge takes no time, and what is still to be taken over is the syncer's."""
        return ()

    def most_under_way(self, sizes: Sequence[int]) -> int:
        """0."""
        return 0

    def exchanges(self) -> int:
        """Number of merges in a run."""
        return sum(event.kind == "merge" for moment in moments(self) for event in moment.events)


@lru_cache(maxsize=4)
def moments(schedule: MergeSchedule) -> tuple[Moment, ...]:
    """All steps of the loop; computed once, in a time that grows with the steps of the run."""
    return tuple(Moment(turns, tuple(events)) for turns, events in _Course(schedule).run())


@dataclass(slots=True, eq=False)
class _HandIn:
    """Something that a learner has handed in.

    Attributes:
      step: its step after which it did.
      begun: whether the merge that it is for has begun.
    """

    step: int
    begun: bool = False


@dataclass(slots=True, eq=False)
class _Round:
    """An exchange that has not begun: its merge, when its first member came, and what each of them handed in."""

    merge: Merge
    opened: int
    own: dict[int, _HandIn] = field(default_factory=dict)


class _Course:
    """The course of a run in logical time, counted in whole numbers of a unit that divides every learner's step."""

    def __init__(self, schedule: MergeSchedule) -> None:
        self._schedule, count = schedule, len(schedule.paces)
        unit = lcm(*(pace.numerator for pace in schedule.paces))
        self._periods = [pace.denominator * unit // pace.numerator for pace in schedule.paces]
        self._steps = schedule.own_steps
        self._hand_ins = [
            list(hand_ins(steps, schedule.sync_every, schedule.fragments, closing=True)) for steps in self._steps
        ]
        times = [len(own) for own in self._hand_ins]
        self._merges = Merges(range(count), times, schedule.quorum, schedule.fragments)
        self._rounds: dict[int, _Round] = {}
        self._early: dict[int, _HandIn] = {}
        self._newest: dict[int, _HandIn] = {}
        self._now = 0
        self._graces: list[tuple[int, int]] = []
        """When the grace of an exchange is over, and its number."""
        self._done = [0] * count
        self._since = [[0] * schedule.fragments for _ in range(count)]
        """Steps of a learner since it last took each fragment over."""
        self._unseen: list[dict[int, int]] = [{} for _ in range(count)]
        """The merged fragments that a learner has not taken over, and its step after which it does."""
        self._found: list[tuple[tuple[tuple[int, int], ...], list[Event]]] = []

    def run(self) -> list[tuple[tuple[tuple[int, int], ...], list[Event]]]:
        """Each step of the loop, with its events."""
        learners = [self._learner(learner) for learner in range(len(self._steps))]
        waiting: dict[int, _HandIn] = {}
        coming: list[tuple[int, int]] = []

        def go_on(ready: Sequence[int]) -> None:
            for learner in ready:
                waits_for = next(learners[learner], "the end")
                if isinstance(waits_for, _HandIn):
                    waiting[learner] = waits_for
                elif waits_for is None:
                    heapq.heappush(coming, (self._now + self._periods[learner], learner))

        go_on(range(len(learners)))
        while coming or self._graces:
            self._now = min(heap[0][0] for heap in (coming, self._graces) if heap)
            self._end_graces()
            here = []
            while coming and coming[0][0] == self._now:
                here.append(heapq.heappop(coming)[1])
            if here:
                self._step(here)
            go_on(here)
            self._end_graces()
            while released := [learner for learner, own in sorted(waiting.items()) if own.begun]:
                for learner in released:
                    del waiting[learner]
                go_on(released)
        assert not self._rounds, "every exchange begins at the end"
        everybody = range(len(self._steps))
        for fragment in range(self._schedule.fragments):
            self._take(fragment, everybody, 0.0)
        return self._found

    def _learner(self, learner: int) -> Generator[_HandIn | None, None, None]:
        """A learner's run: None where it makes a step, else what it stands still for."""
        steps, fragments, tau = self._steps[learner], self._schedule.fragments, self._schedule.overlap_steps
        due: dict[int, tuple[int, _HandIn]] = {}
        to_come = iter(enumerate(self._hand_ins[learner]))
        number, after = next(to_come, (0, -1))
        for step in range(1, steps + 1):
            yield None
            while after == step - 1:
                part = fragment_of(number, fragments)
                if part in due:
                    yield from self._wait(learner, due.pop(part)[1])
                due[part] = step + tau, self._hand_in(learner, step)
                number, after = next(to_come, (0, -1))
            if step < steps:
                for part in [part for part, (when, _) in due.items() if when <= step]:
                    yield from self._wait(learner, due.pop(part)[1])
                self._take_due(learner)

    def _step(self, learners: Sequence[int]) -> None:
        """Some learners end a step, and take over what is due; a last one everything."""
        for learner in learners:
            self._done[learner] += 1
            self._since[learner] = [steps + 1 for steps in self._since[learner]]
        self._found.append((tuple((learner, self._done[learner]) for learner in learners), []))
        for learner in learners:
            self._take_due(learner)

    def _wait(self, learner: int, own: _HandIn) -> Iterator[_HandIn]:
        """Until a merge begins; nobody waits for one that is not open."""
        if self._early.get(learner) is not own and not own.begun:
            yield own

    def _hand_in(self, learner: int, step: int) -> _HandIn:
        """A learner hands in. Returns what is due with it: this, or if it is early, what it handed in before."""
        before = self._newest.get(learner)
        own = self._early.get(learner) or _HandIn(step)
        self._newest[learner] = self._early[learner] = own
        coming = self._merges.hand_in(learner)
        if coming is None:
            return before or own
        here = self._rounds.setdefault(coming.merge.number, _Round(coming.merge, self._now))
        here.own |= {member: self._early.pop(member) for member in coming.new}
        if coming.quorate:
            over = here.opened + self._schedule.overlap_steps * min(self._periods)
            heapq.heappush(self._graces, (max(self._now, over), here.merge.number))
        for merge in self._merges.complete():
            self._begin(merge.number)
        return own

    def _end_graces(self) -> None:
        while self._graces and self._graces[0][0] <= self._now:
            number = heapq.heappop(self._graces)[1]
            if number in self._rounds:
                self._begin(number)

    def _begin(self, number: int) -> None:
        """An exchange is merged, of what its members are now."""
        one = self._rounds.pop(number)
        self._merges.begin(one.merge)
        fragment = fragment_of(number, self._schedule.fragments)
        weights = token_weights({member: self._since[member][fragment] for member in one.own}, len(self._steps))
        self._found[-1][1].append(Event("merge", fragment, shares=weights, joined=tuple(sorted(one.own))))
        for learner, unseen in enumerate(self._unseen):
            own = one.own.get(learner)
            unseen[fragment] = own.step + self._schedule.overlap_steps if own else 0
        for own in one.own.values():
            own.begun = True

    def _take_due(self, learner: int) -> None:
        last = self._done[learner] == self._steps[learner]
        for fragment, step in list(self._unseen[learner].items()):
            if last or step <= self._done[learner]:
                self._take(fragment, (learner,), self._schedule.kept)

    def _take(self, fragment: int, learners: Sequence[int], kept: float) -> None:
        """Some learners take a fragment over; with those who do so beside them, if no merge is between."""
        events = self._found[-1][1]
        shares = [1.0] * len(self._steps)
        for place in range(len(events) - 1, -1, -1):
            if events[place].kind != "take":
                break
            if events[place].fragment == fragment and kept == self._schedule.kept:
                shares = list(events.pop(place).shares)
                break
        for learner in learners:
            shares[learner] = kept
            self._unseen[learner].pop(fragment, None)
            self._since[learner][fragment] = 0
        events.append(Event("take", fragment, shares=tuple(shares)))


def token_weights(steps: dict[int, int], learners: int) -> tuple[float, ...]:
    """The weight of each learner in a merge: tokens x tokens per step, relative to their mean; 0 for who is not in it.

    All learners have the same batch, so it is in proportion to steps since a learner last took the fragment over.

    Args:
      steps: these of those who are in it; if all are 0, they count alike.
      learners: M.

    Source: arXiv 2604.21428 (token-weighted merging).
    """
    total = sum(steps.values())
    alike = dict.fromkeys(steps, 1.0)
    weights = alike if not total else {member: len(steps) * own / total for member, own in steps.items()}
    return tuple(weights.get(learner, 0.0) for learner in range(learners))
