"""One file a renderer; a renderer turns a result into text."""

from __future__ import annotations

from collections.abc import Callable

from ..simulation.results import Result
from .data import to_csv, to_json
from .run import to_text

RENDERERS: dict[str, Callable[[Result, str | None], str]] = {
    "table": lambda result, detail: to_text(result, detail=detail),
    "json": lambda result, _: to_json(result),
    "csv": lambda result, _: to_csv(result),
}
"""By the name of a format; the second argument is the detail asked for, which JSON always has."""

__all__ = ["RENDERERS", "to_csv", "to_json", "to_text"]
