"""One file a renderer; a renderer turns a Result into text."""

from __future__ import annotations

from collections.abc import Callable

from ..run import Result
from .table import to_csv, to_json
from .terminal import to_text

RENDERERS: dict[str, Callable[[Result], str]] = {
    "table": to_text,
    "json": to_json,
    "csv": to_csv,
}

__all__ = ["RENDERERS", "to_csv", "to_json", "to_text"]
