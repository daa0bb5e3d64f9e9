"""The evidence that ships with the package: rows of its files, and the key that each of our numbers has in them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files

Key = tuple[str, str]
"""The id of a claim, and the name of a case in it; the name is empty for a claim with a single pair."""


def read(name: str) -> Iterator[dict[str, str]]:
    """The rows of one of these files; lines that begin with # are comments."""
    lines = (files("sim.questions.validate.evidence") / name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))
