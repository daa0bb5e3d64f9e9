"""A process that goes through histories for another: jobs come in on standard input, and answers go out."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from ...failures.spent import Spent
from .cases import History
from .paces import UnknownPaceError

_MAIN = "import sys; sys.path[:] = {path!r}; from sim.questions.goodput.worker import main; main()"


class Worker:
    """Such a process. It imports nothing of the program that asks, which so needs no guard around its own work."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _MAIN.format(path=sys.path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def histories(self, history: History, numbers: Sequence[int]) -> list[Spent] | None:
        """Some histories; None where they need a pace that was never replayed, or where the process has ended."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        try:
            pickle.dump((history, numbers), asked)
            asked.flush()
            found: list[Spent] | None = pickle.load(told)
        except (OSError, EOFError):
            return None
        return found

    def end(self) -> None:
        """Ends it at once."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was not read when it ended
                if pipe is not None:
                    pipe.close()
        self._process.wait()


def main() -> None:
    """Answers until there are no more jobs."""
    while True:
        try:
            history, numbers = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            found = [history.number(number) for number in numbers]
        except UnknownPaceError:
            found = None
        pickle.dump(found, sys.stdout.buffer)
        sys.stdout.buffer.flush()
