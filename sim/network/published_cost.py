"""Exchanges at their published cost: the formula of the papers, for the narrowest route between the members."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import simpy

from ..engine.calendar import Calendar
from ..engine.ops import Collective, Shape
from ..engine.ports import Carrier
from ..engine.timeline import LinkUse
from ..topology.model import PUBLISHED
from .closed_forms import ideal_all_reduce_s, ideal_crossing_bytes, ideal_gather_s, ideal_scatter_s, one_way_s
from .collectives import Transfer
from .placement import Placement, published_route, turns
from .unchanging import UnchangingCarrier


class PublishedCostNetwork:
    """A network on which every exchange has its published cost; those of a site run in the order of their begins.

    A datacenter takes part in one all-reduce with others at a time, and its chips in one exchange among themselves. The
    next exchange begins when the last bit has left, so it does not wait for the latency. A one-way transfer waits for
    one-way transfers over the same links, and for the exchanges of both its ends.

    Args:
      placement: the sites of the workers.
      busy_s: time at the start of a run in which the routes between sites are occupied by other traffic [s].
    """

    def __init__(self, placement: Placement, *, busy_s: float = 0.0) -> None:
        self.placement, self.busy_s = placement, busy_s
        self._costs: dict[tuple[tuple[int, ...], bool, float, Shape], tuple[float, float, float]] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float, shape: Shape = "all-reduce") -> str:
        """The name of the algorithm for an exchange among some workers."""
        return PUBLISHED

    def connect(self, env: simpy.Environment) -> Carrier:
        """A carrier of exchanges under a clock."""
        return _PublishedCostCarrier(self, env)

    def leaping(self, calendar: Calendar) -> PublishedCostNetwork:
        """The same, as its links never change."""
        return self

    def seconds(self, collective: Collective) -> float:
        """The time of all `count` exchanges of a collective, minus the part that runs behind compute [s]."""
        if len(collective.touches) == 1 and not collective.parts_inside:
            return 0.0
        return collective.count * (self.cost(collective)[0] - collective.behind_s)

    def cost(self, collective: Collective) -> tuple[float, float, float]:
        """Of a single exchange: its time, the latency in it [s], and the bytes between sites [byte]."""
        one_way = collective.source is not None
        key = collective.touches, one_way, collective.payload_bytes, collective.shape
        if key not in self._costs:
            self._costs[key] = self._cost(*key)
        return self._costs[key]

    def _cost(
        self, touches: tuple[int, ...], one_way: bool, payload_bytes: float, shape: Shape
    ) -> tuple[float, float, float]:
        names = self.placement.names(touches)
        if one_way and len(touches) > 1:
            there = self.placement.topology.route(*names)
            return one_way_s(payload_bytes, *there[:3]), there.latency_s, payload_bytes
        if shape == "all-gather":
            across, sites = self.placement.topology.narrowest(names), len(touches)
            sent_bytes = sites * (sites - 1) * payload_bytes
            return ideal_gather_s(payload_bytes, sites, *across[:3]), across.latency_s, sent_bytes
        peers = self.placement.peers(touches)
        route = published_route(self.placement.topology, names, [self.placement.chips[each] for each in touches])
        if one_way:  # to or from a server in the same datacenter
            return ideal_scatter_s(payload_bytes, peers, *route), route.latency_s if peers > 1 else 0.0, 0.0
        return (
            ideal_all_reduce_s(payload_bytes, peers, *route),
            route.latency_s if peers > 1 else 0.0,
            ideal_crossing_bytes(payload_bytes, peers, len(touches)),
        )

    def transfers(self, collective: Collective) -> Iterator[Transfer]:
        """What a single exchange sends from site to site: the all-reduce as a ring."""
        touches = collective.touches
        if collective.source is not None and collective.target is not None:
            yield Transfer(collective.source, collective.target, collective.payload_bytes)
        else:
            each_bytes = self.cost(collective)[2] / len(touches)
            for one, other in zip(touches, (*touches[1:], touches[0]), strict=True):
                yield Transfer(one, other, each_bytes)


class _PublishedCostCarrier(UnchangingCarrier):
    def __init__(self, network: PublishedCostNetwork, env: simpy.Environment) -> None:
        self._network, self._env = network, env
        self._free_s: dict[Hashable, float] = {}
        """The time until which each resource of `turns` is occupied [s]."""
        self._known_turns: dict[tuple[tuple[int, ...], bool], tuple[list[Hashable], list[Hashable]]] = {}

    def transfer(self, collective: Collective) -> simpy.Event:
        waits_for, takes = self._turns(collective)
        seconds, latency_s = self._network.seconds(collective), self._network.cost(collective)[1]
        now, first_s = self._env.now, self._network.busy_s if len(collective.touches) > 1 else 0.0
        free_s = max(now, *(self._free_s.get(each, first_s) for each in waits_for))
        left_s = free_s + max(0.0, seconds - latency_s)
        for each in takes:
            if left_s > self._free_s.get(each, 0.0):
                self._free_s[each] = left_s
        return self._env.timeout(free_s - now + seconds)

    def inside_s(self, collective: Collective) -> float:
        return self._network.seconds(collective)  # nobody else exchanges inside the site meanwhile

    def _turns(self, collective: Collective) -> tuple[list[Hashable], list[Hashable]]:
        """What a collective waits for and what it takes, the links on its way among it where it goes one way."""
        touches = collective.touches
        key = touches, collective.source is not None
        if key not in self._known_turns:
            placement = self._network.placement
            one_way = collective.source is not None and len(touches) > 1
            links = placement.topology.path(*placement.names(touches)) if one_way else ()
            self._known_turns[key] = turns(
                collective, [(placement.job(collective.members[0]), *link) for link in links]
            )
        return self._known_turns[key]

    def crossing_bytes(self, collective: Collective) -> float:
        return collective.count * self._network.cost(collective)[2]

    def links(self) -> tuple[LinkUse, ...]:
        return ()
