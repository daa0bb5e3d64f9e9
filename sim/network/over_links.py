"""Exchanges between sites as flows on shared links, by one of the algorithms in `collectives`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from types import MappingProxyType

import simpy

from ..engine.calendar import Calendar
from ..engine.ops import Collective, Shape
from ..engine.ports import Carrier
from ..engine.timeline import LinkUse
from ..topology.model import PUBLISHED
from .alone import Alone, AloneWithBuckets, Trip
from .beside_bytes import opening_s
from .candidates import CHUNKED, VIA_STORE, candidates
from .collectives import Phase, Transfer
from .flow_carrier import FlowCarrier
from .flow_log import FlowLog
from .fluid.wire import Wire
from .held_credit import HeldCredit
from .paths import Paths
from .placement import Placement
from .published_cost import PublishedCostNetwork
from .repeated import RepeatingCarrier


class LinkNetwork:
    """A network on which exchanges between sites are flows on links, with parts inside the sites before and after.

    Inside a site an exchange has its ideal cost; where the members begin and end together, that of the slowest.

    Args:
      placement: the sites of the workers.
      algorithm: a name in `collectives.ALGORITHMS`, or `auto`: the fastest one on an idle network.
      one_at_a_time: whether exchanges between sites that are under way share no link (see `RepeatingCarrier`), and no
        link has a bucket and changes, too. The same exchange then takes the same time until a link changes or a
        bucket is not full.
    """

    def __init__(self, placement: Placement, algorithm: str, *, one_at_a_time: bool = False) -> None:
        self.placement = placement
        self.chunked = algorithm == CHUNKED
        """Whether each member of an exchange begins and ends by itself."""
        self._one_at_a_time = one_at_a_time
        self.wiring = Paths(placement.topology)
        self.log: FlowLog | None = None
        """Where flows and what links carry are put down, for somebody who looks on (see `logged`)."""
        self._wires = self.wiring.wires
        self._algorithm = algorithm
        self._plans: dict[tuple[tuple[int, ...], float, Shape], tuple[str, list[Phase]]] = {}
        self._crossing: dict[tuple[tuple[int, ...], float, bool, Shape], float] = {}

    def collective(self, members: tuple[int, ...], payload_bytes: float, shape: Shape = "all-reduce") -> str:
        """The name of the algorithm for an exchange among some workers."""
        if len(members) == 1:
            return PUBLISHED
        name = VIA_STORE if shape == "mailbox" else self.plan(members, payload_bytes, shape)[0]
        return f"auto: {name}" if self._algorithm == "auto" and name != VIA_STORE else name

    def connect(self, env: simpy.Environment) -> Carrier:
        """A carrier of exchanges under a clock."""
        if not self._one_at_a_time:
            return FlowCarrier(self, env, self._wires, self.log)
        inside = PublishedCostNetwork(self.placement).connect(env)
        changing = [wire.profile for wire in self._wires if not wire.profile.constant]
        links, opening = self.idle_links(), partial(opening_s, self.placement.topology.transport)
        held = self._full_buckets()
        kind = partial(self._kind, held)
        return RepeatingCarrier(env, inside, kind, self.wires, self.crossing_bytes, links, changing, opening, held)

    def _full_buckets(self) -> HeldCredit | None:
        """What the buckets hold in the beginning; None where no link has any."""
        some = {number: wire for number, wire in enumerate(self._wires) if wire.burst_bits}
        full_s = {number: wire.burst_bits / wire.profile.capacity_at(0.0) for number, wire in some.items()}
        return HeldCredit([*full_s], [*full_s.values()]) if full_s else None

    def leaping(self, calendar: Calendar) -> LinkNetwork:
        """The same network, whose links change by a calendar."""
        same = copy(self)
        same._wires = [wire.leaping(calendar) for wire in self.wiring.wires]
        return same

    def logged(self) -> FlowLog:
        """Where flows and what links carry are put down from now on; not with `one_at_a_time`, which has no flows."""
        self.log = FlowLog(self.wiring.wires)
        return self.log

    def _kind(self, held: HeldCredit | None, collective: Collective) -> Alone:
        """How an exchange goes that has its links to itself."""
        phases, wires = self.phases(collective), self._wires
        used, inside = self._wires_of(phases), self.placement.parts_inside_s(collective, collective.members)
        if held:
            return AloneWithBuckets(*inside, used, held, partial(self._simulated, phases, wires, 0.0))
        profiles = {wire: wires[wire].profile for wire in sorted(used) if not wires[wire].profile.constant}

        def simulate(capacities: Mapping[int, float] | None, begin_s: float) -> Trip:
            return self._simulated(phases, wires, begin_s) if capacities is None else self.trip(phases, capacities)

        return Alone(*inside, used, profiles, simulate)

    def _wires_of(self, phases: list[Phase]) -> frozenset[int]:
        """The wires that an exchange uses."""
        site = self.placement.site
        ways = (self.wiring.way(site(each.source), site(each.target)) for phase in phases for each in phase.transfers)
        return frozenset(wire for way in ways for wire in way.wires)

    def plan(
        self, members: tuple[int, ...], payload_bytes: float, shape: Shape = "all-reduce"
    ) -> tuple[str, list[Phase]]:
        """The algorithm for an exchange among some workers, and its phases (by worker)."""
        key = members, payload_bytes, shape
        if key not in self._plans:
            plans = list(candidates(self.placement, self._algorithm, members, payload_bytes, shape))
            self._plans[key] = plans[0] if len(plans) == 1 else self._quickest(plans)
        return self._plans[key]

    def _quickest(self, plans: list[tuple[str, list[Phase]]]) -> tuple[str, list[Phase]]:
        """The first of the fastest plans; a plan whose lower bound is too slow is not simulated."""
        best, best_s = plans[0], math.inf
        for plan in plans:
            if self.wiring.least_s(self.placement.site, plan[1]) <= best_s * (1 + 1e-9):  # up to rounding
                taken_s = self.trip(plan[1]).across_s
                best, best_s = (plan, taken_s) if taken_s < best_s else (best, best_s)
        return best

    def trip(self, phases: list[Phase], capacities: Mapping[int, float] = MappingProxyType({})) -> Trip:
        """The part across of an exchange on an idle network, on which some wires have other capacities [bit/s]."""
        known, key = self.placement.topology.known, (self.placement.sites, tuple(phases), tuple(capacities.items()))
        if key not in known:
            known[key] = self._simulated(phases, self.wiring.idle_wires(capacities), 0.0)
        found: Trip = known[key]
        return found

    def _simulated(
        self, phases: list[Phase], wires: Sequence[Wire], begin_s: float, credit_s: Sequence[float] = ()
    ) -> Trip:
        env = simpy.Environment(begin_s)
        carrier = FlowCarrier(self, env, wires, credit_s=credit_s)
        done = env.process(carrier.across(phases))
        env.run()
        across_s = float(env.now) - begin_s if done.processed else math.inf
        return Trip(across_s, carrier.links(), tuple(carrier.stalled()), carrier.credit_s())

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""
        touches = collective.touches
        if len(touches) == 1:
            return 0.0
        key = touches, collective.payload_bytes, collective.source is None, collective.shape
        if key not in self._crossing:
            phases = self.phases(collective)
            self._crossing[key] = math.fsum(t.size_bytes for phase in phases for t in phase.transfers)
        return collective.count * self._crossing[key]

    def phases(self, collective: Collective) -> list[Phase]:
        """The phases of an exchange between sites."""
        if collective.source is not None and collective.target is not None:
            return [Phase((Transfer(collective.source, collective.target, collective.payload_bytes),))]
        return self.plan(collective.members, collective.payload_bytes, collective.shape)[1]

    def transfers(self, collective: Collective) -> Iterator[Transfer]:
        """What a single exchange between sites sends from one to another."""
        return (transfer for phase in self.phases(collective) for transfer in phase.transfers)

    def wires(self, collective: Collective) -> list[tuple[int, int]]:
        """The links of a one-way transfer between sites, each with the job of the transfer."""
        if collective.source is None:
            return []
        job = self.placement.job(collective.members[0])
        return [(job, wire) for wire in self.wiring.way(*self.placement.names(collective.touches)).wires]

    def idle_links(self) -> Iterator[LinkUse]:
        """All links without any use."""
        wiring = self.wiring
        for wire, bits, usable in zip(wiring.wires, wiring.capacity_bits_per_s, wiring.idle_bits_per_s, strict=True):
            yield LinkUse(wire.name, bits, usable, 0.0, 0.0, 0.0, 0.0)
