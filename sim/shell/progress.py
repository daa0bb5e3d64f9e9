"""What a long command is at: a bar on standard error, and rows as they are found; nothing where nobody looks on."""

from __future__ import annotations

import os
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from .printing import tell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

AFTER_S = 1.0
"""Work that takes no longer shows nothing [s]."""


class Watch(Protocol):
    """Somebody who is told how far work has come."""

    def doing(self, what: str, done: int, of: int) -> None:
        """Work on one more part begins, of which so many are done."""

    def found(self, row: str) -> None:
        """A part of the answer is known."""


class Unwatched:
    """Nobody looks on."""

    def doing(self, what: str, done: int, of: int) -> None:
        """Nothing."""

    def found(self, row: str) -> None:
        """Nothing."""


UNWATCHED = Unwatched()


class Progress:
    """Shows on a terminal what is under way, how many parts are left, and the rows found so far.

    It is a context: leaving it takes the bar away. If the work is interrupted, a line says what had been done.

    Args:
      console: where to show it; None: on standard error, if that is a terminal.
      after_s: how long to show nothing [s].
    """

    def __init__(self, console: Console | None = None, after_s: float | None = None) -> None:
        self._console = console
        self._timer = threading.Timer(AFTER_S if after_s is None else after_s, self._show)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._what, self._done, self._of = "", 0, 0
        self._rows: list[str] = []
        self._bar: Bar | None = None
        self._over = False

    def __enter__(self) -> Self:
        if self._console is not None or _somebody_looks_on():
            self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._lock:
            self._over = True
            self._timer.cancel()
            if self._bar is not None:
                self._bar.stop()
        if kind is not None and not issubclass(kind, Exception) and self._what:
            tell(self._so_far())

    def doing(self, what: str, done: int, of: int) -> None:
        """Shows that work on one more part begins."""
        with self._lock:
            self._what, self._done, self._of = what, done, of
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], description=what, completed=done, total=of)

    def found(self, row: str) -> None:
        """Shows a row above the bar, if there is one already; else when it comes."""
        with self._lock:
            self._rows.append(row)
            if self._bar is not None:
                self._print(self._bar, row)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        console = self._console or Console(stderr=True, highlight=False)
        columns = (
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        with self._lock:
            if self._over or console.is_dumb_terminal:
                return
            self._bar = Bar(*columns, console=console, transient=True)
            self._bar.add_task(self._what, total=self._of or None, completed=self._done)
            self._bar.start()
            for row in self._rows:
                self._print(self._bar, row)

    @staticmethod
    def _print(bar: Bar, row: str) -> None:
        bar.console.print(row, markup=False, highlight=False, soft_wrap=True)

    def _so_far(self) -> str:
        """What an interruption leaves: the part under way, and the rows that had been found and are not shown yet."""
        rows = f"; found: {'; '.join(self._rows)}" if self._rows and self._bar is None else ""
        return f"interrupted while {self._what}, {self._done} of {self._of} done{rows}"


def _somebody_looks_on() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
