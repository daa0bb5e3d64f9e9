"""The rows of a report as comma-separated values, with all their digits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from ..drawing.screen import Screen
from ..model import Report


def render(report: Report, _: Screen | None = None) -> str:
    """The records of a report under a header line, an empty cell where a value does not apply."""
    names = report.records.names
    lines = [names, *([row.get(name) for name in names] for row in report.records.rows)]
    return "".join(map(_line, lines))


def _line(values: Iterable[Any]) -> str:
    """A line that ends in a line feed. Only what a line may end with is quoted, so both characters end it at first."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue().removesuffix("\r\n") + "\n"
