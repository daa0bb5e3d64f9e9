"""The page of overtraining budgets."""

from __future__ import annotations

from dataclasses import replace

from ...questions.budget.budget import BudgetAnswer, BudgetRow
from ...units.in_words import human_count, human_ratio
from ..figures import Bar, Bars, Series
from ..model import Report
from ..quantities import COUNT
from .shared import behind_tables, map_of, scenario_source, with_blocks

_RULES = {"equal-chips": "equal chips and batch", "best-batch": "best batches"}


def page(report: Report, answer: BudgetAnswer) -> Report:
    """The report on budgets with what can be drawn of it."""
    bars = tokens(answer)
    names = [scenario.topology.name for scenario in answer.scenarios]
    maps = [replace(map_of(each.topology), title=f"Sites and links: {each.topology.name}") for each in answer.scenarios]
    titles = [f"The scenario on {name}" if len(names) > 1 else "The scenario" for name in names]
    sources = [scenario_source(each, "budget ", title) for each, title in zip(answer.scenarios, titles, strict=True)]
    lead, *rest = report.blocks
    return with_blocks(replace(report, blocks=(lead, bars, *behind_tables(rest))), [], [*maps, *sources], [bars])


def tokens(answer: BudgetAnswer) -> Bars:
    """How many tokens each strategy affords, by topology and rule."""
    return Bars(
        "Tokens that fit into the time of Data-Parallel",
        "tokens",
        COUNT,
        (Series("tokens", "compute"),),
        tuple(_bar(row) for row in answer.rows),
        "At the end of each bar: how many times the tokens of Data-Parallel, and the predicted loss where there is a "
        "law.",
    )


def _bar(row: BudgetRow) -> Bar:
    loss = "" if row.predicted_loss is None else f", loss {row.predicted_loss:.3f}"
    note = f"{human_count(row.tokens)}, {human_ratio(row.overtraining_multiple)}{loss}"
    return Bar(row.label, (row.tokens,), note, f"{row.topology}, {_RULES[row.rule]}")
