"""The output of nccl-tests (and rccl-tests): time and bus bandwidth of a collective by the size of its message.

Source: nccl-tests, doc/PERFORMANCE.md: the bus bandwidth of an all-reduce among n ranks is its size over its time,
times 2 (n - 1) / n.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from .log import Asked, Collective, Log, LogFormat, text_of

_HEAD = re.compile(r"#\s+size\s+count\s+type.*busbw")
_ROW = re.compile(r"^\s*(\d+)\s+\d+\s+\w+\s+\w+\s+(?:-?\d+\s+)?([\d.]+)\s+([\d.]+)\s+([\d.]+)\s")
_RANK = re.compile(r"#\s+Rank\s+(\d+)\s")
_KIND = re.compile(r"(all_reduce|all_gather|reduce_scatter|broadcast|alltoall|sendrecv|gather|scatter|reduce)_perf")
_FACTOR = {"all_reduce": 2.0, "all_gather or reduce_scatter": 1.0}
"""Bus bandwidth over size by time, times n / (n - 1)."""


def matches(content: bytes) -> bool:
    """Whether it has the head of such a table."""
    return _HEAD.search(content.decode("utf-8", "replace")) is not None


def read(path: Path, content: bytes, asked: Asked) -> Log:
    """The bandwidth of the largest message and the time of the smallest, out of place."""
    text = text_of(path, content)
    rows = [
        (float(said[1]), float(said[2]) * 1e-6, float(said[4]) * 8e9)
        for line in text.split("\n")
        if (said := _ROW.match(line)) and float(said[1]) > 0
    ]
    if not rows:
        raise InputError(f"{path}: has the head of a table and no row of one; run it to its end")
    ranks = len({said[1] for said in _RANK.finditer(text)}) or None
    named = _KIND.search(text)
    kind = named[1] if named else _kind_by_ratio(rows[-1], ranks)
    (smallest, latency_s, _), (largest, _, bits_per_s) = min(rows), max(rows)
    if bits_per_s <= 0:
        raise InputError(f"{path}: the largest message has no bus bandwidth; measure a larger one, such as -e 1G")
    guessed = () if named else (f"the collective is {kind or 'unknown'}, by its bus bandwidth over size and time",)
    notes = []
    if kind != "all_reduce":
        notes.append("a topology takes the bandwidth of an all-reduce: run all_reduce_perf")
    if ranks is None:
        notes.append("how many ranks took part is not in the output")
    return Log(
        collectives=(Collective(kind or "unknown", ranks, bits_per_s, latency_s, largest, smallest),),
        took=(f"{len(rows)} sizes, out of place: bus bandwidth of the largest, time of the smallest",),
        guessed=guessed,
        notes=tuple(notes),
    )


def _kind_by_ratio(row: tuple[float, float, float], ranks: int | None) -> str | None:
    """The collective whose factor the table has; None where ranks or factor are not known."""
    size, seconds, bits_per_s = row
    if ranks is None or ranks < 2:
        return None
    factor = bits_per_s / 8 / (size / seconds) * ranks / (ranks - 1)
    return next((kind for kind, own in _FACTOR.items() if abs(factor - own) < 0.02 * own), None)


FORMATS = (
    LogFormat("nccl-tests", "the table of nccl-tests", "a head with size, count, type and busbw", matches, read),
)
