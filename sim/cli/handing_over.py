"""How a command ends that has an answer: its report in the format asked for, on standard output or in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..shell.delivery import deliver
from ..shell.formats import Format

if TYPE_CHECKING:
    from ..report.model import Report


def hand_over(report: Report, shape: Format, output: Path | None) -> None:
    """Renders a report for where it goes, and delivers it.

    Raises:
      InputError: it cannot be written there.
    """
    from ..report.drawing.screen import of_file, of_stdout
    from ..report.render import RENDERERS

    deliver(RENDERERS[shape](report, of_file() if output else of_stdout()), output)
