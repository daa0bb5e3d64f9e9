"""Stacked bars as SVG."""

from __future__ import annotations

from itertools import groupby

from ..figures import Bar, Bars
from ..quantities import Scale as Unit
from ..quantities import common_scale, written
from .parts import below, box, cut, drawing, is_narrow, length, rule, tones, words
from .scale import Scale

_ROW, _BAR, _GROUP = 26, 15, 26
_TOLD = 12
"""Bars that the alternative text tells."""
_ROOM = 34
"""A part as wide as this has room for its share [px]."""


def svg(picture: Bars, width: int) -> str:
    """Bars as an `svg` element; empty where there are none."""
    most = max((sum(bar.values) for bar in picture.bars), default=0.0)
    if not most > 0:
        return ""
    narrow = is_narrow(width)
    unit = common_scale([most], picture.quantity)
    left = 4.0 if narrow else 10 + min(230.0, max(length(bar.label) for bar in picture.bars))
    right = width - 10 - (0.0 if narrow else min(150.0, max(length(bar.note) for bar in picture.bars)))
    across = Scale(0.0, most / unit.factor, left, right)
    rows, bottom = _rows(picture, across, unit, left, right, narrow)
    parts = []
    for value, text in across.ticks(3 if narrow else 6):
        x = across.at(value)
        parts += [rule(x, 4, x, bottom), below(x, bottom + 16, text, (0, width))]
    title = axis_title(picture, unit)
    parts.append(words((left + right) / 2, bottom + 38, cut(title, right - left + 60), "middle"))
    return drawing(width, bottom + 46, described(picture), [*parts, *rows])


def axis_title(picture: Bars, unit: Unit) -> str:
    """What the bars measure, with the unit of the numbers below them."""
    return f"{picture.axis} [{unit.unit}]" if unit.unit else picture.axis


def _rows(picture: Bars, across: Scale, unit: Unit, left: float, right: float, narrow: bool) -> tuple[list[str], float]:
    """The bars from the top, and where they end."""
    parts: list[str] = []
    y = 4.0
    for group, bars in groupby(picture.bars, key=lambda bar: bar.group):
        if group:
            parts.append(words(4, y + 17, cut(group, right), kind="strong"))
            y += _GROUP
        for bar in bars:
            if narrow:  # the label stands above the bar
                note = cut(bar.note, 0.6 * right)
                parts.append(words(left, y + 12, cut(bar.label, right - left - length(note) - 6)))
                parts.append(words(right, y + 12, note, "end"))
                y += 17
            else:
                parts.append(words(left - 6, y + 16, cut(bar.label, left - 10), "end"))
                parts.append(words(across.at(sum(bar.values) / unit.factor) + 6, y + 16, bar.note))
            parts += _parts(picture, bar, across, unit, y + 4)
            y += _ROW
    return parts, y + 4


def _parts(picture: Bars, bar: Bar, across: Scale, unit: Unit, y: float) -> list[str]:
    parts, total, so_far = [], sum(bar.values), 0.0
    for series, value in zip(picture.series, bar.values, strict=True):
        x, so_far = across.at(so_far / unit.factor), so_far + value
        end = across.at(so_far / unit.factor)
        if end > x:
            title = f"{bar.label}: {series.name} {_number(picture, value)} ({value / total:.1%})"
            parts.append(box(x, y, end - x, _BAR, series.tone, title))
            if len(picture.series) > 1 and end - x >= _ROOM:
                parts.append(words((x + end) / 2, y + 12, _share(value / total), "middle", f"on {series.tone}"))
    return parts


def _share(share: float) -> str:
    """A share in as few digits as are true: what is not all is not 100%."""
    return f"{share:.0%}" if share < 0.995 or share == 1 else f"{share:.1%}"


def _number(picture: Bars, value: float) -> str:
    found = written([value], picture.quantity)
    return f"{found.texts[0]} {found.unit}".rstrip()


def key(picture: Bars) -> str:
    """What the colours mean; empty where there is one."""
    return tones(picture.series) if len(picture.series) > 1 else ""


def described(picture: Bars) -> str:
    """The bars in words."""
    told = []
    for bar in picture.bars[:_TOLD]:
        parts = [
            f"{series.name} {_number(picture, value)}"
            for series, value in zip(picture.series, bar.values, strict=True)
            if value
        ]
        name = ", ".join(filter(None, [bar.group, bar.label]))
        told.append(f"{name}: {', '.join(parts) or 'nothing'}{f' ({bar.note})' if bar.note else ''}")
    more = len(picture.bars) - _TOLD
    rest = f"; {more} more" if more > 0 else ""
    return f"{picture.title}. {'; '.join(told)}{rest}."
