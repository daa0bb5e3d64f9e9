"""How the drawings are painted: rows of bars over time, boxes, words; as SVG that suits light and dark, and a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 460
LEFT = 66
PER_LINE = 62
"""Units of a drawing, where its bars begin, and letters in a line of text below it."""
KINDS = {
    "compute": "computing",
    "across": "exchange, standing still",
    "hidden": "exchange behind compute",
    "wait": "waiting for a slower site",
    "inside": "exchange inside the site",
}
"""What a bar is, by its class, and how the legend calls it."""
STYLE = """
:root{--page:#fff;--ink:#1b1f24;--grid:#c9ced6;--compute:#1f5fa8;--across:#b34700;--hidden:#f3c08a;--wait:#d5d9e0;
--inside:#6a4c93;--on:#fff;--under:#1b1f24}
@media (prefers-color-scheme:dark){:root{--page:#1a1d21;--ink:#e6e8eb;--grid:#454b54;--compute:#8dbdf2;--across:#ffa766;
--hidden:#7a4a1c;--wait:#4a515b;--inside:#c8aeea;--on:#14171a;--under:#f4f5f7}}
text{font:14px system-ui,sans-serif;fill:var(--ink)}.page{fill:var(--page)}.grid{stroke:var(--grid)}
.box{fill:none;stroke:var(--ink)}.arrow{fill:none;stroke:var(--across);stroke-width:3}.head{fill:var(--across)}
.link{fill:none;stroke:var(--inside);stroke-width:2}.chip{fill:var(--compute)}
.compute{fill:var(--compute)}.across{fill:var(--across)}.hidden{fill:var(--hidden)}.wait{fill:var(--wait)}
.inside{fill:var(--inside)}text.on{fill:var(--on)}text.under{fill:var(--under)}text.strong{font-weight:600}
""".replace("\n", "")


class Bar(NamedTuple):
    """A stretch of time in a row of a drawing [s]."""

    kind: str
    start_s: float
    end_s: float
    text: str = ""


class Row(NamedTuple):
    """A line of bars with its name; low ones are what goes on behind another row."""

    name: str
    bars: tuple[Bar, ...]
    low: bool = False


def page(title: str, told: str, height: float, parts: Iterable[str]) -> str:
    """An SVG file: a picture for those who see it, and the same in words for those who do not."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
            f'height="{height:g}" role="img" aria-labelledby="title told">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="told">{escape(told)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="6"/>',
            text(10, 22, title, "strong"),
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def box(kind: str, x: float, y: float, width: float, height: float) -> str:
    """A rectangle."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def bars(
    groups: Sequence[tuple[str, Sequence[Row]]], longest: float, top: float, unit: str = " s", step: int = 4
) -> tuple[list[str], float]:
    """Rows of bars over one axis of time, a legend below them, and where it ends."""
    scale = (WIDTH - LEFT - 24) / longest
    parts, y = [], top
    for name, members in groups:
        if name:
            parts.append(text(10, y + 14, name))
            y += 22
        for row in members:
            height = 9 if row.low else 22
            if not row.low:
                parts.append(text(10, y + 16, row.name))
            for bar in row.bars:
                x, width = LEFT + bar.start_s * scale, (bar.end_s - bar.start_s) * scale
                parts.append(box(bar.kind, x, y, max(width - 1, 0.5), height))
                if bar.text:
                    kind = "under" if bar.kind in ("hidden", "wait") else "on"
                    parts.append(text(x + width / 2, y + 16, bar.text, kind, "middle"))
            y += height + (4 if row.low else 2)
        y += 10
    for second in range(0, int(longest) + 1, step):
        x = LEFT + second * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 6:g}" y2="{y:g}"/>')
        parts.append(text(x, y + 14, f"{second}{unit}", anchor="middle"))
    used = {bar.kind for _, members in groups for row in members for bar in row.bars}
    return legend(parts, [kind for kind in KINDS if kind in used], y + 26)


def legend(parts: list[str], kinds: Sequence[str], y: float) -> tuple[list[str], float]:
    """What the colours mean, two to a line, behind the parts of a drawing; and where it ends."""
    for number, kind in enumerate(kinds):
        x, line = 10 + 220 * (number % 2), y + 22 * (number // 2)
        parts += [box(kind, x, line, 14, 14), text(x + 20, line + 12, KINDS[kind])]
    return parts, y + 22 * ((len(kinds) + 1) // 2) + 4


def told_below(words: str, y: float) -> tuple[list[str], float]:
    """A remark in lines below a drawing, and where they end."""
    lines, line = [], ""
    for word in words.split(" "):  # a number and its unit, which a no-break space joins, stay together
        if len(line) + len(word) >= PER_LINE:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    lines.append(line)
    return [text(10, y + 14 + 19 * number, each) for number, each in enumerate(lines)], y + 19 * len(lines) + 10


def timeline(title: str, told: str, groups: Sequence[tuple[str, Sequence[Row]]], longest_s: float) -> str:
    """A drawing of one or more runs over the same axis of time, with a sentence below."""
    parts, y = bars(groups, longest_s, 36)
    below, end = told_below(told, y)
    return page(title, told, end, [*parts, *below])
