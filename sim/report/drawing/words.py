"""Words in lines: Rich breaks them between words and never within one, so that nothing of a text is lost."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from ...errors import printable

READABLE = 100
"""Columns of a line of words: longer ones lose the eye."""
GAP = 2
"""Columns between what stands side by side."""


def words(text: str, style: str = "") -> Text:
    """A text that a terminal shows and does not act upon, a blank between its words."""
    lines = (" ".join(line.split()) for line in printable(text).split("\n"))
    return Text("\n".join(filter(None, lines)), style)


def wrapped(text: Text, width: int, console: Console) -> Text:
    """A text in lines of so many columns; a word that is wider has a line of its own and stands out."""
    whole = text.copy()
    whole.overflow = "ignore"  # which Rich takes for `never wrap` when it is an argument of `wrap`
    return Text("\n").join(whole.wrap(console, width))


def paragraph(text: Text, width: int, console: Console, *, hanging: int = 0) -> Iterator[RenderableType]:
    """A text in lines, those behind the first indented by so much; nothing where it has no words."""
    if text:
        first = wrapped(text, width, console).split()[0]
        rest = words(text.plain[len(first) :], str(text.style))
        yield first
        if rest:
            yield Padding.indent(wrapped(rest, width - hanging, console), hanging)


def beside(name: Text, text: Text, names: int, width: int, console: Console) -> RenderableType:
    """A name with a text behind it, wrapped within what is left of the width.

    Args:
      name: of the text; one with a word wider than `names` has lines of its own.
      text: a paragraph a line.
      names: columns that the names take.
      width: columns in all.
      console: measures them.
    """
    fits = console.measure(name).minimum <= names
    grid = Table.grid(Column(width=names, overflow="fold"), padding=(0, GAP, 0, 0))
    grid.add_row(name if fits else Text(), wrapped(text, max(width - names - GAP, 1), console))
    return grid if fits else Group(wrapped(name, names, console), grid)
