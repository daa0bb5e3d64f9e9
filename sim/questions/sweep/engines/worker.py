"""A process that answers points for another one: chunks come in by a pipe, and rows go out by another.

It ends when its input does, so that nobody is left behind when the other process is killed.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from typing import BinaryIO

from ..asked import Asked, Work
from .engine import PATIENCE_S, begun

COMMAND = "import sys; sys.path[:] = {path!r}; from sim.questions.sweep.engines.worker import main; main()"
"""What Python is told to run: with the same path as here, and nothing of the script that asked."""


def command() -> list[str]:
    """The command that starts a worker."""
    return [sys.executable, "-c", COMMAND.format(path=sys.path)]


def main() -> None:
    """Answers what is asked for, until there is nothing more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; who asked decides what it means
    gc.set_threshold(50_000)
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no row
    serve(sys.stdin.buffer, pipe)


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
