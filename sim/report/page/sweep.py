"""The page of a sweep: curves over a key, a heat map over two, bars where none is a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean, quantiles

from ...questions.sweep.columns import Axis
from ...questions.sweep.summary import Seen, Summary, more_is_better, seen
from ...questions.sweep.sweep import Swept
from .. import quantities
from ..answers.sweep import amount, words
from ..figures import Bar, Bars, Heat, Series
from ..model import Axis as Scale
from ..model import Curve, Drawn, Picture, Report, Table
from ..quantities import Quantity, common_scale
from .shared import behind_tables

MOST_CELLS = 64
"""The most columns, and rows, of a heat map; of more, some are left out."""
_MOST_CURVES, _MOST_BARS, _MOST_MAPS = 8, 40, 8
_FEW = 4
"""Panels of a figure, at most."""
_WIDE = 8.0
"""A ratio of the largest to the smallest value from which an axis counts in powers of ten."""
_STEEP = 4.0
"""The same for the colours of a heat map."""
_BINS, _LEAST = 12, 5
"""Ranges of a drawn key, at most; draws in one of them, at least."""


def page(report: Report, swept: Swept, summary: Summary) -> Report:
    """The report on a sweep with what can be drawn of it."""
    found = pictures(swept, summary)
    blocks = behind_tables(report.blocks, found)
    if not any(isinstance(block, Table) for block in report.blocks):
        blocks = (*report.blocks, *found)
    return replace(report, blocks=blocks, figure=tuple(found[:_FEW]))


def pictures(swept: Swept, summary: Summary) -> list[Drawn]:
    """What the rows look like: by the first two keys of numbers, or by the only one."""
    rows = seen(swept, summary.metric)
    keys = swept.asked.space.keys
    drawn = [keys.index(key) for group in swept.asked.space.groups if group.drawn for key in group.keys]
    varied = [place for place, axis in enumerate(swept.axes) if axis.numeric and len(_values(rows, place)) > 1]
    fixed = [place for place in varied if place not in drawn]
    view = _View(swept.axes, summary.metric, rows, most=more_is_better(swept, summary.metric))
    if len(fixed) > 1:
        return [*view.heats(fixed[0], fixed[1]), *view.clouds(drawn)]
    if fixed:
        return [view.curves(fixed[0]), *view.clouds(drawn)]
    found = view.clouds([place for place in varied if place in drawn])
    return [*found] if found else [view.bars()] if rows else []


def _values(rows: Sequence[Seen], place: int) -> list[float]:
    """The different values of a key of numbers, rising."""
    return sorted({row.values[place] for row in rows if row.values[place] is not None})


def quantity_of(name: str) -> Quantity:
    """What a column measures, by the end of its name."""
    ends = {
        "_bits_per_s": quantities.BANDWIDTH,
        "_bytes": quantities.BYTES,
        "_s": quantities.DURATION,
        "_utilization": quantities.SHARE,
        "_share": quantities.SHARE,
        "_factor": quantities.NUMBER,
        "_loss": quantities.LOSS,
    }
    return next((found for end, found in ends.items() if name.endswith(end)), quantities.NUMBER)


class _View:
    """The rows of a sweep as somebody looks at one column of them."""

    def __init__(self, axes: Sequence[Axis], metric: str, rows: Sequence[Seen], *, most: bool) -> None:
        self._axes, self._metric, self._rows, self._most = axes, metric, rows, most
        self._best: Callable[[float, float], float] = max if most else min

    def _scale(self, name: str, title: str, values: Sequence[float]) -> tuple[Scale, float]:
        """An axis for values, and what one of its unit is."""
        unit = common_scale(values, quantity_of(name))
        shown = unit.unit or ("x" if name.endswith("_factor") else "")
        log = min(values) > 0 and max(values) / min(values) >= _WIDE
        return Scale(f"{title} [{shown}]" if shown else title, log=log), unit.factor

    def _others(self, places: Sequence[int]) -> str:
        """What the remark says of keys that cannot be seen."""
        left = [
            axis.key
            for place, axis in enumerate(self._axes)
            if place not in places and len({row.values[place] for row in self._rows}) > 1
        ]
        how = "most" if self._most else "least"
        return f"The {how} over all values of {', '.join(left)}." if left else ""

    def curves(self, place: int) -> Picture:
        """A line for each kind of rows, and for each value of the other keys while these are few."""
        axis = self._axes[place]
        lines = self._lines(place, apart=True)
        remark = ""
        if len(lines) > _MOST_CURVES:
            lines, remark = self._lines(place, apart=False), self._others([place])
        if len(lines) > _MOST_CURVES:
            remark = f"{remark} The first {_MOST_CURVES} of {len(lines)} lines.".lstrip()
            lines = dict(list(lines.items())[:_MOST_CURVES])
        across, unit = self._scale(axis.column.name, axis.key, _values(self._rows, place))
        up, size = self._scale(self._metric, words(self._metric), [y for own in lines.values() for y in own.values()])
        curves = [
            Curve(label, tuple((x / unit, y / size) for x, y in sorted(own.items()))) for label, own in lines.items()
        ]
        title = f"{words(self._metric).capitalize()} against {axis.key}"
        return Picture(title, across, up, tuple(curves), remark=remark)

    def _lines(self, place: int, *, apart: bool) -> dict[str, dict[float, float]]:
        lines: dict[str, dict[float, float]] = defaultdict(dict)
        for row in self._rows:
            x = row.values[place]
            if x is not None:
                label = self._label(row, [place]) if apart else row.series
                own = lines[label]
                own[x] = self._best(own[x], row.value) if x in own else row.value
        return lines

    def _label(self, row: Seen, places: Sequence[int]) -> str:
        """What a row is of, with the values of the keys that vary beside some."""
        told = [
            f"{axis.key} {amount(row.values[at], axis.column.name)}"
            for at, axis in enumerate(self._axes)
            if at not in places and axis.key != "strategy" and row.values[at] is not None
        ]
        return ", ".join([row.series, *told])

    def heats(self, x: int, y: int) -> list[Heat]:
        """A field for each kind of rows."""
        fields: dict[str, dict[tuple[float, float], float]] = defaultdict(dict)
        for row in self._rows:
            own, at = fields[row.series], (row.values[x], row.values[y])
            if None not in at:
                own[at] = self._best(own[at], row.value) if at in own else row.value
        return [self._heat(series, own, x, y) for series, own in list(fields.items())[:_MOST_MAPS] if own]

    def _heat(self, series: str, cells: dict[tuple[float, float], float], x: int, y: int) -> Heat:
        across, up = (_some(_values(self._rows, place)) for place in (x, y))
        values = tuple(tuple(cells.get((one, other)) for one in across) for other in up)
        known = [value for row in values for value in row if value is not None]
        fewer = "" if len(across) * len(up) >= len(cells) else "Not every value of the two keys is drawn."
        names = [self._axes[place].column.name for place in (x, y)]
        return Heat(
            title=f"{words(self._metric).capitalize()}: {series}",
            x=self._axes[x].key,
            y=self._axes[y].key,
            columns=tuple(amount(value, names[0]) for value in across),
            rows=tuple(amount(value, names[1]) for value in up),
            values=values,
            what=words(self._metric),
            quantity=quantity_of(self._metric),
            log=bool(known) and min(known) > 0 and max(known) / min(known) >= _STEEP,
            remark=" ".join(filter(None, [self._others([x, y]), fewer])),
        )

    def clouds(self, places: Sequence[int]) -> list[Picture]:
        """For each drawn key the median of what is looked at, and where eight of ten values lie."""
        return [found for place in places if self._axes[place].numeric and (found := self._cloud(place))]

    def _cloud(self, place: int) -> Picture | None:
        by_series = defaultdict[str, list[tuple[float, float]]](list)
        for row in self._rows:
            if row.values[place] is not None:
                by_series[row.series].append((row.values[place], row.value))
        found = {series: bins for series, points in by_series.items() if len(bins := _bins(points)) > 1}
        if not found:
            return None
        shares = (("nine of ten below", 9), ("median", 5), ("one of ten below", 1)) if len(found) == 1 else (("", 5),)
        axis, points = self._axes[place], [point for bins in found.values() for each in bins for point in each]
        across, unit = self._scale(axis.column.name, axis.key, [x for x, _ in points])
        up, factor = self._scale(self._metric, words(self._metric), [y for _, y in points])
        curves = [
            Curve(
                name or series, tuple((fmean(x for x, _ in each) / unit, _tenths(each, at) / factor) for each in bins)
            )
            for series, bins in list(found.items())[:_MOST_CURVES]
            for name, at in shares
        ]
        title = f"{words(self._metric).capitalize()} against {axis.key}"
        remark = (
            f"{'Medians' if len(found) > 1 else next(iter(found))} in ranges of {axis.key} with equally many draws."
        )
        return Picture(title, across, up, tuple(curves), (), remark)

    def bars(self) -> Bars:
        """A bar for each row."""
        rows = self._rows[:_MOST_BARS]
        bars = tuple(Bar(self._label(row, []), (max(row.value, 0.0),), amount(row.value, self._metric)) for row in rows)
        more = len(self._rows) - len(rows)
        what = words(self._metric)
        remark = f"The first {len(rows)} of {len(self._rows)} rows." if more else ""
        series = (Series(what, "compute"),)
        return Bars(what.capitalize(), what, quantity_of(self._metric), series, bars, remark)


def _some(values: Sequence[float]) -> list[float]:
    """Values, or some of them with both ends where they are many."""
    if len(values) <= MOST_CELLS:
        return list(values)
    return [values[round(place * (len(values) - 1) / (MOST_CELLS - 1))] for place in range(MOST_CELLS)]


def _bins(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Points in ranges with equally many of them, where there are enough."""
    found = sorted(points)
    size = max(10, -(-len(found) // _BINS))
    return [each for start in range(0, len(found), size) if len(each := found[start : start + size]) >= _LEAST]


def _tenths(points: Sequence[tuple[float, float]], of: int) -> float:
    """The value below which so many tenths of the points lie."""
    return quantiles([y for _, y in points], n=10, method="inclusive")[of - 1]
