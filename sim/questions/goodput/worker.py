"""A process that goes through histories for another one."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

from ...failures.spent import Spent
from ...shell import other_process
from .cases import History
from .paces import UnknownPaceError


class Worker:
    """Such a process, as the one that asks sees it."""

    def __init__(self) -> None:
        self._process = other_process.start(other_process.command(__name__))

    def histories(self, history: History, numbers: Sequence[int]) -> list[Spent] | None:
        """Some histories; None where they need a pace that was never replayed, or where the process has ended."""
        found: list[Spent] | None = other_process.ask(self._process, (history, numbers))
        return found

    def end(self) -> None:
        """Ends it at once."""
        other_process.end(self._process)


def main() -> None:
    """Answers until there are no more jobs."""
    asks, answers = other_process.pipes()
    while True:
        try:
            history, numbers = pickle.load(asks)
        except EOFError:
            return
        try:
            found = [history.number(number) for number in numbers]
        except UnknownPaceError:
            found = None
        pickle.dump(found, answers)
        answers.flush()
