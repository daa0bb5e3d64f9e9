"""Curves over two axes as SVG. Each has a colour, dashes and a sign of its own, so that colour is not needed."""

from __future__ import annotations

from ..model import Axis, Curve, Picture
from .parts import below, cut, drawing, is_narrow, legend, length, plain, rule, words
from .scale import Scale

COLOURS = 8
"""Colours that a page's style gives to lines, by the classes `line0` to `line7`."""
_TOLD = 6
"""Curves whose ends the alternative text tells."""
_TOP, _BOTTOM, _RIGHT = 18, 50, 24


def svg(picture: Picture, width: int) -> str:
    """A picture as an `svg` element; empty where there are no points."""
    points = [point for curve in picture.curves for point in curve.points]
    if not points:
        return ""
    height = 270 if is_narrow(width) else 360
    right, bottom = width - _RIGHT, height - _BOTTOM
    up = _scale(picture.y, [y for _, y in points], bottom, _TOP)
    left = 32 + max(length(text) for _, text in [*up.ticks(), (0.0, "000")])
    across = _scale(picture.x, [x for x, _ in points], left, right)
    parts = []
    for value, text in up.ticks():
        y = up.at(value)
        parts += [rule(left, y, right, y), words(left - 7, y + 4, text, "end")]
    for value, text in across.ticks(3 if is_narrow(width) else 6):
        x = across.at(value)
        parts += [rule(x, _TOP, x, bottom), below(x, bottom + 18, text, (0, width))]
    parts.append(words((left + right) / 2, height - 10, cut(picture.x.title, right - left), "middle"))
    turned = f'transform="translate(14 {(_TOP + bottom) / 2:.0f}) rotate(-90)" text-anchor="middle"'
    parts.append(f"<text {turned}>{plain(cut(picture.y.title, bottom - _TOP + 40))}</text>")
    for mark in picture.marks:
        x = across.at(mark.x)
        late = x > (left + right) / 2
        parts.append(rule(x, _TOP, x, bottom, "mark"))
        parts.append(words(x + (-4 if late else 4), _TOP - 5, mark.label, "end" if late else "start", "small"))
    for number, curve in enumerate(picture.curves):
        parts.append(_line(curve, number, across, up))
    return drawing(width, height, described(picture), parts)


def _scale(axis: Axis, values: list[float], start: float, end: float) -> Scale:
    low = min(values) if axis.low is None else axis.low
    high = max(values) if axis.high is None else axis.high
    return Scale(low, high, start, end, log=axis.log)


def _line(curve: Curve, number: int, across: Scale, up: Scale) -> str:
    places = [(across.at(x), up.at(y)) for x, y in curve.points]
    kind = f"line{number % COLOURS}"
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    signs = "".join(_sign(x, y, number) for x, y in places)
    return f'<g class="{kind}"><title>{plain(curve.label)}</title><polyline class="{kind}" points="{line}"/>{signs}</g>'


def _sign(x: float, y: float, number: int) -> str:
    """A small sign at a point: circle, square, diamond, triangle."""
    match number % 4:
        case 0:
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        case 1:
            return f'<rect x="{x - 2.7:.1f}" y="{y - 2.7:.1f}" width="5.4" height="5.4"/>'
        case 2:
            return f'<path d="M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z"/>'
    return f'<path d="M{x:.1f} {y - 3.6:.1f}l3.6 6.6h-7.2z"/>'


def key(picture: Picture) -> str:
    """Which line is which."""
    return legend((_key(number), curve.label) for number, curve in enumerate(picture.curves))


def _key(number: int) -> str:
    kind = f"line{number % COLOURS}"
    line = f'<polyline class="{kind}" points="1,7 33,7"/>{_sign(17, 7, number)}'
    return f'<svg class="key long" viewBox="0 0 34 14" aria-hidden="true"><g class="{kind}">{line}</g></svg>'


def described(picture: Picture) -> str:
    """The picture in words: what it shows, and from where to where each curve goes."""
    told = []
    for curve in [curve for curve in picture.curves if curve.points][:_TOLD]:
        (x1, y1), (x2, y2) = curve.points[0], curve.points[-1]
        told.append(f"{curve.label}: from {y1:.3g} at {x1:.3g} to {y2:.3g} at {x2:.3g}")
    more = len(picture.curves) - _TOLD
    rest = f"; {more} more" if more > 0 else ""
    return f"{picture.title}. {picture.y.title} against {picture.x.title}. {'; '.join(told)}{rest}."
