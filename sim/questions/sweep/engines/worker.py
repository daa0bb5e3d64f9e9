"""A process that answers points for another one: chunks come in by a pipe, and rows go out by another.

It ends when its input does, so that nobody is left behind when the other process is killed.
"""

from __future__ import annotations

import pickle
from typing import BinaryIO

from ....shell import other_process
from ..asked import Asked, Work
from .engine import PATIENCE_S, begun


def command() -> list[str]:
    """The command that starts a worker."""
    return other_process.command(__name__)


def main() -> None:
    """Answers what is asked for, until there is nothing more."""
    serve(*other_process.pipes())


def serve(asks: BinaryIO, answers: BinaryIO) -> None:
    """Reads a question, then chunks of points, and writes the rows of the beginning of each."""
    try:
        asked: Asked = pickle.load(asks)
        work = Work(asked)
        while True:
            part = begun(work, pickle.load(asks), PATIENCE_S)
            pickle.dump(part, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
    except (EOFError, BrokenPipeError):
        return
