"""A table in the columns that there are: side by side, folded, narrower, in bands, or one value a line.

Rich draws it. Which of these it is, is decided here, since Rich would cut words where they do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich import table
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from ..model import Cell, Column, Table
from .cells import written_columns
from .screen import Screen
from .words import GAP, beside, paragraph, words, wrapped

_INDENT = 2
_LEAST = 14
"""Words are not squeezed into fewer columns while a line a value is the other way."""
_BAR = 8
_HEAD_LINES = 2
_MOST_BANDS = 3


@dataclass(frozen=True)
class _Strip:
    """A column, ready to be laid out.

    Attributes:
      column: what the report says of it.
      head, texts: its words.
      cells: what is drawn: its texts, perhaps with bars before them, or with those of folded columns below them.
      roomy: columns that it takes where its head has two lines at most.
      natural: columns that it takes where no cell is wrapped.
      least: columns below which a word would not fit.
    """

    column: Column
    head: Text
    texts: tuple[Text, ...]
    cells: tuple[RenderableType, ...]
    roomy: int
    natural: int
    least: int


def laid_out(found: Table, screen: Screen, console: Console) -> list[RenderableType]:
    """A table without its title and its remark, as wide as the screen at most if its words allow it."""
    strips = way = _strips(found, screen, console)
    for way in _ways(strips, console):
        drawn = _fitting(way, screen.width)
        if drawn:
            return [drawn]
    return _in_bands(way, screen.width) or list(_a_line_each(strips, screen.width, console))


def _ways(strips: list[_Strip], console: Console) -> Iterator[list[_Strip]]:
    """How a table may be laid out, the widest way first."""
    yield strips
    folded = [strip.texts for strip in strips[1:] if strip.column.folds]
    if folded:
        cells = tuple(map(_with_below, strips[0].cells, zip(*folded, strict=True)))
        strips = [_drawn_as(strips[0], cells, console), *(strip for strip in strips[1:] if not strip.column.folds)]
        yield strips
    if any(strip.column.bar for strip in strips):
        yield [_drawn_as(strip, strip.texts, console) if strip.column.bar else strip for strip in strips]


def _strips(found: Table, screen: Screen, console: Console) -> list[_Strip]:
    styles = ["bold" if row.strong else "" for row in found.rows]
    strips = []
    for number, (column, written) in enumerate(zip(found.columns, written_columns(found), strict=True)):
        head = words(f"{column.title} [{written.unit}]" if written.unit else column.title)
        texts = tuple(map(words, written.texts, styles))
        cells = texts
        if column.bar:
            width = max((text.cell_len for text in texts), default=0)
            shares = (row.cells[number] for row in found.rows)
            cells = tuple(_with_bar(share, text, width, screen) for share, text in zip(shares, texts, strict=True))
        strips.append(_drawn_as(_Strip(column, head, texts, (), 0, 0, 0), cells, console))
    return strips


def _drawn_as(strip: _Strip, cells: tuple[RenderableType, ...], console: Console) -> _Strip:
    """A strip with other cells, and the columns that it takes then."""
    head, measured = console.measure(strip.head).minimum, [console.measure(cell) for cell in cells]
    natural = roomy = max([1, head, *(each.maximum for each in measured)])
    while wrapped(strip.head, roomy, console).plain.count("\n") >= _HEAD_LINES:
        roomy += 1
    least = max([min(_LEAST, natural), head, *(each.minimum for each in measured)])
    return replace(strip, cells=cells, roomy=roomy, natural=natural, least=least)


def _with_bar(share: Cell, text: Text, width: int, screen: Screen) -> Text:
    """A share at the right of so many columns, behind a bar that shows it; words have no bar."""
    bar = " " * _BAR
    if isinstance(share, int | float):
        shown = min(max(share, 0.0), 1.0) * _BAR
        full, eighths = divmod(round(shown * 8), 8)
        blocks = "█" * full + ("▏▎▍▌▋▊▉"[eighths - 1] if eighths else "")
        bar = blocks.ljust(_BAR, "░") if screen.blocks else ("#" * round(shown)).ljust(_BAR, ".")
    return Text.assemble((bar, "green"), " " * (1 + width - text.cell_len), text)


def _with_below(cell: RenderableType, texts: Sequence[Text]) -> RenderableType:
    """A cell with texts below it, indented."""
    quiet = [words(text.plain, str(text.style) or "dim") for text in texts if text]
    return Group(cell, *(Padding.indent(text, _INDENT) for text in quiet))


def _fitting(strips: Sequence[_Strip], width: int) -> table.Table | None:
    """The columns beside each other; None where they do not fit. Words that may be folded are not squeezed before."""
    folds = any(strip.column.folds for strip in strips[1:])
    for wanted in ([strip.roomy for strip in strips], [strip.natural for strip in strips]):
        widths = wanted if folds else _narrowed(strips, wanted, width)
        if _total(widths) <= width:
            return _side_by_side(strips, widths)
    return None


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _narrowed(strips: Sequence[_Strip], wanted: Sequence[int], width: int) -> list[int]:
    """Widths nearer to what there is: what is too much is taken from the widest that may still be wrapped."""
    both = list(zip(strips, wanted, strict=True))
    least = [given if strip.column.numeric else min(strip.least, given) for strip, given in both]
    found = [max(few, min(given, width)) for few, given in zip(least, wanted, strict=True)]
    for _ in range(_total(found) - width):
        widest = max(range(len(found)), key=lambda number: (found[number] > least[number], found[number]))
        found[widest] -= found[widest] > least[widest]
    return found


def _side_by_side(strips: Sequence[_Strip], widths: Sequence[int]) -> table.Table:
    drawn = table.Table(box=None, padding=(0, GAP, 0, 0))
    for strip, width in zip(strips, widths, strict=True):
        drawn.add_column(strip.head, justify="right" if strip.column.right else "left", width=width, overflow="fold")
    for cells in zip(*(strip.cells for strip in strips), strict=True):
        drawn.add_row(*cells)
    return drawn


def _in_bands(strips: Sequence[_Strip], width: int) -> list[RenderableType]:
    """Some columns, and below them the next, the names of the rows before each; nothing where that takes too many."""
    name, *others = strips
    for bands in range(2, min(_MOST_BANDS, len(others)) + 1):
        size = -(-len(others) // bands)
        cut = [_fitting([name, *others[at : at + size]], width) for at in range(0, len(others), size)]
        found: list[RenderableType] = [part for band in cut if band for part in (Text(), band)]
        if all(cut):
            return found[1:]
    return []


def _a_line_each(strips: Sequence[_Strip], width: int, console: Console) -> Iterator[RenderableType]:
    """Every row as its first cell with the others below it, a line each behind its name."""
    first, *others = strips
    names = min(max((strip.head.cell_len for strip in others), default=0), width // 3)
    for number, name in enumerate(first.texts):
        yield from paragraph(words(name.plain or "-", "bold"), width, console)
        for strip in others:
            if strip.texts[number]:
                text = words(strip.texts[number].plain)
                yield Padding.indent(beside(strip.head, text, names, width - _INDENT, console), _INDENT)
