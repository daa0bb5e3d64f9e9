"""What joins the workers of a run: turns a collective into simulated time, and into bytes on links.

The engine knows a network only by the two protocols below. `IdealNetwork` gives every exchange the published ideal
cost of the narrowest way between its members, whatever else is on the wire; `FlowingNetwork` makes it of flows that
share links (`flows`), by one of the algorithms in `collectives`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import simpy

from .collectives import (
    ALGORITHMS,
    Phase,
    ideal_all_reduce_s,
    ideal_crossing_bytes,
    ideal_scatter_s,
)
from .flows import FlowNetwork
from .ops import Collective
from .rings import best_ring
from .timeline import LinkUse
from .topology import Route, Topology
from .wires import Wire
from .wiring import Wiring

_MOST_SITES_FOR_DIRECT = 32
_MOST_SERVERS_TRIED = 16


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


@dataclass(frozen=True)
class _Constant:
    """A link at its full bandwidth, to try algorithms on."""

    bits_per_s: float

    def capacity_at(self, t_s: float) -> float:
        return self.bits_per_s

    def next_change_s(self, t_s: float) -> float | None:
        return None


class FlowingNetwork:
    """Exchanges between sites are flows on links; inside a site they have their ideal cost.

    Args:
      placement: where the workers are.
      algorithm: a name in `collectives.ALGORITHMS`, or `auto`: the one that is quickest on an idle network.
    """

    def __init__(self, placement: Placement, algorithm: str) -> None:
        self.placement = placement
        self.wiring = Wiring(placement.topology)
        self._algorithm = algorithm
        self._plans: dict[tuple[tuple[int, ...], float], tuple[str, list[Phase]]] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        if len(members) == 1:
            return "ideal"
        name, _ = self.plan(members, payload_bytes)
        return f"auto: {name}" if self._algorithm == "auto" else name

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        return _FlowCarrier(self, env, self.wiring.wires)

    def plan(self, members: tuple[int, ...], payload_bytes: float) -> tuple[str, list[Phase]]:
        """The algorithm for an exchange among some workers, and its phases (by worker)."""
        key = members, payload_bytes
        if key not in self._plans:
            names = [self._algorithm] if self._algorithm != "auto" else self._candidates(len(members))
            plans = [(name, phases) for name in names for phases in self._orders(name, members, payload_bytes)]
            best = plans[0] if len(plans) == 1 else min(plans, key=lambda plan: self.alone_s(plan[1], members))
            self._plans[key] = best
        return self._plans[key]

    def alone_s(self, phases: list[Phase], members: tuple[int, ...]) -> float:
        """How long the phases take on an idle network of full bandwidth [s]."""
        env = simpy.Environment()
        wires = [
            Wire(wire.name, _Constant(bits))
            for wire, bits in zip(self.wiring.wires, self.wiring.capacity_bits_per_s, strict=True)
        ]
        env.process(_FlowCarrier(self, env, wires).run(phases, members))
        env.run()
        return float(env.now)

    @staticmethod
    def _candidates(sites: int) -> list[str]:
        return [name for name in ALGORITHMS if name != "direct" or sites <= _MOST_SITES_FOR_DIRECT]

    def _orders(self, name: str, members: tuple[int, ...], payload_bytes: float) -> list[list[Phase]]:
        """The phases for every order of the members that is worth a try: the best ring, or each server of a star."""
        algorithm = ALGORITHMS[name]
        if name in ("ring", "hierarchical"):
            names = self.placement.names(members)
            order = best_ring(self.placement.topology, names)
            return [algorithm(payload_bytes, [members[names.index(site)] for site in order])]
        if name == "star":
            servers = members[:_MOST_SERVERS_TRIED]
            return [algorithm(payload_bytes, [s, *(m for m in members if m != s)]) for s in servers]
        return [algorithm(payload_bytes, members)]


class _FlowCarrier:
    def __init__(self, network: FlowingNetwork, env: simpy.Environment, wires: Sequence[Wire]) -> None:
        self._network, self._env = network, env
        self._wires = wires
        self._flows = FlowNetwork(env, wires)
        self._inside = IdealNetwork(network.placement)

    def transfer(self, collective: Collective) -> simpy.Event:
        if len(collective.members) == 1:
            return self._env.timeout(self._inside.seconds(collective))
        _, phases = self._network.plan(collective.members, collective.payload_bytes)
        return self._env.process(self.run(phases * collective.count, collective.members))

    def run(self, phases: list[Phase], members: tuple[int, ...]) -> simpy.events.ProcessGenerator:
        """The phases, one after the other."""
        for phase in phases:
            if phase.inside_bytes:
                yield self._env.timeout(max(self._inside_s(phase.inside_bytes, member) for member in members))
            if phase.transfers:
                yield self._together(phase)

    def _inside_s(self, payload_bytes: float, member: int) -> float:
        placement = self._network.placement
        route = placement.topology.narrowest(placement.names([member]))
        return ideal_scatter_s(payload_bytes, placement.chips[member], *route)

    def _together(self, phase: Phase) -> simpy.Event:
        """All transfers of a phase at once; the event fires when the last has arrived."""
        arrived = self._env.event()
        missing = len(phase.transfers)

        def landed(_: simpy.Event) -> None:
            nonlocal missing
            missing -= 1
            if not missing:
                arrived.succeed()

        def on_its_way(latency_s: float) -> Callable[[simpy.Event], None]:
            return lambda _: _then(self._env.timeout(latency_s), landed)

        sites = self._network.placement.sites
        for transfer in phase.transfers:
            way = self._network.wiring.way(sites[transfer.source], sites[transfer.target])
            sent = self._flows.send(
                way.wires, transfer.size_bytes, streams=way.streams, cap_bits_per_s=way.cap_bits_per_s
            )
            _then(sent, on_its_way(phase.rounds * way.latency_s))
        return arrived

    def crossing_bytes(self, collective: Collective) -> float:
        if len(collective.members) == 1:
            return 0.0
        _, phases = self._network.plan(collective.members, collective.payload_bytes)
        return collective.count * math.fsum(t.size_bytes for phase in phases for t in phase.transfers)

    def links(self) -> tuple[LinkUse, ...]:
        capacity = self._network.wiring.capacity_bits_per_s
        return tuple(
            LinkUse(wire.name, bits, use.bits / 8, use.busy_s, use.full_s, use.peak)
            for wire, bits, use in zip(self._wires, capacity, self._flows.use(), strict=True)
        )

    def stalled(self) -> list[str]:
        return self._flows.stalled()


def _then(event: simpy.Event, callback: Callable[[simpy.Event], None]) -> None:
    assert event.callbacks is not None, "the event has not fired yet"
    event.callbacks.append(callback)
