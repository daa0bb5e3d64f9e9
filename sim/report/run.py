"""The report that a person reads: what was simulated, a table, and the finding in a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..questions.verdict import fastest, lowest_loss, verdict
from ..simulation.results import Result, Run
from ..topology.model import Inside, Link, Topology
from ..units.in_words import human_bytes, human_count, human_quantity, human_ratio, human_seconds
from ..units.quantities import BANDWIDTH, LATENCY, Unit
from .plain import plain, text_console
from .run_detail import detail_tables

MIN_WIDTH, MAX_WIDTH = 80, 120
_LEAST_WIDTH = 40
"""Of a listing; a terminal that says it has no columns at all shows nothing."""
_BAR = 8
_NONE = 1e-9
"""A share of the wall-clock below which a time is only what rounding left over."""
_PEAK = (
    "Mean and peak are one site's bandwidth. The peak is a need, not a speed that was reached: it carries the most "
    "that a site begins to send within one inner step in the compute time of that step."
)


def to_text(result: Result, *, width: int = MIN_WIDTH, blocks: bool = True, detail: str | None = None) -> str:
    """The report as plain text of a fixed width; without `blocks` its bars are ASCII; `detail`: `sites` or `links`."""
    console = text_console(width)
    with console.capture() as captured:
        render(result, console, blocks=blocks, detail=detail)
    return plain(captured.get())


def on_stdout(result: Result, detail: str | None = None) -> str:
    """The report as standard output wants it: styled on a terminal, plain when piped, no colour under NO_COLOR."""
    console = Console()
    known = console.is_terminal or "COLUMNS" in os.environ
    width = min(max(console.width, MIN_WIDTH), MAX_WIDTH) if known else MIN_WIDTH
    blocks = console.encoding.lower().startswith("utf")
    if not console.is_terminal:
        return to_text(result, width=width, blocks=blocks, detail=detail)
    console = Console(width=width, markup=False, emoji=False)
    with console.capture() as captured:
        render(result, console, blocks=blocks, detail=detail)
    return captured.get()


def render(result: Result, console: Console, *, blocks: bool, detail: str | None = None) -> None:
    """Writes the report to a console."""
    console.print(_heading(result))
    console.print()
    console.print(_table(result.runs, blocks=blocks))
    console.print()
    if any(run.cross_datacenter_bytes for run in result.runs):
        console.print(Text(_PEAK, style="dim"))
        console.print()
    console.print(Text(finding(result), style="bold"))
    for sentence in (*equal_time(result), *limits(result), *merging(result)):
        console.print(Text(sentence))
    if detail:
        for table in detail_tables(result, detail):
            console.print()
            console.print(table)


def _heading(result: Result) -> Table:
    scenario, first = result.scenario, result.runs[0]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Topology", f"{scenario.topology.name}: {describe(scenario.topology)}")
    grid.add_row(
        "Workload",
        f"{scenario.workload.describe()}: {human_count(first.params)} parameters, {human_count(first.tokens)} tokens, "
        f"batch of {first.batch_tokens:,.0f}, {first.chips} chips",
    )
    ways = dict.fromkeys(run.collective for run in result.runs)
    grid.add_row("Exchange", ", ".join(ways))
    for number, note in enumerate(result.notes):
        grid.add_row("" if number else "Assumed", note)
    return grid


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


def _table(runs: Sequence[Run], *, blocks: bool) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("Strategy", min_width=13, overflow="fold")
    hidden = "\nhidden" if any(map(_hides, runs)) else ""
    for title in ("Chips\nsteps", "Wall-\nclock", f"Compute\nexposed{hidden}"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("Utili-\nsation", no_wrap=True)
    known = lowest_loss(runs) is not None
    for title in ("Across sites\nmean\npeak", "Speed-\nup", "Over-\ntraining" + ("\nits loss" if known else "")):
        table.add_column(title, justify="right", no_wrap=True)
    best = (fastest(runs), lowest_loss(runs))
    for run in runs:
        table.add_row(
            _name(run.label),
            f"{run.chips}\n{human_count(run.steps)}",
            human_seconds(run.wall_clock_s),
            f"{human_seconds(run.compute_s)}\n{human_seconds(run.lost_s)}"
            + (f"\n{human_seconds(run.hidden_communication_s)}" if _hides(run) else ""),
            Text(f"{_bar(run.compute_utilization, blocks=blocks)}\n{run.compute_utilization:.1%}", style="green"),
            _across(run),
            human_ratio(run.speedup),
            f"{human_ratio(run.overtraining_multiple)}\n{human_count(run.overtraining_tokens)}"
            + (f"\n{_loss(run.equal_time_loss)}" if known else ""),
            style="bold" if any(run is one for one in best) else "",
        )
    return table


def _name(label: str) -> Group | Text:
    """A strategy's name, and its parameters (from the first word that is not capitalised like a name) below it."""
    name, *parameters = re.split(r" (?![A-Z][A-Za-z-]+(?: |$))", label, maxsplit=1)
    return Group(Text(name), Padding(Text(*parameters), (0, 0, 0, 2))) if parameters else Text(name)


def _across(run: Run) -> str:
    """Bytes between sites, and under them the mean and the peak bandwidth of a site."""
    if not run.cross_datacenter_bytes:
        return human_bytes(0)
    rates = (run.mean_bandwidth_bits_per_s, run.peak_bandwidth_bits_per_s)
    return "\n".join([human_bytes(run.cross_datacenter_bytes), *(_rate(rate) for rate in rates)])


def _rate(bits_per_s: float) -> str:
    """A bandwidth in three digits, as narrow as the table needs it."""
    return human_quantity(float(f"{bits_per_s:.3g}"), BANDWIDTH)


def _hides(run: Run) -> bool:
    """Whether any exchange was under way behind compute."""
    return run.hidden_communication_s > _NONE * run.wall_clock_s


def _bar(share: float, *, blocks: bool) -> str:
    if not blocks:
        return ("#" * round(share * _BAR)).ljust(_BAR, ".")
    eighths = round(share * _BAR * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")).ljust(_BAR, "░")


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
        f"fit into its time; {busy}."
    )


def equal_time(result: Result) -> list[str]:
    """Which strategy reaches the lowest loss in the time that Data-Parallel needs, and what to know about that loss."""
    runs = result.runs
    lowest = lowest_loss(runs)
    if lowest is None:
        return []
    others = [fastest(runs), *(run for run in runs if run.strategy == "data-parallel")]
    known = {run.label: run.equal_time_loss for run in others if run is not lowest and run.equal_time_loss is not None}
    against = ", ".join(f"{label} {loss:.3f}" for label, loss in known.items())
    uneven = "" if len({run.chips for run in runs}) == 1 else " on the chips that each has"
    sentence = f"Lowest predicted loss in Data-Parallel's time{uneven}: {lowest.label}, {_loss(lowest.equal_time_loss)}"
    without = [run.label for run in runs if run.equal_time_loss is None]
    return [
        f"{sentence} ({against})." if against else f"{sentence}.",
        *(f"{lowest.label}: {note}." for note in lowest.loss_notes),
        *([f"No loss is predicted for {', '.join(without)}: there is no law for them."] if without else []),
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


def listing(rows: Iterable[tuple[str, str]]) -> str:
    """Names beside their descriptions; a line feed in a description begins a new line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, description in rows:
        grid.add_row(name, Text(description))
    console = Console(width=max(Console().width, _LEAST_WIDTH), markup=False, emoji=False)
    with console.capture() as captured:
        console.print(grid)
    return plain(captured.get())
