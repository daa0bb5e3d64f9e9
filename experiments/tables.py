"""Tables that are committed: CSV files in which lines that begin with # are comments, and tables on pages."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim.shell.delivery import write_atomically

RESULTS = Path(__file__).parent / "results"


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, without its comments."""
    with path.open(newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def committed(name: str) -> list[dict[str, str | float]]:
    """The rows of one of the committed results, numbers as numbers: what a figure is drawn from again."""
    return [
        {column: _number_or_text(cell) for column, cell in row.items()} for row in read_table(RESULTS / f"{name}.csv")
    ]


def _number_or_text(cell: str) -> str | float:
    try:
        return float(cell)
    except ValueError:
        return cell


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *rows))


def put(page: Path, begin: str, table: str, end: str) -> None:
    """Writes a table into a page, in the place of what stands between two lines."""
    before, rest = page.read_text(encoding="utf-8").split(begin)
    write_atomically(page, before + begin + table + end + rest.split(end)[1])
