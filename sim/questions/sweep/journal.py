"""What has been computed so far, beside the file that it will be: small files in a folder, each written as a whole.

`sweep.parquet.parts/` holds `sweep.json`, which says whose rows they are, and `000000000-000000199.parquet` with the
rows of those points. At the end they become `sweep.parquet`, which appears at once, and the folder goes.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ...documents.lock import lock
from ...errors import ArgumentError, InputError
from ...shell.delivery import write_atomically
from . import parquet
from .columns import POINT, Column

if TYPE_CHECKING:
    import pyarrow

    from .asked import Row
    from .engines.engine import Part

_PART = re.compile(r"([0-9]{9,})-([0-9]{9,})\.parquet")
_EVERY_S, _SHARE = 2.0, 0.01
"""How long rows wait for others before they are written: two seconds, or a hundredth of the time so far [s]."""


class Journal:
    """The rows of a sweep on their way into its file. It is a context, in which nobody else may write them.

    Args:
      path: the file.
      columns: of the rows.
      identity: all that the rows depend on.
      overwrite: whether rows of another sweep may be deleted.

    Raises:
      InputError: the file, or what is beside it, is of another sweep, or another process is writing it.
    """

    def __init__(self, path: Path, columns: Sequence[Column], identity: str, *, overwrite: bool) -> None:
        self._path, self._folder = path, path.with_name(f"{path.name}.parts")
        self._form, self._identity = parquet.schema(columns, identity), identity
        self._waiting: list[Part] = []
        self._began = self._written = time.monotonic()
        self._handle = -1
        self._overwrite = overwrite

    @property
    def finished(self) -> bool:
        """Whether the file is there."""
        return self._path.exists()

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        if sys.platform != "win32":  # where a folder cannot be opened
            self._handle = os.open(self._folder, os.O_RDONLY)
        if self._handle >= 0 and not lock(self._handle):
            os.close(self._handle)
            raise ArgumentError("{results}: another sweep is writing {path}; wait for its end", path=self._path)
        try:
            self._claim()
        except InputError:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._leave()

    def _leave(self) -> None:
        if not any(self._folder.iterdir()):
            self._folder.rmdir()
        if self._handle >= 0:
            os.close(self._handle)

    def _claim(self) -> None:
        """Takes what is there, if it is of this sweep, and says so in the folder."""
        note = self._folder / "sweep.json"
        of_file = parquet.identity_of(self._path) if self._path.exists() else self._identity
        of_parts = note.read_text() if note.exists() else self._identity
        if not self._overwrite:
            for where, found in ((self._path, of_file), (self._folder, of_parts)):
                if found != self._identity:
                    what = "is no file of a sweep" if found is None else "is of another sweep"
                    told = "{results} {where}: {what} (another scenario, other keys or values, another crosshaul); "
                    raise ArgumentError(told + "choose another file, or write {overwrite}", where=where, what=what)
        elif self._identity != of_parts:
            shutil.rmtree(self._folder)
            self._folder.mkdir()
        if self._overwrite and of_file != self._identity:
            self._path.unlink()
        if not self._path.exists():
            write_atomically(note, self._identity)

    def add(self, part: Part) -> None:
        """Takes rows, and writes them when enough time has passed."""
        self._waiting.append(part)
        now = time.monotonic()
        if now - self._written > max(_EVERY_S, _SHARE * (now - self._began)):
            self._flush()
            self._written = time.monotonic()

    def _flush(self) -> None:
        """Writes the rows that wait, a file for each run of points that follow each other."""
        waiting = sorted(self._waiting)
        self._waiting = []
        while waiting:
            rows: list[Row] = []
            first = end = waiting[0].first
            while waiting and waiting[0].first == end:
                part = waiting.pop(0)
                end += part.points
                rows += part.rows
            name = f"{first:09}-{end - 1:09}.parquet"
            write_atomically(self._folder / name, parquet.encoded(parquet.table(rows, self._form)))

    def missing(self, count: int) -> list[range]:
        """The points without rows yet."""
        found, next_one = [], 0
        for first, last, _ in self._parts():
            found.append(range(next_one, first))
            next_one = last + 1
        return [each for each in (*found, range(next_one, count)) if each]

    def _parts(self) -> list[tuple[int, int, Path]]:
        names = [(_PART.fullmatch(path.name), path) for path in self._folder.iterdir()]
        return sorted((int(name[1]), int(name[2]), path) for name, path in names if name)

    def finish(self) -> None:
        """Makes the file of all rows, which appears at once, and takes the folder away."""
        self._flush()
        whole = self._folder / "whole"
        parquet.merge(self._tables(), self._form, whole)
        whole.replace(self._path)
        for path in self._folder.iterdir():
            path.unlink()

    def _tables(self) -> Iterator[pyarrow.Table]:
        for first, last, path in self._parts():
            found = parquet.read_whole(path)
            points = None if found is None else found.column(POINT)
            if points is None or not len(points) or (points[0].as_py(), points[-1].as_py()) != (first, last):
                raise InputError(f"{path}: does not hold the rows of its points; delete it, and run the sweep again")
            yield found
