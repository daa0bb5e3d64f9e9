"""`simulate flows`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over

if TYPE_CHECKING:
    from ..report.model import Report


def flows(
    file: Annotated[Path, typer.Argument(help="YAML: a topology, and the flows over it.", metavar="FILE")],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """The network alone: when given flows over a topology finish, and what the links carry (docs/network.md)."""
    if output:
        check_writable(output, file)
    shape = chosen(format_, output)
    from ..questions.flows import answer, load_flows
    from ..report.answers.flows import report
    from ..scenario.loading import naming

    document = load_flows(file)
    with naming(file):
        found = answer(document)

    def illustrated(told: Report) -> Report:
        from ..report.page.flows import page

        return page(told, found, document)

    hand_over(report(found), shape, output, illustrated)
