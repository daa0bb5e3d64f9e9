"""The file of results: a line of JSON for each case, written anew as a whole whenever one has ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.shell.delivery import write_atomically

from .cases import Case

Row = dict[str, Any]


class Results:
    """The rows so far, in memory and in the file.

    Args:
      path: the file; rows that are there already stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows: dict[str, Row] = {row["case"]: row for row in map(json.loads, lines)}

    def put(self, row: Row) -> None:
        """Adds the row of a case, or replaces it, and writes the file."""
        self.rows[row["case"]] = row
        write_atomically(self._path, "".join(json.dumps(each) + "\n" for each in self.rows.values()))

    def waiting(self, cases: Sequence[Case]) -> list[Case]:
        """The cases without a result: first those that were never begun, then those that failed or were cut off."""
        left = [case for case in cases if "error" in self.rows.get(case.name, {"error": ""})]
        return sorted(left, key=lambda case: case.name in self.rows)
