"""What joins the workers of a run: turns a collective into simulated time and bytes on links.

The engine knows a network only by the protocol below; `IdealNetwork` gives every exchange the published ideal
cost of the narrowest way between its members, whatever else is on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import simpy

from .collectives import ideal_all_reduce_s, ideal_crossing_bytes
from .ops import Collective
from .topology import Route, Topology


class Network(Protocol):
    """How the engine sees a network."""

    def transfer(self, env: simpy.Environment, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        ...

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends across datacenter boundaries, all sites together [byte]."""
        ...


class IdealNetwork:
    """Every exchange at its ideal cost, without contention.

    Args:
      topology: where the workers are.
      sites: the datacenter of each worker.
      chips: how many chips each worker has there.
    """

    def __init__(self, topology: Topology, sites: Sequence[str], chips: Sequence[float]) -> None:
        self._topology = topology
        self._sites = tuple(sites)
        self._chips = tuple(chips)
        self._ways: dict[tuple[int, ...], tuple[Route, float]] = {}

    def way(self, members: tuple[int, ...]) -> tuple[Route, float]:
        """The route that an exchange among the members can count on, and how many chips they have."""
        if members not in self._ways:
            route = self._topology.narrowest(tuple(self._sites[member] for member in members))
            self._ways[members] = route, sum(self._chips[member] for member in members)
        return self._ways[members]

    def seconds(self, collective: Collective) -> float:
        """Ideal time of the collective [s]."""
        route, peers = self.way(collective.members)
        return collective.count * ideal_all_reduce_s(collective.payload_bytes, peers, *route)

    def transfer(self, env: simpy.Environment, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        return env.timeout(self.seconds(collective))

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends across datacenter boundaries, all sites together [byte]."""
        _, peers = self.way(collective.members)
        once = ideal_crossing_bytes(collective.payload_bytes, peers, len(collective.members))
        return collective.count * once
