"""One run, taken apart, as a report."""

from __future__ import annotations

from ...questions.explain.elasticity import Elasticity
from ...questions.explain.explain import Explanation
from ...units.in_words import human_count, human_quantity, human_seconds
from ...units.quantities import BANDWIDTH, LATENCY
from ..model import Block, Column, Records, Report, Row, Table, sentences, table
from ..parts.cost import cost_by_site
from ..parts.flops_table import flops_table
from ..parts.memory import memory_table
from ..quantities import DURATION, NUMBER, SHARE

_NONE = 1e-9
"""A share of the wall-clock that is only what rounding left over."""


def report(answer: Explanation) -> Report:
    """Where the time goes, the formula with its numbers, and what a change of each input would do."""
    run = answer.run
    what = (
        f"{human_count(run.params)} parameters, {human_count(run.tokens)} tokens in {run.steps:,} steps of "
        f"{human_count(run.batch_tokens)}, {run.chips} chips, exchanges: {run.collective}."
    )
    formula: list[Block] = [_formula(answer)] if answer.terms else []
    return Report(
        title=f"{run.label} on {run.topology}: {human_seconds(run.wall_clock_s)}",
        blocks=(
            sentences([what]),
            _breakdown(answer),
            *formula,
            sentences([answer.remark]),
            *([flops_table(answer.flops)] if answer.flops else []),
            _elasticities(answer),
            *cost_by_site(run),
            *memory_table([run]),
            sentences(answer.notes, "quiet", "Assumed"),
        ),
        document={
            "scenario": answer.scenario,
            "notes": answer.notes,
            "run": answer.run,
            "wall_clock_s": answer.run.wall_clock_s,
            "breakdown": answer.parts,
            "sites": answer.sites,
            "formula": answer.terms,
            "formula_s": answer.formula_s,
            "remark": answer.remark,
            "elasticities": answer.elasticities,
        }
        | ({"flops": answer.flops} if answer.flops else {}),
        records=Records(["what", "seconds", "share"], [vars(part) for part in answer.parts]),
    )


def _breakdown(answer: Explanation) -> Table:
    steps, total_s = answer.run.steps, answer.run.wall_clock_s
    columns = (
        Column("Where the time goes"),
        Column("In all", DURATION),
        Column("Each step", DURATION),
        Column("Share", SHARE, digits=2, bar=True),
    )
    rows = [
        Row((part.what, part.seconds, part.seconds / steps, part.share)) for part in answer.parts if part.share > _NONE
    ]
    return Table(columns, (*rows, Row(("wall-clock", total_s, total_s / steps, 1.0), strong=True)))


def _formula(answer: Explanation) -> Table:
    columns = (
        Column("Closed form"),
        Column("What it is", folds=True),
        Column("With its numbers", folds=True),
        Column("Time", DURATION),
    )
    rows = [
        Row((f"{'+' if number else '='} {term.letters}", term.what, term.numbers, term.seconds))
        for number, term in enumerate(answer.terms)
    ]
    return Table(columns, (*rows, Row(("closed form", "", "", answer.formula_s), strong=True)))


def _elasticities(answer: Explanation) -> Table:
    columns = (
        Column("1% more of"),
        Column("Changes the wall-clock by [%]", NUMBER, digits=3, signed=True),
        Column("Replayed from", align="right"),
        Column("To", align="right"),
        *([Column("Why not")] if any(each.why_not for each in answer.elasticities) else []),
    )
    rows = []
    for each in answer.elasticities:
        cells = (each.input, each.elasticity, _value(each, each.low), _value(each, each.high), each.why_not or "")
        rows.append(cells[: len(columns)])
    return table(columns, rows)


def _value(each: Elasticity, value: float | None) -> str:
    if value is None or each.elasticity is None:
        return ""
    units = {"bit/s": BANDWIDTH, "s": LATENCY}
    if each.unit in units:
        return human_quantity(value, units[each.unit])
    return f"{human_count(value) if value >= 1e4 else f'{value:.4g}'} {each.unit}".rstrip()
