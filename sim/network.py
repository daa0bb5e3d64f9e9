"""What joins the workers of a run: turns a collective into simulated time, and into bytes on links.

The engine knows a network only by the two protocols below. `IdealNetwork` gives every exchange the published ideal
cost of the narrowest way between its members; `FlowingNetwork` (`flowing`) makes it of flows that share links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import simpy

from .collectives import ideal_all_reduce_s, ideal_crossing_bytes, ideal_scatter_s, one_way_s
from .ops import Collective
from .timeline import LinkUse
from .topology import Route, Topology


class Carrier(Protocol):
    """A network at work in one replay."""

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        ...

    def enter(self, collective: Collective, member: int) -> simpy.Event | None:
        """Lets a member begin by itself; the event fires when it has its result. None: all begin and end together."""
        ...

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends out of all its sites together [byte]."""
        ...

    def links(self) -> tuple[LinkUse, ...]:
        """What every link has carried so far."""
        ...

    def stalled(self) -> list[str]:
        """Links that carry nothing although something waits for them."""
        ...


class Network(Protocol):
    """How the engine sees a network."""

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        ...

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        ...


@dataclass(frozen=True)
class Placement:
    """Where the workers are.

    Attributes:
      topology: the sites and links.
      sites: the datacenter of each worker.
      chips: how many chips each worker has there.
    """

    topology: Topology
    sites: tuple[str, ...]
    chips: tuple[float, ...]

    def names(self, members: Sequence[int]) -> tuple[str, ...]:
        """The datacenters of some workers."""
        return tuple(self.sites[member] for member in members)

    def peers(self, members: Sequence[int]) -> float:
        """The chips of some workers together."""
        return sum(self.chips[member] for member in members)


class IdealNetwork:
    """Every exchange at its ideal cost; those of a site go one after the other, in the order in which they begin.

    A datacenter sends to the others, and receives from them, one exchange at a time. The latency holds nobody up: the
    next exchange begins when the last bit has left. Inside a datacenter nothing waits.

    Args:
      placement: where the workers are.
      busy_s: how long the ways between all of them are taken by something else in the beginning [s].
    """

    def __init__(self, placement: Placement, *, busy_s: float = 0.0) -> None:
        self.placement, self.busy_s = placement, busy_s
        self._costs: dict[tuple[tuple[int, ...], bool, float], tuple[float, float, float]] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        return "ideal"

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        return _IdealCarrier(self, env)

    def seconds(self, collective: Collective) -> float:
        """How long the collective takes, as often as it stands for, less what runs behind counted compute [s]."""
        return collective.count * (self.cost(collective)[0] - collective.behind_s)

    def cost(self, collective: Collective) -> tuple[float, float, float]:
        """Seconds, the latency in them, and crossing bytes of a single such exchange."""
        one_way = collective.source is not None
        key = collective.touches, one_way, collective.payload_bytes
        if key not in self._costs:
            self._costs[key] = self._cost(collective.touches, one_way, collective.payload_bytes)
        return self._costs[key]

    def _cost(self, touches: tuple[int, ...], one_way: bool, payload_bytes: float) -> tuple[float, float, float]:
        route: Route = self.placement.topology.narrowest(self.placement.names(touches))
        peers = self.placement.peers(touches)
        if one_way and len(touches) > 1:
            return one_way_s(payload_bytes, *route), route.latency_s, payload_bytes
        if one_way:  # to or from a server in the same datacenter
            return ideal_scatter_s(payload_bytes, peers, *route), 0.0, 0.0
        return (
            ideal_all_reduce_s(payload_bytes, peers, *route),
            route.latency_s if peers > 1 else 0.0,
            ideal_crossing_bytes(payload_bytes, peers, len(touches)),
        )


class _IdealCarrier:
    def __init__(self, network: IdealNetwork, env: simpy.Environment) -> None:
        self._network, self._env = network, env
        self._out_s: dict[int, float] = {}
        self._in_s: dict[int, float] = {}

    def transfer(self, collective: Collective) -> simpy.Event:
        seconds = self._network.seconds(collective)
        if len(collective.touches) == 1:
            return self._env.timeout(seconds)
        out, into = collective.touches, collective.touches
        if collective.source is not None:
            out, into = out[:1], into[1:]
        now, first_s = self._env.now, self._network.busy_s
        free_s = max(now, *(self._out_s.get(w, first_s) for w in out), *(self._in_s.get(w, first_s) for w in into))
        left_s = free_s + seconds - self._network.cost(collective)[1]
        self._out_s.update(dict.fromkeys(out, left_s))
        self._in_s.update(dict.fromkeys(into, left_s))
        return self._env.timeout(free_s - now + seconds)

    def enter(self, collective: Collective, member: int) -> simpy.Event | None:
        return None

    def crossing_bytes(self, collective: Collective) -> float:
        return collective.count * self._network.cost(collective)[2]

    def links(self) -> tuple[LinkUse, ...]:
        return ()

    def stalled(self) -> list[str]:
        return []
