"""Observations as a file for a viewer of timelines; one file a format, and the ending of a name says which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import ArgumentError
from ...simulation.observation import Observation
from . import chrome, perfetto
from .tracks import Process, processes

_WRITERS: dict[str, Callable[[Sequence[Process]], bytes]] = {".pftrace": perfetto.encode, ".json": chrome.encode}


def check_timeline(path: Path) -> None:
    """Says before the work begins that a timeline cannot be written under a name.

    Raises:
      InputError: its ending is none that is known, or a package is missing.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise ArgumentError(
            "{timeline} {path}: {what} is no timeline; write a .pftrace (Perfetto) or a .json (Chrome's trace events)",
            path=path,
            what=f"a {ending}" if ending else "a name without an ending",
        )
    if ending == ".pftrace":
        perfetto.check_installed(path)


def encoded(observations: Sequence[Observation], path: Path) -> bytes:
    """Observations as what a file of this name holds (see `check_timeline`).

    Raises:
      InputError: what was observed is too short or too long to be drawn.
    """
    return _WRITERS[path.suffix.lower()](processes(observations))
