"""A join without a barrier: members hand in when they are ready, and a *syncer* merges whoever is there.

The syncer is beside one of the workers, and keeps the parameters in fragments. Its exchange number n opens when the
first of the members hands in for the n-th time, so that exchanges follow each other at the pace of whoever is ahead.
Who hands in while none is open is *early* for the next one, and waits for that only when its next hand-in is due.

An exchange begins when a quorum is there and its grace is over, or when nobody is left who could still come. It fetches
a fragment from each member that is in it, all at once, and then sends the merged fragment to all members, so that who
was not in it has it, too.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial

import simpy

from .joins import Exchange, Meeting
from .ops import Collective
from .ports import Served
from .traffic import Traffic


@dataclass(frozen=True, slots=True)
class Syncer:
    """Members hand in to the syncer beside the `target` of the collective.

    Attributes:
      quorum: how many members must be there; as many as can still come, if those are fewer.
      fragments: into how many parts the parameters are divided; exchange number n is of part n + 1, modulo that.
      times: how often each member hands in during the run, in the order of the members.
      closing: for how many of these, its last ones, it opens an exchange itself if none is open.
      slack_s: how long an exchange may take from the first member's coming, less what the transfers take [s].
      margin: share of what the quorum left of the slack for which the syncer still waits for the rest.
    """

    quorum: int
    fragments: int
    times: tuple[int, ...]
    closing: int = 1
    slack_s: float = 0.0
    margin: float = 1.0

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one member or more, each at its own time, hand in what they agree to be the same exchange."""
        state = traffic.shared.setdefault(collective.members, _State(traffic, collective, self))
        assert isinstance(state, _State), "a group of workers has one syncer"
        return _Visit(collective, state)


@dataclass(slots=True, eq=False)
class _Round:
    """An exchange of the syncer.

    Attributes:
      number: which one it is, from 0.
      opened_s: when its first member came [s].
      joined: who is in it, in the order in which they came.
      own: the exchange as each of these sees it.
      begun: whether the transfers have begun.
      pushed: how the push of each of them went.
    """

    number: int
    opened_s: float
    joined: list[int] = field(default_factory=list)
    own: dict[int, Exchange] = field(default_factory=dict)
    begun: bool = False
    pushed: dict[int, Served | None] = field(default_factory=dict)


class _Visit(Meeting):
    """One collective as its members see it: whoever has it waits for the exchange of the syncer that it got into."""

    def __init__(self, collective: Collective, state: _State) -> None:
        self.traffic, self.collective, self._state = state.traffic, collective, state
        self._own: dict[int, Exchange] = {}
        self.left = 0

    def enter(self, worker: int) -> None:
        self._own[worker] = self._state.enter(worker, self.collective)

    def exchange_of(self, worker: int) -> Exchange:
        return self._state.due(self._own[worker], worker)

    def leave(self) -> bool:
        """Whether all who came so far have gone; who comes later makes another visit of it."""
        self.left += 1
        return self.left == len(self._own)


class _State:
    """The syncer of a group of workers in one replay."""

    def __init__(self, traffic: Traffic, collective: Collective, syncer: Syncer) -> None:
        self.traffic, self._syncer, self._members = traffic, syncer, collective.members
        assert collective.target is not None, "a syncer is somewhere"
        self._place = collective.target
        self._left = dict(zip(self._members, syncer.times, strict=True))
        """How often each member still hands in."""
        self._last = dict.fromkeys(self._members, -1)
        """The last exchange that each member is in."""
        self._open: list[_Round] = []
        self._latest: _Round | None = None
        self._early: dict[int, Exchange] = {}
        """Who has handed in and is in the next exchange, in the order in which they did."""
        self._newest: dict[int, Exchange] = {}
        """The exchange that the last hand-in of each member is for."""
        self._updates = [0] * syncer.fragments
        self._known = {member: [0] * syncer.fragments for member in self._members}
        """How many updates of each fragment have come to each member."""

    def due(self, handed_in: Exchange, worker: int) -> Exchange:
        """What a member waits for, when something that it has handed in is due; nothing, if that is not open yet."""
        if self._early.get(worker) is not handed_in:
            return handed_in
        now = float(self.traffic.env.now)
        return Exchange(self.traffic.env.event(), [worker], begin_s=now, end_s=now)

    def enter(self, worker: int, collective: Collective) -> Exchange:
        """A member hands in. Returns what is due with it: the exchange it is in, or if it is early, the one before."""
        opens = self._opens(worker)
        self._left[worker] -= 1
        before = self._newest.get(worker)
        here = next((each for each in self._open if each.number > self._last[worker]), None)
        own = self._early.get(worker) or Exchange(self.traffic.env.event(), [], sites=2)
        self._newest[worker] = own
        if here is None and not opens:
            self._early[worker] = own
            return before or own
        if here is None:
            here = self._opened()
        self._early.pop(worker, None)
        self._join(here, worker, own, collective)
        for each in list(self._open):
            if not any(self._left[member] for member in self._members if member not in each.own):
                self._begin(each, collective)
        return own

    def _opens(self, worker: int) -> bool:
        """Whether a member that hands in now opens an exchange, if none is open."""
        latest, times = self._latest, self._syncer.times[self._members.index(worker)] - self._left[worker] + 1
        if latest is None or times > latest.number + 1 or self._left[worker] <= self._syncer.closing:
            return True
        return not any(self._left[member] for member in latest.own)

    def _opened(self) -> _Round:
        number = 0 if self._latest is None else self._latest.number + 1
        self._latest = _Round(number, float(self.traffic.env.now))
        self._open.append(self._latest)
        return self._latest

    def _join(self, here: _Round, worker: int, own: Exchange, collective: Collective) -> None:
        """One more is in an exchange; the one that opens it comes with those who were early."""
        coming = {**self._early, worker: own} if not here.joined else {worker: own}
        self._early = {} if not here.joined else self._early
        before = len(here.joined)
        for member, each in coming.items():
            each.joined = here.joined
            here.joined.append(member)
            here.own[member] = each
            self._last[member] = here.number
        if before < self._syncer.quorum <= len(here.joined):
            waited_s = float(self.traffic.env.now) - here.opened_s
            grace_s = max(0.0, self._syncer.margin * (self._syncer.slack_s - waited_s))
            self.traffic.after(self.traffic.env.timeout(grace_s), lambda _: self._begin(here, collective))

    def _begin(self, one: _Round, collective: Collective) -> None:
        if one.begun:
            return
        one.begun = True
        self._open.remove(one)
        fragment = (one.number + 1) % self._syncer.fragments
        for member in one.joined:
            self.traffic.tallies[member].merged(self._updates[fragment] - self._known[member][fragment])
        self._updates[fragment] += 1
        for member, own in one.own.items():
            own.begin_s = float(self.traffic.env.now)
            own.shown = self.traffic.show(replace(collective, index=one.number, part=fragment), (member,))
        self.traffic.under_way(one.joined, 1)
        self.traffic.env.process(self._exchange(one, fragment, collective))

    def _exchange(self, one: _Round, fragment: int, like: Collective) -> Generator[simpy.Event, object, None]:
        """Pushes of all who are in it, at once; the merge; pulls of all members, at once."""
        update, env = self._updates[fragment], self.traffic.env
        own = replace(like, index=one.number, part=fragment, join=None, batch=f"there {one.number}")
        pushes = [self._send(replace(own, members=(m,), source=m, target=self._place), m) for m in one.joined]
        for member, push in zip(one.joined, pushes, strict=True):
            self.traffic.after(push, partial(self._pushed, one, member))
        yield env.all_of(pushes)
        own = replace(own, batch=f"back {one.number}")
        for member in self._members:
            pull = self._send(replace(own, members=(member,), source=self._place, target=member), member)
            self.traffic.after(pull, partial(self._arrive, one, member, fragment, update))

    def _send(self, transfer: Collective, member: int) -> simpy.Event:
        self.traffic.hand_over(member, transfer, self.traffic.carrier.crossing_bytes(transfer))
        return self.traffic.transfer(transfer, member)

    def _pushed(self, one: _Round, member: int, event: simpy.Event) -> None:
        """The syncer has the fragment of a member; the one beside it waits for the others, so all counts as across."""
        one.pushed[member] = event.value if isinstance(event.value, Served) else None

    def _arrive(self, one: _Round, member: int, fragment: int, update: int, event: simpy.Event) -> None:
        """A member has the merged fragment."""
        now = float(self.traffic.env.now)
        self._known[member][fragment] = max(self._known[member][fragment], update)
        own = one.own.get(member)
        if own is None:
            return
        served, back = one.pushed[member], event.value
        if served is not None:
            served = Served(served.began_s, served.first_s, back.last_s) if isinstance(back, Served) else None
        own.over(now, served)
        self.traffic.under_way((member,), -1)
        if own.done.callbacks:  # else it does not wait yet, and will see that it is over
            own.done.succeed()
