"""One run, taken apart: as text for people, as data for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from ..questions.explain.elasticity import Elasticity
from ..questions.explain.explain import Explanation
from ..units.in_words import human_count, human_quantity, human_seconds
from ..units.quantities import BANDWIDTH, LATENCY
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTH = 100
_NONE = 1e-9
"""A share of the wall-clock that is only what rounding left over."""


def explain_json(answer: Explanation) -> str:
    """The whole answer; keys are stable within a schema version."""
    document = {
        "scenario": answer.scenario.model_dump(mode="json", exclude_none=True),
        "notes": list(answer.notes),
        "run": asdict(answer.run),
        "wall_clock_s": answer.run.wall_clock_s,
        "breakdown": [asdict(part) for part in answer.parts],
        "sites": [asdict(site) for site in answer.sites],
        "formula": [asdict(term) for term in answer.terms],
        "formula_s": answer.formula_s,
        "remark": answer.remark,
        "elasticities": [asdict(each) for each in answer.elasticities],
    }
    return as_json(SCHEMA_VERSION, document)


def explain_csv(answer: Explanation) -> str:
    """One line for each part of the wall-clock (the formula and the elasticities: see the JSON)."""
    return as_csv((asdict(part) for part in answer.parts), ["what", "seconds", "share"])


def explain_text(answer: Explanation) -> str:
    """Where the time goes, the formula with its numbers, and what a change of each input would do."""
    run, console = answer.run, text_console(_WIDTH)
    with console.capture() as captured:
        console.print(Text(f"{run.label} on {run.topology}: {human_seconds(run.wall_clock_s)}", style="bold"))
        console.print(
            Text(
                f"{human_count(run.params)} parameters, {human_count(run.tokens)} tokens in {run.steps:,} steps of "
                f"{human_count(run.batch_tokens)}, {run.chips} chips, exchanges: {run.collective}"
            )
        )
        for note in answer.notes:
            console.print(Text(note, style="dim"))
        console.print()
        console.print(_breakdown(answer))
        console.print()
        if answer.terms:
            console.print(_formula(answer))
        console.print(Text(answer.remark))
        console.print()
        console.print(_elasticities(answer))
    return plain(captured.get())


def _breakdown(answer: Explanation) -> Table:
    table = _table("Where the time goes", "seconds", "share", "each step")
    for part in answer.parts:
        if part.share > _NONE:
            each_s = part.seconds / answer.run.steps
            table.add_row(part.what, f"{part.seconds:.6g}", f"{part.share:.2%}", human_seconds(each_s))
    total_s = answer.run.wall_clock_s
    table.add_row("wall-clock", f"{total_s:.6g}", "100.00%", human_seconds(total_s / answer.run.steps), style="bold")
    return table


def _formula(answer: Explanation) -> Table:
    table = _table("Closed form", "seconds")
    for position, term in enumerate(answer.terms):
        sign = "= " if position == 0 else "+ "
        table.add_row(f"{sign}{term.letters}   {term.what}\n  {term.numbers}", f"{term.seconds:.6g}")
    table.add_row("closed form", f"{answer.formula_s:.6g}", style="bold")
    return table


def _elasticities(answer: Explanation) -> Table:
    table = _table("1% more of", "changes the wall-clock by", "replayed from", "to", fold=())
    for each in answer.elasticities:
        if each.elasticity is None:
            table.add_row(each.input, f"- ({each.why_not})", "", "")
        else:
            table.add_row(
                each.input, f"{round(each.elasticity, 3) + 0.0:+.3f}%", _value(each, each.low), _value(each, each.high)
            )
    return table


def _value(each: Elasticity, value: float | None) -> str:
    if value is None:
        return ""
    units = {"bit/s": BANDWIDTH, "s": LATENCY}
    if each.unit in units:
        return human_quantity(value, units[each.unit])
    return f"{human_count(value) if value >= 1e4 else f'{value:.4g}'} {each.unit}".rstrip()


def _table(*columns: str, fold: tuple[int, ...] = (0,)) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number not in fold, overflow="fold")
    return table


EXPLAIN_RENDERERS: dict[str, Callable[[Explanation], str]] = {
    "table": explain_text,
    "json": explain_json,
    "csv": explain_csv,
}
"""By the name of a format."""
