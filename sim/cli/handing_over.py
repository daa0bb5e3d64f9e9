"""How a command ends that has an answer: its report in the format asked for, on standard output or in a file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..shell.delivery import deliver
from ..shell.formats import FIGURES, Format

if TYPE_CHECKING:
    from ..report.model import Report

Illustrated = Callable[["Report"], "Report"]
_PLACES = ("--output", "--format", "--plot")


def hand_over(report: Report, shape: Format, output: Path | None, illustrated: Illustrated | None = None) -> None:
    """Renders a report for where it goes, and delivers it.

    Args:
      report: the answer.
      shape: the format.
      output: a file, or standard output.
      illustrated: gives the report its drawings; called only where they are shown, as it may have to replay.

    Raises:
      InputError: it cannot be written there.
    """
    if illustrated and (shape is Format.html or shape in FIGURES):
        report = illustrated(report)
    if shape in FIGURES and output:
        from ..report.render.figure import drawn

        deliver(drawn(report, shape.value), output)
        return
    from ..report.drawing.screen import of_file, of_stdout
    from ..report.render import RENDERERS

    if shape is Format.html:
        report = _with_command(report)
    deliver(RENDERERS[shape](report, of_file() if output else of_stdout()), output)


def _with_command(report: Report) -> Report:
    """A page says by which command it is made again."""
    from ..report.figures import Source

    words = _without_places(sys.argv[1:])
    command = shlex.join(["simulate", *words, "--output", "report.html"])
    return replace(report, blocks=(*report.blocks, Source("The command that makes this page", command, "sh")))


def _without_places(words: Sequence[str]) -> list[str]:
    """The words of a command without those that say where its answer goes."""
    found, skip = [], False
    for word in words:
        if not skip and not word.startswith(tuple(f"{place}=" for place in _PLACES)) and word not in _PLACES:
            found.append(word)
        skip = word in _PLACES and not skip
    return found
