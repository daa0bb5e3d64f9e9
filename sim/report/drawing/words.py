"""Words in lines: a line breaks between words and never within one, so that nothing of a text is lost."""

from __future__ import annotations

from rich.cells import cell_len

from ...errors import printable

READABLE = 100
"""Columns of a line of words: longer ones lose the eye."""


def clean(text: str) -> str:
    """A text that a terminal shows and does not act upon; a tab is a blank."""
    return printable(text).replace("\t", " ")


def width_of(text: str) -> int:
    """The columns that a text takes; a letter may take two."""
    return cell_len(text)


def longest_word(text: str) -> int:
    """The width of the widest word of a text."""
    return max((width_of(word) for word in text.split()), default=0)


def longest_line(text: str) -> int:
    """The width of a text that is not wrapped: that of its widest line."""
    return max((width_of(" ".join(line.split())) for line in text.split("\n")), default=0)


def wrapped(text: str, width: int, *, first: int | None = None) -> list[str]:
    """The lines of a text.

    Args:
      text: words; a line feed begins a new line.
      width: columns of a line. A word that is wider has a line of its own and stands out.
      first: columns of the first line, where these are others.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0
        for word in paragraph.split():
            size = width_of(word)
            if line and used + 1 + size > (width if lines or first is None else first):
                lines.append(line)
                line, used = "", 0
            line, used = (f"{line} {word}", used + 1 + size) if line else (word, size)
        lines.append(line)
    return lines


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text in so many columns, at their left or at their right."""
    fill = " " * max(0, width - width_of(text))
    return fill + text if right else text + fill
