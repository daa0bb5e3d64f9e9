"""`simulate laws`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over

if TYPE_CHECKING:
    from ..report.model import Report


def laws(format_: FormatOption = None, output: OutputOption = None) -> None:
    """Every law with its form, constants, source and fitted range; and the best division of compute by each."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.laws import answer
    from ..report.answers.laws import report

    found = answer()

    def illustrated(told: Report) -> Report:
        from ..report.page.laws import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated)
