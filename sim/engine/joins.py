"""How the members of a collective come together: all at a barrier, a quorum without the rest, or each by itself.

An op names one of the joins by holding it; the interpreter knows none. A join makes a *meeting* of one collective in
one replay: members enter it, and each of them then waits for an *exchange* as it sees it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import simpy

from .ops import Collective
from .ports import Served
from .traffic import Traffic, UnderWay


class Part(NamedTuple):
    """A part of the time for which somebody stood still for an exchange.

    Attributes:
      where: the exchange was `queued` behind others of the same site, or was at work `inside` the sites, or `across`.
      start_s, end_s: when [s].
    """

    where: Literal["queued", "inside", "across"]
    start_s: float
    end_s: float


@dataclass(slots=True)
class Exchange:
    """An exchange as those see it who wait for it.

    Attributes:
      done: fires when they have the result.
      joined: the workers who make it, in the order in which they came.
      begin_s: when it could begin, as all were there who had to be [s].
      end_s: when the result was there [s].
      served: how the network then made it.
      sites: how many it is among.
      shown: what those see of it who look on at the replay, if anybody does.
    """

    done: simpy.Event
    joined: list[int]
    begin_s: float | None = None
    end_s: float | None = None
    served: Served | None = None
    sites: int = 1
    shown: UnderWay | None = None

    def inside_s(self, now_s: float, exposed_s: float) -> float:
        """How much of its last `exposed_s`, which somebody stood still for, was at work inside a site [s]."""
        if self.sites == 1:
            return exposed_s
        if self.served is None:
            return 0.0
        began_s, first_s, last_s = self.served
        shown_s = min(max(0.0, began_s + first_s - (now_s - exposed_s)), first_s)
        return shown_s + min(exposed_s, last_s)

    def parts(self, start_s: float, now_s: float) -> Iterator[Part]:
        """Where it was at work while somebody stood still for it, from `start_s` until now.

        What is `inside` comes to `inside_s`.
        """
        if self.sites == 1:
            yield Part("inside", start_s, now_s)
        elif self.served is None:
            yield Part("across", start_s, now_s)
        else:
            began_s, first_s, last_s = self.served
            turn_s = min(max(start_s, began_s), now_s)
            out_s = min(max(start_s, began_s + first_s), now_s)
            back_s = max(out_s, now_s - last_s)
            yield Part("queued", start_s, turn_s)
            yield Part("inside", turn_s, out_s)
            yield Part("across", out_s, back_s)
            yield Part("inside", back_s, now_s)

    def over(self, now_s: float, result: object) -> None:
        """The result is there."""
        self.end_s = now_s
        if self.shown is not None:
            self.shown.end_s = now_s
        self.served = result if isinstance(result, Served) else None


class Meeting(ABC):
    """One collective in one replay. Its members enter it one by one, and each leaves it when it has the result."""

    def __init__(self, traffic: Traffic, collective: Collective) -> None:
        self.traffic, self.collective = traffic, collective
        self.crossing_bytes = traffic.carrier.crossing_bytes(collective)
        self.joined: list[int] = []
        self.left = 0

    @abstractmethod
    def enter(self, worker: int) -> None:
        """One more member has come."""

    @abstractmethod
    def exchange_of(self, worker: int) -> Exchange:
        """What a member that has entered waits for."""

    def arrive(self, worker: int) -> bool:
        """A member hands over what it has. Returns whether it was the last member to come."""
        self.traffic.hand_over(worker, self.collective, self.crossing_bytes)
        self.joined.append(worker)
        return len(self.joined) == len(self.collective.members)

    def leave(self) -> bool:
        """A member has the result and goes. Returns whether it was the last member to go."""
        self.left += 1
        return self.left == len(self.collective.members)


@dataclass(frozen=True, slots=True)
class Barrier:
    """All members wait for the last of them; on some networks each then begins and ends by itself."""

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one collective comes together."""
        enter = traffic.carrier.apart(collective)
        return _AtABarrier(traffic, collective) if enter is None else _Apart(traffic, collective, enter)


@dataclass(frozen=True, slots=True)
class Quorum:
    """Some members are enough; who comes later catches up with one who was there.

    Attributes:
      members: how many of them must be there.
      grace_s: how long they then still wait for the rest [s].
    """

    members: int
    grace_s: float = 0.0

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one collective comes together."""
        return _AsAQuorum(traffic, collective, self)


_ALL = Barrier()


def meet(traffic: Traffic, collective: Collective) -> Meeting:
    """Where a collective comes together: as it says, else at a barrier."""
    return (collective.join or _ALL).meeting(traffic, collective)


class _AtABarrier(Meeting):
    """A transfer that begins with the last member and ends for all of them at once."""

    def __init__(self, traffic: Traffic, collective: Collective) -> None:
        super().__init__(traffic, collective)
        self._shared = Exchange(traffic.env.event(), self.joined)

    def enter(self, worker: int) -> None:
        if not self.arrive(worker):
            return
        transfer = _begin(self.traffic, self._shared, self.collective)
        if len(self.collective.members) == 1:
            # nobody waits yet, so the transfer itself can be waited for: half the events of an inner round
            self._shared.done = transfer
            self.traffic.after(transfer, lambda event: _end(self.traffic, self._shared, event))
        else:
            self.traffic.after(transfer, lambda event: _tell(self.traffic, self._shared, event))

    def exchange_of(self, worker: int) -> Exchange:
        return self._shared


class _AsAQuorum(Meeting):
    """A transfer among those who are there when the grace of the quorum is over, or when all have come."""

    def __init__(self, traffic: Traffic, collective: Collective, quorum: Quorum) -> None:
        super().__init__(traffic, collective)
        self._quorum = quorum
        self._shared = Exchange(traffic.env.event(), self.joined)
        self._late: dict[int, Exchange] = {}

    def enter(self, worker: int) -> None:
        if self._shared.begin_s is not None:
            self._late[worker] = _catch_up(self.traffic, worker, self.collective, self._shared)
        elif self.arrive(worker):
            self._begin()
        elif len(self.joined) == self._quorum.members:
            self.traffic.after(self.traffic.env.timeout(self._quorum.grace_s), self._grace_over)

    def exchange_of(self, worker: int) -> Exchange:
        return self._late.get(worker, self._shared)

    def _grace_over(self, _: simpy.Event) -> None:
        if self._shared.begin_s is None:
            self._begin()

    def _begin(self) -> None:
        self.traffic.merge(self.joined, self.collective.members)
        present = replace(self.collective, members=tuple(sorted(self.joined)))
        transfer = _begin(self.traffic, self._shared, present)
        self.traffic.after(transfer, lambda event: _tell(self.traffic, self._shared, event))


class _Apart(Meeting):
    """Each member begins when it comes and goes on with its own result; nobody is done before all have come."""

    def __init__(self, traffic: Traffic, collective: Collective, begin: Callable[[int], simpy.Event]) -> None:
        super().__init__(traffic, collective)
        self._begin_alone = begin
        self._own: dict[int, Exchange] = {}

    def enter(self, worker: int) -> None:
        all_there = self.arrive(worker)
        done, members = self._begin_alone(worker), self.collective.members
        own = self._own[worker] = Exchange(done, self.joined, sites=len(members))
        self.traffic.after(done, lambda event: _end(self.traffic, own, event, (worker,)))
        if all_there:
            self.traffic.tallies[members[0]].crossing += self.crossing_bytes
            for member, each in self._own.items():
                each.begin_s = self.traffic.env.now
                each.shown = self.traffic.show(self.collective, (member,))
            self.traffic.under_way(list(self._own), 1)

    def exchange_of(self, worker: int) -> Exchange:
        return self._own[worker]


def _begin(traffic: Traffic, exchange: Exchange, collective: Collective) -> simpy.Event:
    """The transfer starts now, among those who have joined."""
    exchange.begin_s = traffic.env.now
    exchange.sites = len(collective.touches)
    transfer = traffic.transfer(collective, collective.members[0])
    exchange.shown = traffic.show(collective, exchange.joined)
    traffic.under_way(exchange.joined, 1)
    return transfer


def _end(traffic: Traffic, exchange: Exchange, event: simpy.Event, workers: tuple[int, ...] = ()) -> None:
    """The transfer is over, for some workers or for all who joined."""
    exchange.over(traffic.env.now, event.value)
    traffic.under_way(workers or exchange.joined, -1)


def _tell(traffic: Traffic, exchange: Exchange, event: simpy.Event) -> None:
    """The transfer is over, and whoever waits for it goes on."""
    _end(traffic, exchange, event)
    if exchange.done.callbacks:  # else whoever comes later sees that it is over
        exchange.done.succeed()


def _catch_up(traffic: Traffic, worker: int, collective: Collective, missed: Exchange) -> Exchange:
    """A member that came too late hands its change to the first of the others, and gets the sum from it."""
    env, tally, server = traffic.env, traffic.tallies[worker], missed.joined[0]
    tally.late += 1
    traffic.merge([worker], collective.members)
    own = Exchange(env.event(), [worker], begin_s=env.now, sites=2)
    push, pull = (
        replace(collective, members=(worker,), source=source, target=target, join=None)
        for source, target in ((worker, server), (server, worker))
    )
    for one in (push, pull):
        traffic.hand_over(worker, one, traffic.carrier.crossing_bytes(one))
    tally.at(env.now, under_way=1)
    own.shown = traffic.show(collective, (worker,))

    def go() -> Generator[simpy.Event, object, None]:
        if missed.end_s is None:
            yield missed.done
        there = yield traffic.transfer(push, worker)
        back = yield traffic.transfer(pull, worker)
        served = None
        if isinstance(there, Served) and isinstance(back, Served):
            served = Served(there.began_s, there.first_s, back.last_s)
        own.over(env.now, served)
        tally.at(env.now, under_way=-1)

    own.done = env.process(go())
    return own
