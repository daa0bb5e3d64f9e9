"""Who does what when, as SVG: a row each, and what goes on beside it in a thin line below."""

from __future__ import annotations

from ..figures import Gantt, Span
from ..quantities import DURATION, common_scale
from ..quantities import Scale as Unit
from .parts import below, box, cut, drawing, is_narrow, length, rule, tones, words
from .scale import Scale

_BAR, _THIN = 16, 6
_THINNEST = 0.6
"""A span that is shorter than this is drawn so long, so that it is seen [px]."""
_TOLD = 10
"""Rows that the alternative text tells."""


def svg(picture: Gantt, width: int) -> str:
    """A schedule as an `svg` element; empty where nothing happens."""
    if not picture.spans or picture.end_s <= 0:
        return ""
    narrow = is_narrow(width)
    unit = time_unit(picture)
    left = 4.0 if narrow else 12 + min(200.0, max(length(row) for row in picture.rows))
    right = width - 12.0
    across = Scale(0.0, picture.end_s / unit.factor, left, right)
    thin = any(span.beside for span in picture.spans)
    above = 17 if narrow else 0
    row_height = above + _BAR + (_THIN + 2 if thin else 0) + 8
    bottom = 6.0 + row_height * len(picture.rows)
    parts = []
    for value, text in across.ticks(3 if narrow else 7):
        x = across.at(value)
        parts += [rule(x, 2, x, bottom), below(x, bottom + 16, text, (0, width))]
    parts.append(words((left + right) / 2, bottom + 38, cut(axis_title(unit), right - left), "middle"))
    for number, row in enumerate(picture.rows):
        y = 6 + number * row_height + above
        label = (left, y - 4, cut(row, right), "start") if narrow else (left - 8, y + 13, cut(row, left - 10), "end")
        parts.append(words(*label))
        own = [span for span in picture.spans if span.row == number]
        parts += [_span(picture, span, across, unit, y) for span in own]
    return drawing(width, bottom + 46, described(picture), parts)


def time_unit(picture: Gantt) -> Unit:
    """The unit of the axis."""
    return common_scale([picture.end_s], DURATION)


def axis_title(unit: Unit) -> str:
    """What the axis measures."""
    return f"time [{unit.unit}]"


def _span(picture: Gantt, span: Span, across: Scale, unit: Unit, y: float) -> str:
    start, end = across.at(span.start_s / unit.factor), across.at(span.end_s / unit.factor)
    title = f"{span.name}: {span.start_s / unit.factor:.4g} to {span.end_s / unit.factor:.4g} {unit.unit}"
    tone = picture.series[span.series].tone
    top, height = (y + _BAR + 2, _THIN) if span.beside else (y, _BAR)
    return box(start, top, max(end - start, _THINNEST), height, tone, title)


def key(picture: Gantt) -> str:
    """What the colours mean."""
    return tones(picture.series)


def described(picture: Gantt) -> str:
    """The schedule in words: how long each row does what."""
    unit = time_unit(picture)
    told = []
    for number, row in enumerate(picture.rows[:_TOLD]):
        parts = []
        for beside in (False, True):
            for kind, series in enumerate(picture.series):
                own = [s for s in picture.spans if (s.row, s.series, s.beside) == (number, kind, beside)]
                seconds = sum(span.end_s - span.start_s for span in own)
                behind = ", beside the rest" if beside else ""
                parts += [f"{series.name} {seconds / unit.factor:.3g} {unit.unit}{behind}"] if own else []
        told.append(f"{row}: {', '.join(parts) or 'nothing'}")
    more = len(picture.rows) - _TOLD
    rest = f"; {more} more" if more > 0 else ""
    return f"{picture.title}, {picture.end_s / unit.factor:.3g} {unit.unit} in all. {'; '.join(told)}{rest}."
