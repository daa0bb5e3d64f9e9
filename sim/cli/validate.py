"""`simulate validate`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from ..shell.printing import tell
from .handing_over import hand_over

if TYPE_CHECKING:
    from ..report.model import Report

OnlyOption = Annotated[
    str | None,
    typer.Option(help="Only misses, or claims with this in id, topic, words or source, such as syncs.", metavar="TEXT"),
]
CasesOption = Annotated[bool, typer.Option("--cases", help="List every comparison behind claims that sum many up.")]
LiveOption = Annotated[
    bool, typer.Option("--live", help="Compute what takes seconds again; 1 is the exit code if a number has changed.")
]


def validate(
    only: OnlyOption = None,
    cases: CasesOption = False,
    live: LiveOption = False,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """What others measured, printed or simulated beside what we say: error, tolerance, verdict.

    From the results that ship with the package, or with --live computed again. The exit code is 0 if every verdict is
    agreement or a known miss with its reason, and 1 if not, or if a number is no longer the committed one.
    """
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.validate.claims import answer
    from ..report.answers.validate import report
    from ..shell.progress import Progress

    with Progress() as watch:
        found = answer(only, live=live, watch=watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.validate import page

        return page(told, found)

    hand_over(report(found, cases=cases), shape, output, illustrated)
    if found.faults:
        tell("\n".join(f"fault: {fault}" for fault in found.faults))
        raise typer.Exit(1)
