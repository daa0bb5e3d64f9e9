"""A sweep as a report: how many points, the best of them, and what each varied key changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...questions.sweep.columns import Axis
from ...questions.sweep.summary import Effect, Summary, more_is_better
from ...questions.sweep.sweep import Stored, Swept
from ...units.in_words import human_bytes, human_count, human_quantity, human_seconds
from ...units.quantities import BANDWIDTH, CHIP_SPEED
from ..model import Cell, Column, Fact, Facts, Records, Report, Table, sentences, table
from ..quantities import NUMBER, RATIO

WORDS = {
    "wall_clock_s": "wall-clock",
    "bandwidth_bits_per_s": "bandwidth needed",
    "overtraining_multiple": "tokens in Data-Parallel's time, over its own",
    "predicted_loss": "predicted loss",
    "compute_utilization": "compute utilisation",
    "speedup": "speed-up",
}
"""Columns in words; the others by their name."""
_SHOWN = 6
"""Values of a key up to which all are told."""
_QUESTIONS = {"run": "wall-clock", "bandwidth": "bandwidth needed", "budget": "budgets of tokens", "plan": "best plans"}


def report(swept: Swept, summary: Summary, *, rows: bool = True) -> Report:
    """What was asked, what came of it, and the rows.

    Args:
      swept: the sweep.
      summary: what its rows say.
      rows: whether anybody reads the rows themselves, for which they have to be in memory.
    """
    found = list(swept.rows.records()) if rows else []
    asked = swept.asked
    return Report(
        title=_title(swept),
        blocks=(
            sentences([finding(swept, summary)], "strong"),
            *_effects(swept, summary),
            sentences([*_failures(summary), *summary.notes]),
            _facts(swept, summary),
        ),
        document={
            "answer": asked.answer,
            "scenario": getattr(asked.base, "scenario", asked.base),
            "varied": {axis.key: axis.column.name for axis in swept.axes},
            "summary": summary,
            "rows": found,
        },
        records=Records([column.name for column in swept.columns], found),
    )


def _title(swept: Swept) -> str:
    """How many points of which question, over which keys."""
    asked, count = swept.asked, swept.asked.space.count
    keys = ", ".join(asked.space.keys)
    return f"{count:,} point{'s' if count != 1 else ''} over {keys}: {_QUESTIONS[asked.answer]}"


def words(metric: str) -> str:
    """A column as a sentence calls it."""
    return WORDS.get(metric, metric)


def amount(value: Any, name: str) -> str:
    """A value of a column, with the unit that its name ends in."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if name.endswith("_bits_per_s"):
        return human_quantity(value, BANDWIDTH)
    if name.endswith("_flop_per_s"):
        return human_quantity(value, CHIP_SPEED)
    if name.endswith("_bytes"):
        return human_bytes(value)
    if name.endswith("_s"):
        return human_seconds(value)
    if name.endswith("_factor"):
        return f"{value:.4g}x"
    if name.endswith("_utilization"):
        return f"{value:.1%}"
    return human_count(value) if value >= 1e4 and value == int(value) else f"{value:.4g}"


def pairs(values: Mapping[str, Any], axes: tuple[Axis, ...]) -> str:
    """Values of a point in words: `sync_every 100, bandwidth_across 10x`."""
    names = {axis.key: axis.column.name for axis in axes}
    return ", ".join(f"{key} {amount(value, names[key])}" for key, value in values.items())


def finding(swept: Swept, summary: Summary) -> str:
    """The best point in a sentence."""
    best, metric = summary.best, summary.metric
    if best is None:
        why = f": {summary.errors[0][0]}" if summary.failed == summary.points else "."
        return f"No point has an answer for {metric}{why}"
    most = "Most" if more_is_better(swept, metric) else "Least"
    if metric == "wall_clock_s":
        most = "Shortest"
    at = pairs({key: value for key, value in best.values.items() if key != "strategy"}, swept.axes)
    return (
        f"{most} {words(metric)}: {amount(best.value, metric)}, by {best.series}{f' at {at}' if at else ''} "
        f"(point {best.point:,})."
    )


def _effects(swept: Swept, summary: Summary) -> list[Table]:
    fixed = [each for each in summary.effects if each.correlation is None]
    drawn = [each for each in summary.effects if each.correlation is not None]
    front = [Column("Key"), Column("Of"), Column("From"), Column("To")]
    what = words(summary.metric)

    names = {axis.key: axis.column.name for axis in swept.axes}

    def shown(each: Effect, values: tuple[Any, ...]) -> str:
        return ", ".join(amount(value, names[key]) for key, value in zip(each.keys, values, strict=True))

    def told(each: Effect) -> tuple[Cell, ...]:
        return ", ".join(each.keys), each.series, shown(each, each.low), shown(each, each.high)

    tables = []
    if fixed:
        rows = [(*told(each), each.change, each.spread) for each in fixed]
        remark = (
            "Change: at the end of a key's values over that at their beginning, all else equal (the median). Spread: "
            "the largest over the smallest on the way, all else equal (the most). Words are ordered by their median."
        )
        columns = [*front, Column("Change", RATIO), Column("Spread", RATIO)]
        tables.append(table(columns, rows, title=f"What each key does to {what}", remark=remark))
    if drawn:
        rows = [(*told(each), each.correlation) for each in drawn]
        remark = "Rank correlation: 1 where it always grows with the key, -1 where it always falls, 0 where neither."
        columns = [*front, Column("Correlation", NUMBER, digits=2, signed=True)]
        tables.append(table(columns, rows, title=f"What each drawn key does to {what}", remark=remark))
    return tables


def _failures(summary: Summary) -> list[str]:
    return [
        f"{count:,} point{'s' if count != 1 else ''} failed, the first of them {first:,}: {error}"
        for error, count, first in summary.errors
    ]


def _facts(swept: Swept, summary: Summary) -> Facts:
    before = summary.points - swept.computed
    done = f"{summary.points:,}, of which {summary.failed:,} failed"
    computed = f"{swept.computed:,} by {swept.where}" + (f"; {before:,} were there already" if before else "")
    names = {axis.key: axis.column.name for axis in swept.axes}
    space = swept.asked.space
    drawn = {key for group in space.groups if group.drawn for key in group.keys}
    varied = [f"{key}: {_values(space.values(key), names[key], key in drawn)}" for key in space.keys]
    facts = [Fact("Points", (done,)), Fact("Computed", (computed,)), Fact("Varied", tuple(varied))]
    if isinstance(swept.rows, Stored):
        facts.append(Fact("Rows", (str(swept.rows.path),)))
    return Facts(tuple(facts), "What was asked")


def _values(values: list[Any], name: str, drawn: bool) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    if drawn and len(numbers) == len(values):
        return f"{len(values):,} draws from {amount(min(values), name)} to {amount(max(values), name)}"
    shown = [amount(value, name) for value in values]
    return ", ".join(shown) if len(shown) <= _SHOWN else f"{len(shown):,} values from {shown[0]} to {shown[-1]}"
