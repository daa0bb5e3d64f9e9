"""What joins the workers of a run: turns a collective into simulated time, and into bytes on links.

The engine knows a network only by the two protocols below. `IdealNetwork` gives every exchange the published ideal
cost of the narrowest way between its members, whatever else is on the wire; `FlowingNetwork` (`flowing`) makes it of
flows that share links.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import simpy

from .collectives import ideal_all_reduce_s, ideal_crossing_bytes
from .ops import Collective
from .timeline import LinkUse
from .topology import Route, Topology


class Carrier(Protocol):
    """A network at work in one replay."""

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
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
    """Every exchange at its ideal cost, without contention."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._costs: dict[tuple[tuple[int, ...], float], tuple[float, float]] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        return "ideal"

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        return _IdealCarrier(self, env)

    def seconds(self, collective: Collective) -> float:
        """How long the collective takes, as often as it stands for [s]."""
        return collective.count * self.cost(collective)[0]

    def cost(self, collective: Collective) -> tuple[float, float]:
        """Seconds and crossing bytes of a single such exchange."""
        key = collective.members, collective.payload_bytes
        if key not in self._costs:
            route: Route = self._placement.topology.narrowest(self._placement.names(collective.members))
            peers = self._placement.peers(collective.members)
            self._costs[key] = (
                ideal_all_reduce_s(collective.payload_bytes, peers, *route),
                ideal_crossing_bytes(collective.payload_bytes, peers, len(collective.members)),
            )
        return self._costs[key]


class _IdealCarrier:
    def __init__(self, network: IdealNetwork, env: simpy.Environment) -> None:
        self._network, self._env = network, env

    def transfer(self, collective: Collective) -> simpy.Event:
        return self._env.timeout(self._network.seconds(collective))

    def crossing_bytes(self, collective: Collective) -> float:
        return collective.count * self._network.cost(collective)[1]

    def links(self) -> tuple[LinkUse, ...]:
        return ()

    def stalled(self) -> list[str]:
        return []
