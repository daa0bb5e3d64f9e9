"""A topology as text: sites, links, the bottleneck cut, the best ring, and round-trip times."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterable, Sequence
from itertools import permutations

from ..errors import InputError
from ..topology.best_ring import EXACT_UP_TO, best_ring, ring_score
from ..topology.bottleneck_cut import bottleneck_cut
from ..topology.links import Link
from ..topology.model import Datacenter, Topology
from ..topology.schedules import Outage, Schedule
from ..units.in_words import human_quantity, human_seconds
from ..units.quantities import BANDWIDTH, CHIP_SPEED, LATENCY, SIZE

WIDTH = 80
_LISTED = 48
"""Sites or links up to which each has a line of its own; beyond, equal ones share a line."""
_MATRIX = 16
_CUT = 128


def topology_text(topology: Topology) -> str:
    """Everything about a topology that a person wants to see before running on it; 80 columns, plain.

    Args:
      topology: what to show.

    Returns:
      The text, with a line feed at its end.
    """
    parts = [_head(topology), _sites(topology), _hosts(topology), _links(topology), _options(topology)]
    if len(topology.datacenters) > 1:
        try:
            parts += [_cut(topology), _ring(topology), _round_trips(topology)]
        except InputError as error:  # an incomplete topology is worth looking at, too
            parts.append(_wrapped(str(error)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(topology: Topology) -> str:
    lines = [_wrapped(": ".join(filter(None, [topology.name, topology.description])))]
    if topology.source:
        lines.append(_wrapped(f"Source: {topology.source}"))
    return "\n".join(lines)


def _sites(topology: Topology) -> str:
    title = f"Sites ({len(topology.datacenters)}"
    title += f"; {len(topology.routers)} router{'s'[: len(topology.routers) > 1]}" if topology.routers else ""
    title += "; any chips: as many as the workload asks for)" if not all(s.chips for s in topology.datacenters) else ")"
    named = [(site.name, _site(site)) for site in topology.datacenters]
    return title + "\n" + _rows(named)


def _site(site: Datacenter) -> str:
    chips = "any chips" if site.chips is None else f"{site.chips} chip{'s'[: site.chips > 1]}"
    speed = ""
    if site.chip_flop_per_s is not None:
        speed = f" of {human_quantity(site.chip_flop_per_s, CHIP_SPEED)}"
    return f"{chips}{speed}; inside {_bandwidth(site.inside.bandwidth_bits_per_s)}, {_latency(site.inside.latency_s)}"


def _hosts(topology: Topology) -> str:
    if not topology.hosts:
        return ""
    named = []
    for host in topology.hosts:
        sites = [site.name for site in topology.datacenters if site.host == host.name]
        shown = sites if len(sites) <= _MATRIX else [*sites[:2], "...", sites[-1]]
        parts = [each.name for each in topology.hosts if each.part_of == host.name]
        if parts:
            named.append((host.name, f"parts: {', '.join(parts)}; {host.in_words(len(parts), 'part')}"))
            continue
        slower = f"; {host.in_words(len(sites))}" if sites else ""
        named.append((host.name, f"{len(sites)} site{'s'[: len(sites) != 1]}: {', '.join(shown) or 'none'}{slower}"))
    return f"Hosts ({len(named)}; their sites share their compute)\n" + _rows(named)


def _links(topology: Topology) -> str:
    if not topology.links:
        return ""
    named = []
    for link in topology.links:
        start, end = link.ends
        named.append((f"{start} {'-' if link.between else '>'} {end}", _link(link)))
    return f"Links ({len(named)}; a - b has its bandwidth each way, a > b goes one way)\n" + _rows(named)


def _link(link: Link) -> str:
    marks = [_bandwidth(link.bandwidth_bits_per_s), _latency(link.latency_s)]
    if link.duplex == "half":
        marks.append("half duplex: shared by both directions")
    if link.loss:
        marks.append(f"loss {link.loss:.3g}")
    if link.burst_bytes:
        marks.append(f"bursts of {human_quantity(link.burst_bytes, SIZE)}")
    if link.schedule:
        marks.append(_schedule(link.schedule))
    marks += [_outage(outage) for outage in link.outages]
    return ", ".join(marks)


def _schedule(schedule: Schedule) -> str:
    values = [point.bandwidth_bits_per_s for point in schedule.points]
    low = _bandwidth(min(values)) if min(values) else "0"
    again = f", again every {human_seconds(schedule.repeat_s)}" if schedule.repeat_s else ""
    return f"scheduled ({len(values)} steps, {low} to {_bandwidth(max(values))}{again})"


def _outage(outage: Outage) -> str:
    start = f"out from {human_seconds(outage.start_s)}"
    return f"{start} for {human_seconds(outage.duration_s)}" if outage.duration_s else f"{start} for ever"


def _options(topology: Topology) -> str:
    lines = [f"Collective  {topology.collective}"]
    transport = topology.transport
    if transport != type(transport)():
        window = human_quantity(transport.window_bytes, SIZE) if transport.window_bytes else "none"
        segment = human_quantity(transport.segment_bytes, SIZE)
        parts = [f"window {window}, {transport.streams} stream(s) a flow, segments of {segment}"]
        parts += [f"headers of {human_quantity(transport.header_bytes, SIZE)}"] if transport.header_bytes else []
        overhead_s = transport.exchange_overhead_s
        parts += [f"{human_seconds(overhead_s)} to start an exchange"] if overhead_s else []
        lines.append(_wrapped(f"Transport   {', '.join(parts)}", "            "))
    for override in topology.route_overrides:
        way = (" - " if override.between else " > ").join(override.ways()[0])
        lines.append(_wrapped(f"Route       {way}{'' if override.via else ' (direct)'}", "            "))
    return "\n".join(lines)


def _cut(topology: Topology) -> str:
    if len(topology.datacenters) > _CUT:
        return f"Bottleneck cut\n  not looked for: more than {_CUT} sites"
    cut = bottleneck_cut(topology)
    if cut is None:
        return ""
    if not cut.links:
        return (
            "Bottleneck cut\n" + _group("nothing at all goes from", cut.from_sites) + "\n" + _group("to", cut.to_sites)
        )
    across = f"{_bandwidth(cut.bandwidth_bits_per_s)} over {len(cut.links)} link{'s'[: len(cut.links) > 1]}"
    lines = [f"Bottleneck cut: {across}", _group("from", cut.from_sites), _group("to  ", cut.to_sites)]
    if len(cut.links) <= _MATRIX:
        lines.append(_group("over", [f"{start} > {end}" for start, end in cut.links]))
    return "\n".join(lines)


def _ring(topology: Topology) -> str:
    sites = tuple(site.name for site in topology.datacenters)
    order = best_ring(topology, sites)
    score = ring_score(topology, order)
    how = "" if len(sites) <= EXACT_UP_TO else ";\n  a good order: not all were tried"
    shown = [*order, order[0]] if len(order) <= _LISTED else [*order[:8], "...", *order[-2:], order[0]]
    return "\n".join(
        [
            f"Best ring: {_bandwidth(score.narrowest_bits_per_s)} on the narrowest hop, all hops at once{how}",
            _wrapped("  " + " > ".join(shown), "    "),
            f"  {_latency(-score.minus_latency_s)} once round",
        ]
    )


def _round_trips(topology: Topology) -> str:
    sites = [site.name for site in topology.datacenters]
    trips = {pair: route.latency_s for pair, route in topology.routes(tuple(sites)).items()}
    both = {(a, b): trips[a, b] + trips[b, a] for a, b in permutations(sites, 2)}
    if len(sites) > _MATRIX:
        low, middle, high = min(both.values()), statistics.median(both.values()), max(both.values())
        return f"Round trips: {_latency(low)} at least, {_latency(middle)} in the median, {_latency(high)} at most"
    unit, scale = ("ms", 1e3) if max(both.values()) >= 1e-3 else ("us", 1e6)
    digits = 0 if max(both.values()) * scale >= 9.95 else 1
    label = WIDTH - 4 - 4 * _MATRIX
    lines = [f"Round trips [{unit}]", " " * (label + 4) + "".join(f"{n:>4}" for n in range(1, len(sites) + 1))]
    for number, start in enumerate(sites, start=1):
        cells = ["   -" if start == end else f"{both[start, end] * scale:4.{digits}f}" for end in sites]
        lines.append(f"{number:>3} {_short(start, label)}" + "".join(cells))
    return "\n".join(lines)


def _rows(named: Sequence[tuple[str, str]]) -> str:
    """A line each; where there are many, a line for all that are equal."""
    if len(named) <= _LISTED:
        left = min(max(len(name) for name, _ in named), 34)
        return "\n".join(_wrapped(f"  {name:<{left}}  {text}", " " * (left + 4)) for name, text in named)
    groups: dict[str, list[str]] = {}
    for name, text in named:
        groups.setdefault(text, []).append(name)
    lines = []
    for text, names in groups.items():
        who = ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]}, ... {names[-1]}"
        lines.append(_wrapped(f"  {len(names)} x {text}: {who}", "      "))
    return "\n".join(lines)


def _group(title: str, names: Iterable[str]) -> str:
    return _wrapped(f"  {title} {', '.join(names)}", " " * (len(title) + 3))


def _wrapped(text: str, indent: str = "  ") -> str:
    lead = text[: len(text) - len(text.lstrip())]
    return "\n".join(
        textwrap.wrap(
            text.lstrip(),
            WIDTH,
            initial_indent=lead,
            subsequent_indent=indent,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
    )


def _short(name: str, width: int) -> str:
    return f"{name if len(name) <= width else name[: width - 1] + '~':<{width}}"


def _bandwidth(bits_per_s: float) -> str:
    return human_quantity(bits_per_s, BANDWIDTH)


def _latency(latency_s: float) -> str:
    return human_quantity(latency_s, LATENCY)
