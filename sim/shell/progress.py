"""What a long command is at, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from .printing import tell

_PERSON_S, _LOG_S = 1.0, 10.0
"""A line so often at most, and none before, where a person looks on and where a file or a pipe is written [s]."""


class Progress:
    """Says what it is told, but not more often than somebody wants to read it.

    Args:
      clock: seconds that pass.
      say: where the lines go.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, say: Callable[[str], None] = tell) -> None:
        self._clock, self._say = clock, say
        self._every_s = _PERSON_S if sys.stderr is not None and sys.stderr.isatty() else _LOG_S
        self._said_s = clock()

    def __call__(self, what: str) -> None:
        """Says it, if the last line was long enough ago."""
        now_s = self._clock()
        if now_s - self._said_s >= self._every_s:
            self._said_s = now_s
            self._say(what)
