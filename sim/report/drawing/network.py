"""Sites and links as SVG: a link is as wide as its bandwidth (by its logarithm), and its colour says how it is used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...units.in_words import human_quantity
from ...units.quantities import BANDWIDTH
from ..figures import Map, Wire
from .land import within
from .layout import MOST_NODES, Layout, Place, Window, laid_out
from .parts import cut, drawing, is_narrow, legend, length, plain, rule, words
from .scale import Scale

Box = tuple[float, float, float, float]
"""Left, top, right, bottom [px]."""
SHADES = (0.0, 0.25, 0.5, 0.75)
"""From these shares on a link has the next colour: the classes `used1` to `used4`, and `used0` for none."""
SHADES_IN_WORDS = {
    "used0": "carries nothing",
    "used1": "up to 25% used",
    "used2": "25% to 50% used",
    "used3": "50% to 75% used",
    "used4": "75% to 100% used",
}
"""What each colour says."""
_THIN, _THICK = 1.6, 7.0
_MANY = 24
"""Links from which on the lines are half as wide."""
_LABELLED, _NAMED = 6, 40
"""Links up to which each is labelled; nodes up to which each is named."""
_TOLD = 12
"""Links that the alternative text tells."""
COARSE = 4.0
"""Degrees below which the outlines of the land are too coarse to be shown [degree]."""


def svg(picture: Map, width: int) -> str:
    """A network as an `svg` element; empty where nothing can be seen of it."""
    if not drawable(picture):
        return ""
    height = round(width / aspect(picture, 1.25 if is_narrow(width) else 1.9))
    layout = laid_out(picture, width / height)
    parts = list(_earth(layout.window, width, height)) if layout.window else []
    widths = line_widths(picture.wires)
    ways = [[(x * width, (1 - y) * height) for x, y in way] for way in layout.ways]
    for wire, way, thick in zip(picture.wires, ways, widths, strict=True):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in way)
        title = f"<title>{plain(wire_in_words(picture, wire))}</title>"
        parts.append(f'<polyline class="wire {shade(wire)}" style="stroke-width:{thick:.1f}px" points="{line}">{title}')
        parts.append("</polyline>")
    parts += _nodes(picture, layout, width, height)
    if len(picture.wires) <= _LABELLED and not is_narrow(width):
        parts += [_label(wire, way) for wire, way in zip(picture.wires, ways, strict=True)]
    return drawing(width, height, described(picture), parts)


def aspect(picture: Map, usual: float) -> float:
    """How many times as wide as high it is drawn: two sites that are joined need no height."""
    return 5.0 if len(picture.nodes) == 2 and not picture.located else usual


def drawable(picture: Map) -> bool:
    """Whether there is more than one node, and not more than can be told apart."""
    return 1 < len(picture.nodes) <= MOST_NODES


def line_widths(wires: Sequence[Wire]) -> list[float]:
    """How wide each line is: by the logarithm of the bandwidth, the same where all links are equal [px]."""
    logs = [math.log10(wire.bandwidth_bits_per_s) for wire in wires]
    thick = _THICK if len(wires) < _MANY else _THICK / 2
    if not logs or max(logs) - min(logs) < 1e-9:
        return [(_THIN + thick) / 2] * len(logs)
    return [_THIN + (thick - _THIN) * (log - min(logs)) / (max(logs) - min(logs)) for log in logs]


def shade(wire: Wire) -> str:
    """The class of its colour."""
    if wire.used is None:
        return "unused"
    return f"used{sum(wire.used > least for least in SHADES)}"


def wire_in_words(picture: Map, wire: Wire) -> str:
    """A link with its bandwidth and how it is used."""
    ends = f"{picture.nodes[wire.start].name} - {picture.nodes[wire.end].name}"
    return f"{ends}: {_bandwidth(wire)}{'' if wire.used is None else f', {wire.used:.1%} used'}"


def _bandwidth(wire: Wire) -> str:
    return human_quantity(wire.bandwidth_bits_per_s, BANDWIDTH)


def _label(wire: Wire, way: Sequence[Place]) -> str:
    (x1, y1), (x2, y2) = way[(len(way) - 1) // 2], way[len(way) // 2]
    text = _bandwidth(wire) if wire.used is None else f"{_bandwidth(wire)}, {wire.used:.0%}"
    return words((x1 + x2) / 2, (y1 + y2) / 2 - 7, text, "middle", "halo small")


def _nodes(picture: Map, layout: Layout, width: int, height: int) -> Iterator[str]:
    for node, (x, y) in zip(picture.nodes, layout.nodes, strict=True):
        x, y = x * width, (1 - y) * height
        title = f"<title>{plain(node.name)}</title>"
        if node.site:
            yield f'<circle class="site" cx="{x:.1f}" cy="{y:.1f}" r="6">{title}</circle>'
        else:
            yield f'<rect class="router" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8">{title}</rect>'
    for name, x, y in names(picture, layout, (width, height)):
        yield words(x, y, name, kind="halo")


def names(picture: Map, layout: Layout, size: tuple[int, int]) -> list[tuple[str, float, float]]:
    """The names of the nodes with the places where they begin; none where there are too many to be read."""
    if len(picture.nodes) > _NAMED:
        return []
    places = [(x * size[0], (1 - y) * size[1]) for x, y in layout.nodes]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    found = []
    for node, place in zip(picture.nodes, places, strict=True):
        name = cut(node.name, 0.4 * size[0])
        box = _free(length(name), place, size, taken, outward=not picture.located)
        taken.append(box)
        found.append((name, box[0], box[1] + 11))
    return found


def _free(long: float, at: Place, size: tuple[int, int], taken: Sequence[Box], *, outward: bool) -> Box:
    """Where a name covers no other name and no node, if there is such a place."""
    x, y = at
    tries = [(x + 10, y + 4), (x - 10 - long, y + 4), (x - long / 2, y - 11), (x - long / 2, y + 20)]
    if outward:  # the links are in the middle
        tries = [tries[3], tries[2]] if y >= size[1] / 2 else [tries[2], tries[3]]
    boxes = [(left, base - 11, left + long, base + 3) for left, base in tries]
    return min(boxes, key=lambda box: _covers(box, taken, size))


def _covers(box: Box, taken: Sequence[Box], size: tuple[int, int]) -> float:
    """The area of other things under a box, and of what of it is outside the drawing."""
    x1, y1, x2, y2 = box
    hidden = sum(_common(box, other) for other in taken)
    return hidden + 10 * ((x2 - x1) * (y2 - y1) - _common(box, (0, 0, *size)))


def _common(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(wide, 0.0) * max(high, 0.0)


def _earth(window: Window, width: int, height: int) -> Iterator[str]:
    """Land, and lines of longitude and latitude with their degrees."""
    yield f'<rect class="sea" width="{width}" height="{height}"/>'
    if window.width >= COARSE:
        lines = [
            "L".join(f"{x * width:.1f} {(1 - y) * height:.1f}" for x, y in map(window.share, ring))
            for ring in within(window.west, window.south, window.east, window.north)
        ]
        yield f'<path class="land" d="{"".join(f"M{line}Z" for line in lines)}"/>'
    for value, text in Scale(window.west, window.west + window.width, 0, width).ticks(4):
        x = width * (value - window.west) / window.width
        yield rule(x, 0, x, height, "graticule")
        yield words(x + 3, height - 5, _degrees((value + 180) % 360 - 180, "E", "W", text), kind="halo faint")
    for value, text in Scale(window.south, window.south + window.height, height, 0).ticks(3):
        y = height * (1 - (value - window.south) / window.height)
        yield rule(0, y, width, y, "graticule")
        yield words(3, y - 4, _degrees(value, "N", "S", text), kind="halo faint") if y > 20 else ""


def _degrees(value: float, positive: str, negative: str, text: str) -> str:
    digits = len(text.partition(".")[2])
    return f"{abs(value):.{digits}f}°{positive if value > 0 else negative if value < 0 else ''}"


def key(picture: Map) -> str:
    """What widths and colours mean."""
    if not drawable(picture) or not picture.wires:
        return ""
    bandwidths = sorted({wire.bandwidth_bits_per_s for wire in picture.wires})
    widths = dict(zip((wire.bandwidth_bits_per_s for wire in picture.wires), line_widths(picture.wires), strict=True))
    ends = dict.fromkeys((bandwidths[0], bandwidths[-1]))
    entries = [(_line("unused", widths[each]), human_quantity(each, BANDWIDTH)) for each in ends]
    used = {shade(wire) for wire in picture.wires}
    entries += [(_line(name, 4.5), text) for name, text in SHADES_IN_WORDS.items() if name in used]
    if any(not node.site for node in picture.nodes):
        entries.append((_sign('<rect class="router" x="3" y="3" width="8" height="8"/>'), "router"))
    return legend(entries)


def _line(kind: str, thick: float) -> str:
    line = f'<polyline class="wire {kind}" style="stroke-width:{thick:.1f}px" points="1,7 33,7"/>'
    return f'<svg class="key long" viewBox="0 0 34 14" aria-hidden="true">{line}</svg>'


def _sign(shape: str) -> str:
    return f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{shape}</svg>'


def described(picture: Map) -> str:
    """The network in words."""
    sites = sum(node.site for node in picture.nodes)
    routers = len(picture.nodes) - sites
    what = f"{'Map' if picture.located else 'Graph'} of {sites} sites"
    what += f" and {routers} router{'s'[: routers > 1]}" if routers else ""
    busiest = sorted(picture.wires, key=lambda wire: -(wire.used or 0.0))
    told = "; ".join(wire_in_words(picture, wire) for wire in busiest[:_TOLD])
    more = len(busiest) - _TOLD
    return f"{picture.title}. {what}. {told}{f'; {more} more' if more > 0 else ''}."
