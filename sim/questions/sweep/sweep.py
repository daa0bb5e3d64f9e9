"""A sweep: a question asked at many points, its rows, and where they are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...shell.progress import UNWATCHED, Watch
from ...units.in_words import human_seconds
from . import parquet
from .asked import Asked, Row, Work
from .columns import Axis, Column
from .engines.engine import Engine, Part
from .journal import Journal


class Rows(Protocol):
    """The rows of a sweep, by their points."""

    def column(self, name: str) -> Sequence[Any]:
        """The values of a column, a value for each row."""

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows, each by the names of its columns."""


class Kept:
    """Rows in memory."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        self._names = [column.name for column in columns]
        self._rows = rows

    def column(self, name: str) -> Sequence[Any]:
        """The values of a column."""
        place = self._names.index(name)
        return [row[place] for row in self._rows]

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows by name."""
        return (dict(zip(self._names, row, strict=True)) for row in self._rows)


class Stored:
    """Rows in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def column(self, name: str) -> Sequence[Any]:
        """The values of a column."""
        found: list[Any] = parquet.read(self.path, [name]).column(name).to_pylist()
        return found

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows by name."""
        return iter(parquet.read(self.path).to_pylist())


@dataclass(frozen=True)
class Swept:
    """What a sweep found.

    Attributes:
      asked: the question, and its points.
      axes: the varied keys and their columns.
      columns: of the rows.
      rows: a row for each point and strategy (and rule, or target).
      computed: points that were answered now; the others had been before.
      where: who computed, in words.
    """

    asked: Asked
    axes: tuple[Axis, ...]
    columns: tuple[Column, ...]
    rows: Rows
    computed: int
    where: str


def sweep(
    asked: Asked, engine: Engine, results: Path | None = None, *, overwrite: bool = False, watch: Watch = UNWATCHED
) -> Swept:
    """Answers a question at all points that have no answer yet.

    Args:
      asked: the question and its points.
      engine: who computes.
      results: the Parquet file of the rows, with which an interrupted sweep goes on; None: they stay in memory.
      overwrite: whether a file of another sweep may be replaced.
      watch: is told how far it is.

    Raises:
      InputError: a key or a value is wrong, or the file is of another sweep.
    """
    work = Work(asked)
    work.check()
    if results is None:
        kept = _Told(engine.parts(asked, [range(asked.space.count)]), asked.space.count, 0, watch)
        rows = [row for part in sorted(kept) for row in part.rows]
        return Swept(asked, tuple(work.axes), work.columns, Kept(work.columns, rows), asked.space.count, engine.where)
    with Journal(results, work.columns, asked.identity(), overwrite=overwrite) as journal:
        missing = [] if journal.finished else journal.missing(asked.space.count)
        left = sum(map(len, missing))
        if not journal.finished:
            for part in _Told(engine.parts(asked, missing), asked.space.count, asked.space.count - left, watch):
                journal.add(part)
            watch.doing("writing the file", asked.space.count, asked.space.count)
            journal.finish()
    return Swept(asked, tuple(work.axes), work.columns, Stored(results), left, engine.where)


class _Told:
    """Parts as they come, of which somebody is told."""

    def __init__(self, parts: Iterator[Part], of: int, done: int, watch: Watch) -> None:
        self._parts, self._of, self._done, self._watch = parts, of, done, watch

    def __iter__(self) -> Iterator[Part]:
        began, before = time.monotonic(), self._done
        self._watch.doing("answering points", self._done, self._of)
        for part in self._parts:
            self._done += part.points
            left_s = (time.monotonic() - began) / (self._done - before) * (self._of - self._done)
            self._watch.doing(f"answering points, about {human_seconds(left_s)} left", self._done, self._of)
            yield part
