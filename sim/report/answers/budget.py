"""Overtraining budgets, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import groupby

from ...questions.budget.budget import BudgetAnswer, BudgetRow, LossRow
from ...units.in_words import human_count, human_ratio, human_seconds
from .. import strategy_name
from ..model import Block, Column, Records, Report, Row, Table, sentences
from ..quantities import COUNT, DURATION, LOSS, NUMBER, RATIO

_RULES = {
    "equal-chips": "equal chips and batch",
    "best-batch": "each at its own best batch, chips in proportion",
}


def report(answer: BudgetAnswer) -> Report:
    """A table for every topology and rule, the times to reach a loss, and what to know about the numbers."""
    blocks: list[Block] = []
    for (topology, rule), found in groupby(answer.rows, key=lambda row: (row.topology, row.rule)):
        blocks += _budgets(f"{topology}, {_RULES[rule]}", list(found))
    for (topology, rule), timed in groupby(answer.times, key=lambda row: (row.topology, row.rule)):
        blocks.append(_times(f"{topology}, {_RULES[rule]}: time to reach a loss", list(timed)))
    largest = _largest(answer.rows)
    # Where losses were asked for, a line for each of them; the budgets are in the JSON.
    names = [field.name for field in fields(LossRow if answer.times else BudgetRow) if field.name != "notes"]
    return Report(
        title="Tokens that fit into the time of Data-Parallel",
        blocks=(
            *([sentences([largest], "strong")] if largest else []),
            *blocks,
            sentences(list(_remarks(answer)), "quiet", "Notes"),
        ),
        document={
            "scenarios": answer.scenarios,
            "notes": answer.notes,
            "rows": answer.rows,
            "times": answer.times,
        },
        records=Records(names, [vars(row) for row in answer.times or answer.rows]),
    )


def _budgets(title: str, rows: Sequence[BudgetRow]) -> list[Block]:
    columns = (
        *strategy_name.COLUMNS,
        Column("Chips", NUMBER),
        Column("Batch", COUNT),
        Column("Same tokens in", DURATION),
        Column("Overtraining", RATIO),
        Column("Tokens", COUNT),
        Column("Predicted loss", LOSS),
    )
    best = _lowest(rows)
    lines = [
        Row(
            (
                *strategy_name.parts(row.strategy, row.label),
                row.chips,
                row.batch_tokens,
                row.equal_tokens_s,
                row.overtraining_multiple,
                row.tokens,
                row.predicted_loss,
            ),
            strong=row is best,
        )
        for row in rows
    ]
    remarks = [_reference(rows[0]), *_ends(rows)]
    if best is not None and best.predicted_loss is not None:
        against = "" if best.reference_loss in (None, best.predicted_loss) else f" instead of {best.reference_loss:.3f}"
        remarks.append(f"Lowest loss in that time: {best.label}, {best.predicted_loss:.3f}{against}.")
    return [Table(columns, tuple(lines), title, " ".join(remarks))]


def _ends(rows: Sequence[BudgetRow]) -> Iterator[str]:
    """Between which ends losses lie, where they differ."""
    for row in rows:
        low, high = row.predicted_loss_low, row.predicted_loss_high
        if low is not None and high is not None and low != high:
            yield f"Loss of {row.label}: between {low:.3f} and {high:.3f}."


def _reference(row: BudgetRow) -> str:
    tokens = row.tokens / row.overtraining_multiple if row.overtraining_multiple else None
    of = f" for {human_count(tokens)} tokens" if tokens else ""
    loss = "" if row.reference_loss is None else f", predicted loss {row.reference_loss:.3f}"
    return f"Data-Parallel needs {human_seconds(row.reference_s)}{of}{loss}."


def _lowest(rows: Sequence[BudgetRow]) -> BudgetRow | None:
    """What the time is best spent on, where losses are predicted for at least two."""
    known = [(row.predicted_loss, row) for row in rows if row.predicted_loss is not None]
    return min(known, key=lambda each: each[0])[1] if len(known) > 1 else None


def _times(title: str, rows: Sequence[LossRow]) -> Table:
    columns = (
        *strategy_name.COLUMNS,
        Column("Chips", NUMBER),
        Column("Batch", COUNT),
        Column("Loss", LOSS),
        Column("Overtraining", RATIO),
        Column("Tokens", COUNT),
        Column("Wall-clock", DURATION),
        Column("Stays above", LOSS),
    )
    lines = [
        Row(
            (
                *strategy_name.parts(row.strategy, row.label),
                row.chips,
                row.batch_tokens,
                row.target_loss,
                row.overtraining_multiple,
                row.tokens,
                _when(row),
                row.lowest_loss,
            )
        )
        for row in rows
    ]
    return Table(columns, tuple(lines), title)


def _when(row: LossRow) -> str | float:
    if row.wall_clock_s is not None:
        return row.wall_clock_s
    return "no law" if row.lowest_loss is None else "never"


def _largest(rows: Sequence[BudgetRow]) -> str:
    best = max(rows, key=lambda row: row.overtraining_multiple, default=None)
    if best is None or best.overtraining_multiple <= 1:
        return ""
    return (
        f"The largest budget: {best.label} on {best.topology} ({_RULES[best.rule]}), "
        f"{human_ratio(best.overtraining_multiple)} the tokens of Data-Parallel in its time."
    )


def _remarks(answer: BudgetAnswer) -> Iterator[str]:
    yield from answer.notes
    for example, count in _law_notes(answer.rows):
        others = f"; so in {count} rows, the JSON has each" if count > 1 else ""
        yield f"{example[0].label} on {example[0].topology}: {example[1]}{others}."


def _law_notes(rows: Sequence[BudgetRow]) -> list[tuple[tuple[BudgetRow, str], int]]:
    """Of each kind of note on losses (its first word), the one of the largest budget, and how many there are."""
    kinds: dict[str, list[tuple[BudgetRow, str]]] = {}
    for row in rows:
        for note in row.notes:
            kinds.setdefault(note.split(":")[0], []).append((row, note))
    return [(max(found, key=lambda each: each[0].overtraining_multiple), len(found)) for found in kinds.values()]
