"""A table in the columns that there are: side by side, folded, narrower, in bands, or one value a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..model import Table
from ..quantities import Written
from .cells import written_columns
from .screen import Screen
from .words import READABLE, clean, longest_line, longest_word, padded, width_of, wrapped

_GAP = 2
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
      head, cells: as text; under a cell may stand the lines of the columns that are folded below it.
      below: for each row the texts that stand below its cell, indented.
      right: whether the text ends at the right.
      wraps: whether its cells may be wrapped: words, not numbers.
      bars: for each row the share that a bar shows.
      folds: whether it may stand below the first column.
    """

    head: str
    cells: tuple[str, ...]
    below: tuple[tuple[str, ...], ...]
    right: bool
    wraps: bool
    bars: tuple[float | None, ...] = ()
    folds: bool = False

    @property
    def natural(self) -> int:
        """The width at which no cell is wrapped."""
        bar = _BAR + 1 if self.bars else 0
        lines = [longest_line(cell) for cell in self.cells]
        lines += [_INDENT + longest_line(text) for texts in self.below for text in texts]
        return max([longest_word(self.head), *(bar + line for line in lines)])

    @property
    def roomy(self) -> int:
        """The width at which no cell is wrapped, and the head takes two lines at most."""
        width = self.natural
        while len(wrapped(self.head, width)) > _HEAD_LINES:
            width += 1
        return width

    @property
    def least(self) -> int:
        """The width below which a word would not fit."""
        if not self.wraps:
            return self.natural
        words = [longest_word(cell) for cell in (self.head, *self.cells)]
        words += [_INDENT + longest_word(text) for texts in self.below for text in texts]
        return max([min(_LEAST, self.natural), *words])


def table_lines(table: Table, screen: Screen) -> list[str]:
    """The lines of a table, its title and its remark with them."""
    strips = [_strip(table, number, found) for number, found in enumerate(written_columns(table))]
    strong = [row.strong for row in table.rows]
    title = [screen.styled(line, "bold") for line in wrapped(clean(table.title), min(screen.width, READABLE)) if line]
    body = _fitting(strips, strong, screen) or _in_bands(strips, strong, screen) or _one_below_the_other(strips, screen)
    return [*title, *body, *(line for line in wrapped(clean(table.remark), min(screen.width, READABLE)) if line)]


def _fitting(strips: Sequence[_Strip], strong: Sequence[bool], screen: Screen) -> list[str]:
    """The columns beside each other; nothing where they do not fit."""
    ways = _ways(strips)
    folds = any(strip.folds for strip in strips[1:])
    for number, way in enumerate(ways):
        for widths in ([strip.roomy for strip in way], [strip.natural for strip in way]):
            if number or not folds:  # words are folded before they are squeezed
                widths = _narrowed(way, widths, screen.width)
            if _total(widths) <= screen.width:
                return _side_by_side(way, widths, strong, screen)
    return []


def _in_bands(strips: Sequence[_Strip], strong: Sequence[bool], screen: Screen) -> list[str]:
    """Some columns, and below them the next, the names of the rows before each; nothing where that takes too many."""
    name, *others = _ways(strips)[-1]
    for bands in range(2, min(_MOST_BANDS, len(others)) + 1):
        size = -(-len(others) // bands)
        cut = [_fitting([name, *others[at : at + size]], strong, screen) for at in range(0, len(others), size)]
        if all(cut):
            return [line for number, band in enumerate(cut) for line in ([""] if number else []) + band]
    return []


def _strip(table: Table, number: int, found: Written) -> _Strip:
    column = table.columns[number]
    values = [row.cells[number] for row in table.rows]
    shares = tuple(None if value is None or isinstance(value, str) else float(value) for value in values)
    return _Strip(
        head=clean(f"{column.title} [{found.unit}]" if found.unit else column.title),
        cells=tuple(map(clean, found.texts)),
        below=((),) * len(values),
        right=column.right,
        wraps=not column.numeric,
        bars=shares if column.bar else (),
        folds=column.folds,
    )


def _ways(strips: Sequence[_Strip]) -> list[list[_Strip]]:
    """How a table may be laid out, the widest way first."""
    found = [list(strips)]
    if any(strip.folds for strip in strips[1:]):
        folded = [strip for strip in strips[1:] if strip.folds]
        below = tuple(tuple(text for text in texts if text) for texts in zip(*(s.cells for s in folded), strict=True))
        found.append([replace(strips[0], below=below), *(strip for strip in strips[1:] if not strip.folds)])
    if any(strip.bars for strip in strips):
        found.append([replace(strip, bars=()) for strip in found[-1]])
    return found


def _total(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + _GAP * (len(found) - 1)


def _narrowed(strips: Sequence[_Strip], widths: Sequence[int], width: int) -> list[int]:
    """Widths nearer to what there is: what is too much is taken from the widest that may still be wrapped."""
    least = [min(strip.least, given) if strip.wraps else given for strip, given in zip(strips, widths, strict=True)]
    found = [max(few, min(given, width)) for few, given in zip(least, widths, strict=True)]
    for _ in range(_total(found) - width):
        widest = max(range(len(found)), key=lambda number: (found[number] > least[number], found[number]))
        found[widest] -= found[widest] > least[widest]
    return found


def _side_by_side(strips: Sequence[_Strip], widths: Sequence[int], strong: Sequence[bool], screen: Screen) -> list[str]:
    heads = [
        [(line, "bold") for line in wrapped(strip.head, width)] for strip, width in zip(strips, widths, strict=True)
    ]
    deepest = max(map(len, heads))
    rows = [[[("", "")] * (deepest - len(head)) + head for head in heads]]
    for number, is_strong in enumerate(strong):
        style = "bold" if is_strong else ""
        rows.append([_cell(strip, number, width, style, screen) for strip, width in zip(strips, widths, strict=True)])
    return [line for cells in rows for line in _joined(cells, strips, widths, screen)]


def _cell(strip: _Strip, number: int, width: int, style: str, screen: Screen) -> list[tuple[str, str]]:
    """The lines of a cell with their styles, those that are folded below it included."""
    lines = [(line, style) for line in wrapped(strip.cells[number], width)]
    if strip.bars:
        share = strip.bars[number]
        bar = " " * _BAR if share is None else screen.styled(_bar(share, screen), "green")
        text = padded(strip.cells[number], width - _BAR - 1, right=True)
        return [(f"{bar} {screen.styled(text, style)}", "")]
    for text in strip.below[number]:
        lines += [(" " * _INDENT + line, style or "dim") for line in wrapped(text, width - _INDENT)]
    return lines


def _joined(
    cells: Sequence[Sequence[tuple[str, str]]], strips: Sequence[_Strip], widths: Sequence[int], screen: Screen
) -> list[str]:
    lines = []
    for position in range(max(map(len, cells))):
        parts = []
        for cell, strip, width in zip(cells, strips, widths, strict=True):
            text, style = cell[position] if position < len(cell) else ("", "")
            filled = text if "\x1b" in text else padded(text, width, right=strip.right)
            parts.append((filled, style))
        while parts and not parts[-1][0].strip():
            parts.pop()
        if parts:
            parts[-1] = (parts[-1][0].rstrip(), parts[-1][1])
        lines.append((" " * _GAP).join(screen.styled(*part) for part in parts))
    return lines


def _bar(share: float, screen: Screen) -> str:
    if not screen.blocks:
        return ("#" * round(share * _BAR)).ljust(_BAR, ".")[:_BAR]
    full, part = divmod(round(min(max(share, 0.0), 1.0) * _BAR * 8), 8)
    return ("█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")).ljust(_BAR, "░")


def _one_below_the_other(strips: Sequence[_Strip], screen: Screen) -> list[str]:
    """Every row as its first cell with the others below it, a line each behind its name."""
    first, *others = strips
    names = min(max((width_of(strip.head) for strip in others), default=0), screen.width // 3)
    lines: list[str] = []
    for number in range(len(first.cells)):
        lines += [screen.styled(line, "bold") for line in wrapped(first.cells[number] or "-", screen.width)]
        for strip in others:
            if strip.cells[number]:
                lines += beside(strip.head, (strip.cells[number],), names, screen.width - _INDENT, indent=_INDENT)
    return lines


def beside(name: str, texts: Sequence[str], names: int, width: int, *, indent: int = 0) -> list[str]:
    """A name with texts behind it, wrapped within what is left of the width.

    Args:
      name: of the texts; one that is wider than `names` has lines of its own.
      texts: paragraphs.
      names: columns that the names take.
      width: columns in all.
      indent: columns before them.
    """
    head = wrapped(name, names)
    body = [line for text in texts for line in wrapped(text, max(width - names - _GAP, 1))]
    if any(width_of(line) > names for line in head):
        body = [*([""] * len(head)), *body]
    count = max(len(head), len(body))
    head, body = [*head, *([""] * (count - len(head)))], [*body, *([""] * (count - len(body)))]
    return [
        f"{' ' * indent}{padded(left, names)}{' ' * _GAP}{right}".rstrip()
        for left, right in zip(head, body, strict=True)
    ]
