"""`simulate reproduce`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over

if TYPE_CHECKING:
    from ..report.model import Report


def _names(incomplete: str) -> list[str]:
    from ..questions.reproduce.names import PUBLISHED

    return [name for name in PUBLISHED if name.startswith(incomplete)]


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A published table or figure, such as table-6. [default: list them]",
            metavar="NAME",
            autocompletion=_names,
            show_default=False,
        ),
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """A published table or figure beside what we say, computed now: every number, differences, and their bias.

    Without a name it lists what there is. Most take a second or two, tables of bandwidths up to a minute.
    """
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    if name is None:
        from ..questions.catalog import rows
        from ..report.answers.listing import report as listing

        hand_over(listing("reproductions", rows("reproductions")), shape, output)
        return
    from ..questions.reproduce.reproduce import answer
    from ..report.answers.reproduce import report
    from ..shell.progress import Progress

    with Progress() as watch:
        found = answer(name, watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.reproduce import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated)
