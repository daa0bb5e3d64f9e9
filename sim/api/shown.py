"""How an answer shows itself: a table in a terminal, a table in a notebook, a data frame, JSON.

All that is drawn is drawn here, so that a better model of reports has one place to go to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..errors import CrosshaulError, printable

if TYPE_CHECKING:
    import pandas

_WIDEST = 44
"""Characters of a column in a terminal."""


@dataclass(frozen=True)
class Table:
    """What an answer shows.

    Attributes:
      title: one line.
      columns: heads; the first names the row.
      rows: a text for each column.
      notes: sentences below.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


class Shown(ABC):
    """An answer that shows itself."""

    @abstractmethod
    def table(self) -> Table:
        """What is shown of the answer."""

    @abstractmethod
    def records(self) -> Sequence[Mapping[str, Any]]:
        """The answer row by row, under the keys that the CSV of the command has; numbers in SI base units."""

    @abstractmethod
    def to_json(self) -> str:
        """The whole answer, as the command prints it with `--format json`."""

    def to_pandas(self) -> pandas.DataFrame:
        """The answer as a data frame: a row for each of `records`.

        Raises:
          ImportError: pandas is not installed; only this method needs it.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas() needs pandas, and nothing else does: pip install pandas") from None
        return pandas.DataFrame.from_records([dict(each) for each in self.records()])

    def __repr__(self) -> str:
        return as_text(self.table())

    def _repr_html_(self) -> str:
        return as_html(self.table())


def as_text(table: Table) -> str:
    """A table in plain text: numbers to the right."""
    lines = [table.columns, *table.rows]
    lines = [tuple(_cut(printable(cell)) for cell in line) for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([printable(table.title), *drawn, *map(printable, table.notes)])


def as_html(table: Table) -> str:
    """A table for a notebook."""
    heads = "".join(f"<th>{escape(head)}</th>" for head in table.columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in table.notes)
    caption = f"<caption>{escape(table.title)}</caption>"
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def as_record(row: Any) -> dict[str, Any]:
    """A row of an answer as plain data, without the rows inside it."""
    if not is_dataclass(row) or isinstance(row, type):
        raise CrosshaulError(f"{type(row).__name__} is no row of an answer")
    nested = {f.name for f in fields(row) if isinstance(getattr(row, f.name), tuple)}
    return {key: value for key, value in asdict(row).items() if key not in nested}
