"""`--timeline`: what the main job's runs do, moment by moment, as a file for a viewer of timelines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable, deliver_file
from ..shell.printing import tell

if TYPE_CHECKING:
    from ..scenario.model import Scenario

_OPTION, _ROUNDS, _ALL = "--timeline", "--timeline-rounds", "all"

TimelineOption = Annotated[
    Path | None,
    typer.Option(
        help="Draw what happens, moment by moment, too: a .pftrace for ui.perfetto.dev, or a .json (Chrome's format).",
        metavar="FILE",
    ),
]
RoundsOption = Annotated[
    str | None,
    typer.Option(
        help="Rounds that the timeline shows, or all. A round is H inner steps and their exchanges: of Data-Parallel "
        "one step, of asynchronous replicas H steps of the slowest. [default: 1]",
        metavar="N|all",
    ),
]


@dataclass(frozen=True)
class Timeline:
    """Where a timeline goes, and how much it shows."""

    timeline: TimelineOption = None
    timeline_rounds: RoundsOption = None

    def check(self, output: Path | None, *inputs: Path | str | None) -> None:
        """Says before the work begins what is wrong with the options.

        Args:
          output: where the report goes.
          inputs: files that are read, or names.

        Raises:
          InputError: a timeline cannot be written there, or under that name; or there is no such number of rounds.
        """
        if self.timeline is None:
            if self.timeline_rounds is not None:
                raise InputError(f"{_ROUNDS}: nothing is drawn without a timeline; write {_OPTION} run.json, too")
            return
        from ..report.timeline import check_timeline

        check_timeline(self.timeline)
        check_writable(self.timeline, *inputs, option=_OPTION)
        if output is not None and output.resolve() == self.timeline.resolve():
            raise InputError(f"{_OPTION} {self.timeline}: is where --output goes, too; give them names of their own")
        self._rounds()

    def drawn(self, scenario: Scenario) -> bytes | None:
        """The timeline of a scenario's runs, if it is asked for.

        Raises:
          InputError: there is too much to draw, or too little.
        """
        if self.timeline is None:
            return None
        from ..report.timeline import encoded
        from ..simulation.observe import observe

        return encoded(observe(scenario, self._rounds()), self.timeline)

    def write(self, drawn: bytes | None) -> None:
        """Writes what was drawn.

        Raises:
          InputError: it cannot be written, or the file is one that it was made from.
        """
        if self.timeline is not None and drawn is not None:
            deliver_file(drawn, self.timeline, _OPTION)
            tell(f"wrote {self.timeline}")

    def _rounds(self) -> int | None:
        """How many; None: all."""
        given = self.timeline_rounds or "1"
        if given == _ALL:
            return None
        if not (given.isdecimal() and given.isascii() and 0 < int(given[:10]) == int(given)):
            raise InputError(f"{_ROUNDS}: got {given!r}; write a whole number from 1 on, or {_ALL}")
        return int(given)
