"""What an engine is: it takes a question and the numbers of points, and gives their rows in any order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ..asked import Asked, Row, Work

PATIENCE_S = 2.0
"""How long a worker computes before it hands over what it has [s]: a kill loses that, or a point if it takes longer."""


class Part(NamedTuple):
    """Rows of points that follow each other.

    Attributes:
      first, points: the first of them, and how many.
      rows: of these points in their order.
    """

    first: int
    points: int
    rows: list[Row]


class Engine(Protocol):
    """Who computes."""

    @property
    def where(self) -> str:
        """Who computes, in words: `2 processes`."""

    def parts(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """The rows of all points of some ranges, each of them once, in any order."""


def begun(work: Work, chunk: range, patience_s: float) -> Part:
    """The rows of the first points of a chunk: as many as are answered in time, at least one."""
    until = time.monotonic() + patience_s
    rows: list[Row] = []
    for done, number in enumerate(chunk, 1):
        rows += work.rows(number)
        if time.monotonic() > until:
            return Part(chunk.start, done, rows)
    return Part(chunk.start, len(chunk), rows)


def cut(missing: Sequence[range], workers: int, each: int = 8) -> list[range]:
    """Ranges in pieces, some for each worker, so that all end at about the same time."""
    left = sum(map(len, missing))
    size = max(1, left // (workers * each))
    return [chunk[start : start + size] for chunk in missing for start in range(0, len(chunk), size)]
