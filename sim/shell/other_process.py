"""A Python of its own that works for this one, with a pipe each way.

(The pools of the standard library run the script that asked once more in every process, which a script without
`if __name__ == "__main__"` does not survive.)
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any, BinaryIO

_COMMAND = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
"""What Python is told to run: with the same path as here, and nothing of the script that asked."""
_OBJECTS = 50_000
"""New objects after which the other process looks for circles of garbage."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command(module: str) -> list[str]:
    """The command that runs `main` of a module in another process."""
    return [sys.executable, "-c", _COMMAND.format(path=sys.path, module=module)]


def start(words: list[str]) -> subprocess.Popen[bytes]:
    """Starts a command with pipes for questions and answers."""
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def tell(process: subprocess.Popen[bytes], what: object) -> None:
    """Hands something over, of which nothing comes back.

    Raises:
      OSError: the process has ended.
    """
    assert process.stdin is not None
    pickle.dump(what, process.stdin, pickle.HIGHEST_PROTOCOL)


def ask(process: subprocess.Popen[bytes], question: object) -> Any:
    """What the process answers to a question; None if it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        tell(process, question)
        process.stdin.flush()
        return pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError, ValueError):
        return None


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process at once."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what it never read
            if pipe is not None:
                pipe.close()
    process.wait()


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """In the other process: where questions come in, and where answers go out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; who asked decides what it means
    gc.set_threshold(_OBJECTS)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    return sys.stdin.buffer, answers
