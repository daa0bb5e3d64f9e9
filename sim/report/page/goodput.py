"""The page of goodput under failures: what histories came to, and where the time goes."""

from __future__ import annotations

from dataclasses import replace

from ...questions.goodput.goodput import GoodputAnswer, GoodputRow
from ..answers.goodput import PARTS, name
from ..figures import Bar, Bars, Series
from ..model import Axis, Block, Curve, Drawn, Picture, Report
from ..quantities import SHARE
from .shared import behind_tables, map_of, scenario_source, with_blocks

_TONES = (
    Series(PARTS["training"], "compute"),
    Series(PARTS["redone"], "bad"),
    Series(PARTS["down"], "idle"),
    Series(PARTS["restarting"], "packing"),
    Series(PARTS["saving"], "inside"),
    Series(PARTS["waiting"], "waiting"),
)


def page(report: Report, answer: GoodputAnswer) -> Report:
    """The report on goodput with what can be drawn of it."""
    drawn: tuple[Drawn, Drawn] = spread(answer), time(answer)
    lead, *rest = report.blocks
    blocks = (lead, *behind_tables(rest, drawn[:1], drawn[1:]))
    after: list[Block] = [
        map_of(answer.scenario.topology),
        scenario_source(answer.scenario, "goodput ", "The scenario"),
    ]
    return with_blocks(replace(report, blocks=blocks), [], after, drawn)


def time(answer: GoodputAnswer) -> Bars:
    """Where the time of all chips goes."""
    return Bars(
        "Where the time goes",
        "share of the time of all chips",
        SHARE,
        _TONES,
        tuple(_bar(row) for row in answer.rows),
        "At the end of each bar: the median of the goodput. A waiting below 0 is not drawn.",
    )


def _bar(row: GoodputRow) -> Bar:
    strategy, policy = name(row)
    values = tuple(max(0.0, row.shares[part]) for part in PARTS)
    return Bar(policy, values, f"{row.goodput.p50:.1%}", strategy)


def spread(answer: GoodputAnswer) -> Picture:
    """How the goodput is spread over the histories."""
    curves = tuple(
        Curve(
            ", ".join(name(row)),
            tuple((100 * value, 100 * k / (len(row.spread) - 1)) for k, value in enumerate(row.spread)),
        )
        for row in answer.rows
    )
    return Picture(
        "Goodput over the histories", Axis("goodput [%]"), Axis("histories with no more [%]", 0, 100), curves
    )
