"""Overtraining budgets: as text for people, as data for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from ..questions.budget.budget import BudgetAnswer, BudgetRow, LossRow
from ..units.in_words import human_count, human_ratio, human_seconds
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTH = 100
_RULES = {
    "equal-chips": "equal chips and batch",
    "best-batch": "each at its own best batch, chips in proportion",
}


def budget_json(answer: BudgetAnswer) -> str:
    """The whole answer; keys are stable within a schema version."""
    document = {
        "scenarios": [scenario.model_dump(mode="json", exclude_none=True) for scenario in answer.scenarios],
        "notes": list(answer.notes),
        "rows": [asdict(row) for row in answer.rows],
        "times": [asdict(row) for row in answer.times],
    }
    return as_json(SCHEMA_VERSION, document)


def budget_csv(answer: BudgetAnswer) -> str:
    """One line a topology, strategy and rule; where losses were asked for, one line for each of them instead."""
    rows: list[dict[str, Any]] = [asdict(row) for row in answer.times or answer.rows]
    names = [field.name for field in fields(LossRow if answer.times else BudgetRow) if field.name != "notes"]
    return as_csv(rows, names)


def budget_text(answer: BudgetAnswer) -> str:
    """A table for every topology and rule, the times to reach a loss, and what to know about the numbers."""
    console = text_console(_WIDTH)
    with console.capture() as captured:
        for (topology, rule), found in groupby(answer.rows, key=lambda row: (row.topology, row.rule)):
            rows = list(found)
            console.print(Text(f"{topology}, {_RULES[rule]}: {_reference(rows[0])}", style="bold"))
            console.print(_budgets(rows))
            console.print(*_best(rows))
            console.print()
        for (topology, rule), timed in groupby(answer.times, key=lambda row: (row.topology, row.rule)):
            console.print(Text(f"{topology}, {_RULES[rule]}: time to reach a loss", style="bold"))
            console.print(_times(list(timed)))
            console.print()
        for sentence in _remarks(answer):
            console.print(Text(sentence))
    return plain(captured.get())


def _reference(row: BudgetRow) -> str:
    tokens = row.tokens / row.overtraining_multiple if row.overtraining_multiple else None
    of = f" for {human_count(tokens)} tokens" if tokens else ""
    loss = "" if row.reference_loss is None else f", predicted loss {row.reference_loss:.3f}"
    return f"Data-Parallel needs {human_seconds(row.reference_s)}{of}{loss}"


def _budgets(rows: Sequence[BudgetRow]) -> Table:
    table = _table("Strategy", "chips", "batch", "same tokens in", "over-\ntraining", "tokens", "predicted\nloss")
    for row in rows:
        table.add_row(
            row.label,
            f"{row.chips:.4g}",
            human_count(row.batch_tokens),
            human_seconds(row.equal_tokens_s),
            human_ratio(row.overtraining_multiple),
            human_count(row.tokens),
            _loss(row.predicted_loss),
        )
    return table


def _best(rows: Sequence[BudgetRow]) -> Iterator[Text]:
    """What the time is best spent on, where losses are predicted."""
    known = [(row.predicted_loss, row) for row in rows if row.predicted_loss is not None]
    if len(known) < 2:
        return
    loss, row = min(known, key=lambda each: each[0])
    against = "" if row.reference_loss in (None, loss) else f" instead of {row.reference_loss:.3f}"
    yield Text(f"Lowest loss in that time: {row.label}, {loss:.3f}{against}.")


def _times(rows: Sequence[LossRow]) -> Table:
    table = _table("Strategy", "chips", "batch", "loss", "over-\ntraining", "tokens", "wall-clock")
    for row in rows:
        table.add_row(
            row.label,
            f"{row.chips:.4g}",
            human_count(row.batch_tokens),
            _loss(row.target_loss),
            "-" if row.overtraining_multiple is None else human_ratio(row.overtraining_multiple),
            "-" if row.tokens is None else human_count(row.tokens),
            _when(row),
        )
    return table


def _when(row: LossRow) -> str:
    if row.wall_clock_s is not None:
        return human_seconds(row.wall_clock_s)
    return "no law" if row.lowest_loss is None else f"never (stays above {row.lowest_loss:.3f})"


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _remarks(answer: BudgetAnswer) -> Iterator[str]:
    best = max(answer.rows, key=lambda row: row.overtraining_multiple, default=None)
    if best and best.overtraining_multiple > 1:
        yield (
            f"The largest budget: {best.label} on {best.topology} ({_RULES[best.rule]}), "
            f"{human_ratio(best.overtraining_multiple)} the tokens of Data-Parallel in its time."
        )
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


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(
            column, justify="right" if number else "left", no_wrap=number > 0, min_width=0 if number else 24
        )
    return table


BUDGET_RENDERERS: dict[str, Callable[[BudgetAnswer], str]] = {
    "table": budget_text,
    "json": budget_json,
    "csv": budget_csv,
}
"""By the name of a format."""
