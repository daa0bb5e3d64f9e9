"""Measured pairs of sites to make links of: a table of ping and iperf, or of the files that these programs wrote."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...documents.reading import read_text
from ...errors import InputError
from ...units.quantities import BANDWIDTH, LATENCY, Unit, parse

NAMES = {
    "from": ("from", "from_site"),
    "to": ("to", "to_site"),
    "rtt": ("rtt", "rtt_s", "rtt_ms", "round_trip", "round_trip_s", "round_trip_ms"),
    "streams": ("streams",),
    "bandwidth": ("bandwidth", "bandwidth_bits_per_s", "bits_per_s"),
    "ping": ("ping",),
    "iperf3": ("iperf3",),
}
"""What a column of a table is for, and how it may be called."""
MOST_ROWS = 10_000
MOST_SITES = 64
_PING = re.compile(r"(?:rtt|round-trip) min/avg/max/(?:mdev|stddev) = [\d.]+/([\d.]+)/")


@dataclass(frozen=True)
class Pair:
    """One measurement between two sites.

    Attributes:
      line: of the table.
      source, target: who sent, and to whom; the same for two machines of one site.
      rtt_s: round trip of a small packet [s].
      streams: parallel TCP streams.
      bits_per_s: of all of them together [bit/s].
    """

    line: int
    source: str
    target: str
    rtt_s: float
    streams: int
    bits_per_s: float


def holds_pairs(path: Path) -> bool:
    """Whether a table has the columns of pairs of sites."""
    header = _lines(path)[:1]
    cells = {cell.strip() for _, line in header for cell in next(csv.reader([line]))}
    return bool(cells & set(NAMES["from"])) and bool(cells & set(NAMES["to"]))


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The rows of a table; lines that begin with # and empty ones are passed over.

    Raises:
      InputError: a column, a value or a file that the table names is missing or wrong, or there are no two sites.
    """
    (_, first), *lines = _lines(path)
    header = [cell.strip() for cell in next(csv.reader([first]))]
    columns = {what: _place(path, what, header) for what in NAMES}
    for what, file in (("rtt", "ping"), ("bandwidth", "iperf3")):
        if columns[what] is None and columns[file] is None:
            raise InputError(
                f"{path}: no column {what}; write one named {' or '.join(NAMES[what])}, or one named {file} with the "
                f"names of files that {file} wrote"
            )
    if len(lines) > MOST_ROWS:
        raise InputError(f"{path}: more than {MOST_ROWS:,} rows; write fewer, such as medians")
    found = tuple(_row(path, number, next(csv.reader([line])), header, columns) for number, line in lines)
    sites = {site for row in found for site in (row.source, row.target)}
    if all(row.source == row.target for row in found):
        raise InputError(f"{path}: no row is between two sites; write at least one whose `from` and `to` differ")
    if len(sites) > MOST_SITES:
        raise InputError(f"{path}: {len(sites)} sites; write {MOST_SITES} at most")
    return found


def _lines(path: Path) -> list[tuple[int, str]]:
    lines = enumerate(read_text(path, "table").splitlines(), 1)
    return [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]


def _place(path: Path, what: str, header: list[str]) -> int | None:
    places = [place for place, name in enumerate(header) if name in NAMES[what]]
    if len(places) > 1:
        raise InputError(f"{path}: line 1: {len(places)} columns for {what}; keep one named {what}")
    return places[0] if places else None


def _row(path: Path, line: int, cells: list[str], header: list[str], columns: Mapping[str, int | None]) -> Pair:
    where = f"{path}: line {line}"
    if len(cells) != len(header):
        raise InputError(f"{where}: {len(cells)} cells under {len(header)} columns; write one for each")
    texts = {what: cells[place].strip() for what, place in columns.items() if place is not None}
    units = {what: header[place] for what, place in columns.items() if place is not None}
    for what in ("from", "to"):
        if not texts[what]:
            raise InputError(f"{where}: {what}: is empty; write the name of a site")
    measured: tuple[int, float] | None = None
    if texts.get("iperf3"):
        if texts.get("bandwidth") or texts.get("streams"):
            raise InputError(f"{where}: iperf3 {texts['iperf3']} tells streams and bandwidth; leave those cells empty")
        measured = of_iperf3(path.parent / texts["iperf3"])
    elif not texts.get("bandwidth"):
        raise InputError(f"{where}: bandwidth: is empty; write it in bit/s, or with its unit")
    if bool(texts.get("ping")) == bool(texts.get("rtt")):
        raise InputError(f"{where}: write either rtt, or ping with the name of a file")
    rtt_s = of_ping(path.parent / texts["ping"]) if texts.get("ping") else _rtt_s(where, units["rtt"], texts["rtt"])
    streams, bits = measured or (
        _streams(where, texts.get("streams", "")),
        _quantity(where, "bandwidth", texts["bandwidth"], BANDWIDTH, 1.0),
    )
    return Pair(line, texts["from"], texts["to"], rtt_s, streams, bits)


def _rtt_s(where: str, column: str, text: str) -> float:
    bare = {"ms": 1e-3, "s": 1.0}.get(column.rpartition("_")[2])
    return _quantity(where, "rtt", text, LATENCY, bare)


def _quantity(where: str, what: str, text: str, unit: Unit, bare: float | None) -> float:
    """A number in a unit that its column names, or with its own [SI]."""
    try:
        value = float(text)
    except ValueError:
        try:
            value, bare = parse(text, unit), 1.0
        except InputError as error:
            raise InputError(f"{where}: {what}: {error}") from None
    if bare is None:
        raise InputError(f'{where}: {what}: got {text!r} without a unit; write "103 ms", or name the column rtt_ms')
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{where}: {what}: got {text!r}; write a number above 0")
    return value * bare


def _streams(where: str, text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 4096):
        raise InputError(f"{where}: streams: got {text!r}; write a whole number from 1 to 4096, or nothing for 1")
    return int(text)


def of_ping(path: Path) -> float:
    """The mean round trip that `ping` printed at its end [s].

    Raises:
      InputError: there is no such line.
    """
    found = _PING.search(read_text(path, "output of ping"))
    if found is None or not float(found[1]) > 0:
        raise InputError(f"{path}: no line `rtt min/avg/max/mdev = ...`; give what ping printed, to its end")
    return float(found[1]) * 1e-3


def of_iperf3(path: Path) -> tuple[int, float]:
    """Streams, and what all of them received together [bit/s], of `iperf3 -J` over TCP.

    Raises:
      InputError: it is no such file, or the test failed.
    """
    try:
        data: Any = json.loads(read_text(path, "output of iperf3"))
        if data.get("error"):
            raise InputError(f"{path}: iperf3 says {data['error']!r}; measure again")
        test = data["start"]["test_start"]
        if test["protocol"] != "TCP":
            raise InputError(f"{path}: is of {test['protocol']}; measure TCP, as exchanges use it")
        if test.get("reverse") or test.get("bidir"):
            raise InputError(
                f"{path}: was measured with -R, or both ways at once; measure each way by itself, from its sender"
            )
        streams, bits = int(test["num_streams"]), float(data["end"]["sum_received"]["bits_per_second"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is no output of iperf3 -J; run iperf3 -c HOST -J, and keep what it prints") from None
    if not (bits > 0 and math.isfinite(bits)):
        raise InputError(f"{path}: nothing was received; measure again")
    return streams, bits
