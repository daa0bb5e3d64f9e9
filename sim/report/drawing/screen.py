"""Where a report is shown: how wide it is, and what it can show."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

DEFAULT_WIDTH = 80
_LEAST, _MOST = 40, 200


@dataclass(frozen=True)
class Screen:
    """Something that shows text.

    Attributes:
      width: its columns.
      blocks: whether it has more than ASCII.
      styles: whether it shows bold and dim letters.
      colours: whether it shows colours, and they are wanted.
    """

    width: int = DEFAULT_WIDTH
    blocks: bool = True
    styles: bool = False
    colours: bool = False


def of_stdout() -> Screen:
    """Standard output: styled on a terminal, plain when piped, no colour under NO_COLOR."""
    out = sys.stdout
    terminal = out is not None and out.isatty()
    styles = terminal and os.environ.get("TERM") not in {"dumb", "unknown"}
    encoding = (out.encoding if out is not None else None) or "utf-8"
    return Screen(
        width=of_file().width if not terminal else _within(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns),
        blocks=encoding.lower().startswith("utf"),
        styles=styles,
        colours=styles and not os.environ.get("NO_COLOR"),
    )


def of_file() -> Screen:
    """A file or a pipe: as wide as COLUMNS says, else 80 columns."""
    said = os.environ.get("COLUMNS", "")
    return Screen(width=_within(int(said)) if said.isascii() and said.isdigit() else DEFAULT_WIDTH)


def _within(columns: int) -> int:
    """A terminal that says it has next to no columns would show nothing; nobody reads lines that never end."""
    return min(max(columns, _LEAST), _MOST)
