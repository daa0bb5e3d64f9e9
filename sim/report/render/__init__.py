"""One file a renderer; a renderer turns a Report into text, and asks nothing of anybody else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module

from ..drawing.screen import Screen
from ..model import Report


def _render(file: str, report: Report, screen: Screen) -> str:
    """A report by the renderer of a file, which is imported when it is first used: data needs nothing that draws."""
    found: Callable[[Report, Screen], str] = import_module(f"{__name__}.{file}").render
    return found(report, screen)


RENDERERS = {
    "table": partial(_render, "terminal"),
    "json": partial(_render, "json"),
    "csv": partial(_render, "csv"),
    "html": partial(_render, "html"),
}
"""By the name of a format (`sim.shell.formats` has the endings of files)."""
