"""CSV and JSON lines, among them the CSV export of Weights & Biases."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import InputError, brief
from .columns import steps_of
from .log import Asked, Log, LogFormat, text_of
from .rows import Row

_DELIMITERS = ",;\t"
_RANGES = ("__MIN", "__MAX")
"""Endings of the columns in which the export of Weights & Biases tells the range of what it drew as one point."""
_SAMPLE = 65_536


def is_csv(content: bytes) -> bool:
    """Whether the first line has names with a delimiter between them, or one name above a number."""
    lines = content[:_SAMPLE].decode("utf-8-sig", "replace").splitlines()[:2]
    if len(lines) < 2 or lines[0].lstrip()[:1] in "{[":
        return False
    delimiter = _delimiter(lines[0])
    heads = next(csv.reader([lines[0]], delimiter=delimiter), [])
    named = all(re.search(r"[^\W\d]", head) for head in heads if head)
    return named and (len(heads) > 1 or bool(re.fullmatch(r"\s*[\d.eE+-]+\s*", lines[1])))


def is_wandb_csv(content: bytes) -> bool:
    """Whether it is CSV with the columns that only an export of Weights & Biases has."""
    first = content[:_SAMPLE].partition(b"\n")[0]
    return is_csv(content) and b" - " in first and b"__MIN" in first


def is_json_lines(content: bytes) -> bool:
    """Whether the first line is a JSON object."""
    try:
        return isinstance(json.loads(content.lstrip()[:MOST_LINE].split(b"\n", 1)[0]), dict)
    except (ValueError, RecursionError):
        return False


MOST_LINE = 2**20
"""The longest line of JSON by which a file is recognised [byte]."""


def read_csv(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps of a table whose first line names the columns."""
    rows, delimiter = _csv_rows(path, content)
    log = steps_of(path, rows, asked)
    guessed = () if delimiter == "," else (f"columns are separated by {delimiter!r}",)
    return replace(log, guessed=log.guessed + guessed)


def read_wandb_csv(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps of an export of Weights & Biases: a column `run - metric` for each, beside `Step`."""
    rows, _ = _csv_rows(path, content)
    names = [name for name in rows[0][1] if not name.endswith(_RANGES)] if rows else []
    kept: list[Row] = [(line, {name: row.get(name) for name in names}) for line, row in rows]
    runs = {name.rpartition(" - ")[0] for name in names} - {""}
    if len(runs) == 1:  # then the metrics alone name the columns
        short = {name: name.rpartition(" - ")[2] for name in names}
        kept = [(line, {short[name]: value for name, value in row.items()}) for line, row in kept]
    log = steps_of(path, kept, asked, extra=" for the run that is meant")
    notes = ("an export of a chart may hold a sample of the steps: export the whole history, or give the .wandb file",)
    told = f"run: {', '.join(sorted(runs))}" if runs else ""
    return replace(log, took=log.took + ((told,) if told else ()), notes=log.notes + notes)


def read_json_lines(path: Path, content: bytes, asked: Asked) -> Log:
    """The steps of a file with a JSON object a line; what stands inside an object is named by `outer.inner`."""
    rows: list[Row] = []
    for line, text in enumerate(text_of(path, content).split("\n"), 1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{path}:{line}: is no JSON; delete the line, or write one JSON object") from None
        if not isinstance(value, dict):
            raise InputError(f'{path}:{line}: got {brief(value)}; write a JSON object, such as {{"step_time_s": 0.8}}')
        rows.append((line, dict(_flat(value))))
    return steps_of(path, rows, asked)


def _flat(value: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    for name, each in value.items():
        if isinstance(each, dict):
            yield from _flat(each, f"{before}{name}.")
        else:
            yield before + name, each


def _csv_rows(path: Path, content: bytes) -> tuple[list[Row], str]:
    text = text_of(path, content)
    delimiter = _delimiter(text.partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    try:
        heads = [head.strip() for head in next(reader, [])]
        if doubled := next((head for head in heads if head and heads.count(head) > 1), None):
            raise InputError(f"{path}:1: two columns are called {doubled!r}; rename one of them")
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(heads):
                raise InputError(
                    f"{path}:{reader.line_num}: has {len(row)} values for {len(heads)} columns; write one for each"
                )
            rows.append((reader.line_num, dict(zip(heads, row, strict=True))))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: is no CSV ({error}); write one row a line") from None
    return rows, delimiter


def _delimiter(head: str) -> str:
    return max(_DELIMITERS, key=head.count)


FORMATS = (
    LogFormat(
        "wandb-csv",
        "the CSV export of a chart or a table of Weights & Biases",
        "columns `run - metric` with `__MIN` and `__MAX` beside them",
        is_wandb_csv,
        read_wandb_csv,
    ),
    LogFormat("csv", "a table, a step a row", "a first line of names with commas between them", is_csv, read_csv),
    LogFormat(
        "jsonl", "JSON lines, an object a row", "a first line that is a JSON object", is_json_lines, read_json_lines
    ),
)
