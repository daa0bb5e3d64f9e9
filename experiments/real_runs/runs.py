"""A run that somebody made: the scenario that its inputs make, and, apart from it, what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..tables import read_table

HERE = Path(__file__).parent
Row = dict[str, str]
Document = dict[str, Any]
WINDOW = "3 MiB"
"""Bytes in flight of a stream: half of the 6 MiB that Linux lets a receive buffer grow to (tcp_rmem), as the other half
is for its own use (tcp_adv_win_scale 1; tcp(7))."""


def rows(name: str) -> list[Row]:
    """The rows of a table of this folder."""
    return read_table(HERE / f"{name}.csv")


def without_results(row: Mapping[str, str]) -> Row:
    """A row of which only what was known before the run is left: scenarios are made of such rows alone."""
    return {name: cell for name, cell in row.items() if not name.startswith("measured_")}


@dataclass(frozen=True)
class Terms:
    """What the model is told of beside bandwidths, latencies and steps; by default nothing of it: the plain model.

    Attributes:
      streams: what a stream, and what many of them, can carry: a window, and links without it.
      endpoints: that programs handle bytes one peer after another, and what an exchange takes at its ends beside that.
      messages: that tensors are exchanged one after another.
      first: that the first exchange of a run opens connections.
      buffers: that PyTorch's Data-Parallel sends the buffers of the model to all before each step.
      drops: that a shaper drops what its queue cannot hold, as much as in one run at 200 Mbit/s.
    """

    streams: bool = False
    endpoints: bool = False
    messages: bool = False
    first: bool = False
    buffers: bool = False
    drops: bool = False


@dataclass(frozen=True)
class Run:
    """One run of a source.

    Attributes:
      source: the name of its family in `sources.yaml`.
      name: its own, as the source has it.
      kind: runs of one kind are judged together.
      set: `visible`, `held-out`, or `calibration` where numbers of it are inputs of others.
      document: the scenario, as plain data.
      exchanges: between sites, in the steps of the scenario.
      part: what of the scenario a wall-clock is given of: a batch, a round, or all steps.
      parts: how many of these the scenario has.
      start_s: what the wall-clock holds beside the scenario: the start of the program [s].
      measured: `exchange_s`, and `wall_s` of one part, where they are known [s].
    """

    source: str
    name: str
    kind: str
    set: str
    document: Document
    exchanges: int
    part: str
    parts: int = 1
    start_s: float = 0.0
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name among all runs."""
        return f"{self.source}/{self.name}"


def numbers(row: Mapping[str, str], **names: str) -> dict[str, float]:
    """What of a row is known, as numbers under other names."""
    return {name: float(row[column]) for name, column in names.items() if row[column]}


def bits(value: float) -> str:
    """A bandwidth as a document has it."""
    return f"{value!r} bit/s"


def seconds(value: float) -> str:
    """A time as a document has it."""
    return f"{value!r} s"
