"""The page of what the logs of a run say."""

from __future__ import annotations

from dataclasses import replace

from ...questions.importing.answer import Imported
from ..model import Axis, Curve, Picture, Report
from .shared import behind_tables, with_blocks

_POINTS = 2000
"""Steps of a replica that a picture shows."""


def page(report: Report, answer: Imported) -> Report:
    """The report with the seconds of every step.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    if not answer.series:
        return report
    curves = []
    for name, seconds in answer.series.items():
        stride = -(-len(seconds) // _POINTS)
        points = enumerate(seconds[::stride])
        curves.append(Curve(name, tuple((float(1 + number * stride), second) for number, second in points)))
    longest = max(map(len, answer.series.values()))
    remark = f"Each {-(-longest // _POINTS)}th step is drawn." if longest > _POINTS else ""
    drawn = [
        Picture(
            "Seconds of the steps, as logged", Axis("step"), Axis("step [s]", low=0.0), tuple(curves), remark=remark
        )
    ]
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, drawn)), [], [], drawn)
