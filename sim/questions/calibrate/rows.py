"""Measured exchanges to calibrate a topology with: a table of sizes and seconds, or the exchanges of a trace."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from ...documents.reading import read_text
from ...errors import InputError
from ...trace.file import Exchange, read_header, read_records
from ...units.quantities import SIZE, parse

NAMES = {
    "size": ("size", "size_bytes", "message_bytes", "bytes"),
    "seconds": ("seconds", "time_s", "time", "exchange_s"),
    "members": ("members", "sites"),
    "streams": ("streams",),
}
"""What a column of a table is for, and how it may be called."""
MOST_ROWS = 1000
_LEAST_ROWS = 3
_OF_TRACE = 60
"""Exchanges of a trace that are taken, evenly over it."""


@dataclass(frozen=True)
class Measured:
    """A measured all-reduce among sites.

    Attributes:
      line: of the file.
      size_bytes: what each site holds of it [byte].
      seconds: how long it took [s].
      members: sites that took part, the first ones of the topology; None: all.
      streams: parallel streams of a flow; None: those of the topology.
    """

    line: int
    size_bytes: float
    seconds: float
    members: int | None = None
    streams: int | None = None


def read_rows(path: Path) -> tuple[Measured, ...]:
    """The rows of a table; lines that begin with # and empty ones are passed over.

    Raises:
      InputError: a column or a value is missing or wrong, or there are too few rows.
    """
    lines = [(number, line) for number, line in enumerate(read_text(path, "table").splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{path}: is empty; write a header `size,seconds` and a line for each measured exchange")
    header = [cell.strip() for cell in next(csv.reader([lines[0][1]]))]
    columns = {what: _place(path, what, header) for what in NAMES}
    if len(lines) - 1 > MOST_ROWS:
        raise InputError(f"{path}: more than {MOST_ROWS:,} rows; write fewer, such as the median of each size")
    found = tuple(_row(path, number, next(csv.reader([line])), header, columns) for number, line in lines[1:])
    sizes = len({row.size_bytes for row in found})
    if len(found) < _LEAST_ROWS or sizes == 1:
        raise InputError(
            f"{path}: {len(found)} row{'s'[: len(found) != 1]} of {sizes} size(s); write "
            f"at least {_LEAST_ROWS} rows and two sizes, a small and a large one"
        )
    return found


def read_trace(path: Path) -> tuple[Measured, ...]:
    """The exchanges between replicas that a trace tells the seconds of; of more than 60 every k-th.

    Raises:
      InputError: it is no trace, or has fewer than three of them.
    """
    shards = read_header(path).shards
    found = [
        Measured(line, float(record.payload_bytes * shards), record.seconds, record.group_size)
        for line, record in enumerate(read_records(path), 2)
        if isinstance(record, Exchange) and record.kind == "outer" and not record.warmup and record.seconds
    ]
    if len(found) < _LEAST_ROWS:
        raise InputError(
            f"{path}: {len(found)} exchanges between replicas with their seconds behind the warm-up; record at least "
            f"{_LEAST_ROWS}, with exchange() of the recorder"
        )
    return tuple(found[:: -(-len(found) // _OF_TRACE)])


def _place(path: Path, what: str, header: list[str]) -> int | None:
    places = [place for place, name in enumerate(header) if name in NAMES[what]]
    if len(places) > 1:
        raise InputError(f"{path}: line 1: {len(places)} columns for {what}; keep one named {what}")
    if not places and what in ("size", "seconds"):
        raise InputError(f"{path}: no column {what}; write one named {' or '.join(NAMES[what])}")
    return places[0] if places else None


def _row(path: Path, line: int, cells: list[str], header: list[str], columns: dict[str, int | None]) -> Measured:
    if len(cells) != len(header):
        raise InputError(f"{path}: line {line}: {len(cells)} cells under {len(header)} columns; write one for each")
    texts = {what: cells[place].strip() for what, place in columns.items() if place is not None}
    where = f"{path}: line {line}"
    return Measured(
        line,
        _size(where, texts["size"]),
        _above_0(where, "seconds", texts["seconds"]),
        _whole(where, "members", texts.get("members", ""), 2),
        _whole(where, "streams", texts.get("streams", ""), 1),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _size(where: str, text: str) -> float:
    if not math.isnan(_number(text)) or not text:
        return _above_0(where, "size", text)
    try:
        return parse(text, SIZE)
    except InputError as error:
        raise InputError(f"{where}: size: {error}") from None


def _above_0(where: str, what: str, text: str) -> float:
    value = _number(text)
    if not (math.isfinite(value) and value > 0):
        example = 'bytes such as 67108864, or "64 MiB"' if what == "size" else "a number above 0, such as 0.125"
        raise InputError(f"{where}: {what}: got {text!r}; write {example}")
    return value


def _whole(where: str, what: str, text: str, least: int) -> int | None:
    if not text:
        return None
    value = _number(text)
    if not (value.is_integer() and least <= value <= 4096):
        raise InputError(f"{where}: {what}: got {text!r}; write a whole number from {least} up, or leave it empty")
    return int(value)
