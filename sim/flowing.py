"""Exchanges between sites as flows on shared links, by one of the algorithms in `collectives`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import simpy

from .chunked import ChunkedRing
from .collectives import ALGORITHMS, Phase, Transfer, ideal_scatter_s
from .errors import ReplayError
from .flows import FlowNetwork
from .network import Carrier, IdealNetwork, Placement
from .ops import Collective
from .profile import Profile
from .rings import best_ring
from .timeline import LinkUse
from .wires import Wire
from .wiring import Wiring

_Key = tuple[str, int, int, tuple[int, ...]]
CHUNKED = "chunked-ring"
_WAYS = (True, False)
"""Out of a site and into it."""
_MOST_SITES_FOR_DIRECT = 32
_MOST_SERVERS_TRIED = 16


class FlowingNetwork:
    """Exchanges between sites are flows on links; inside a site they have their ideal cost.

    Args:
      placement: where the workers are.
      algorithm: a name in `collectives.ALGORITHMS`, or `auto`: the one that is quickest on an idle network.
      one_at_a_time: whether exchanges between sites never overlap, on links that never change and have no buckets; the
        same exchange then always takes the same time, and is made of flows only once.
    """

    def __init__(self, placement: Placement, algorithm: str, *, one_at_a_time: bool = False) -> None:
        self.placement = placement
        self.chunked = algorithm == CHUNKED
        """Whether each member of an exchange begins and ends by itself."""
        self._one_at_a_time = one_at_a_time and not self.chunked
        self.wiring = Wiring(placement.topology)
        self._algorithm = algorithm
        self._plans: dict[tuple[tuple[int, ...], float], tuple[str, list[Phase]]] = {}
        self._crossing: dict[tuple[tuple[int, ...], float, bool], float] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        if len(members) == 1:
            return "ideal"
        name, _ = self.plan(members, payload_bytes)
        return f"auto: {name}" if self._algorithm == "auto" else name

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        return _RepeatingCarrier(self, env) if self._one_at_a_time else _FlowCarrier(self, env, self.wiring.wires)

    def plan(self, members: tuple[int, ...], payload_bytes: float) -> tuple[str, list[Phase]]:
        """The algorithm for an exchange among some workers, and its phases (by worker)."""
        key = members, payload_bytes
        if key not in self._plans:
            names = [self._algorithm] if self._algorithm != "auto" else self._candidates(len(members))
            plans = [(name, phases) for name in names for phases in self._orders(name, members, payload_bytes)]
            best = plans[0] if len(plans) == 1 else min(plans, key=lambda plan: self.alone(plan[1], members)[0])
            self._plans[key] = best
        return self._plans[key]

    def alone(self, phases: list[Phase], members: tuple[int, ...]) -> tuple[float, tuple[LinkUse, ...]]:
        """How long an exchange takes on an idle network of full bandwidth [s], and what its links then have carried."""
        env = simpy.Environment()
        wires = [
            Wire(wire.name, Profile((0.0,), (bits * self.wiring.payload_share,)), wire.burst_bits)
            for wire, bits in zip(self.wiring.wires, self.wiring.capacity_bits_per_s, strict=True)
        ]
        carrier = _FlowCarrier(self, env, wires)
        env.process(carrier.run(phases, members))
        env.run()
        return float(env.now), carrier.links()

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends out of all its sites together [byte]."""
        if len(collective.touches) == 1:
            return 0.0
        key = collective.touches, collective.payload_bytes, collective.source is None
        if key not in self._crossing:
            phases = self.phases(collective)
            self._crossing[key] = math.fsum(t.size_bytes for phase in phases for t in phase.transfers)
        return collective.count * self._crossing[key]

    def phases(self, collective: Collective) -> list[Phase]:
        """What an exchange between sites is made of."""
        if collective.source is not None and collective.target is not None:
            return [Phase((Transfer(collective.source, collective.target, collective.payload_bytes),))]
        return self.plan(collective.members, collective.payload_bytes)[1]

    def idle_links(self) -> Iterator[LinkUse]:
        """All links, having carried nothing."""
        for wire, bits in zip(self.wiring.wires, self.wiring.capacity_bits_per_s, strict=True):
            yield LinkUse(wire.name, bits, bits * self.wiring.payload_share, 0.0, 0.0, 0.0, 0.0)

    @staticmethod
    def _candidates(sites: int) -> list[str]:
        left_out = {CHUNKED} if sites <= _MOST_SITES_FOR_DIRECT else {CHUNKED, "direct"}
        return [name for name in ALGORITHMS if name not in left_out]

    def _orders(self, name: str, members: tuple[int, ...], payload_bytes: float) -> list[list[Phase]]:
        """The phases for every order of the members that is worth a try.

        A ring: the one whose narrowest hop is widest, and the order as given. A star: each of the first servers.
        """
        algorithm = ALGORITHMS[name]
        if name in ("ring", CHUNKED, "hierarchical"):
            names = self.placement.names(members)
            best = [members[names.index(site)] for site in best_ring(self.placement.topology, names)]
            return [algorithm(payload_bytes, order) for order in (best, members)]
        if name == "star":
            servers = members[:_MOST_SERVERS_TRIED]
            return [algorithm(payload_bytes, [s, *(m for m in members if m != s)]) for s in servers]
        return [algorithm(payload_bytes, members)]


class _FlowCarrier:
    """Flows on shared wires; of the exchanges of a site each begins when the one before it is over."""

    def __init__(self, network: FlowingNetwork, env: simpy.Environment, wires: Sequence[Wire]) -> None:
        self._network, self._env = network, env
        self._wires = wires
        self._last: dict[tuple[int, bool], simpy.Event] = {}
        self._rings: dict[_Key, tuple[ChunkedRing, int]] = {}  # and how many members are still to come
        self._flows = FlowNetwork(env, wires)
        self._inside = IdealNetwork(network.placement)

    def transfer(self, collective: Collective) -> simpy.Event:
        if len(collective.touches) == 1:
            return self._env.timeout(self._inside.seconds(collective))
        both, phases = collective.touches, self._network.phases(collective)
        if collective.source is not None:
            return self._in_turn([(both[0], True), (both[1], False)], self.run(phases, both, collective.count))
        return self._in_turn([(w, out) for w in both for out in _WAYS], self.run(phases, both, collective.count))

    def enter(self, collective: Collective, member: int) -> simpy.Event | None:
        if not self._network.chunked or len(collective.members) == 1 or collective.quorum is not None:
            return None
        key = collective.name, collective.index, collective.part, collective.members
        ring, missing = self._rings.pop(key) if key in self._rings else (self._ring(collective), len(key[-1]))
        if missing > 1:
            self._rings[key] = ring, missing - 1
        return self._in_turn([(member, out) for out in _WAYS], ring.member(member))

    def _in_turn(self, ports: Sequence[tuple[int, bool]], work: simpy.events.ProcessGenerator) -> simpy.Event:
        """Begins when all ports are free, and has them until it is over."""
        before = dict.fromkeys(
            self._last[port] for port in ports if port in self._last and not self._last[port].processed
        )

        def turn() -> simpy.events.ProcessGenerator:
            yield from before
            yield from work

        done = self._env.process(turn() if before else work)
        self._last.update(dict.fromkeys(ports, done))
        return done

    def _ring(self, collective: Collective) -> ChunkedRing:
        (phase,) = self._network.phases(collective)
        transport = self._network.placement.topology.transport
        return ChunkedRing(
            self._env,
            self._send,
            [transfer.source for transfer in phase.transfers],
            collective.payload_bytes,
            count=collective.count,
            overhead_s=transport.exchange_overhead_s,
            buffer_bytes=transport.send_buffer_bytes,
        )

    def run(self, phases: list[Phase], members: tuple[int, ...], count: int = 1) -> simpy.events.ProcessGenerator:
        """So many exchanges in a row, each phase by phase."""
        overhead_s = self._network.placement.topology.transport.exchange_overhead_s
        for _ in range(count):
            if overhead_s:
                yield self._env.timeout(overhead_s)
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

        for transfer in phase.transfers:
            sent, latency_s = self._send(transfer.source, transfer.target, transfer.size_bytes)
            _then(sent, on_its_way(phase.rounds * latency_s))
        return arrived

    def _send(self, source: int, target: int, size_bytes: float) -> tuple[simpy.Event, float]:
        """A flow from one worker to another: fires when its last bit has left; and its latency [s]."""
        sites = self._network.placement.sites
        way = self._network.wiring.way(sites[source], sites[target])
        left = self._flows.send(way.wires, size_bytes, streams=way.streams, cap_bits_per_s=way.cap_bits_per_s)
        return left, way.latency_s

    def crossing_bytes(self, collective: Collective) -> float:
        return self._network.crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        links = zip(self._network.idle_links(), self._flows.use(), strict=True)
        return tuple(LinkUse(*link[:3], use.bits / 8, use.busy_s, use.full_s, use.peak) for link, use in links)

    def stalled(self) -> list[str]:
        return self._flows.stalled()


class _RepeatingCarrier:
    """One exchange between sites at a time: each is tried out on an idle network once, and then only repeated."""

    def __init__(self, network: FlowingNetwork, env: simpy.Environment) -> None:
        self._network, self._env = network, env
        self._inside = IdealNetwork(network.placement)
        self._tried: dict[tuple[tuple[int, ...], float], tuple[float, tuple[LinkUse, ...]]] = {}
        self._times: Counter[tuple[tuple[int, ...], float]] = Counter()
        self._under_way = 0

    def transfer(self, collective: Collective) -> simpy.Event:
        if len(collective.touches) == 1:
            return self._env.timeout(self._inside.seconds(collective))
        if self._under_way:
            raise ReplayError("two exchanges between sites at once, on a network that was promised one at a time")
        key = collective.members, collective.payload_bytes
        if key not in self._tried:
            self._tried[key] = self._network.alone(self._network.plan(*key)[1], collective.members)
        self._times[key] += collective.count
        self._under_way += 1
        done = self._env.timeout(collective.count * self._tried[key][0])
        _then(done, self._over)
        return done

    def _over(self, _: simpy.Event) -> None:
        self._under_way -= 1

    def enter(self, collective: Collective, member: int) -> simpy.Event | None:
        return None

    def crossing_bytes(self, collective: Collective) -> float:
        return self._network.crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        uses = list(self._network.idle_links())
        for key, times in self._times.items():
            uses = [total.plus(once, times) for total, once in zip(uses, self._tried[key][1], strict=True)]
        return tuple(uses)

    def stalled(self) -> list[str]:
        return []


def _then(event: simpy.Event, callback: Callable[[simpy.Event], None]) -> None:
    assert event.callbacks is not None, "the event has not fired yet"
    event.callbacks.append(callback)
