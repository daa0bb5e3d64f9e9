"""Answers as plain text, JSON and CSV: what every renderer does alike."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from rich.console import Console


def text_console(width: int) -> Console:
    """Where a report is drawn as plain text. Names are the user's, so nothing in them is markup or an emoji's code."""
    file = io.StringIO()
    return Console(file=file, width=width, color_system=None, legacy_windows=False, markup=False, emoji=False)


def plain(text: str) -> str:
    """Rich's output without the blanks that fill its lines, with a line feed at its end."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def as_json(schema_version: int, answer: Mapping[str, Any]) -> str:
    """An answer as JSON, behind the version of its schema and ours."""
    document = {"schema_version": schema_version, "crosshaul_version": version("crosshaul"), **answer}
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def as_csv(rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Rows under a header line, an empty cell where a value does not apply; other keys are left out."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
