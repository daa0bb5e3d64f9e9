"""How an answer shows itself in a terminal, a notebook, a data frame and as JSON: by the report of its command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..report.drawing.screen import of_file
from ..report.model import Facts, Report, Sentences, Table
from ..report.render import html, json, terminal

if TYPE_CHECKING:
    import pandas


class Shown(ABC):
    """An answer that shows itself."""

    @abstractmethod
    def report(self) -> Report:
        """The answer as the command reports it."""

    def records(self) -> Sequence[Mapping[str, Any]]:
        """The answer row by row, under the keys that the CSV of the command has; numbers in SI base units."""
        found = self.report().records
        return [{name: row.get(name) for name in found.names} for row in found.rows]

    def to_json(self) -> str:
        """The whole answer, as the command prints it with `--format json`."""
        return json.render(self.report())

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
        return terminal.render(brief(self.report()), of_file()).rstrip("\n")

    def _repr_html_(self) -> str:
        return html.fragment(brief(self.report()))


def brief(report: Report) -> Report:
    """The title of a report, what it found, and its first table; its first facts, where it has no table."""
    found = [block for block in report.blocks if isinstance(block, Sentences) and block.tone == "strong"]
    tables = [block for block in report.blocks if isinstance(block, Table)]
    facts = [block for block in report.blocks if isinstance(block, Facts)]
    return replace(report, blocks=(*found, *(tables or facts)[:1]))
