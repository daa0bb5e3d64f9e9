"""What drawings in SVG have in common. They take colours from the page's style, so they suit light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ...errors import is_plain
from ..figures import Series

WIDE, NARROW = 760, 352
"""The widths that everything is drawn in, for a desk and for a phone: letters are as large as the text around [px]."""
_LETTER = 7.4
"""The mean width of a letter [px]."""


def is_narrow(width: int) -> bool:
    """Whether a drawing is one for a phone."""
    return width < (WIDE + NARROW) / 2


def plain(text: str) -> str:
    """A text that is nothing but text in a page; what HTML has no form for is written out."""
    return escape("".join(each if is_plain(each) or each in "\n\t" else ascii(each)[1:-1] for each in text))


def length(text: str) -> float:
    """About how long a text is [px]."""
    return _LETTER * sum(2 if ord(each) > 0x2E80 else 1 for each in text)


def cut(text: str, room: float) -> str:
    """A text that is no longer than the room for it [px]; the whole of it is in the table or the alternative text."""
    if length(text) <= room:
        return text
    kept = text
    while kept and length(kept) + _LETTER > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def drawing(width: int, height: float, alternative: str, parts: Iterable[str]) -> str:
    """The whole drawing, with what it says to whoever does not see it."""
    size = "narrow" if is_narrow(width) else "broad"
    head = f'<svg class="{size}" viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{plain(alternative)}">'
    return "\n".join([head, *parts, "</svg>"])


def words(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    """A text at a place."""
    name = f' class="{kind}"' if kind else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text{name} x="{x:.1f}" y="{y:.1f}"{where}>{plain(text)}</text>'


def below(x: float, y: float, text: str, edges: tuple[float, float]) -> str:
    """The number below a mark of an axis, moved to where it stays between the edges of the drawing."""
    half = length(text) / 2
    return words(min(max(x, edges[0] + half), edges[1] - half), y, text, "middle")


def box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A filled box, with a title for whoever points at it."""
    shape = f'<rect class="{kind}" x="{x:.2f}" y="{y:.1f}" width="{max(width, 0.0):.2f}" height="{height:.1f}"'
    return f"{shape}><title>{plain(title)}</title></rect>" if title else f"{shape}/>"


def rule(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def tones(series: Sequence[Series]) -> str:
    """A legend of what the colours mean."""
    return legend(
        (f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{box(1, 1, 12, 12, each.tone)}</svg>', each.name)
        for each in series
    )


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """A legend: signs, each with what it means."""
    items = [f"<li>{sign}{plain(meaning)}</li>" for sign, meaning in entries]
    return "\n".join(['<ul class="legend">', *items, "</ul>"]) if items else ""
