"""Why the others lost, in a plan over all strategies: tables."""

from __future__ import annotations

from ...questions.plan.losers import Lost
from ...questions.plan.plan import Plan
from ..model import Column, Row, Table
from ..quantities import BANDWIDTH, COUNT, LOSS, NUMBER, SHARE

_LEAST = 5e-5
"""What is less than this is no difference [nats per token]."""
_TOLD = 0.1
"""A cause of less than this share of the difference is not told [-]."""
_WORDS = {
    "waiting": "waiting",
    "chips": "fewer chips",
    "memory": "memory",
    "price": "H, bits, lateness",
    "algorithm": "algorithm",
    "failures": "failures",
}


def lost_tables(plan: Plan) -> list[Table]:
    """The best of every other kind, and of what differs from the best plan in one thing; empty for other plans."""
    known = [each for each in plan.lost if each.predicted_loss is not None or plan.ask.risk]
    others = [each for each in plan.lost if each not in known]
    return [*([_known(known)] if known else []), *([_unknown(others)] if others else [])]


def _head() -> tuple[Column, ...]:
    return (
        Column("Strategy"),
        Column("Sites", NUMBER),
        Column("Computing", SHARE),
        Column("Peak", BANDWIDTH),
        Column("Parameters", COUNT),
    )


def _known(rows: list[Lost]) -> Table:
    columns = (*_head(), Column("Loss behind", LOSS, digits=4, signed=True), Column("Why"))
    return Table(columns, tuple(Row((*_cells(each), each.behind, why(each))) for each in rows), "Why the others lost")


def _unknown(rows: list[Lost]) -> Table:
    columns = (*_head(), Column("Loss from", LOSS, digits=4), Column("To", LOSS, digits=4))
    ends = [(each.predicted_loss_low, each.predicted_loss_high) for each in rows]
    title = "Not ranked: nobody has measured what these cost in loss"
    return Table(columns, tuple(Row((*_cells(each), *own)) for each, own in zip(rows, ends, strict=True)), title)


def _cells(each: Lost) -> tuple[str | float, ...]:
    return each.label, len(each.sites), each.compute_utilization, each.peak_bandwidth_bits_per_s, each.params


def why(each: Lost) -> str:
    """The causes that make most of the difference, the largest first."""
    if each.behind < _LEAST:
        return "no difference"
    causes = sorted(each.causes.items(), key=lambda cause: -cause[1])
    told = [f"{_WORDS[name]} {nats:+.4f}" for name, nats in causes if nats >= max(_LEAST, _TOLD * each.behind)]
    return ", ".join(told)
