"""A plan, as a report."""

from __future__ import annotations

from typing import Any

from ...laws import FITTED_PARAMS
from ...questions.plan.in_time import InTime
from ...questions.plan.plan import Plan
from ...questions.plan.replay import Entry
from ...questions.plan.serving import Serving
from ...units.in_words import human_bytes, human_count, human_seconds
from ..model import Column, Records, Report, Row, Table, sentences, table
from ..parts.lost import lost_tables
from ..quantities import COUNT, DURATION, LOSS, NUMBER

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
    "max_latency": "the limit of latency",
}


def report(plan: Plan) -> Report:
    """What was asked, the two best plans side by side, what binds, the front, and what is extrapolated."""
    return Report(
        title=plan.what,
        blocks=(
            _ranked(plan),
            sentences(_findings(plan)),
            _marginals(plan),
            _front(plan),
            *lost_tables(plan),
            sentences(_notes(plan), "quiet", "Notes"),
        ),
        document={
            "asked": _asked(plan),
            "best": _shown(plan.best),
            "scenario": plan.scenario,
            "runner_up": plan.runner_up and _shown(plan.runner_up),
            "front": [_shown(entry) for entry in plan.front],
            "binding": plan.binding,
            "marginal": plan.marginal,
            "combinations": plan.combinations,
            "replays": plan.replays,
            "closed_form": plan.closed_form,
            "notes": list(plan.notes),
            **({"lost": [vars(each) for each in plan.lost]} if plan.ask.over_all else {}),
            **({"under_failures": plan.under_failures} if plan.under_failures else {}),
            **({"in_time": _in_time(plan.in_time)} if plan.in_time else {}),
        },
        records=_records(plan),
    )


def _asked(plan: Plan) -> dict[str, Any]:
    unsaid = ("known", "most_choices", *(() if plan.ask.failures else ("failures", "goodputs")))
    unsaid += () if plan.ask.serving else ("serving",)
    said = {key: value for key, value in vars(plan.ask).items() if key not in unsaid}
    return {"topology": plan.ask.topology} | said | {"sync_every": plan.ask.cadences}


def _in_time(found: InTime) -> dict[str, Any]:
    return vars(found) | {"without": _shown(found.without)}


def _records(plan: Plan) -> Records:
    """A line a plan: best, runner-up, then the front."""
    ranked = [("best", plan.best), *([("runner_up", plan.runner_up)] if plan.runner_up else [])]
    rows = [
        {"rank": rank} | _shown(entry) | {"sites": " ".join(entry.sites), "notes": "; ".join(entry.notes)}
        for rank, entry in [*ranked, *(("front", entry) for entry in plan.front)]
    ]
    return Records(list(rows[0]), rows)


def _shown(entry: Entry) -> dict[str, Any]:
    """A plan as data, without energy, carbon and goodput where nobody asks for them."""
    optional = ("energy_kwh", "carbon_kg", "goodput")
    return {name: value for name, value in vars(entry).items() if name not in optional or value is not None}


def _ranked(plan: Plan) -> Table:
    columns = [("Best", plan.best), *([("Runner-up", plan.runner_up)] if plan.runner_up else [])]
    figures = [_figures(entry) for _, entry in columns]
    heads = [Column(""), *(Column(title, align="right") for title, _ in columns)]
    names = dict.fromkeys(name for column in figures for name in column)
    return table(heads, [(name, *(column.get(name, "") for column in figures)) for name in names])


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
        **({"goodput": f"{entry.goodput:.1%}"} if entry.goodput is not None else {}),
        "computing": f"{entry.compute_utilization:.1%}",
        "between datacenters": human_bytes(entry.cross_datacenter_bytes),
        "predicted loss": _loss(entry),
    }
    found |= {"price of the batch": f"{entry.batch_penalty:+.4f} loss"} if abs(entry.batch_penalty) >= 5e-5 else {}
    found |= {"epochs": f"{entry.epochs:.3g}"} if entry.epochs is not None else {}
    found |= {"lifetime compute": f"{entry.lifetime_flop:.3g} flop"} if entry.lifetime_flop is not None else {}
    found |= {"cost": f"{entry.cost:,.0f}"} if entry.cost is not None else {}
    found |= {"energy": f"{entry.energy_kwh / 1000:,.3g} MWh"} if entry.energy_kwh is not None else {}
    return found | ({"carbon": f"{entry.carbon_kg / 1000:,.3g} t"} if entry.carbon_kg is not None else {})


def _loss(entry: Entry) -> str:
    """The loss with its ends where they differ from it."""
    ends = f"{entry.predicted_loss_low:.4f} to {entry.predicted_loss_high:.4f}"
    if entry.predicted_loss is None:
        return f"{ends} (not its own, see the notes)"
    same = entry.predicted_loss_low == entry.predicted_loss_high
    return f"{entry.predicted_loss:.4f}{'' if same else f' ({ends})'}"


def _marginals(plan: Plan) -> Table:
    columns = (
        Column("One more unit"),
        Column("Changes the loss by", LOSS, digits=5, signed=True),
        Column("Twice as much", LOSS, digits=5, signed=True),
    )
    return table(columns, [(each.unit, each.loss_change, each.doubled_loss_change) for each in plan.marginal.values()])


def _front(plan: Plan) -> Table:
    priced = plan.best.cost is not None
    columns = (
        Column("Wall-clock", DURATION),
        Column("Strategy"),
        Column("Chips", NUMBER),
        Column("Parameters", COUNT),
        Column("Tokens", COUNT),
        Column("Loss", LOSS, digits=4),
        *([Column("Cost", NUMBER, digits=0)] if priced else []),
    )
    rows = []
    for entry in plan.front:
        cells = (
            entry.wall_clock_s,
            entry.label,
            entry.chips,
            entry.params,
            entry.tokens,
            entry.compared_loss,
            entry.cost,
        )
        rows.append(Row(cells[: len(columns)]))
    return Table(columns, tuple(rows), "Sooner or cheaper")


def _answering(asked: Serving, found: InTime, best: Entry) -> list[str]:
    """When the best plan's model answers, and what it would be without the limit."""
    many = f"{asked.batch} prompts" if asked.batch > 1 else "a prompt"
    several = f" with {asked.output_tokens:,}" if asked.output_tokens > 1 else ""
    size, limit = human_count(best.params), human_seconds(asked.max_latency_s)
    chips = f"{found.chips} {found.chip}" + (f" ({found.mesh})" if "x" in found.mesh else "")
    told = (
        f"{size} parameters answer {many} of {asked.prompt_tokens:,} tokens{several} within {limit}: in "
        f"{human_seconds(found.answer_assumed_s)} as assumed ({human_seconds(found.answer_least_s)} at the peaks) on "
        f"{chips}, the smallest mesh that does; up to {human_count(found.largest_params)} would."
    )
    other = found.without
    if (other.params, other.label, other.sites) == (best.params, best.label, best.sites):
        return [told, "Without that limit the plan would be the same."]
    slow = "fit no such mesh" if found.without_s is None else f"answer in {human_seconds(found.without_s)} at best"
    loss = f"a loss of {other.compared_loss:.4f}: the limit changes the loss by {found.loss_cost:+.4f} nats"
    return [told, f"Without that limit: {human_count(other.params)} by {other.label}, which {slow}, and {loss}."]


def _findings(plan: Plan) -> list[str]:
    found = _answering(plan.ask.serving, plan.in_time, plan.best) if plan.ask.serving and plan.in_time else []
    if plan.runner_up:
        gap = plan.runner_up.compared_loss - plan.best.compared_loss
        close = ""
        if abs(gap) < _UNRESOLVED * plan.best.compared_loss and plan.best.params > FITTED_PARAMS[1]:
            close = ": at this size the laws do not tell algorithms apart by so little"
        word = "higher" if gap >= 0 else "lower"
        found.append(f"The runner-up's predicted loss is {abs(gap):.4f} nats {word}{close}.")
    binding = ", then by ".join(_WORDS[name] for name in plan.binding)
    found.append(
        f"The loss is limited most by {binding}."
        if binding
        else "Twice as much of anything would lower the loss by less than 0.001 nats."
    )
    return found


def _notes(plan: Plan) -> list[str]:
    notes = list(plan.best.notes)
    others = [note for note in (plan.runner_up.notes if plan.runner_up else ()) if note not in notes]
    found = [f"Note on {note}." for note in notes] + [f"Note on the runner-up's {note}." for note in others]
    if plan.ask.risk:
        found.append("Plans are compared by the high end of their loss.")
    how = "by closed form" if plan.closed_form else "by closed form where there is one, else from probes by replay"
    found.append(f"{plan.combinations:,} combinations {how}; {plan.replays} replayed, among them all that are shown.")
    return [*found, *plan.notes]
