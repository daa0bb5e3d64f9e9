"""A plan: as text for people, as data for programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from ..laws import FITTED_PARAMS
from ..questions.plan.plan import Plan
from ..questions.plan.replay import Entry
from ..units.in_words import human_bytes, human_count, human_seconds
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTH = 100
_UNRESOLVED = 0.005
"""Differences between algorithms by less than this share of a loss are not known beyond the fitted sizes."""
_WORDS = {
    "days": "days",
    "chips": "chips",
    "bandwidth": "bandwidth between datacenters",
    "inside_bandwidth": "bandwidth inside datacenters",
    "unique_tokens": "unique tokens",
    "cost": "cost",
    "params": "the range of --params",
}


def plan_json(plan: Plan) -> str:
    """The whole answer; keys are stable within a schema version."""
    document = {
        "asked": _asked(plan),
        "best": asdict(plan.best),
        "runner_up": asdict(plan.runner_up) if plan.runner_up else None,
        "front": [asdict(entry) for entry in plan.front],
        "binding": list(plan.binding),
        "marginal": {name: asdict(found) for name, found in plan.marginal.items()},
        "combinations": plan.combinations,
        "replays": plan.replays,
        "closed_form": plan.closed_form,
        "notes": list(plan.notes),
    }
    return as_json(SCHEMA_VERSION, document)


def _asked(plan: Plan) -> dict[str, Any]:
    fields = {name: value for name, value in vars(plan.ask).items() if name != "topology"}
    return {"topology": plan.ask.topology.model_dump(mode="json", exclude_none=True)} | fields


def plan_csv(plan: Plan) -> str:
    """One line a plan under a header line: best, runner-up, then the front."""
    ranked = [("best", plan.best), *([("runner_up", plan.runner_up)] if plan.runner_up else [])]
    rows = [
        {"rank": rank} | asdict(entry) | {"sites": " ".join(entry.sites), "notes": "; ".join(entry.notes)}
        for rank, entry in [*ranked, *(("front", entry) for entry in plan.front)]
    ]
    return as_csv(rows, list(rows[0]))


def plan_text(plan: Plan) -> str:
    """What was asked, the two best plans side by side, what binds, the front, and what is extrapolated."""
    console = text_console(_WIDTH)
    with console.capture() as captured:
        console.print(Text(plan.what, style="bold"))
        console.print()
        console.print(_ranked(plan))
        console.print()
        console.print(_marginals(plan))
        console.print()
        console.print(_front(plan))
        for sentence in _sentences(plan):
            console.print()
            console.print(Text(sentence))
    return plain(captured.get())


def _ranked(plan: Plan) -> Table:
    columns = [("Best", plan.best), *([("Runner-up", plan.runner_up)] if plan.runner_up else [])]
    table = _table("", *(title for title, _ in columns))
    figures = [_figures(entry) for _, entry in columns]
    for name in figures[0]:
        table.add_row(name, *(column[name] for column in figures))
    return table


def _figures(entry: Entry) -> dict[str, str]:
    penalty = f" (best {human_count(entry.best_batch_tokens)})"
    found = {
        "strategy": entry.label,
        "datacenters": f"{len(entry.sites)}: {', '.join(entry.sites)}"
        if len(entry.sites) <= 4
        else f"{len(entry.sites)}",
        "chips": f"{entry.chips:,}",
        "parameters": human_count(entry.params),
        "tokens": f"{human_count(entry.tokens)} ({entry.tokens / entry.params:.3g} per parameter)",
        "batch": f"{human_count(entry.batch_tokens)} tokens{penalty}",
        "steps": f"{entry.steps:,}",
        "wall-clock": human_seconds(entry.wall_clock_s),
        "computing": f"{entry.compute_utilization:.1%}",
        "between datacenters": human_bytes(entry.cross_datacenter_bytes),
        "predicted loss": f"{entry.compared_loss:.4f}{'' if entry.predicted_loss else ' (not its own, see the notes)'}",
    }
    found |= {"price of the batch": f"{entry.batch_penalty:+.4f} loss"} if abs(entry.batch_penalty) >= 5e-5 else {}
    found |= {"epochs": f"{entry.epochs:.3g}"} if entry.epochs is not None else {}
    found |= {"lifetime compute": f"{entry.lifetime_flop:.3g} flop"} if entry.lifetime_flop is not None else {}
    return found | ({"cost": f"{entry.cost:,.0f}"} if entry.cost is not None else {})


def _marginals(plan: Plan) -> Table:
    table = _table("One more unit", "loss", "twice as much: loss")
    for found in plan.marginal.values():
        table.add_row(found.unit, _change(found.loss_change), _change(found.doubled_loss_change))
    return table


def _change(value: float) -> str:
    return f"{value:+.2g}" if abs(value) >= 5e-7 else "0"


def _front(plan: Plan) -> Table:
    priced = plan.best.cost is not None
    table = _table(
        "Sooner or cheaper", "strategy", "chips", "parameters", "tokens", "loss", *(["cost"] if priced else [])
    )
    for entry in plan.front:
        table.add_row(
            human_seconds(entry.wall_clock_s),
            entry.label,
            f"{entry.chips:,}",
            human_count(entry.params),
            human_count(entry.tokens),
            f"{entry.compared_loss:.4f}",
            *([f"{entry.cost:,.0f}"] if entry.cost is not None else []),
        )
    return table


def _sentences(plan: Plan) -> list[str]:
    found = []
    if plan.runner_up:
        gap = plan.runner_up.compared_loss - plan.best.compared_loss
        close = ""
        if abs(gap) < _UNRESOLVED * plan.best.compared_loss and plan.best.params > FITTED_PARAMS[1]:
            close = ": at this size the laws do not tell algorithms apart by so little"
        word = "higher" if gap >= 0 else "lower"
        found.append(f"The runner-up's predicted loss is {abs(gap):.4f} nats {word}{close}.")
    binding = ", ".join(_WORDS[name] for name in plan.binding)
    found.append(f"What binds, the one whose doubling buys most first: {binding or 'nothing'}.")
    notes = list(plan.best.notes)
    others = [note for note in (plan.runner_up.notes if plan.runner_up else ()) if note not in notes]
    found += [f"Note on {note}." for note in notes] + [f"Note on the runner-up's {note}." for note in others]
    if 30 not in plan.ask.sync_every or len(plan.ask.sync_every) > 1:
        found.append("H: no law says what another H than 30 costs in loss, so a larger one looks free here.")
    how = "by closed form" if plan.closed_form else "by closed form where there is one, else from probes by replay"
    found.append(f"{plan.combinations:,} combinations {how}; {plan.replays} replayed, among them all that are shown.")
    return [*found, *plan.notes]


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column == "strategy" else "right", overflow="fold")
    return table


PLAN_RENDERERS: dict[str, Callable[[Plan], str]] = {"table": plan_text, "json": plan_json, "csv": plan_csv}
"""By the name of a format."""
