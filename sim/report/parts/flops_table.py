"""The flops of a step, block by block and by the rules, as a table."""

from __future__ import annotations

from ...questions.explain.flops import Counted, Flops
from ...units.in_words import human_count
from ..model import Column, Row, Table
from ..quantities import FLOP, RATIO


def flops_table(found: Flops) -> Table:
    """A row for each kind of block, their sum, and the rules beside it."""
    columns = (
        Column("Flops of a step"),
        Column("In letters", folds=True),
        Column("Causal attention", FLOP, family="flop"),
        Column("Over 6 N D", RATIO, digits=3),
        Column("Full attention", FLOP, family="flop"),
        Column("Over 6 N D", RATIO, digits=3),
    )
    rows = [Row(_cells(each)) for each in found.blocks]
    rows += [Row(_cells(each), strong=number == 0) for number, each in enumerate(found.sums)]
    remark = (
        f"T = {found.sequence_tokens:,} tokens of a sequence, B T = {human_count(found.batch_tokens)} of a step, "
        f"N = {human_count(found.params)} parameters ({human_count(found.counted_params)} counted in the matrices). "
        f"Attention is half with a causal mask. {found.remark}"
    )
    return Table(columns, tuple(rows), "What a step computes", remark)


def _cells(each: Counted) -> tuple[str, str, float, float, float, float]:
    return each.what, each.formula, each.causal_flop, each.causal_of_rule, each.full_flop, each.full_of_rule
