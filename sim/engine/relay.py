"""A join through a server below another one: members push to it, and do not wait while it exchanges with that above.

A server counts the pushes that it has merged. After every so many it sends its parameters to the server above, and
gets the ones there back; meanwhile it merges on and answers its members. It counts anew from when it has them, so that
no two of its exchanges with the server above are under way at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import simpy

from .joins import Exchange, Meeting
from .ops import Collective, Worker
from .traffic import Traffic, UnderWay


@dataclass(frozen=True, slots=True)
class Relay:
    """Members push to the server beside the `target` of the collective.

    Attributes:
      every: pushes that it merges before it exchanges with the server above.
      above: where that one is, in workers after the target; 0: beside it, where their exchanges take no time.
      pushes: how many there are in the whole run.
    """

    every: int
    above: int
    pushes: int

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one push is made."""
        return _Push(traffic, collective, self)


@dataclass(frozen=True, slots=True)
class Settled:
    """Who made the last push to the server beside the `source` waits until that above has it and has answered."""

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one member asks for it; whoever did not make the last push goes on at once."""
        return _Question(traffic, collective)


@dataclass(slots=True)
class _Server:
    """A server in one replay.

    Attributes:
      traffic: of the replay.
      relay: how often it exchanges with the server above.
      place: the worker in whose datacenter it is.
      size_bytes: what it sends, and gets back [byte].
      merged: pushes that it has merged.
      heard: how many of them when it last heard from above.
      sent: how many of them were in what it last sent there.
      last: who made the last of them.
      exchanges: with the server above, begun so far.
      under_way: whether one of them is.
      asking: what to do when nothing is left to send.
    """

    traffic: Traffic
    relay: Relay
    place: Worker
    size_bytes: float
    merged: int = 0
    heard: int = 0
    sent: int = 0
    last: Worker = -1
    exchanges: int = 0
    under_way: bool = False
    asking: list[Callable[[], None]] = field(default_factory=list)

    def merge(self, worker: Worker) -> None:
        """A push has arrived."""
        self.merged, self.last = self.merged + 1, worker
        if not self.under_way and self.merged - self.heard >= self.relay.every:
            self._exchange()

    def when_settled(self, worker: Worker, then: Callable[[], None]) -> None:
        """Calls a function when all that was pushed has gone up, for who made the last push; else at once."""
        if self.merged < self.relay.pushes or worker != self.last:
            then()
            return
        self.asking.append(then)
        if not self.under_way:
            self._settle()

    def _settle(self) -> None:
        if self.asking and self.sent < self.merged:
            self._exchange()
        elif self.asking:
            then = self.asking.pop()
            then()

    def _exchange(self) -> None:
        self.sent, self.under_way = self.merged, True
        if not self.relay.above:
            self._heard_of()
            return
        there, number = self.place + self.relay.above, self.exchanges
        self.exchanges += 1
        up, down = (
            Collective("global", number, (self.place,), self.size_bytes, source=source, target=target, stream=True)
            for source, target in ((self.place, there), (there, self.place))
        )
        self.traffic.under_way((self.place,), 1)
        arrived = self._send(up)

        def answer(_: simpy.Event) -> None:
            _over(arrived[1], self.traffic)
            back = self._send(down)
            self.traffic.after(back[0], lambda _: self._answered(back[1]))

        self.traffic.after(arrived[0], answer)

    def _send(self, one: Collective) -> tuple[simpy.Event, UnderWay | None]:
        self.traffic.hand_over(-1, one, self.traffic.carrier.crossing_bytes(one))
        return self.traffic.transfer(one, self.place), self.traffic.show(one, (self.place,))

    def _answered(self, shown: UnderWay | None) -> None:
        _over(shown, self.traffic)
        self.traffic.under_way((self.place,), -1)
        self._heard_of()

    def _heard_of(self) -> None:
        self.under_way, self.heard = False, self.merged
        self._settle()


def _over(shown: UnderWay | None, traffic: Traffic) -> None:
    if shown is not None:
        shown.end_s = float(traffic.env.now)


class _Push(Meeting):
    """A transfer to the server, which merges it when it arrives."""

    def __init__(self, traffic: Traffic, collective: Collective, relay: Relay) -> None:
        super().__init__(traffic, collective)
        assert collective.target is not None, "a push goes to a server"
        place = collective.target
        server = traffic.shared.setdefault((place,), _Server(traffic, relay, place, collective.payload_bytes))
        assert isinstance(server, _Server), "a server is the only one at its place"
        self._server = server
        self._shared = Exchange(traffic.env.event(), self.joined, sites=len(collective.touches))

    def enter(self, worker: int) -> None:
        self.arrive(worker)
        self._shared.begin_s = float(self.traffic.env.now)
        transfer = self.traffic.transfer(self.collective, worker)
        self._shared.shown = self.traffic.show(self.collective, (worker,))
        self.traffic.under_way((worker,), 1)
        self.traffic.after(transfer, self._arrived)

    def _arrived(self, event: simpy.Event) -> None:
        self._shared.over(float(self.traffic.env.now), event.value)
        self.traffic.under_way(self.joined, -1)
        self._server.merge(self.joined[0])
        if self._shared.done.callbacks:  # else it does not wait yet, and will see that it is over
            self._shared.done.succeed()

    def exchange_of(self, worker: int) -> Exchange:
        return self._shared


class _Question(Meeting):
    """One member asks for what `Settled` says."""

    def __init__(self, traffic: Traffic, collective: Collective) -> None:
        self.traffic, self.collective, self.left = traffic, collective, 0
        assert collective.source is not None, "what is settled is at a server"
        server = traffic.shared[collective.source,]
        assert isinstance(server, _Server), "who asks a server has pushed to it"
        self._server = server
        now_s = float(traffic.env.now)
        self._own = Exchange(traffic.env.event(), [], begin_s=now_s, sites=2)

    def enter(self, worker: int) -> None:
        self._own.joined = [worker]
        self._server.when_settled(worker, self._settled)

    def _settled(self) -> None:
        self._own.over(float(self.traffic.env.now), None)
        if self._own.done.callbacks:  # else it goes on without having waited
            self._own.done.succeed()

    def exchange_of(self, worker: int) -> Exchange:
        return self._own
