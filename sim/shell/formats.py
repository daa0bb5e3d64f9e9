"""The format of a result: the one of `--format`, else that of the file's ending."""

from __future__ import annotations

from enum import StrEnum
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


FormatOption = Annotated[
    Format | None,
    typer.Option("--format", help="The format of the result. [default: by the ending of --output, else table]"),
]
OutputOption = Annotated[Path | None, typer.Option(help="Write the result to a file instead.", metavar="FILE")]

_SUFFIXES = {".json": Format.json, ".csv": Format.csv, ".html": Format.html, ".txt": Format.table}
_CHOICES = "a .json, a .csv, a .html (a page), or a .txt (the table)"


def chosen(asked: Format | None, output: Path | None) -> Format:
    """The format of a result.

    Args:
      asked: `--format`, if given.
      output: `--output`, if given; a name without an ending decides nothing.

    Raises:
      InputError: the ending is that of no known format, or of another format than the one asked for.
    """
    suffix = output.suffix.lower() if output else ""
    if not suffix:
        return asked or Format.table
    said = _SUFFIXES.get(suffix)
    if said is None:
        raise InputError(f"--output {output}: {suffix} is no known format; write {_CHOICES}")
    if asked not in (None, said):
        raise InputError(
            f"--output {output}: --format {asked} contradicts {suffix}; leave out --format, or write {_CHOICES}"
        )
    return said
