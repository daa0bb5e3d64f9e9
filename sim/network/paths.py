"""A topology as wires: the links of a flow between two sites, its latency, and the cap of its sender."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..topology.capacity import CapacityOverTime
from ..topology.model import Route, Topology
from ..topology.store import request_s
from .beside_bytes import endpoints
from .collectives import Phase
from .fluid.wire import Wire

MATHIS_CONSTANT = math.sqrt(3 / 2)


@dataclass(frozen=True)
class NetworkPath:
    """The path of a flow from one site to another.

    Attributes:
      wires: positions of the links that it crosses.
      latency_s: one way [s].
      streams: parallel streams, its weight in the fair share.
      cap_bits_per_s: largest rate of its sender, all streams together [bit/s].
    """

    wires: tuple[int, ...]
    latency_s: float
    streams: float
    cap_bits_per_s: float


def window_cap_bits_per_s(window_bytes: float, round_trip_s: float) -> float:
    """Largest rate of a stream with a fixed window: window / round-trip time [bit/s].

    Example: 64 MiB over 100 ms is 5.4 Gbit/s, whatever the link.

    Source: RFC 7323, section 1.1.
    Limits: the window does not grow; the round trip has no queues.
    """
    return 8 * window_bytes / round_trip_s if round_trip_s > 0 else math.inf


def loss_cap_bits_per_s(segment_bytes: float, round_trip_s: float, loss: float) -> float:
    """Largest rate of a stream under random loss: segment / round-trip time x sqrt(3/2) / sqrt(loss) [bit/s].

    Example: 1460 B, 100 ms and a loss of 1e-4 make 14.3 Mbit/s.

    Source: Mathis, Semke, Mahdavi and Ott, Computer Communication Review 27 (1997).
    Limits: Reno-like congestion control without time-outs (loss up to some percent); newer algorithms are faster.
    """
    if loss <= 0 or round_trip_s <= 0:
        return math.inf
    return 8 * segment_bytes / round_trip_s * MATHIS_CONSTANT / math.sqrt(loss)


class Paths:
    """The wires of a topology and the paths over them."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        wires: list[Wire] = []
        self.capacity_bits_per_s: list[float] = []
        """Full bandwidth of each wire, as written [bit/s]."""
        self.idle_bits_per_s: list[float] = []
        """Capacity of each wire for payload; the full bandwidth for a wire that changes [bit/s]."""
        self.endpoints = endpoints(topology)
        """Sites that handle bytes at a bandwidth of their own, which caps a flow too [bit/s]."""
        self.payload_share = topology.transport.payload_share
        """The share of the bandwidth that headers leave."""
        self._at: dict[tuple[str, str], int] = {}
        self._link = {}
        for link in topology.links:
            profile = link.profile(self.payload_share)
            for number, (start, end) in enumerate(link.directions()):
                self._link[start, end] = link
                if number == 0 or link.duplex == "full":
                    arrow = "->" if link.duplex == "full" else "<->"
                    wires.append(Wire(f"{start} {arrow} {end}", profile, 8 * link.burst_bytes * self.payload_share))
                    self.capacity_bits_per_s.append(link.bandwidth_bits_per_s)
                    always = profile.next_change_s(0.0) is None and profile.capacity_at(0.0) > 0
                    full = link.bandwidth_bits_per_s * self.payload_share
                    self.idle_bits_per_s.append(profile.capacity_at(0.0) if always else full)
                self._at[start, end] = len(wires) - 1
        self.wires: Sequence[Wire] = tuple(wires)
        self._ways: dict[tuple[str, str], NetworkPath] = {}

    def way(self, start: str, end: str) -> NetworkPath:
        """The path from one site to another.

        Raises:
          InputError: there is no path.
        """
        if (start, end) not in self._ways:
            self._ways[start, end] = self._find(start, end)
        return self._ways[start, end]

    def idle_route(self, start: str, end: str) -> Route:
        """What a flow that is alone has on the way from one site to another: a wire, or its sender, is the limit.

        Raises:
          InputError: there is no way.
        """
        way = self.way(start, end)
        bits_per_s = min(way.cap_bits_per_s, *(self.idle_bits_per_s[wire] for wire in way.wires))
        transport = self.topology.transport
        overhead_s = transport.exchange_overhead_s + request_s(self.topology.store, start, end)
        return Route(bits_per_s, transport.messages * way.latency_s, overhead_s)

    def idle_wires(self, capacities: Mapping[int, float]) -> list[Wire]:
        """The wires, with one bandwidth at all times.

        Args:
          capacities: those of some of them; others that change have their full bandwidth [bit/s].
        """
        return [
            Wire(wire.name, CapacityOverTime((0.0,), (capacities.get(number, bits),)), wire.burst_bits)
            for number, (wire, bits) in enumerate(zip(self.wires, self.idle_bits_per_s, strict=True))
        ]

    def least_s(self, site: Callable[[int], str], phases: Sequence[Phase]) -> float:
        """A lower bound of the time of an exchange on idle wires: in each phase the time of its busiest wire [s].

        Args:
          site: the name of each end of a transfer.
          phases: of the exchange, by worker.
        """
        return math.fsum(self._phase_least_s(site, phase) for phase in phases)

    def _phase_least_s(self, site: Callable[[int], str], phase: Phase) -> float:
        bits: dict[int, float] = {}
        for transfer in phase.transfers:
            for wire in self.way(site(transfer.source), site(transfer.target)).wires:
                bits[wire] = bits.get(wire, 0.0) + 8 * transfer.size_bytes
        return max(
            ((b - self.wires[wire].burst_bits) / self.idle_bits_per_s[wire] for wire, b in bits.items()), default=0.0
        )

    def _find(self, start: str, end: str) -> NetworkPath:
        hops = self.topology.path(start, end)
        links = [self._link[hop] for hop in hops]
        latency_s = sum(link.latency_s for link in links)
        transport = self.topology.transport
        caps = [math.inf]
        loss = 1 - math.prod(1 - link.loss for link in links)
        if transport.window_bytes is not None or loss > 0:
            round_trip_s = latency_s + sum(self._link[hop].latency_s for hop in self.topology.path(end, start))
            caps.append(loss_cap_bits_per_s(transport.segment_bytes, round_trip_s, loss))
            if transport.window_bytes is not None:
                caps.append(window_cap_bits_per_s(transport.window_bytes, round_trip_s))
        wires = tuple(dict.fromkeys(self._at[hop] for hop in hops))
        ends = (self.endpoints.get(site, math.inf) for site in (start, end))
        return NetworkPath(wires, latency_s, float(transport.streams), min(transport.streams * min(caps), *ends))
