"""The format of a result: the one of `--format`, else that of the file's ending."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError


class Format(StrEnum):
    """Renderers by name (`sim.report.render`)."""

    table = "table"
    json = "json"
    csv = "csv"
    html = "html"
    svg = "svg"
    png = "png"
    pdf = "pdf"


FIGURES = frozenset({Format.svg, Format.png, Format.pdf})
"""Formats of the figure of a question, which go into files."""

FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="The format of the result. [default: by the ending of --output, else table]"),
]
OutputOption = Annotated[Path | None, typer.Option(help="Write the result to a file instead.", metavar="FILE")]

_SUFFIXES = {".json": Format.json, ".csv": Format.csv, ".html": Format.html, ".txt": Format.table}
_SUFFIXES |= {f".{each.value}": each for each in FIGURES}
_CHOICES = "a .json, a .csv, a .html (a page), a .svg, .png or .pdf (its figure), or a .txt (the table)"


def chosen(asked: Format | None, output: Path | None) -> Format:
    """The format of a result.

    Args:
      asked: `--format`, if given.
      output: `--output`, if given; a name without an ending decides nothing.

    Raises:
      InputError: a figure has no file, or nothing draws it; the file's name promises something that cannot be
        written, or another format than was asked for.
    """
    suffix = output.suffix.lower() if output else ""
    if not suffix:
        if asked in FIGURES:
            raise InputError(f"--format {asked}: a figure goes into a file; write --output figure.{asked}")
        return asked or Format.table
    said = _SUFFIXES.get(suffix)
    if said is None:
        raise InputError(f"--output {output}: {suffix} is no known format; write {_CHOICES}")
    if asked not in (None, said):
        raise InputError(
            f"--output {output}: --format {asked} contradicts {suffix}; leave out --format, or write {_CHOICES}"
        )
    if said in FIGURES and find_spec("matplotlib") is None:
        raise InputError(f"--output {output}: needs matplotlib; install the extra: pip install 'crosshaul[plot]'")
    return said
