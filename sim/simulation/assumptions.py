"""The assumptions behind an answer, as sentences: how exchanges were simulated, and what was compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..scenario.model import Scenario
from ..topology.hosts import Place
from ..topology.model import PUBLISHED
from ..units.in_words import human_count, human_quantity
from ..units.quantities import BANDWIDTH
from .results import Outcome, Run

_MOST_NAMED = 6
"""A note names all datacenters of a host up to this number; beyond it, the first two and the last."""
_WARN_SHARE = 0.01
"""A run that loses more than this share of its wall-clock inside its datacenters gets a warning."""


def assumptions(scenario: Scenario, runs: Sequence[Run], found: Sequence[Outcome]) -> Iterator[str]:
    """The assumptions behind the runs of a scenario, and behind their replays in the same order."""
    yield from _exchanges(scenario, runs)
    yield from _stages(runs, found)
    yield from _inside(scenario, runs, found)
    if any(run.replayed_steps < run.steps for run in runs):
        most = max(run.replayed_steps for run in runs)
        yield (
            f"steady state: up to {most:,} steps of a run are replayed, and the others repeat them exactly "
            "(--set replay=full replays all)"
        )
    yield from _sharing(scenario, found)
    yield from _left_out(runs)


def _exchanges(scenario: Scenario, runs: Sequence[Run]) -> Iterator[str]:
    published = scenario.algorithm == PUBLISHED
    how = "takes its published time" if published else "consists of flows that share the links"
    blocking = {strategy.blocking for strategy in scenario.strategies}
    waits = ", and compute waits for it" if True in blocking else ""
    overlapped = " unless the strategy overlaps the two" if len(blocking) == 2 else ""
    yield f"an exchange {how}{waits}{overlapped}; " + _compared(scenario, runs)
    if "ideal" in (scenario.collective, scenario.topology.collective):
        yield "collective: ideal is the old name of `published`: the papers' formula, not a lower bound on uneven links"
    if scenario.jobs == "together":
        yield "all strategies run at the same time" + (
            "; at the published cost their exchanges do not compete for links"
            if published
            else " and compete for the links"
        )


def _stages(runs: Sequence[Run], found: Sequence[Outcome]) -> Iterator[str]:
    """How pipelines are cut, what passes a border and where a search put the stages; who makes how many steps."""
    for run, outcome in zip(runs, found, strict=True):
        if outcome.job.placed:
            yield f"{run.label}: {outcome.job.placed}"
        if said := outcome.job.strategy.in_words(outcome.job.setting):
            yield f"{run.label}: {said}"


def _compared(scenario: Scenario, runs: Sequence[Run]) -> str:
    if len({(run.chips, run.batch_tokens) for run in runs}) == 1:
        return "equal chips and batch for every strategy"
    if scenario.workload.chips is None and not all(site.chips for site in scenario.topology.datacenters):
        return "chips are rounded up so that datacenters share them evenly (workload.chips sets the number)"
    return "equal batch for every strategy, on all chips of the datacenters that it uses"


def _inside(scenario: Scenario, runs: Sequence[Run], found: Sequence[Outcome]) -> Iterator[str]:
    """Whether exchanges inside the datacenters cost time, and which key sets their bandwidth."""
    settings = [each.job.setting for each in found if max(each.job.setting.load.deal.worker_chips) > 1]
    if not settings:
        return
    if settings[0].load.inside_included:
        yield "workload.step_time includes the exchange of gradients inside a datacenter, so none is added"
    elif any(any(each.behind_backward) for each in settings):
        yield (
            "the exchange of gradients inside a datacenter hides behind the backward pass as far as that lasts "
            "(inside.overlap: none counts all of it)"
        )
    for run, outcome in zip(runs, found, strict=True):
        lost_s = run.exposed_inside_s
        if lost_s > _WARN_SHARE * run.wall_clock_s and lost_s > max(run.exposed_across_s, run.straggler_wait_s):
            slowest = min(site.inside.bandwidth_bits_per_s for site in outcome.job.sites)
            yield (
                f"{run.label} loses the most to exchanges inside its datacenters "
                f"({lost_s / run.wall_clock_s:.0%} of the time): inside.bandwidth is "
                f"{human_quantity(slowest, BANDWIDTH)} a chip; write yours, or a preset such as dgx-h100"
            )


def _left_out(runs: Sequence[Run]) -> Iterator[str]:
    """What was left out by stores that had closed, in tokens."""
    for run in runs:
        if run.left_out_tokens:
            yield (
                f"{run.label}: {run.late_merges:,} of {run.outer_steps * run.replicas:,} payloads came when the store "
                f"had closed, and were left out: the changes of {human_count(run.left_out_tokens)} of "
                f"{human_count(run.tokens)} tokens"
            )


def _sharing(scenario: Scenario, found: Sequence[Outcome]) -> Iterator[str]:
    """Which datacenters share a host, if that slows a worker down in any of the runs."""
    at_once = [found] if scenario.jobs == "together" else [[each] for each in found]
    sites: dict[Place, list[str]] = {}
    workers: Counter[Place] = Counter()
    for group in at_once:
        placed = [pair for each in group for pair in zip(each.job.setting.places, each.job.sites, strict=True)]
        for place, site in placed:
            if place and site.name not in sites.setdefault(place, []):
                sites[place].append(site.name)
        workers |= Counter(place for place, _ in placed if place)
    for place, names in sites.items():
        if place.host.slowdown_with(workers[place]) == 1:
            continue
        shown = names if len(names) <= _MOST_NAMED else [*names[:2], "...", names[-1]]
        verb = "computes" if len(names) == 1 else "compute"
        yield f"{', '.join(shown)} {verb} on host {place.host.name}: {place.host.in_words(workers[place])}"
    for machine in dict.fromkeys(place.machine for place in sites if place.machine):
        parts = [place.host.name for place in sites if place.machine == machine]
        yield f"{', '.join(parts)} are parts of {machine.name}: {machine.in_words(len(parts), 'part')}"
