"""Drawings by matplotlib, one panel each: for papers and slides, so on white."""

from __future__ import annotations

from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING

from ...units.in_words import human_quantity
from ...units.quantities import BANDWIDTH
from ..figures import Bars, Gantt, Heat, Map, Series
from ..model import Drawn, Picture
from ..quantities import common_scale
from . import bars, gantt, heat, network
from .land import within
from .layout import laid_out
from .parts import WIDE
from .scale import Scale
from .style import DASHES, HEAT, LIGHT, TONES, USED

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect

Entries = list[tuple["Artist", str]]
"""A legend: signs, each with what it means."""
MARKERS = "osD^"
_MAP = 1.9
"""How many times as wide as high a map is."""
_QUIET = "#57606a"


def height(picture: Drawn, width: float) -> float:
    """How high a panel of some width is [inch]."""
    match picture:
        case Picture():
            return 0.82 * width if width < 5 else 0.52 * width
        case Bars():
            groups = len({bar.group for bar in picture.bars if bar.group})
            return 0.8 + 0.24 * (len(picture.bars) + groups)
        case Gantt():
            return 0.9 + 0.3 * len(picture.rows)
        case Heat():
            return 0.62 * width
        case Map():
            return width / network.aspect(picture, _MAP)


def plot(axes: Axes, picture: Drawn, width: float) -> Entries:
    """Draws a panel of some width [inch], and says what stands in its legend."""
    axes.set_title(picture.title, loc="left", fontsize="medium", fontweight="bold")
    match picture:
        case Picture():
            return _curves(axes, picture, width)
        case Bars():
            return _bars(axes, picture)
        case Gantt():
            return _gantt(axes, picture)
        case Heat():
            return _heat(axes, picture, width)
        case Map():
            return _map(axes, picture)


def _curves(axes: Axes, picture: Picture, width: float) -> Entries:
    entries: Entries = []
    for number, curve in enumerate(picture.curves):
        dash = DASHES[number % len(DASHES)]
        (line,) = axes.plot(
            *zip(*curve.points, strict=True),
            color=LIGHT[number % len(LIGHT)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=3.5,
            linewidth=1.5,
            linestyle="-" if dash == "none" else (0, tuple(float(each) / 2 for each in dash.split())),
        )
        entries.append((line, curve.label))
    axes.set(xlabel=fill(picture.x.title, round(12 * width)), ylabel=fill(picture.y.title, 40))
    axes.set(xscale="log" if picture.x.log else "linear", yscale="log" if picture.y.log else "linear")
    axes.set_xlim(picture.x.low, picture.x.high)
    axes.set_ylim(picture.y.low, picture.y.high)
    for axis, log in ((axes.xaxis, picture.x.log), (axes.yaxis, picture.y.log)):
        ticks = Scale(*axis.get_view_interval(), 0, 1, log=log).ticks()
        axis.set_ticks([value for value, _ in ticks], [text for _, text in ticks])
        axis.set_ticks([], minor=True)
    for mark in picture.marks:
        axes.axvline(mark.x, color=_QUIET, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        at = axes.get_xaxis_transform()
        axes.annotate(
            mark.label, (mark.x, 1), (3, -3), at, textcoords="offset points", va="top", size="x-small", color=_QUIET
        )
    axes.grid(alpha=0.25)
    return entries


def _bars(axes: Axes, picture: Bars) -> Entries:
    most = max(sum(bar.values) for bar in picture.bars)
    unit = common_scale([most], picture.quantity)
    labels: list[str] = []
    headings: list[int] = []
    for group, members in groupby(picture.bars, key=lambda bar: bar.group):
        if group:
            headings.append(len(labels))
            labels.append(group)
        for bar in members:
            start = 0.0
            for series, value in zip(picture.series, bar.values, strict=True):
                axes.barh(len(labels), value / unit.factor, left=start, height=0.62, color=TONES[series.tone][0])
                start += value / unit.factor
            axes.annotate(bar.note, (start, len(labels)), (4, 0), textcoords="offset points", va="center", size="small")
            labels.append(bar.label)
    axes.set_yticks(range(len(labels)), labels)
    for number in headings:
        axes.get_yticklabels()[number].set_fontweight("bold")
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(bars.axis_title(picture, unit))
    axes.set_xlim(0, most / unit.factor * (1.14 if any(bar.note for bar in picture.bars) else 1.0))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    return _tones(picture.series) if len(picture.series) > 1 else []


def _tones(series: tuple[Series, ...]) -> Entries:
    from matplotlib.patches import Patch

    return [(Patch(color=TONES[each.tone][0]), each.name) for each in series]


def _gantt(axes: Axes, picture: Gantt) -> Entries:
    unit = gantt.time_unit(picture)
    for span in picture.spans:
        low, high = (0.34, 0.12) if span.beside else (-0.3, 0.6)
        piece = [(span.start_s / unit.factor, (span.end_s - span.start_s) / unit.factor)]
        axes.broken_barh(piece, (span.row + low, high), color=TONES[picture.series[span.series].tone][0], linewidth=0.2)
    axes.set_yticks(range(len(picture.rows)), picture.rows)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(picture.rows) - 0.4, -0.6)
    axes.set_xlim(0, picture.end_s / unit.factor)
    axes.set_xlabel(gantt.axis_title(unit))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    return _tones(picture.series)


def _heat(axes: Axes, picture: Heat, width: float) -> Entries:
    from matplotlib.colors import ListedColormap, LogNorm, Normalize

    if not picture.known:
        return []
    unit = common_scale([max(map(abs, picture.known))], picture.quantity)
    cells = [[float("nan") if value is None else value / unit.factor for value in row] for row in picture.values]
    low, high = min(picture.known) / unit.factor, max(picture.known) / unit.factor
    norm = LogNorm(low, high) if picture.log and high > low else Normalize(low, high)
    colours = ListedColormap(HEAT)
    image = axes.imshow(cells, cmap=colours, norm=norm, aspect="auto", origin="lower", interpolation="nearest")
    bar = axes.figure.colorbar(image, ax=axes)
    bar.set_label(f"{picture.what} [{unit.unit}]" if unit.unit else picture.what)
    ticks = [value for value, _ in Scale(low, high, 0, 1, log=picture.log).ticks() if low <= value <= high]
    bar.set_ticks(ticks, labels=[f"{value:.4g}" for value in ticks])
    bar.ax.minorticks_off()
    columns = heat.shown(len(picture.columns), 0.7 * width / len(picture.columns), 0.6)
    rows = heat.shown(len(picture.rows), 0.45 * width / len(picture.rows), 0.2)
    axes.set_xticks(list(columns), [picture.columns[n] for n in columns])
    axes.set_yticks(list(rows), [picture.rows[n] for n in rows])
    axes.set(xlabel=fill(picture.x, round(12 * width)), ylabel=fill(picture.y, 40))
    return []


def _map(axes: Axes, picture: Map) -> Entries:
    from matplotlib.lines import Line2D

    layout = laid_out(picture, network.aspect(picture, _MAP))
    if layout.window:
        _earth(axes, picture)
    colours = {"unused": _QUIET} | {f"used{number}": colour for number, colour in enumerate(USED)}
    found: dict[str, Artist] = {}
    widths = network.line_widths(picture.wires)
    for wire, way, wide in zip(picture.wires, layout.ways, widths, strict=True):
        shade = network.shade(wire)
        xs, ys = zip(*way, strict=True)
        axes.plot(xs, ys, color=colours[shade], linewidth=0.7 * wide, solid_capstyle="round", zorder=2)
        found.setdefault(shade, Line2D([], [], color=colours[shade], linewidth=2))
    for node, (x, y) in zip(picture.nodes, layout.nodes, strict=True):
        face, edge, marker = ("black", "white", "o") if node.site else ("white", "black", "s")
        axes.scatter(x, y, 22, face, marker=marker, edgecolors=edge, zorder=3)
    size = WIDE, round(WIDE / network.aspect(picture, _MAP))
    for name, x, y in network.names(picture, layout, size):
        axes.text(x / size[0], 1 - y / size[1], name, size="small", zorder=4, path_effects=[_halo()])
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    bandwidths = sorted(wire.bandwidth_bits_per_s for wire in picture.wires)
    known = dict(zip((wire.bandwidth_bits_per_s for wire in picture.wires), widths, strict=True))
    entries: Entries = [
        (Line2D([], [], color=_QUIET, linewidth=0.7 * known[each]), human_quantity(each, BANDWIDTH))
        for each in dict.fromkeys(bandwidths[:1] + bandwidths[-1:])
    ]
    return entries + [(found[name], text) for name, text in network.SHADES_IN_WORDS.items() if name in found]


def _halo() -> AbstractPathEffect:
    """What keeps letters apart from lines below them."""
    from matplotlib.patheffects import withStroke

    return withStroke(linewidth=2, foreground="white")


def _earth(axes: Axes, picture: Map) -> None:
    """Land, where its outlines are not too coarse."""
    window = laid_out(picture, _MAP).window
    axes.set_facecolor("#eef3f8")
    if window is None or window.width < network.COARSE:
        return
    for ring in within(window.west, window.south, window.east, window.north):
        xs, ys = zip(*map(window.share, ring), strict=True)
        axes.fill(xs, ys, color="#dfe3d8", zorder=0)
