"""The page of the laws."""

from __future__ import annotations

from dataclasses import replace

from ...questions.laws import Laws
from ..model import Axis, Curve, Picture, Report
from .shared import with_blocks

_MORE = (1.0, 10.0, 100.0, 1000.0)


def page(report: Report, answer: Laws) -> Report:
    """The report with the growth of the best model by each law.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    curves = tuple(
        Curve(
            f"{each.law} ({each.how})",
            tuple((more, more**each.params_exponent) for more in _MORE),
        )
        for each in answer.compute
    )
    x, y = Axis("times the compute", log=True), Axis("times the parameters", log=True)
    drawn = [Picture("How the best model grows with compute", x, y, curves)]
    return with_blocks(replace(report, blocks=(*report.blocks, *drawn)), [], [], drawn)
