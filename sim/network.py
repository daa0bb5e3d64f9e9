"""What joins the workers of a run: turns a collective into simulated time, and into bytes on links.

The engine knows a network only by the two protocols below. `IdealNetwork` gives every exchange the published cost of
the narrowest way between its members; `FlowingNetwork` (`flowing`) makes it of flows that share links.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import simpy

from .collectives import ideal_all_reduce_s, ideal_crossing_bytes, ideal_scatter_s, one_way_s
from .ops import Collective
from .timeline import LinkUse
from .topology import PUBLISHED, Route, Topology


class Served(NamedTuple):
    """How an exchange between sites went.

    Attributes:
      began_s: when the network turned to it, which may be after all had come: those of a site queue [s].
      first_s, last_s: how long it was at work inside the sites, in its beginning and in its end [s].
    """

    began_s: float
    first_s: float
    last_s: float


class Carrier(Protocol):
    """A network at work in one replay."""

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result.

        Its value, if any, says how it was `Served`.
        """
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
      jobs: which of several jobs that run together each worker belongs to; empty: there is one.
    """

    topology: Topology
    sites: tuple[str, ...]
    chips: tuple[float, ...]
    jobs: tuple[int, ...] = ()

    def names(self, members: Sequence[int]) -> tuple[str, ...]:
        """The datacenters of some workers."""
        return tuple(self.sites[member] for member in members)

    def peers(self, members: Sequence[int]) -> float:
        """The chips of some workers together."""
        return sum(self.chips[member] for member in members)

    def job(self, worker: int) -> int:
        """The job that a worker belongs to; those of different jobs do not take turns."""
        return self.jobs[worker] if self.jobs else 0

    def scatter_s(self, worker: int, payload_bytes: float) -> float:
        """A reduce-scatter, or an all-gather, among the chips of a worker [s]."""
        return ideal_scatter_s(payload_bytes, self.chips[worker], *self.topology.narrowest((self.sites[worker],)))


def published_route(topology: Topology, sites: Sequence[str], chips: Sequence[float]) -> Route:
    """What the published formula counts on: the narrowest way between the sites, or inside one where that is narrower.

    Its ring goes through every chip, so a site of several chips passes on no more than they do among themselves.

    Args:
      topology: the sites and links.
      sites: who takes part; a single one exchanges inside itself.
      chips: how many each of them has.
    """
    route = topology.narrowest(tuple(sites))
    if len(sites) == 1:
        return route
    inside = [
        topology.narrowest((site,)).bandwidth_bits_per_s for site, count in zip(sites, chips, strict=True) if count > 1
    ]
    return route._replace(bandwidth_bits_per_s=min([route.bandwidth_bits_per_s, *inside]))


def turns(
    collective: Collective, hops: Sequence[Hashable] = (), members: Sequence[int] | None = None
) -> tuple[list[Hashable], list[Hashable]]:
    """What a collective waits for, and what it then takes from those who come later.

    Exchanges inside a site go one after the other, and so do its exchanges with other sites. What goes one way waits
    for what shares a link with it, and for the exchanges of both its ends, as these wait for it.

    Args:
      collective: what begins.
      hops: the links that it crosses, where it goes one way.
      members: those of its members who begin now, unless all do.
    """
    touches = members or collective.touches
    if len(collective.touches) == 1:
        inside: list[Hashable] = [("inside", touches[0])]
        return inside, inside
    among_all: list[Hashable] = [("among all", w) for w in touches]
    one_way: list[Hashable] = [("one way", w) for w in touches]
    if collective.source is None:
        return among_all + one_way, among_all
    return [*hops, *among_all], [*hops, *one_way]


class IdealNetwork:
    """Every exchange at its published cost; those of a site go one after the other, in the order in which they begin.

    A datacenter sends to the others, and receives from them, one exchange at a time, and so do its chips among
    themselves. The latency holds nobody up: the next exchange begins when the last bit has left. What goes one way from
    a site to another waits for what goes that very way, and for what both do with others.

    Args:
      placement: where the workers are.
      busy_s: how long the ways between all of them are taken by something else in the beginning [s].
    """

    def __init__(self, placement: Placement, *, busy_s: float = 0.0) -> None:
        self.placement, self.busy_s = placement, busy_s
        self._costs: dict[tuple[tuple[int, ...], bool, float], tuple[float, float, float]] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        return PUBLISHED

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock."""
        return _IdealCarrier(self, env)

    def seconds(self, collective: Collective) -> float:
        """How long the collective takes, as often as it stands for, less what runs behind counted compute [s]."""
        if len(collective.touches) == 1 and not collective.parts_inside:
            return 0.0
        return collective.count * (self.cost(collective)[0] - collective.behind_s)

    def cost(self, collective: Collective) -> tuple[float, float, float]:
        """Seconds, the latency in them, and crossing bytes of a single such exchange."""
        one_way = collective.source is not None
        key = collective.touches, one_way, collective.payload_bytes
        if key not in self._costs:
            self._costs[key] = self._cost(collective.touches, one_way, collective.payload_bytes)
        return self._costs[key]

    def _cost(self, touches: tuple[int, ...], one_way: bool, payload_bytes: float) -> tuple[float, float, float]:
        peers = self.placement.peers(touches)
        names = self.placement.names(touches)
        if one_way and len(touches) > 1:
            there = self.placement.topology.route(*names)
            return one_way_s(payload_bytes, *there[:3]), there.latency_s, payload_bytes
        route = published_route(self.placement.topology, names, [self.placement.chips[each] for each in touches])
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
        self._free_s: dict[Hashable, float] = {}
        """Until when something is taken, as `turns` names it."""

    def transfer(self, collective: Collective) -> simpy.Event:
        seconds, touches = self._network.seconds(collective), collective.touches
        placement = self._network.placement
        one_way = collective.source is not None and len(touches) > 1
        links = placement.topology.path(*placement.names(touches)) if one_way else ()
        hops = [(placement.job(touches[0]), *link) for link in links]
        waits_for, takes = turns(collective, hops)
        now, first_s = self._env.now, self._network.busy_s if len(touches) > 1 else 0.0
        free_s = max(now, *(self._free_s.get(each, first_s) for each in waits_for))
        left_s = free_s + max(0.0, seconds - self._network.cost(collective)[1])
        self._free_s.update((each, max(left_s, self._free_s.get(each, 0.0))) for each in takes)
        return self._env.timeout(free_s - now + seconds)

    def enter(self, collective: Collective, member: int) -> simpy.Event | None:
        return None

    def crossing_bytes(self, collective: Collective) -> float:
        return collective.count * self._network.cost(collective)[2]

    def links(self) -> tuple[LinkUse, ...]:
        return ()

    def stalled(self) -> list[str]:
        return []
