"""A join without a barrier: members hand in when they are ready, and a *syncer* merges whoever is there.

The syncer is beside one of the workers, and keeps the parameters in fragments. Who is in which exchange says
`sim/merging.py`; who is early waits for its exchange only when its next hand-in is due.

An exchange fetches a fragment from each member that is in it, all at once, and then sends the merged fragment to all
members, so that who was not in it has it, too.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from functools import partial

import simpy

from ..merging import Merge, Merges, fragment_of
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
      merge: its number, and who is in it.
      opened_s: when its first member came [s].
      own: the exchange as each of its members sees it.
      pushed: how the push of each of them went.
    """

    merge: Merge
    opened_s: float
    own: dict[int, Exchange] = field(default_factory=dict)
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
        self._merges = Merges(self._members, syncer.times, syncer.quorum, syncer.closing)
        self._rounds: dict[int, _Round] = {}
        """The exchanges that have not begun, by their numbers."""
        self._early: dict[int, Exchange] = {}
        """What the hand-in of who is early is for."""
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
        before = self._newest.get(worker)
        own = self._early.get(worker) or Exchange(self.traffic.env.event(), [], sites=2)
        self._newest[worker] = self._early[worker] = own
        coming = self._merges.hand_in(worker)
        if coming is None:
            return before or own
        now = float(self.traffic.env.now)
        here = self._rounds.setdefault(coming.merge.number, _Round(coming.merge, now))
        for member in coming.new:
            here.own[member] = self._early.pop(member)
            here.own[member].joined = coming.merge.joined
        if coming.quorate:
            grace_s = max(0.0, self._syncer.margin * (self._syncer.slack_s - (now - here.opened_s)))
            self.traffic.after(self.traffic.env.timeout(grace_s), lambda _: self._begin(here, collective))
        for merge in self._merges.complete():
            self._begin(self._rounds[merge.number], collective)
        return own

    def _begin(self, one: _Round, collective: Collective) -> None:
        if not self._merges.begin(one.merge):
            return
        del self._rounds[one.merge.number]
        fragment = fragment_of(one.merge.number, self._syncer.fragments)
        for member in one.merge.joined:
            self.traffic.tallies[member].merged(self._updates[fragment] - self._known[member][fragment])
        self._updates[fragment] += 1
        for member, own in one.own.items():
            own.begin_s = float(self.traffic.env.now)
            own.shown = self.traffic.show(replace(collective, index=one.merge.number, part=fragment), (member,))
        self.traffic.under_way(one.merge.joined, 1)
        self.traffic.env.process(self._exchange(one, fragment, collective))

    def _exchange(self, one: _Round, fragment: int, like: Collective) -> Generator[simpy.Event, object, None]:
        """Pushes of all who are in it, at once; the merge; pulls of all members, at once."""
        update, env = self._updates[fragment], self.traffic.env
        own = replace(like, index=one.merge.number, part=fragment, join=None, batch=f"there {one.merge.number}")
        pushes = [self._send(replace(own, members=(m,), source=m, target=self._place), m) for m in one.merge.joined]
        for member, push in zip(one.merge.joined, pushes, strict=True):
            self.traffic.after(push, partial(self._pushed, one, member))
        yield env.all_of(pushes)
        own = replace(own, batch=f"back {one.merge.number}")
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
