"""The points in several processes of this machine."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from ....shell.other_process import ask, end, start, tell
from ..asked import Asked, Work
from .engine import Part, cut
from .worker import command

TRIES = 3
"""Times that a point may end its worker, before it is a row with that error."""


class Processes:
    """Several processes of this machine.

    Args:
      workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    @property
    def where(self) -> str:
        """How many processes."""
        return f"{self._workers} processes"

    def parts(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """The rows of all points, as they come."""
        chunks: SimpleQueue[range] = SimpleQueue()
        pieces = cut(missing, self._workers)
        for piece in pieces:
            chunks.put(piece)
        done: SimpleQueue[Part | BaseException] = SimpleQueue()
        hands = [_Hand(asked, chunks, done) for _ in range(min(self._workers, len(pieces)))]
        for hand in hands:
            hand.start()
        left = sum(map(len, pieces))
        try:
            while left:
                part = done.get()
                if isinstance(part, BaseException):
                    raise part
                left -= part.points
                yield part
        finally:
            for hand in hands:
                hand.stop()


class _Hand(threading.Thread):
    """One process, and the thread that feeds it."""

    def __init__(self, asked: Asked, chunks: SimpleQueue[range], done: SimpleQueue[Part | BaseException]) -> None:
        super().__init__(daemon=True)
        self._asked, self._chunks, self._done = asked, chunks, done
        self._process: subprocess.Popen[bytes] | None = None
        self._over = False

    def run(self) -> None:
        """Takes chunks until there are none; whatever goes wrong is told to who waits."""
        try:
            while not self._over:
                self._all_of(self._chunks.get_nowait())
        except Empty:
            self.stop()
        except BaseException as error:
            self._done.put(error)

    def stop(self) -> None:
        """Ends the process at once."""
        self._over = True
        process, self._process = self._process, None
        if process is not None:
            end(process)

    def _all_of(self, chunk: range) -> None:
        """All points of a chunk; once the process is gone, the rest of them one by one, to see which one ends it."""
        ended, together = 0, True
        while chunk and not self._over:
            part = self._ask(chunk if together else chunk[:1])
            if part is None:
                ended, together = ended + 1, False
                if ended < TRIES:
                    continue
                why = f"the process that computed it was ended {TRIES} times; there may be too little memory"
                part = Part(chunk.start, 1, Work(self._asked).lost(chunk.start, why))
            ended = 0
            self._done.put(part)
            chunk = chunk[part.points :]

    def _ask(self, chunk: range) -> Part | None:
        """The rows of the beginning of a chunk; None if the process ended."""
        part: Part | None = None
        with suppress(OSError):  # it has ended before it was told anything
            part = ask(self._process or self._begun(), chunk)
        if part is None and not self._over:
            self.stop()
            self._over = False
        return part

    def _begun(self) -> subprocess.Popen[bytes]:
        self._process = process = start(command())
        tell(process, self._asked)
        return process
