"""A profile of a few training steps, and its busiest operations.

`jax.profiler` writes what TensorBoard, XProf and Perfetto read (`perfetto_trace.json.gz` opens at ui.perfetto.dev).

Limits: on a CPU an operation's time includes waiting for its inputs on other threads, and exchanges among forced host
devices are copies in memory: use a profile for compute.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax

from sim.errors import InputError

PROFILED_STEPS = 3
"""Inner steps in a profile."""


class Operation(NamedTuple):
    """An operation of the compiled programs.

    Attributes:
      name: the compiler's name, without its number.
      seconds: total over all its runs on all devices [s].
      runs: number of its runs.
    """

    name: str
    seconds: float
    runs: int


def check_directory(directory: Path) -> None:
    """Makes sure before any long work that a profile can be written.

    Raises:
      InputError: it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise InputError(f"--profile {directory}: cannot be written ({error.strerror}); give a directory") from None


@contextmanager
def profiled(directory: Path) -> Iterator[None]:
    """Profiles the code inside, as a new session in the directory."""
    with jax.profiler.trace(str(directory), create_perfetto_trace=True):
        yield


def busiest(directory: Path, count: int) -> list[Operation]:
    """The operations that took the most time in the newest profile of a directory.

    Args:
      directory: the directory of `profiled`.
      count: the largest number of operations.

    Raises:
      InputError: there is no profile.
    """
    files = sorted(directory.rglob("perfetto_trace.json.gz"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        raise InputError(f"{directory}: there is no profile; write one with record-trace --profile {directory}")
    with gzip.open(files[-1]) as file:
        events = json.load(file)["traceEvents"]
    seconds: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for event in events:
        if event.get("ph") == "X" and event.get("args", {}).get("hlo_op"):
            name = event["name"].rstrip("0123456789").rstrip(".")
            seconds[name] += event["dur"] / 1e6
            runs[name] += 1
    return [Operation(name, total, runs[name]) for name, total in seconds.most_common(count)]
