"""A report as text, drawn by Rich: as wide as the screen, styled where it shows styles."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.segment import Segment, SegmentLines
from rich.text import Text

from ...errors import printable
from ..drawing.screen import Screen
from ..drawing.tables import laid_out
from ..drawing.words import READABLE, beside, paragraph, words
from ..figures import Source
from ..model import Block, Facts, Report, Sentences, Table

_HANGING = 2
_STYLES = {"strong": "bold", "plain": "", "quiet": "dim"}
_ENDLESS = 100_000
"""Columns that Rich is told of: it would cut what is wider, and a word that is too wide for the screen stands out."""


def render(report: Report, screen: Screen) -> str:
    """The report in lines without blanks at their ends, a blank line between its blocks."""
    out = StringIO()
    console = Console(
        file=out,
        width=_ENDLESS,
        height=1,  # said, so that no terminal is asked
        color_system="standard" if screen.styles else None,
        no_color=not screen.colours,
        force_terminal=screen.styles,
        force_jupyter=False,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    drawn: list[RenderableType] = []
    for block in (Sentences((report.title,), "strong"), *report.blocks):
        parts = list(_parts(block, screen, console))
        drawn += [Text(), *parts] if drawn and parts else parts
    lines = console.render_lines(Group(*drawn), pad=False)
    console.print(SegmentLines(map(_trimmed, lines), new_lines=True), end="")
    return out.getvalue() or "\n"


def _parts(block: Block, screen: Screen, console: Console) -> Iterator[RenderableType]:
    """What Rich draws of a block, one below the other."""
    if not isinstance(block, Table | Facts | Source) and not (isinstance(block, Sentences) and block.texts):
        return  # drawn elsewhere: the numbers of a picture are in a table
    width = min(screen.width, READABLE)
    yield from paragraph(words(block.title, "bold"), width, console)
    match block:
        case Table():
            yield from laid_out(block, screen, console)
            yield from paragraph(words(block.remark), width, console)
        case Facts():
            facts = [(words(fact.name, "bold"), words("\n".join(fact.texts))) for fact in block.facts]
            names = min(max((name.cell_len for name, _ in facts), default=0), width // 3)
            yield from (beside(name, text, names, width, console) for name, text in facts)
        case Sentences():
            hanging = _HANGING if len(block.texts) > 1 and block.tone != "strong" else 0  # to tell one from the next
            for text in block.texts:
                yield from paragraph(words(text, _STYLES[block.tone]), width, console, hanging=hanging)
        case Source():
            yield Text(printable(block.text).rstrip("\n"))  # as it is, to be copied


def _trimmed(line: list[Segment]) -> list[Segment]:
    """A line of parts without the blanks at its end."""
    *parts, last = line or [Segment("")]
    kept = last.text.rstrip(" ")
    return [*parts, Segment(kept, last.style)] if kept or not parts else _trimmed(parts)
