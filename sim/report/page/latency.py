"""The page of how long a model takes to answer."""

from __future__ import annotations

from dataclasses import replace

from ...questions.latency import Latency
from ..model import Axis, Curve, Picture, Report
from .shared import behind_tables, with_blocks


def page(report: Report, answer: Latency) -> Report:
    """The report with the seconds of an answer against the number of chips.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    rows = answer.rows
    curves = [
        Curve("least, at the peaks", tuple((float(row.chips), row.answer_least_s) for row in rows)),
        Curve("assumed", tuple((float(row.chips), row.answer_assumed_s) for row in rows)),
    ]
    if answer.asked.deadline_s is not None:
        curves.append(Curve("deadline", tuple((float(row.chips), answer.asked.deadline_s) for row in rows)))
    drawn = [
        Picture(
            "Seconds of an answer against chips",
            Axis("chips", log=True),
            Axis("whole answer [s]", log=True),
            tuple(curves),
            remark="" if all(row.fits for row in rows) else "Also where the model does not fit into the memory.",
        )
    ]
    shown = drawn if len(rows) > 1 else []
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, shown)), [], [], shown)
