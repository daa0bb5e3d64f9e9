"""`simulate compare`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .names import recordings_from, topologies_from

if TYPE_CHECKING:
    from ..report.model import Report


def compare(
    traces: Annotated[
        list[str],
        typer.Argument(
            help="Traces: files, or names of recordings that ship.",
            metavar="TRACE...",
            show_default=False,
            autocompletion=recordings_from,
        ),
    ],
    topology: Annotated[
        str | None,
        typer.Option(
            "--topology",
            help="The network on which they were recorded, for a replay of each: a name or a YAML file.",
            metavar="NAME|FILE",
            autocompletion=topologies_from,
        ),
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Recorded runs side by side: seconds, the replay of each beside it, and loss against wall-clock."""
    if output:
        check_writable(output, *traces, topology)
    shape = chosen(format_, output)
    from ..questions.compare import Ask, answer
    from ..report.answers.compare import report
    from ..shell.progress import Progress

    with Progress() as watch:
        found = answer(Ask(tuple(traces), topology), watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.compare import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated)
