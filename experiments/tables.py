"""Tables that are committed: CSV files in which lines that begin with # are comments."""

from __future__ import annotations

import csv
from pathlib import Path

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
