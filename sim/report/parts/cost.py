"""What runs cost and draw, as a table; and the names of its numbers in CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...simulation.results import Run
from ...simulation.spent import Cost
from .. import strategy_name
from ..model import Block, Column, Row, Table
from ..quantities import ENERGY, MASS, MONEY, POWER, Quantity

_COLUMNS: tuple[tuple[str, str, Quantity, str], ...] = (
    ("chips", "Rent", MONEY, "money"),
    ("egress", "Egress", MONEY, "money"),
    ("total", "Total", MONEY, "money"),
    ("energy_kwh", "Energy", ENERGY, ""),
    ("peak_power_w", "Peak power", POWER, ""),
    ("carbon_kg", "Carbon", MASS, ""),
)
"""A number of a `Cost`, its head, what it measures, and with which others it shares its unit."""


def cost_table(runs: Sequence[Run]) -> list[Block]:
    """What the runs cost, where anybody says what anything costs or draws."""
    costs = [run.cost for run in runs if run.cost is not None]
    shown = [column for column in _COLUMNS if any(getattr(cost, column[0]) is not None for cost in costs)]
    if not shown:
        return []
    columns = (*strategy_name.COLUMNS, *(Column(title, of, family=family) for _, title, of, family in shown))
    rows = [
        Row(
            (
                *strategy_name.parts(run.strategy, run.label),
                *(getattr(run.cost, name) if run.cost else None for name, *_ in shown),
            )
        )
        for run in runs
    ]
    money = any(name == "total" for name, *_ in shown)
    remark = "Rent of the chips, egress and their total are in the currency of the prices." if money else ""
    return [Table(columns, tuple(rows), "What it costs, and what it draws", remark)]


def cost_by_site(run: Run) -> list[Block]:
    """The same for each datacenter of a run."""
    sites = run.cost.sites if run.cost else ()
    shown = [
        column
        for column in _COLUMNS
        if column[0] != "total" and any(getattr(site, column[0]) is not None for site in sites)
    ]
    if not shown:
        return []
    columns = (Column("Site"), *(Column(title, of, family=family) for _, title, of, family in shown))
    rows = [Row((site.name, *(getattr(site, name) for name, *_ in shown))) for site in sites]
    return [Table(columns, tuple(rows), f"{run.label}: what its sites cost and draw")]


def cost_record(cost: Cost | None) -> dict[str, Any]:
    """The numbers of a cost by their names in CSV; none where there is no cost."""
    if cost is None:
        return {}
    names = {"total": "cost", "chips": "cost_chips", "egress": "cost_egress"}
    found = {names.get(name, name): getattr(cost, name) for name, *_ in _COLUMNS}
    return {name: value for name, value in found.items() if value is not None}
