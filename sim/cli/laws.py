"""`simulate laws`: its options."""

from __future__ import annotations

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over


def laws(format_: FormatOption = None, output: OutputOption = None) -> None:
    """Every law with its form, constants, source and fitted range; and the best division of compute by each."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.laws import answer
    from ..report.laws import report

    hand_over(report(answer()), shape, output)
