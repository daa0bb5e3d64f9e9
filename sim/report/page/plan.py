"""The page of a plan."""

from __future__ import annotations

from dataclasses import replace

from ...questions.plan.plan import Plan
from ...units.in_words import human_count, human_seconds
from ..figures import Bar, Bars, Series
from ..model import Axis, Curve, Picture, Report, sentences
from ..quantities import DURATION, LOSS, common_scale
from .shared import behind_tables, map_of, scenario_source, with_blocks


def page(report: Report, plan: Plan) -> Report:
    """The report on a plan with what can be drawn of it."""
    best = plan.best
    finding = (
        f"Train {human_count(best.params)} parameters on {human_count(best.tokens)} tokens by {best.label} on "
        f"{best.chips:,} chips: a predicted loss of {best.compared_loss:.3f} nats per token after "
        f"{human_seconds(best.wall_clock_s)}."
    )
    front = sooner(plan)
    more = doubled(plan)
    bought = [more] if any(bar.values[0] for bar in more.bars) else []
    blocks = (sentences([finding], "strong"), *behind_tables(report.blocks, [], bought, [front]))
    source = scenario_source(plan.scenario, title="The best plan as a scenario")
    return with_blocks(replace(report, blocks=blocks), [map_of(plan.ask.topology)], [source], [front])


def sooner(plan: Plan) -> Picture:
    """What loss can be had by when: a line for each way to train."""
    unit = common_scale([entry.wall_clock_s for entry in plan.front], DURATION)
    curves = []
    for label in dict.fromkeys(entry.label for entry in plan.front):
        own = [(each.wall_clock_s / unit.factor, each.compared_loss) for each in plan.front if each.label == label]
        curves.append(Curve(label, tuple(sorted(own))))
    x = Axis(f"wall-clock [{unit.unit}]", 0.0)
    return Picture("The loss that can be had by when", x, Axis("predicted loss [nats per token]"), tuple(curves))


def doubled(plan: Plan) -> Bars:
    """By how much twice as much of each resource would lower the loss."""
    bars = [
        Bar(name.replace("_", " "), (max(0.0, -each.doubled_loss_change),), _change(each.doubled_loss_change))
        for name, each in plan.marginal.items()
    ]
    axis = "by so much the loss would be lower [nats per token]"
    return Bars("What twice as much would buy", axis, LOSS, (Series("lower loss", "compute"),), tuple(bars))


def _change(nats: float) -> str:
    return f"{nats:+.4f}" if abs(nats) >= 5e-5 else "0"
