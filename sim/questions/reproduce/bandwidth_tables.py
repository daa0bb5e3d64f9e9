"""The published tables of bandwidths, every cell, by the replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...shell.progress import Watch
from ..bandwidth.bandwidth import answer
from ..bandwidth.published_setting import study
from ..validate.evidence_files import read
from ..validate.live import PAYLOAD_FACTOR
from .model import Pair, Part

TARGETS = {"u50": 0.5, "u80": 0.8, "u90": 0.9, "u95": 0.95, "u99": 0.99}
"""Columns of the tables, and the utilisation that they are for."""
AS_DEFINED, AS_IT_COMES_OUT = "as defined", "as it comes out"
HOW = (
    f"Ours: two replicas, one serial link, exchanges layer by layer, replayed, payload factor {PAYLOAD_FACTOR}, "
    "for which docs/questions.md has the reason.",
    "What is printed is the first point of a grid that reaches the target, a factor of 1.207 from the point before: a "
    "difference of one cell is what the printed number leaves open.",
)
_REMARKS = {
    AS_DEFINED: "",
    AS_IT_COMES_OUT: "Rows of H = 30 as if a fragment were sent in every inner step, eager rows as if every fragment "
    "were sent in every second round only: nothing that the paper says, but what its numbers come out of.",
}


def parts(source: str, watch: Watch) -> tuple[Part, ...]:
    """A table, as the algorithms are defined, and another reading where rows do not follow from that.

    Args:
      source: SL, ST or EU, as the file of published numbers calls the papers.
      watch: is told the row that is replayed.
    """
    rows = [row for name in FILES for row in read(name) if row["source"] == source]
    asked = [(row, reading, entry) for row in rows for reading, entry in readings(row)]
    found: dict[str, list[Pair]] = {}
    for done, (row, reading, entry) in enumerate(asked):
        watch.doing(f"replaying {_name(row)}", done, len(asked))
        found.setdefault(reading, []).extend(_pairs(row, entry))
    return tuple(
        Part(f"Bandwidth between two datacenters, {reading}", "bit/s", "cells", tuple(pairs), remark=_REMARKS[reading])
        for reading, pairs in found.items()
    )


FILES = ("compute_utilization.csv", "compute_utilization_eager.csv")
"""The published numbers."""


def readings(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """How a published row can be read: as defined, and for the rows that this does not explain, as they come out.

    Yields:
      The name of the reading, and the strategy.
    """
    method, every, fragments = row["method"], int(row["sync_every"]), int(row["layers"]) // 3
    bits = ",payload_bits=4" if method.endswith("fp4") else ""
    if method in ("data-parallel", "diloco"):
        yield AS_DEFINED, method + (f":sync_every={every}" if method == "diloco" else "")
        return
    kind, tau = "streaming-diloco", f",overlap_steps={int('overlap' in method)}"
    if method.startswith("eager"):
        kind, tau = "eager-diloco", ""
    yield AS_DEFINED, f"{kind}:sync_every={every},fragments={fragments}{tau}{bits}"
    # what the rows of arXiv 2502.12996 come out of, if anything does
    period = fragments if every == 30 else every
    period *= 2 if method.startswith("eager") else 1
    if period != every:
        yield AS_IT_COMES_OUT, f"{kind}:sync_every={period},fragments={fragments}{tau}{bits}"


def _pairs(row: Mapping[str, str], entry: str) -> Iterator[Pair]:
    asked = study(
        params=float(row["params"]),
        layers=int(row["layers"]),
        step_time_s=float(row["step_time_s"]),
        strategies=[entry],
        parameters={"payload_factor": PAYLOAD_FACTOR},
    )
    for (column, target), need in zip(TARGETS.items(), answer(asked, list(TARGETS.values())).rows, strict=True):
        ours = need.bandwidth_bits_per_s or 0.0  # none is needed
        yield Pair(f"{_name(row)}, {target:.0%}", 1e9 * float(row[column]), ours, need.grid_bits_per_s)


def _name(row: Mapping[str, str]) -> str:
    every = "" if row["sync_every"] == "1" else f", H = {row['sync_every']}"
    return f"{float(row['params']) / 1e9:g}B {row['method']}{every}"
