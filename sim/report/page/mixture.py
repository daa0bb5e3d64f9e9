"""The page of a law of mixtures."""

from __future__ import annotations

from dataclasses import replace

from ...questions.fit.mixture import Mixture
from ..model import Axis, Curve, Picture, Report
from .shared import with_blocks


def page(report: Report, answer: Mixture) -> Report:
    """The report with every run, predicted by the law of the others against measured.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    drawn = []
    for law in answer.losses:
        own = sorted((each.measured, each.predicted) for each in answer.left_out if each.loss == law.loss)
        ends = own[0][0], own[-1][0]
        curves = Curve("predicted by the law of the others", tuple(own)), Curve("measured", tuple((x, x) for x in ends))
        axis = "loss [nats per token]"
        drawn.append(Picture(f"Runs left out: {law.loss}", Axis(f"measured {axis}"), Axis(axis), curves))
    return with_blocks(replace(report, blocks=(*report.blocks, *drawn)), [], [], drawn)
