"""A report as data for other programs: the whole answer, with all its digits."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel

from ..drawing.screen import Screen
from ..model import Report

SCHEMA_VERSION = 1
"""Adding a key is free; renaming one is another version."""


def render(report: Report, _: Screen | None = None) -> str:
    """The document of a report, behind the version of its schema and ours."""
    document = {"schema_version": SCHEMA_VERSION, "crosshaul_version": version("crosshaul"), **report.document}
    return json.dumps(document, indent=2, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    """What JSON has no form for: a document as it is read again, an answer by the names of its fields."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no form in JSON")
