"""The answer of the main job as a report: the finding in a sentence, tables of the runs, and what was assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ...questions.verdict import fastest, lowest_loss, verdict
from ...simulation.results import Result, Run
from ...topology.model import Inside, Link, Topology
from ...units.in_words import human_count, human_quantity, human_ratio
from ...units.quantities import BANDWIDTH, LATENCY, Unit
from .. import quantities, strategy_name
from ..model import Block, Column, Fact, Facts, Records, Report, Row, Table, sentences
from ..parts.cost import cost_record, cost_table
from ..parts.memory import memory_table
from ..parts.recorded_run import as_recorded, recorded_record
from ..parts.run_detail import detail_tables
from ..quantities import BYTES, COUNT, DURATION, LOSS, NUMBER, RATIO, SHARE

_OPTIONAL = ("cost", "memory")
"""Parts of a run that are there where the topology or the workload says something of them."""
_NONE = 1e-9
"""A share of the wall-clock below which a time is only what rounding left over."""
_PEAK = (
    "Mean and peak are bandwidths of one site. The mean is what it sends over the whole run. The peak is no speed that "
    "was reached, but what it would need to send all that an inner step hands over while a step computes."
)


def report(result: Result, *, detail: str | None = None) -> Report:
    """The report on some runs.

    Args:
      result: the answer.
      detail: `sites` or `links`: also a table of these for every run, which the document always has.
    """
    first = result.runs[0]
    size = f"{human_count(first.params)} parameters, {human_count(first.tokens)} tokens, {first.chips} chips"
    blocks: tuple[Block, ...] = (
        sentences([finding(result), *equal_time(result)], "strong"),
        _times(result.runs),
        _costs(result.runs),
        *cost_table(result.runs),
        *memory_table(result.runs),
        *as_recorded(result.recorded, result.scenario.topology.name),
        sentences([*limits(result), *loss_notes(result), *merging(result)]),
        *(detail_tables(result, detail) if detail else []),
        _asked(result),
    )
    names = [field.name for field in fields(Run) if field.name not in ("sites", "links", *_OPTIONAL)]
    costs = [cost_record(run.cost) | _held(run) | recorded_record(result.recorded, run.label) for run in result.runs]
    names += dict.fromkeys(name for cost in costs for name in cost)
    return Report(
        title=f"{result.scenario.topology.name}: {size}",
        blocks=blocks,
        document={
            "scenario": result.scenario,
            "notes": result.notes,
            "runs": [_shown(run) for run in result.runs],
            "bottlenecks": result.bottlenecks,
            "verdict": verdict(result.runs),
        }
        | ({} if result.recorded is None else {"recorded": result.recorded}),
        records=Records(
            names,
            [
                vars(run) | {"loss_notes": "; ".join(run.loss_notes)} | cost
                for run, cost in zip(result.runs, costs, strict=True)
            ],
        ),
    )


def _held(run: Run) -> dict[str, Any]:
    return {} if run.memory is None else {"memory_bytes": run.memory.total}


def _shown(run: Run) -> dict[str, Any]:
    """A run as data, without what nobody asks for."""
    return {name: value for name, value in vars(run).items() if name not in _OPTIONAL or value is not None}


def _times(runs: Sequence[Run]) -> Table:
    """How long each run takes, and what fits into the time of Data-Parallel."""
    columns = [
        *strategy_name.COLUMNS,
        Column("Wall-clock", DURATION),
        Column("Speed-up", RATIO),
        Column("Computing", SHARE, bar=True),
        Column("Tokens in that time", COUNT),
    ]
    known = lowest_loss(runs) is not None
    columns += [Column("Loss then", LOSS)] if known else []
    best = (fastest(runs), lowest_loss(runs))
    rows = []
    for run in runs:
        cells = (
            *strategy_name.parts(run.strategy, run.label),
            run.wall_clock_s,
            run.speedup,
            run.compute_utilization,
            run.overtraining_tokens,
            run.equal_time_loss,
        )
        rows.append(Row(cells[: len(columns)], strong=any(run is one for one in best)))
    return Table(tuple(columns), tuple(rows), "Time, and what fits into the time of Data-Parallel")


def _costs(runs: Sequence[Run]) -> Table:
    """Where the time goes, and what crosses between sites."""
    hides = any(run.hidden_communication_s > _NONE * run.wall_clock_s for run in runs)
    crosses = any(run.cross_datacenter_bytes for run in runs)
    uneven = len({(run.chips, run.steps) for run in runs}) > 1
    columns = (
        *strategy_name.COLUMNS,
        *([Column("Chips", NUMBER), Column("Steps", NUMBER)] if uneven else []),
        Column("Compute", DURATION, family="time"),
        Column("Lost", DURATION, family="time"),
        *([Column("Hidden", DURATION, family="time")] if hides else []),
        *([Column("Across sites", BYTES)] if crosses else []),
        *([Column(title, quantities.BANDWIDTH, family="rate") for title in ("Mean", "Peak")] if crosses else []),
    )
    rows = []
    for run in runs:
        rates = (run.mean_bandwidth_bits_per_s, run.peak_bandwidth_bits_per_s)
        traffic = (run.cross_datacenter_bytes, *(rates if run.cross_datacenter_bytes else (None, None)))
        cells = (
            *strategy_name.parts(run.strategy, run.label),
            *([run.chips, run.steps] if uneven else []),
            run.compute_s,
            run.lost_s,
            *([run.hidden_communication_s] if hides else []),
            *(traffic if crosses else []),
        )
        rows.append(Row(cells))
    return Table(columns, tuple(rows), "Where the time goes, and what crosses between sites", _PEAK if crosses else "")


def _asked(result: Result) -> Facts:
    scenario, first = result.scenario, result.runs[0]
    facts = {
        "Topology": (f"{scenario.topology.name}: {describe(scenario.topology)}",),
        "Workload": (
            f"{scenario.workload.describe()}: {human_count(first.params)} parameters, {human_count(first.tokens)} "
            f"tokens in {first.steps:,} steps of {first.batch_tokens:,.0f}, {first.chips} chips",
        ),
        "Exchange": (", ".join(dict.fromkeys(run.collective for run in result.runs)) + _order(scenario.topology),),
        "Assumed": result.notes,
    }
    return Facts(tuple(Fact(name, texts) for name, texts in facts.items()), "What was asked, and what is assumed")


def _order(topology: Topology) -> str:
    return f"; rings in the order {' > '.join(topology.ring_order)}" if topology.ring_order else ""


def describe(topology: Topology) -> str:
    """A topology in a few words: how many sites, what joins them, what is inside."""
    sites, links = topology.datacenters, topology.links
    inside = _network([site.inside for site in sites])
    if len(sites) == 1:
        return f"one datacenter, {inside} inside"
    pairs = {frozenset(link.ends) for link in links}
    mesh = not topology.routers and len(pairs) == len(sites) * (len(sites) - 1) // 2
    routers = f", {len(topology.routers)} router(s)" if topology.routers else ""
    shape = "full mesh" if mesh else f"{len(links)} links{routers}"
    return f"{len(sites)} datacenters, {shape} ({_network(links)}), inside {inside}"


def _network(parts: Sequence[Link] | Sequence[Inside]) -> str:
    bandwidth = _range([part.bandwidth_bits_per_s for part in parts], BANDWIDTH)
    return f"{bandwidth}, {_range([part.latency_s for part in parts], LATENCY)}"


def _range(values: Sequence[float], unit: Unit) -> str:
    low, high = human_quantity(min(values), unit), human_quantity(max(values), unit)
    return low if low == high else f"{low} to {high}"


def finding(result: Result) -> str:
    """Which strategy is fastest, by how much, what fits into the time saved, and what still costs time."""
    runs = result.runs
    best, found = fastest(runs), verdict(runs)
    where = f"On {result.scenario.topology.name}"
    most = f"{found.loses_most_to} ({found.loses_most_share:.1%})" if found.loses_most_to else "nothing else"
    busy = f"it computes {best.compute_utilization:.1%} of the time and loses the most to {most}"
    if best.strategy == "data-parallel":
        rest = [run.speedup for run in runs if run is not best]
        lead = f", {human_ratio(best.speedup / max(rest))} the pace of the next" if rest else ""
        return f"{where}, {best.label} is fastest{lead}: {busy}."
    reference = next((run.label for run in runs if run.strategy == "data-parallel"), "Data-Parallel")
    if best.speedup < 1:
        return f"{where}, {best.label} takes {human_ratio(1 / best.speedup)} as long as {reference} would: {busy}."
    more = f"{human_count(best.overtraining_tokens)} instead of {human_count(best.tokens)} tokens"
    return (
        f"{where}, {best.label} is fastest: {human_ratio(best.speedup)} the pace of {reference}, so that {more} "
        f"fit into its time; {busy}.{_left_out(best)}"
    )


def _left_out(run: Run) -> str:
    """Which share of its tokens counts nowhere, as their changes came too late."""
    share = run.left_out_tokens / run.tokens
    return (
        f" The changes of {share:.0%} of its tokens came when the store had closed, and are left out." if share else ""
    )


def equal_time(result: Result) -> list[str]:
    """Which strategy reaches the lowest loss in the time that Data-Parallel needs."""
    runs = result.runs
    lowest = lowest_loss(runs)
    if lowest is None:
        return []
    others = [fastest(runs), *(run for run in runs if run.strategy == "data-parallel")]
    known = {run.label: run.equal_time_loss for run in others if run is not lowest and run.equal_time_loss is not None}
    against = ", ".join(f"{label} {loss:.3f}" for label, loss in known.items())
    uneven = "" if len({run.chips for run in runs}) == 1 else " on the chips that each has"
    sentence = f"Lowest predicted loss in Data-Parallel's time{uneven}: {lowest.label}, {_loss(lowest.equal_time_loss)}"
    return [f"{sentence} ({against})." if against else f"{sentence}."]


def loss_notes(result: Result) -> list[str]:
    """What of the lowest loss is extrapolated, and which losses are not known, or only within ends."""
    lowest = lowest_loss(result.runs)
    if lowest is None:
        return []
    without = [run.label for run in result.runs if run.equal_time_loss is None and run.equal_time_loss_low is None]
    return [
        *(f"{lowest.label}: {note}." for note in lowest.loss_notes),
        *_ends(result.runs),
        *([f"No loss is predicted for {', '.join(without)}: there is no law for them."] if without else []),
    ]


def _ends(runs: Sequence[Run]) -> list[str]:
    """Between which ends losses lie, where they differ."""
    known: list[str] = []
    unknown: list[str] = []
    for run in runs:
        low, high = run.equal_time_loss_low, run.equal_time_loss_high
        if low is not None and high is not None and low != high:
            (known if run.equal_time_loss is not None else unknown).append(f"{run.label} {low:.3f} to {high:.3f}")
    free = "nobody has published what it costs to communicate like that; between "
    free += "nothing and the widest known price of a change"
    return [
        *([f"Losses then, as far as prices are known: {'; '.join(known)}."] if known else []),
        *([f"No loss is predicted where {free}: {'; '.join(unknown)}."] if unknown else []),
    ]


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def limits(result: Result) -> list[str]:
    """For the fastest run: what it waits for, and what half or twice as much of that would change."""
    words = {"site": ("the others wait {} of the time for it", "speed"), "link": ("{} used", "bandwidth")}
    sentences = []
    for found in result.bottlenecks:
        how, what = words[found.kind]
        sentences.append(
            f"Bottleneck {found.kind} of {found.strategy}: {found.name} ({how.format(f'{found.share:.1%}')}); "
            f"wall-clock {found.doubled - 1:+.1%} with twice its {what}, {found.halved - 1:+.1%} with half of it."
        )
    return sentences


def merging(result: Result) -> list[str]:
    """For runs that merge changes without all replicas being there: how old these were, and how many came late."""
    sentences = []
    for run in result.runs:
        if run.mean_staleness is None or not (run.max_staleness or run.late_merges):
            continue
        late = f"; {run.late_merges:,} came late, after the others had gone on" if run.late_merges else ""
        sentences.append(
            f"{run.label}: updates by others that a merged change did not know of, {run.mean_staleness:.2g} in the "
            f"mean and {run.max_staleness} at most{late}."
        )
    return sentences
