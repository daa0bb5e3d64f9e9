"""Exchanges between sites as flows under way on shared wires."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial
from typing import Protocol

import simpy

from ..engine.ops import Collective
from ..engine.ports import Served
from ..engine.timeline import LinkUse
from .beside_bytes import handling_s, opening_s
from .chunked_ring import ChunkedRing
from .collectives import Phase
from .connections import Connections
from .flow_log import FlowLog, Sent
from .fluid.network import FluidNetwork
from .fluid.wire import Wire
from .paths import Paths
from .phase import together
from .placement import Placement, turns
from .published_cost import PublishedCostNetwork


class Planned(Protocol):
    """What a carrier asks of its network: how exchanges go, and over which wires."""

    placement: Placement
    wiring: Paths

    @property
    def chunked(self) -> bool:
        """Whether all-reduces go round a ring in chunks."""

    def phases(self, collective: Collective) -> list[Phase]:
        """The phases of an exchange between sites."""

    def wires(self, collective: Collective) -> list[tuple[int, int]]:
        """The links of a one-way transfer between sites, each with the job of the transfer."""

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""

    def idle_links(self) -> Iterator[LinkUse]:
        """All links without any use."""


class FlowCarrier:
    """Exchanges as flows on shared wires; the exchanges of a site run one after the other.

    Args:
      network: plans them.
      env: the clock.
      wires: the links.
      log: keeps what was sent, and the rates; None: nobody looks on.
      credit_s: what every token bucket holds in the beginning (see `credit_s`); empty: all are full [s].
    """

    def __init__(
        self,
        network: Planned,
        env: simpy.Environment,
        wires: Sequence[Wire],
        log: FlowLog | None = None,
        credit_s: Sequence[float] = (),
    ) -> None:
        self._network, self._env, self._log, self._transport = network, env, log, network.placement.topology.transport
        self._connections = Connections(env, self._transport.exchange_overhead_s, network.wires)
        self._last: dict[Hashable, list[tuple[simpy.Event, str | None]]] = {}  # by resource of `turns`, with its batch
        self._flows = FluidNetwork(env, wires, log, credit_s)
        self._inside = PublishedCostNetwork(network.placement).connect(env)

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        if len(collective.touches) == 1:
            return self._inside.transfer(collective)
        if collective.stream:
            return self._connections.message(collective, partial(self._send, collective))
        return self._in_turn(collective, collective.members, self._run(collective))

    def inside_s(self, collective: Collective) -> float:
        """How long a worker stands still for an exchange among its own chips [s]."""
        return self._inside.inside_s(collective)

    def apart(self, collective: Collective) -> Callable[[int], simpy.Event] | None:
        """A function that begins a member's part of a chunked ring; None for all other exchanges."""
        if not self._network.chunked or len(collective.members) == 1 or collective.shape == "all-gather":
            return None
        ring = self._ring(collective)

        def part(member: int) -> simpy.events.ProcessGenerator:
            first_s, last_s = self._network.placement.parts_inside_s(collective, [member])
            yield from self._pause(first_s + opening_s(self._transport, collective))
            yield from ring.member(member)
            yield from self._pause(last_s)

        return lambda member: self._in_turn(collective, [member], part(member))

    def _in_turn(
        self, collective: Collective, members: Sequence[int], work: simpy.events.ProcessGenerator
    ) -> simpy.Event:
        """Runs the work of some members after all exchanges that it must wait for; later exchanges wait for it."""
        one_way = collective.source is not None
        waits_for, takes = turns(collective, self._network.wires(collective), None if one_way else members)
        own = collective.batch
        last = [one for each in waits_for for one in self._last.get(each, ())]
        before = [event for event, batch in last if not event.processed and (own is None or batch != own)]
        first_s, last_s = self._network.placement.parts_inside_s(collective, members)

        def turn() -> simpy.events.ProcessGenerator:
            for event in before:  # noqa: UP028 - `yield from` would send the values of the events into the list
                yield event
            began_s = float(self._env.now)
            yield from work
            return Served(began_s, first_s, last_s)

        done = self._env.process(turn())
        for each in takes:  # who waits for this waits for all that this waits for, but for others of the same batch
            still = () if each in waits_for and own is None else self._last.get(each, ())
            self._last[each] = [*(one for one in still if not one[0].processed), (done, own)]
        return done

    def _ring(self, collective: Collective) -> ChunkedRing:
        (phase,) = self._network.phases(collective)
        return ChunkedRing(
            self._env,
            partial(self._send, collective),
            [transfer.source for transfer in phase.transfers],
            collective.payload_bytes,
            count=collective.count,
            overhead_s=self._transport.exchange_overhead_s,
            buffer_bytes=self._transport.send_buffer_bytes,
        )

    def _run(self, collective: Collective) -> simpy.events.ProcessGenerator:
        """An exchange between sites, `count` times: inside, across, inside."""
        first_s, last_s = self._network.placement.parts_inside_s(collective, collective.members)
        phases = self._network.phases(collective)
        for number in range(collective.count):
            yield from self._pause(first_s + (0.0 if number else opening_s(self._transport, collective)))
            yield from self.across(phases, collective)
            yield from self._pause(last_s)

    def across(self, phases: list[Phase], of: Collective | None = None) -> simpy.events.ProcessGenerator:
        """The part of an exchange between the sites: its overhead, then phase by phase."""
        placement, endpoints = self._network.placement, self._network.wiring.endpoints
        yield from self._pause(self._transport.exchange_overhead_s)
        for phase in phases:
            if phase.transfers:
                yield from self._pause(handling_s(phase, placement.site, endpoints) + placement.asked_s(phase))
                yield together(self._env, phase, partial(self._send, of))

    def _pause(self, seconds: float) -> simpy.events.ProcessGenerator:
        if seconds:
            yield self._env.timeout(seconds)

    def _send(
        self, of: Collective | None, source: int, target: int, size_bytes: float, rounds: int = 1
    ) -> tuple[simpy.Event, float]:
        """Starts a flow from one worker to another: an event for its last bit, and how much later that arrives [s]."""
        start, end = self._network.placement.names((source, target))
        way = self._network.wiring.way(start, end)
        many = 1 if of is not None and of.stream else self._transport.messages  # of an exchange, not of a message
        delay_s = rounds * many * way.latency_s
        left = self._flows.send(way.wires, size_bytes, streams=way.streams, cap_bits_per_s=way.cap_bits_per_s)
        if self._log is not None and of is not None:
            self._log.sends(Sent(of, start, end, way.wires, size_bytes, float(self._env.now), delay_s), left)
        return left, delay_s

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""
        return self._network.crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        """What every link has carried so far."""
        links = zip(self._network.idle_links(), self._flows.use(), strict=True)
        return tuple(LinkUse(*link[:3], use.bits / 8, use.busy_s, use.full_s, use.peak) for link, use in links)

    def stalled(self) -> list[str]:
        """Links that carry nothing although something waits for them."""
        return self._flows.stalled()

    def credit_s(self) -> tuple[float, ...]:
        """What the bucket of every link that has one holds now, as the seconds in which it fills so far [s]."""
        return self._flows.credit_s()

    def next_change_s(self) -> float:
        """When the bandwidth of any link changes next, by the clock; infinite: never [s]."""
        return self._flows.capacities.following_s(float(self._env.now))

    def sent(self) -> dict[tuple[int, int], float]:
        """Nothing: flows are counted by link."""
        return {}

    def decided_s(self) -> float:
        """Now: what is under way may change with what comes."""
        return float(self._env.now)

    def clock_leapt(self) -> None:
        """The calendar has leapt: links look up anew what they have next."""
        self._flows.clock_leapt()
