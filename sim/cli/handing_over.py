"""How a command ends that has an answer: its report in the format asked for, on standard output or in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..shell.delivery import deliver
from ..shell.formats import FIGURES, Format

if TYPE_CHECKING:
    from ..report.model import Report

Illustrated = Callable[["Report"], "Report"]
_PLACES = ("--output", "--format", "--plot", "--law-file")


def hand_over(
    report: Report, shape: Format, output: Path | None, illustrated: Illustrated | None = None, *, cite: bool = False
) -> None:
    """Renders a report for where it goes, and delivers it.

    Args:
      report: the answer.
      shape: the format.
      output: a file, or standard output.
      illustrated: gives the report its drawings; called only where they are shown, as it may have to replay.
      cite: whether the sources of the answer go out in its place.

    Raises:
      InputError: it cannot be written there.
    """
    if cite:
        from ..report.citing import bibtex

        deliver(bibtex(report), output)
        return
    if illustrated and (shape is Format.html or shape in FIGURES):
        report = illustrated(report)
    if shape in FIGURES and output:
        from ..report.render.figure import drawn

        deliver(drawn(report, shape.value), output)
        return
    from ..report.drawing.screen import of_file, of_stdout
    from ..report.render import RENDERERS

    if shape is Format.html:
        from ..report.page.shared import with_command

        report = with_command(report, _without_places(sys.argv[1:]))
    deliver(RENDERERS[shape](report, of_file() if output else of_stdout()), output)


def _without_places(words: Sequence[str]) -> list[str]:
    """The words of a command without those that say where its answer goes."""
    found, skip = [], False
    for word in words:
        if not skip and not word.startswith(tuple(f"{place}=" for place in _PLACES)) and word not in _PLACES:
            found.append(word)
        skip = word in _PLACES and not skip
    return found
