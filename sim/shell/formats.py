"""The format of a result: the one of `--format`, else that of the file's ending."""

from __future__ import annotations

from collections.abc import Container
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

CiteOption = Annotated[
    bool, typer.Option("--cite", help="Instead of the answer: the publications that it rests on, as BibTeX.")
]

_SUFFIXES = {".json": Format.json, ".csv": Format.csv, ".html": Format.html, ".txt": Format.table}
_SUFFIXES |= {f".{each.value}": each for each in FIGURES}
_WRITTEN = {
    Format.json: "a .json",
    Format.csv: "a .csv",
    Format.html: "a .html (a page)",
    Format.svg: "a .svg",
    Format.png: "a .png",
    Format.pdf: "a .pdf (its figure)",
    Format.table: "a .txt (the table)",
}


def chosen(
    asked: Format | None, output: Path | None, among: Container[Format] = frozenset(Format), *, cite: bool = False
) -> Format:
    """The format of a result.

    Args:
      asked: `--format`, if given.
      output: `--output`, if given; a name without an ending decides nothing.
      among: the formats that the command has.
      cite: whether its sources are asked for instead of the answer, which have one form alone.

    Raises:
      InputError: a figure has no file, or nothing draws it; the file's name promises something that cannot be
        written, or another format than was asked for.
    """
    suffix = output.suffix.lower() if output else ""
    if cite:
        if asked:
            raise InputError(f"--cite: prints BibTeX and no {asked}; leave out --format")
        if suffix not in ("", ".bib"):
            raise InputError(f"--output {output}: --cite writes BibTeX; write a .bib")
        return Format.json
    choices = " or ".join(written for each, written in _WRITTEN.items() if each in among)
    if not suffix:
        if asked in FIGURES:
            raise InputError(f"--format {asked}: a figure goes into a file; write --output figure.{asked}")
        return asked or Format.table
    said = _SUFFIXES.get(suffix)
    if said is None:
        raise InputError(f"--output {output}: {suffix} is no known format; write {choices}")
    if asked not in (None, said):
        raise InputError(
            f"--output {output}: --format {asked} contradicts {suffix}; leave out --format, or write {choices}"
        )
    if said not in among:
        raise InputError(f"--output {output}: this command has no {suffix}; write {choices}")
    if said in FIGURES and find_spec("matplotlib") is None:
        raise InputError(f"--output {output}: needs matplotlib; install the extra: pip install 'crosshaul[plot]'")
    return said
