"""What a stream and a link give between each pair of sites, from ping and iperf: min(link, streams x stream)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ...documents.validation import validate
from ...network.paths import loss_cap_bits_per_s
from ...topology.links import Transport
from ...topology.model import Topology
from .pairs import Pair

Ends = tuple[str, str]
Groups = Mapping[Ends, Mapping[int, Sequence[float]]]
"""Bandwidths [bit/s] by pair of sites and number of streams."""

ALIKE = 0.15
"""Relative difference up to which streams of different pairs count as limited by the same window."""
_MORE = 1.2
"""More streams count as faster from this factor on."""
_SPAN = 2.0
"""Round trips differ by at least this factor where equal windows are found by them alone."""
_LEAST_PAIRS = 3
_SEGMENT_BYTES = Transport().segment_bytes


@dataclass(frozen=True)
class Wire:
    """What connects a pair of sites; None: the rows do not tell.

    Attributes:
      rtt_s: round trip [s].
      stream_bits_per_s: of one stream, which more streams made faster [bit/s].
      link_bits_per_s: of all streams together, which more streams did not make faster [bit/s].
      most_bits_per_s: the most that was measured: a median of one number of streams [bit/s].
    """

    rtt_s: float
    stream_bits_per_s: float | None
    link_bits_per_s: float | None
    most_bits_per_s: float


@dataclass(frozen=True)
class Network:
    """All pairs, and the window that streams share.

    Attributes:
      wires: by pair of sites; both ends alike: two machines of one site.
      window_bytes: in flight of a stream; None: no rows tell [byte].
      loss: by pair, what makes a stream slower than its window does, as a probability by the formula of Mathis.
    """

    wires: Mapping[Ends, Wire]
    window_bytes: float | None
    loss: Mapping[Ends, float]

    def stream_bits_per_s(self, ends: Ends, rtt_s: float) -> float:
        """The cap of a stream between two sites [bit/s]."""
        cap = math.inf if self.window_bytes is None else 8 * self.window_bytes / rtt_s
        return min(cap, loss_cap_bits_per_s(_SEGMENT_BYTES, rtt_s, self.loss.get(ends, 0.0)))

    def link_bits_per_s(self, ends: Ends) -> float | None:
        """Of a link, as measured, or the best guess at it [bit/s]."""
        return self.link(ends)[0]

    def link(self, ends: Ends) -> tuple[float | None, str]:
        """The bandwidth of a link [bit/s], and where it comes from.

        As measured; else that of the way back; else what machines reach inside both sites, but no less than the most
        that was measured.
        """
        wire, back = self.wires.get(ends), self.wires.get(ends[::-1])
        if wire is not None and wire.link_bits_per_s is not None:
            return wire.link_bits_per_s, "measured"
        most = wire.most_bits_per_s if wire else None
        if back is not None and back.link_bits_per_s is not None and back.stream_bits_per_s is not None:
            return max(back.link_bits_per_s, most or 0.0), "the way back"
        inside = [self.wires[site, site].link_bits_per_s for site in ends if (site, site) in self.wires]
        known = [bits for bits in inside if bits is not None]
        if ends[0] == ends[1] or len(known) < len(ends):
            return most, "at least"
        return max(min(known), most or 0.0), "inside"

    def bits_per_s(self, ends: Ends, rtt_s: float, streams: int) -> float:
        """What so many streams get together; infinite where nothing tells [bit/s]."""
        link = self.link_bits_per_s(ends)
        return min(math.inf if link is None else link, streams * self.stream_bits_per_s(ends, rtt_s))


def grouped(rows: Sequence[Pair]) -> tuple[Groups, dict[Ends, float]]:
    """Bandwidths by pair and number of streams, and the median round trip of each pair [s]."""
    found: dict[Ends, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    rtts: dict[Ends, list[float]] = defaultdict(list)
    for row in rows:
        found[row.source, row.target][row.streams].append(row.bits_per_s)
        rtts[row.source, row.target].append(row.rtt_s)
    return found, {ends: median(each) for ends, each in rtts.items()}


def fitted(groups: Groups, rtts: Mapping[Ends, float]) -> Network:
    """The network that fits the measurements: medians, so that single bad rows bend nothing."""
    wires = {ends: _wire(by_streams, rtts[ends]) for ends, by_streams in groups.items() if by_streams}
    window_bytes = _window(groups, wires)
    loss: dict[Ends, float] = {}
    for ends, wire in wires.items():
        if window_bytes is None:
            break
        cap = 8 * window_bytes / wire.rtt_s
        stream = wire.stream_bits_per_s
        if stream is not None and stream < (1 - ALIKE) * cap:
            loss[ends] = (8 * _SEGMENT_BYTES * math.sqrt(1.5) / (wire.rtt_s * stream)) ** 2
        if len(groups[ends]) == 1:
            [(streams, bits)] = groups[ends].items()
            if median(bits) < (1 - ALIKE) * streams * cap:  # its window would let it be faster
                wires[ends] = Wire(wire.rtt_s, None, median(bits), wire.most_bits_per_s)
    if window_bytes is None:
        for ends, wire in wires.items():
            wires[ends] = Wire(wire.rtt_s, None, wire.link_bits_per_s or wire.most_bits_per_s, wire.most_bits_per_s)
    return Network(wires, window_bytes, loss)


def _wire(by_streams: Mapping[int, Sequence[float]], rtt_s: float) -> Wire:
    """The first numbers of streams each bring more, the others do not: where the change is, least errors tell."""
    counts = sorted(by_streams)
    middles = [median(by_streams[count]) for count in counts]
    if len(counts) == 1:
        return Wire(rtt_s, None, None, middles[0])
    best: tuple[float, float | None, float | None] = (math.inf, None, None)
    for last in range(len(counts) + 1):
        stream = median(bits / count for count in counts[:last] for bits in by_streams[count]) if last else None
        link = median(bits for count in counts[last:] for bits in by_streams[count]) if last < len(counts) else None
        if stream is not None and link is not None and link < _MORE * stream * counts[last - 1]:
            continue  # the next streams brought nothing, so nothing says that a stream was the limit
        error = sum(
            abs(math.log(min(link or math.inf, count * (stream or math.inf)) / bits))
            for count in counts
            for bits in by_streams[count]
        )
        best = min(best, (error, stream, link), key=lambda each: each[0])
    return Wire(rtt_s, best[1], best[2], max(middles))


def _window(groups: Groups, wires: Mapping[Ends, Wire]) -> float | None:
    """The bytes in flight of the least limited streams: the median of those that have nearly the most."""
    told = {
        ends: wire.stream_bits_per_s * wire.rtt_s / 8
        for ends, wire in wires.items()
        if wire.stream_bits_per_s is not None
    }
    alone = {
        ends: median(bits) / streams * wires[ends].rtt_s / 8
        for ends, by_streams in groups.items()
        if len(by_streams) == 1
        for streams, bits in by_streams.items()
    }
    both = told | alone
    most = max(both.values(), default=0.0)
    near = {ends: size for ends, size in both.items() if size >= (1 - ALIKE) * most}
    rtts = [wires[ends].rtt_s for ends in near]
    agree = len({frozenset(ends) for ends in near}) >= _LEAST_PAIRS and max(rtts) >= _SPAN * min(rtts)
    return median(near.values()) if told or agree else None


def topology_of(name: str, network: Network, sites: Sequence[str], source: str) -> Topology:
    """The sites with a link for each pair that was measured; where one way was measured, the way back is like it."""
    links: list[dict[str, Any]] = []
    for ends, wire in network.wires.items():
        if ends[0] == ends[1]:
            continue
        named = {"from": ends[0], "to": ends[1]} if ends[::-1] in network.wires else {"between": list(ends)}
        links.append(named | _as_written(network, ends, wire) | _loss(network, ends))
    inside = {ends[0]: _as_written(network, ends, wire) for ends, wire in network.wires.items() if ends[0] == ends[1]}
    document: dict[str, Any] = {
        "name": name,
        "source": source,
        "datacenters": [{"name": site} | ({"inside": inside[site]} if site in inside else {}) for site in sites],
        "links": links,
    }
    if network.window_bytes is not None:
        document["transport"] = {"window": f"{network.window_bytes!r} B"}
    return validate(Topology, document, source=name)


def _as_written(network: Network, ends: Ends, wire: Wire) -> dict[str, str]:
    return {"bandwidth": f"{network.link_bits_per_s(ends)!r} bit/s", "latency": f"{wire.rtt_s / 2!r} s"}


def _loss(network: Network, ends: Ends) -> dict[str, float]:
    return {"loss": network.loss[ends]} if ends in network.loss else {}
