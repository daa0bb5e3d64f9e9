"""A field of cells as SVG, coloured by their values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..figures import Heat
from ..quantities import written
from .parts import below, cut, drawing, is_narrow, legend, length, plain, words
from .style import HEAT

_TOP, _BOTTOM, _RIGHT = 8, 50, 12
_TITLED = 1_000
"""Cells up to which each tells its value to whoever points at it."""
_LINE = 15
"""From one line of letters to the next [px]."""


def svg(picture: Heat, width: int) -> str:
    """Cells as an `svg` element; empty where there is no value."""
    if not picture.known:
        return ""
    height = 300 if is_narrow(width) else 400
    left = 32 + min(110.0, max(map(length, picture.rows)))
    wide, high = (width - _RIGHT - left) / len(picture.columns), (height - _TOP - _BOTTOM) / len(picture.rows)
    parts = []
    for row, values in enumerate(picture.values):
        y = height - _BOTTOM - (row + 1) * high
        parts += [_cell(picture, row, column, left + column * wide, y, wide, high) for column in range(len(values))]
    apart = max(map(length, picture.columns)) + 10
    for column in shown(len(picture.columns), wide, apart):
        middle = left + (column + 0.5) * wide
        parts.append(below(middle, height - _BOTTOM + 18, picture.columns[column], (0, width)))
    for row in shown(len(picture.rows), high, _LINE):
        y = height - _BOTTOM - (row + 0.5) * high + 4
        parts.append(words(left - 6, y, cut(picture.rows[row], left - 30), "end"))
    middle = (left + width - _RIGHT) / 2
    parts.append(words(middle, height - 10, cut(picture.x, width - _RIGHT - left), "middle"))
    turned = f'transform="translate(14 {(_TOP + height - _BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle"'
    parts.append(f"<text {turned}>{plain(cut(picture.y, height - _BOTTOM - _TOP + 40))}</text>")
    return drawing(width, height, described(picture), parts)


def shown(count: int, size: float, apart: float) -> range:
    """Which of some cells in a row have room for their names."""
    return range(0, count, max(1, math.ceil(apart / size)))


def _cell(picture: Heat, row: int, column: int, x: float, y: float, wide: float, high: float) -> str:
    value = picture.values[row][column]
    kind = "cold" if value is None else f"heat{level(picture, value)}"
    place = f'x="{x:.1f}" y="{y:.1f}" width="{wide + 0.3:.1f}" height="{high + 0.3:.1f}"'  # no seam between cells
    if len(picture.rows) * len(picture.columns) > _TITLED:
        return f'<rect class="{kind}" {place}/>'
    told = f"{picture.columns[column]}, {picture.rows[row]}: {'no answer' if value is None else number(picture, value)}"
    return f'<rect class="{kind}" {place}><title>{plain(told)}</title></rect>'


def level(picture: Heat, value: float) -> int:
    """Which of the colours a value has."""
    low, high = (_place(picture, end) for end in (min(picture.known), max(picture.known)))
    share = (_place(picture, value) - low) / (high - low) if high > low else 0.0
    return min(int(share * len(HEAT)), len(HEAT) - 1)


def _place(picture: Heat, value: float) -> float:
    return math.log(max(value, 1e-300)) if picture.log else value


def number(picture: Heat, value: float) -> str:
    """A value in words."""
    found = written([value], picture.quantity)
    return f"{found.texts[0]} {found.unit}".rstrip()


def key(picture: Heat) -> str:
    """What the colours mean."""
    boxes = "".join(f'<rect class="heat{n}" x="{14 * n}" y="1" width="14.3" height="12"/>' for n in range(len(HEAT)))
    scale = f'<svg class="key scale" viewBox="0 0 {14 * len(HEAT)} 14" aria-hidden="true">{boxes}</svg>'
    entries = [(scale, f"{picture.what}: {ends(picture)}{', by equal ratios' if picture.log else ''}")]
    if any(value is None for row in picture.values for value in row):
        none = '<rect class="cold" x="1" y="1" width="12" height="12"/>'
        entries.append((f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{none}</svg>', "no answer"))
    return legend(entries)


def ends(picture: Heat) -> str:
    """From which value to which."""
    known = picture.known
    if not known:
        return "no answer"
    return f"{number(picture, min(known))} to {number(picture, max(known))}"


def described(picture: Heat) -> str:
    """The cells in words: their range, and the four corners."""
    corners: Sequence[tuple[int, int]] = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    told = []
    for row, column in dict.fromkeys((r % len(picture.rows), c % len(picture.columns)) for r, c in corners):
        value = picture.values[row][column]
        what = "no answer" if value is None else number(picture, value)
        told.append(f"{what} at {picture.columns[column]} and {picture.rows[row]}")
    return f"{picture.title}. {picture.what}, {ends(picture)}. {picture.y} against {picture.x}: {'; '.join(told)}."
