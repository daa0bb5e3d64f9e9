"""The page of a comparison of recorded runs: their losses over their seconds, and what these went into."""

from __future__ import annotations

from dataclasses import replace

from ...questions.compare import Comparison
from ...units.in_words import human_seconds
from ..answers.compare import named
from ..figures import Bar, Bars, Series
from ..model import Axis, Curve, Drawn, Picture, Report
from ..quantities import DURATION, common_scale
from .shared import behind_tables, with_blocks

_PARTS = (Series("computing", "compute"), Series("exchanges", "across"))


def page(report: Report, answer: Comparison) -> Report:
    """The report with bars of seconds, recorded and replayed, and curves of losses.

    Args:
      report: as it is read in a terminal.
      answer: what it reports.
    """
    drawn: list[Drawn] = [_bars(answer)]
    curves = [(name, each.curve) for name, each in zip(named(answer), answer.runs, strict=True) if each.curve]
    if curves:
        unit = common_scale([at_s for _, curve in curves for at_s, _ in curve], DURATION)
        lines = tuple(Curve(name, tuple((at_s / unit.factor, loss) for at_s, loss in curve)) for name, curve in curves)
        kind = "held-out" if answer.held_out else "training"
        axes = Axis(f"recorded wall-clock [{unit.unit}]", 0.0), Axis(f"{kind} loss [nats per token]")
        drawn.append(Picture("Loss against wall-clock", *axes, lines))
    return with_blocks(replace(report, blocks=behind_tables(report.blocks, drawn)), [], [], drawn)


def _bars(answer: Comparison) -> Bars:
    bars = []
    for name, each in zip(named(answer), answer.runs, strict=True):
        run = each.run
        for what, whole_s, compute_s, exchange_s in (
            ("recorded", run.wall_clock_s, run.compute_s, run.exchange_s),
            ("replay", run.replayed_wall_clock_s, run.replayed_compute_s, run.replayed_exchange_s),
        ):
            if whole_s is not None and compute_s is not None and exchange_s is not None:
                bars.append(Bar(what, (compute_s, exchange_s), human_seconds(whole_s), name))
            elif what == "recorded":
                bars.append(Bar("computing, recorded", (run.compute_s, 0.0), human_seconds(run.compute_s), name))
    return Bars("Where the time went", "wall-clock", DURATION, _PARTS, tuple(bars))
