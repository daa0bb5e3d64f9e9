"""One file a renderer; a renderer turns a Report into text, and asks nothing of anybody else."""

from __future__ import annotations

from collections.abc import Callable

from ..drawing.screen import Screen
from ..model import Report
from . import csv, html, json, terminal

RENDERERS: dict[str, Callable[[Report, Screen], str]] = {
    "table": terminal.render,
    "json": json.render,
    "csv": csv.render,
    "html": html.render,
}
"""By the name of a format (`sim.shell.formats` has the endings of files)."""
