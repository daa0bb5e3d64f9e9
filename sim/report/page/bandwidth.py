"""The page of the bandwidths that strategies need."""

from __future__ import annotations

from dataclasses import replace

from ...questions.bandwidth.bandwidth import BandwidthAnswer
from ...units.in_words import human_quantity
from ...units.quantities import BANDWIDTH
from ..model import Axis, Curve, Picture, Report, sentences
from .shared import map_of, scenario_source, with_blocks

_WANTED = 0.9
"""The target that the finding tells of, where it was asked for: the tables of the field have it."""


def page(report: Report, answer: BandwidthAnswer) -> Report:
    """The report on bandwidths with what can be drawn of it."""
    finding = sentences([_finding(answer)], "strong")
    utilization = next(block for block in report.blocks if isinstance(block, Picture))
    longer = _longer(answer)
    rest = [each for block in report.blocks for each in ([block, longer] if block is utilization else [block])]
    lead = replace(report, blocks=(finding, *rest))
    return with_blocks(
        lead,
        [map_of(answer.scenario.topology)],
        [scenario_source(answer.scenario, "bandwidth ")],
        [utilization, longer],
    )


def _finding(answer: BandwidthAnswer) -> str:
    """What each strategy needs for one target, the least first."""
    targets = {row.target for row in answer.rows}
    target = _WANTED if _WANTED in targets else max(targets)
    needs = [row for row in answer.rows if row.target == target]
    needs.sort(key=lambda row: float("inf") if row.bandwidth_bits_per_s is None else row.bandwidth_bits_per_s)
    told = [f"{row.label} {_need(row.bandwidth_bits_per_s)}" for row in needs]
    return f"To compute {100 * target:.4g}% of the time, the chips need: {', '.join(told)}."


def _need(bits_per_s: float | None) -> str:
    if bits_per_s is None:
        return "more than any bandwidth gives"
    return human_quantity(bits_per_s, BANDWIDTH) if bits_per_s else "no bandwidth to speak of"


def _longer(answer: BandwidthAnswer) -> Picture:
    """How many times as long as its compute a run takes: one over the utilisation."""
    curves = []
    for label in dict.fromkeys(point.label for point in answer.curve):
        own = [point for point in answer.curve if point.label == label]
        curves.append(Curve(label, tuple((each.bandwidth_bits_per_s / 1e9, 1 / each.utilization) for each in own)))
    x = Axis("bandwidth between datacenters [Gbit/s]", log=True)
    y = Axis("wall-clock over compute alone [x]", low=1.0, log=True)
    return Picture("Wall-clock against bandwidth", x, y, tuple(curves))
