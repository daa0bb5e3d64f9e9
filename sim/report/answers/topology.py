"""A topology as a report: sites, links, the bottleneck cut, the best ring, and round-trip times."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from ...questions.topology import MOST_CUT_SITES, Ring, RoundTrip, TopologyAnswer
from ...topology.bottleneck_cut import Cut
from ...topology.links import Link
from ...topology.model import Datacenter, Topology
from ...topology.schedules import Outage, Schedule
from ...units.in_words import human_quantity, human_seconds
from ...units.quantities import BANDWIDTH, LATENCY, SIZE
from .. import quantities
from ..model import Block, Cell, Column, Fact, Facts, Records, Report, Sentences, Table, sentences, table
from ..quantities import Quantity, Scale

_LISTED = 48
"""Sites or links up to which each has a line of its own; beyond, equal ones share a line."""
_MATRIX = 16
_NAMED = 6
"""Sites up to which the round trips name them; more are told by their numbers."""
_CHIP_SPEED = Quantity((Scale("Tflop/s", 1e12, 0.0),))


def report(answer: TopologyAnswer) -> Report:
    """Everything about a topology that a person wants to see before running on it."""
    topology = answer.topology
    blocks: list[Block | None] = [
        sentences([f"Source: {topology.source}"] if topology.source else [], "quiet"),
        _sites(topology),
        _hosts(topology),
        _links(topology),
        _options(topology),
        _cut(answer),
        _ring(answer.best_ring),
        _round_trips(answer),
        sentences([answer.incomplete] if answer.incomplete else [], "strong"),
    ]
    links = [_record(link) for link in topology.links]
    return Report(
        title=": ".join(filter(None, [topology.name, topology.description])),
        blocks=tuple(block for block in blocks if block is not None),
        document={
            "topology": topology,
            "bottleneck_cut": answer.bottleneck_cut,
            "best_ring": answer.best_ring,
            "round_trips": answer.round_trips,
            "incomplete": answer.incomplete,
        },
        records=Records(_LINK_NAMES, links),
    )


_LINK_NAMES = ("from", "to", "both_ways", "bandwidth_bits_per_s", "latency_s", "duplex", "loss", "burst_bytes")


def _record(link: Link) -> dict[str, object]:
    """A link as a line of data; its schedule and outages are in the JSON."""
    start, end = link.ends
    named = {name: getattr(link, name) for name in _LINK_NAMES[3:]}
    return {"from": start, "to": end, "both_ways": link.between is not None} | named


def _sites(topology: Topology) -> Table:
    sites, routers = topology.datacenters, len(topology.routers)
    title = f"Sites ({len(sites)}; {routers} router{'s'[: routers > 1]})" if routers else f"Sites ({len(sites)})"
    columns = [
        Column("Site"),
        Column("Chips", quantities.NUMBER),
        *([Column("Useful speed of a chip", _CHIP_SPEED)] if any(site.chip_flop_per_s for site in sites) else []),
        Column("Inside bandwidth", quantities.BANDWIDTH),
        Column("Inside latency", quantities.DURATION),
    ]
    rows = [_site(site, len(columns) == 5) for site in sites]
    numbered = _NAMED < len(sites) <= _MATRIX
    if numbered:
        columns, rows = [Column("No.", quantities.NUMBER), *columns], [(n, *row) for n, row in enumerate(rows, 1)]
    remark = "Any chips: as many as the workload asks for." if not all(site.chips for site in sites) else ""
    return table(*((columns, rows) if numbered else _grouped(columns, rows)), title=title, remark=remark)


def _site(site: Datacenter, speed: bool) -> tuple[Cell, ...]:
    chips = "any" if site.chips is None else site.chips
    inside = (site.inside.bandwidth_bits_per_s, site.inside.latency_s)
    return (site.name, chips, *([site.chip_flop_per_s] if speed else []), *inside)


def _hosts(topology: Topology) -> Facts | None:
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
    return _facts(named, f"Hosts ({len(named)}; their sites share their compute)") if named else None


def _links(topology: Topology) -> Table | None:
    if not topology.links:
        return None
    columns = [
        Column("Link"),
        Column("Bandwidth", quantities.BANDWIDTH),
        Column("Latency", quantities.DURATION),
        Column("What else", folds=True),
    ]
    rows = [
        (
            f"{link.ends[0]} {'-' if link.between else '>'} {link.ends[1]}",
            link.bandwidth_bits_per_s,
            link.latency_s,
            _marks(link),
        )
        for link in topology.links
    ]
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]  # type: ignore[misc]
    title = f"Links ({len(rows)}; a - b has its bandwidth each way, a > b goes one way)"
    return table(*_grouped(columns, rows), title=title)


def _marks(link: Link) -> str:
    marks = []
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


def _options(topology: Topology) -> Facts:
    named: list[tuple[str, str]] = [("Collective", topology.collective)]
    transport = topology.transport
    if transport != type(transport)():
        window = human_quantity(transport.window_bytes, SIZE) if transport.window_bytes else "none"
        segment = human_quantity(transport.segment_bytes, SIZE)
        parts = [f"window {window}, {transport.streams} stream(s) a flow, segments of {segment}"]
        parts += [f"headers of {human_quantity(transport.header_bytes, SIZE)}"] if transport.header_bytes else []
        overhead_s = transport.exchange_overhead_s
        parts += [f"{human_seconds(overhead_s)} to start an exchange"] if overhead_s else []
        first_s, many = transport.first_exchange_s, transport.messages
        parts += [f"{human_seconds(first_s)} more for the first one"] if first_s else []
        parts += [f"{many} messages an exchange"] if many > 1 else []
        named.append(("Transport", ", ".join(parts)))
    for override in topology.route_overrides:
        way = (" - " if override.between else " > ").join(override.ways()[0])
        named.append(("Route", f"{way}{'' if override.via else ' (direct)'}"))
    return _facts(named, "")


def _cut(answer: TopologyAnswer) -> Block | None:
    sites = len(answer.topology.datacenters)
    if sites > MOST_CUT_SITES:
        return sentences([f"Not looked for: more than {MOST_CUT_SITES} sites."], title="Bottleneck cut")
    cut = answer.bottleneck_cut
    if cut is None:
        return None
    sides = [("from", ", ".join(cut.from_sites)), ("to", ", ".join(cut.to_sites))]
    if not cut.links:
        return _facts(sides, "Bottleneck cut: nothing at all goes across")
    return _facts(sides + _across(cut), f"Bottleneck cut: {_bandwidth(cut.bandwidth_bits_per_s)} over {_count(cut)}")


def _count(cut: Cut) -> str:
    return f"{len(cut.links)} link{'s'[: len(cut.links) > 1]}"


def _across(cut: Cut) -> list[tuple[str, str]]:
    return [("over", ", ".join(f"{start} > {end}" for start, end in cut.links))] if len(cut.links) <= _MATRIX else []


def _ring(ring: Ring | None) -> Sentences | None:
    if ring is None:
        return None
    how = "" if ring.exact or ring.given else "; a good order: not all were tried"
    order = ring.order
    shown = [*order, order[0]] if len(order) <= _LISTED else [*order[:8], "...", *order[-2:], order[0]]
    once = f"{human_quantity(ring.latency_s, LATENCY)} once round{how}"
    name = "Ring, as given" if ring.given else "Best ring"
    title = f"{name}: {_bandwidth(ring.narrowest_bits_per_s)} on the narrowest hop, all hops at once"
    return sentences([" > ".join(shown), once], title=title)


def _round_trips(answer: TopologyAnswer) -> Block | None:
    if not answer.round_trips:
        return None
    sites = [site.name for site in answer.topology.datacenters]
    latencies_s = [trip.latency_s for trip in answer.round_trips]
    if len(sites) > _MATRIX:
        words = [human_quantity(find(latencies_s), LATENCY) for find in (min, statistics.median, max)]
        return sentences([f"Round trips: {words[0]} at least, {words[1]} in the median, {words[2]} at most"])
    unit, factor = ("ms", 1e-3) if max(latencies_s) >= 1e-3 else ("us", 1e-6)
    digits = 0 if max(latencies_s) / factor >= 9.95 else 1
    return _matrix(answer.round_trips, sites, Quantity((Scale("", factor, 0.0),), digits), f"Round trips [{unit}]")


def _matrix(trips: Sequence[RoundTrip], sites: Sequence[str], quantity: Quantity, title: str) -> Table:
    found = {(trip.source, trip.target): trip.latency_s for trip in trips}
    heads = sites if len(sites) <= _NAMED else [str(number) for number in range(1, len(sites) + 1)]
    columns = [Column("" if heads is sites else "No.", align=None if heads is sites else "right")]
    columns += [Column(head, quantity) for head in heads]
    rows: list[list[Cell]] = [[head, *(found.get((a, b)) for b in sites)] for head, a in zip(heads, sites, strict=True)]
    return table(columns, rows, title=title)


def _grouped(
    columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]
) -> tuple[Sequence[Column], Sequence[Sequence[Cell]]]:
    """The rows as they are; where there are many, a row for all that are equal but in their name."""
    if len(rows) <= _LISTED:
        return columns, rows
    groups: dict[tuple[Cell, ...], list[str]] = {}
    for name, *cells in rows:
        groups.setdefault(tuple(cells), []).append(str(name))
    found: list[Sequence[Cell]] = []
    for equal, names in groups.items():
        who = ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]}, ... {names[-1]}"
        found.append((who, len(names), *equal))
    return [columns[0], Column("How many", quantities.NUMBER), *columns[1:]], found


def _facts(named: Sequence[tuple[str, str]], title: str) -> Facts:
    return Facts(tuple(Fact(name, (text,)) for name, text in named), title)


def _bandwidth(bits_per_s: float) -> str:
    return human_quantity(bits_per_s, BANDWIDTH)
