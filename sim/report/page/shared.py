"""What several pages have: the map, a round, the scenario to copy, and how blocks come into a report."""

from __future__ import annotations

import io
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from ...simulation.observation import Observation, Slice
from ...topology.model import Topology
from ..figures import Gantt, Map, Node, Series, Source, Span, Tone, Wire
from ..model import Block, Drawn, Report, Sentences, Table, sentences

_SERIES = (
    Series("computing", "compute"),
    Series("exchange across datacenters", "across"),
    Series("exchange inside a datacenter", "inside"),
    Series("waiting for slower replicas", "waiting"),
    Series("packing payloads", "packing"),
)
_BESIDE = Series("an exchange is under way (thin line)", "idle")
_DOING: dict[str, Tone] = {
    "compute": "compute",
    "across": "across",
    "inside": "inside",
    "waiting": "waiting",
    "packing": "packing",
}
_ROWS = 16
"""Datacenters up to which a schedule can be read."""
_APART = 0.07
"""How far a site of unknown place stands from what joins it, as a share of the extent of the map."""
_FAN = math.radians(50)
"""The angle between two of them beside the same node, at most."""
_TOGETHER = 1e-9
"""Of the length of a schedule: a gap that only rounding makes."""


def with_blocks(report: Report, before: Sequence[Block], after: Sequence[Block], figure: Sequence[Drawn]) -> Report:
    """A report with more blocks: behind its finding, and at its end."""
    lead = [block for block in report.blocks[:1] if isinstance(block, Sentences) and block.tone == "strong"]
    rest = report.blocks[len(lead) :]
    return replace(report, blocks=(*lead, *before, *rest, *after), figure=tuple(figure))


def behind_tables(blocks: Sequence[Block], *groups: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks with groups of others, one behind each table in turn; what is left over stands behind the last of them."""
    left, found = list(groups), list[Block]()
    for block in blocks:
        found.append(block)
        if isinstance(block, Table) and left:
            found += left.pop(0)
    return (*found, *(block for group in left for block in group))


def map_of(topology: Topology, used: Mapping[str, float] | None = None, remark: str = "") -> Map:
    """A topology to be drawn.

    Args:
      topology: what it shows.
      used: the share of each link that was used, by its name (`a -> b`, or `a <-> b`); None where nobody counted.
      remark: what to know when looking at it.
    """
    nodes = [Node(site.name, True, _place(site.location)) for site in topology.datacenters]
    nodes += [Node(router.name, False, _place(router.location)) for router in topology.routers]
    position = {node.name: number for number, node in enumerate(nodes)}
    found: dict[tuple[int, int], Wire] = {}
    for link in topology.links:
        start, end = sorted(position[each] for each in link.ends)
        shares = [(used or {}).get(name, 0.0) for name in _names(*link.ends)]
        share = max(shares) if used else None
        wire = Wire(start, end, link.bandwidth_bits_per_s, share)
        other = found.get((start, end))
        if other is not None:  # two links, one each way
            busier = None if share is None or other.used is None else max(share, other.used)
            wire = Wire(start, end, max(wire.bandwidth_bits_per_s, other.bandwidth_bits_per_s), busier)
        found[start, end] = wire
    placed = _placed(nodes, list(found))
    beside = "Sites of unknown place stand beside what joins them." if placed != nodes else ""
    uneven = len({wire.bandwidth_bits_per_s for wire in found.values()}) > 1
    remarks = [*(["Wider lines have more bandwidth."] if uneven else []), remark, beside]
    return Map("Sites and links", tuple(placed), tuple(found.values()), " ".join(filter(None, remarks)))


def _placed(nodes: Sequence[Node], pairs: Sequence[tuple[int, int]]) -> list[Node]:
    """Nodes whose place nobody knows, but that of a neighbour, stand beside it, away from the middle of all."""
    known = [node.place for node in nodes if node.place]
    if not known or len(known) == len(nodes):
        return list(nodes)
    easts, norths = zip(*known, strict=True)
    middle = sum(easts) / len(easts), sum(norths) / len(norths)
    apart = _APART * max(max(easts) - min(easts), max(norths) - min(norths), 1.0)
    near = {number: _neighbour(number, nodes, pairs) for number, node in enumerate(nodes) if node.place is None}
    found = list(nodes)
    for place in dict.fromkeys(each for each in near.values() if each):
        beside = [number for number, each in near.items() if each == place]
        outward = math.atan2(place[1] - middle[1], place[0] - middle[0])
        step = min(_FAN, 2 * math.pi / len(beside))
        for turn, number in enumerate(beside):
            angle = outward + (turn - (len(beside) - 1) / 2) * step
            spot = place[0] + apart * math.cos(angle), place[1] + apart * math.sin(angle)
            found[number] = nodes[number]._replace(place=spot)
    return found


def _neighbour(number: int, nodes: Sequence[Node], pairs: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """The place of the first neighbour of a node of which it is known."""
    near = [nodes[b if a == number else a].place for a, b in pairs if number in (a, b)]
    return next((each for each in near if each), None)


def _names(a: str, b: str) -> list[str]:
    return [f"{a} -> {b}", f"{b} -> {a}", f"{a} <-> {b}", f"{b} <-> {a}"]


def _place(location: Any) -> tuple[float, float] | None:
    return None if location is None else (location.longitude_deg, location.latitude_deg)


def rounds(observed: Sequence[Observation], why_not: str = "") -> list[Block]:
    """A schedule of each stretch that was observed; or why there is none."""
    found: list[Block] = [_schedule(each) for each in observed if each.slices]
    return [*found, *([sentences([why_not], "quiet")] if why_not else [])]


def _schedule(observed: Observation) -> Gantt:
    length_s = observed.end_s - observed.start_s
    shown = min(len(observed.sites), _ROWS)
    series = {each.tone: number for number, each in enumerate(_SERIES)}
    spans = [
        Span(each.worker, series[_DOING[each.doing]], each.name, each.start_s, each.end_s)
        for each in _joined(observed.slices, _TOGETHER * length_s)
        if each.worker < shown
    ]
    hidden = [
        Span(worker, len(_SERIES), f"{each.name} under way", each.start_s, each.end_s, beside=True)
        for each in observed.exchanges
        for worker in each.members
        if worker < shown
    ]
    everything = [_within(span, observed.start_s, observed.end_s) for span in (*spans, *hidden)]
    seen = sorted({span.series for span in everything})
    names = (*_SERIES, _BESIDE)
    more = len(observed.sites) - shown
    return Gantt(
        title=f"{observed.label}: what each site does, moment by moment",
        rows=observed.sites[:shown],
        series=tuple(names[number] for number in seen),
        spans=tuple(span._replace(series=seen.index(span.series)) for span in everything),
        end_s=length_s,
        remark=f"The first {shown} sites; {more} more are not drawn." if more else "",
    )


def _within(span: Span, start_s: float, end_s: float) -> Span:
    """A span in the time of the schedule, which begins with 0."""
    return span._replace(start_s=max(span.start_s, start_s) - start_s, end_s=min(span.end_s, end_s) - start_s)


def _joined(slices: Sequence[Slice], gap_s: float) -> list[Slice]:
    """Slices of a worker that follow each other and are the same, as one."""
    found: dict[int, list[Slice]] = {}
    for each in sorted(slices, key=lambda one: one.start_s):
        own = found.setdefault(each.worker, [])
        before = own[-1] if own else None
        alike = before is not None and (before.doing, before.name) == (each.doing, each.name)
        if before is not None and alike and each.start_s - before.end_s <= gap_s:
            own[-1] = before._replace(end_s=each.end_s)
        else:
            own.append(each)
    return [each for own in found.values() for each in own]


def as_yaml(title: str, document: BaseModel, remark: str) -> Source:
    """A document as a file to copy: without what nobody gave, where it is the same without."""
    from ruamel.yaml import YAML

    data = document.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    try:
        same = type(document).model_validate(data) == document
    except ValidationError:
        same = False
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.default_flow_style = None
    yaml.dump(data if same else document.model_dump(mode="json", exclude_none=True), out)
    return Source(title, out.getvalue().rstrip("\n"), "yaml", remark)


def scenario_source(scenario: BaseModel, command: str = "", title: str = "The scenario") -> Source:
    """A scenario as a file to copy, and the command that takes it, with a blank behind its name."""
    return as_yaml(title, scenario, f"Saved as mine.yaml, it is asked about by: simulate {command}mine.yaml")


def with_command(report: Report, words: Sequence[str]) -> Report:
    """A page that says by which command it is made again.

    Args:
      report: the page.
      words: what follows `simulate`, but for where the answer goes.
    """
    command = shlex.join(["simulate", *words, "--output", "report.html"])
    return replace(report, blocks=(*report.blocks, Source("The command that makes this page", command, "sh")))
