"""The page of a published table or figure that was computed again."""

from __future__ import annotations

from dataclasses import replace

from ...questions.reproduce.model import Part, Reproduction
from ..answers.reproduce import QUANTITIES
from ..model import Axis, Curve, Picture, Report
from ..quantities import common_scale
from .shared import with_blocks

_FEWEST = 3
"""Numbers of a part that is drawn."""
_DECADES = 20.0
"""Largest number over smallest from which axes count in powers of ten."""


def page(report: Report, answer: Reproduction) -> Report:
    """The report on a reproduction with ours against theirs, part by part."""
    drawn = [_against_theirs(part) for part in answer.parts if len(part.pairs) >= _FEWEST]
    lead, *rest = report.blocks
    return with_blocks(replace(report, blocks=(lead, *drawn, *rest)), [], [], drawn)


def _against_theirs(part: Part) -> Picture:
    """Points on the diagonal agree; those above it are ours larger than theirs."""
    values = [value for pair in part.pairs for value in (pair.published, pair.ours)]
    scale = common_scale(values, QUANTITIES[part.unit])
    ends = min(values) / scale.factor, max(values) / scale.factor
    log = ends[0] > 0 and ends[1] > _DECADES * ends[0]
    unit = f" [{scale.unit or part.unit}]" if scale.unit or part.unit else ""
    points = sorted((pair.published / scale.factor, pair.ours / scale.factor) for pair in part.pairs)
    return Picture(
        part.title,
        Axis(f"{part.theirs}{unit}", log=log),
        Axis(f"ours{unit}", log=log),
        (Curve("ours", tuple(points)), Curve("no difference", tuple((end, end) for end in ends))),
    )
