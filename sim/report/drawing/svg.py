"""Curves as SVG that stands in a page: it takes its colours from the page's style, so it suits light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ..model import Axis, Picture

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 14, 52
COLOURS = 8
"""Colours that a page's style gives to lines, by the classes `line0` to `line7`."""


def svg(picture: Picture) -> str:
    """A picture as an `svg` element with a legend behind it; empty where there are no points."""
    points = [point for curve in picture.curves for point in curve.points]
    if not points:
        return ""
    across = _Scale(picture.x, [x for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale(picture.y, [y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(picture.title)}">']
    for value, text in up.ticks():
        y = up.at(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for value, text in across.ticks():
        x = across.at(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{text}</text>')
    middle_x, middle_y = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<text x="{middle_x}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(picture.x.title)}</text>')
    parts.append(
        f'<text transform="translate(16 {middle_y}) rotate(-90)" text-anchor="middle">{escape(picture.y.title)}</text>'
    )
    for number, curve in enumerate(picture.curves):
        line = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in curve.points)
        parts.append(f'<polyline class="line{number % COLOURS}" points="{line}"><title>{escape(curve.label)}</title>')
        parts.append("</polyline>")
    return "\n".join([*parts, "</svg>", _legend([curve.label for curve in picture.curves])])


def _legend(labels: Sequence[str]) -> str:
    entries = [
        f'<li><span class="key line{number % COLOURS}"></span>{escape(label)}</li>'
        for number, label in enumerate(labels)
    ]
    return "\n".join(['<ul class="legend">', *entries, "</ul>"])


class _Scale:
    """From values of an axis to places on the picture."""

    def __init__(self, axis: Axis, values: Sequence[float], start: float, end: float) -> None:
        self._log = axis.log
        low = min(values) if axis.low is None else axis.low
        high = max(values) if axis.high is None else axis.high
        self._low, self._high = self._position(low), self._position(high)
        if self._high <= self._low:  # a single value stands in the middle
            self._low, self._high = self._low - 1, self._high + 1
        self._start, self._end = start, end

    def _position(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self._log else value

    def at(self, value: float) -> float:
        """Where a value lies, within the ends of the axis."""
        share = (self._position(value) - self._low) / (self._high - self._low)
        return self._start + (self._end - self._start) * min(max(share, 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Values to mark, with their texts: powers of ten, or steps of 1, 2 or 5 times one."""
        if self._log:
            first, last = math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9)
            step = max(1, (last - first) // 8)
            return [(10.0**power, f"{10.0**power:,g}") for power in range(first, last + 1, step)]
        rough = (self._high - self._low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        apart = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.9 * rough)
        first, last = math.ceil(self._low / apart - 1e-9), math.floor(self._high / apart + 1e-9)
        return [(number * apart, f"{number * apart:,.6g}") for number in range(first, last + 1)]
