"""What an answer rests on, in sentences: how exchanges were made, what was compared, what a reader might not expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ..scenario.model import Scenario
from ..topology.hosts import Place
from ..topology.model import PUBLISHED
from ..units.in_words import human_quantity
from ..units.quantities import BANDWIDTH
from .results import Outcome, Run

_LISTED = 6
"""Datacenters of a host up to which a note names each."""
_MATTERS = 0.01
"""Share of the wall-clock from which what a run loses inside its datacenters is worth a warning."""


def assumptions(scenario: Scenario, runs: Sequence[Run], found: Sequence[Outcome]) -> Iterator[str]:
    """The assumptions behind the runs of a scenario, and behind their replays in the same order."""
    yield from _exchanges(scenario, runs)
    yield from _inside(scenario, runs, found)
    if any(run.replayed_steps < run.steps for run in runs):
        most = max(run.replayed_steps for run in runs)
        yield f"the run repeats itself: up to {most:,} steps replayed and continued exactly (--set replay=full: all)"
    yield from _sharing(scenario, found)


def _exchanges(scenario: Scenario, runs: Sequence[Run]) -> Iterator[str]:
    published = scenario.algorithm == PUBLISHED
    how = "takes its published time" if published else "is made of flows that share the links"
    blocking = {strategy.blocking for strategy in scenario.strategies}
    stops = {True: "stops the compute and ", False: ""}
    behind = "" if len(blocking) == 1 else ", and stops the compute where nothing else is said of a strategy"
    yield f"an exchange {stops[blocking == {True}]}{how}{behind}; " + _compared(scenario, runs)
    if "ideal" in (scenario.collective, scenario.topology.collective):
        yield "collective: ideal is the old name of `published`: the papers' formula, which is no bound on uneven links"
    if scenario.jobs == "together":
        yield "all strategies run at the same time" + (
            "; at the published cost their exchanges do not compete for links"
            if published
            else " and compete for the links"
        )


def _compared(scenario: Scenario, runs: Sequence[Run]) -> str:
    if len({(run.chips, run.batch_tokens) for run in runs}) == 1:
        return "equal chips and batch for every strategy"
    if scenario.workload.chips is None and not all(site.chips for site in scenario.topology.datacenters):
        return "chips rounded up so that a strategy's datacenters share them evenly (workload.chips gives a number)"
    return "equal batch, on all chips of the datacenters used"


def _inside(scenario: Scenario, runs: Sequence[Run], found: Sequence[Outcome]) -> Iterator[str]:
    """Where exchanges inside the datacenters show, and which key says how fast they are."""
    settings = [each.job.setting for each in found if max(each.job.setting.load.deal.worker_chips) > 1]
    if not settings:
        return
    if settings[0].load.inside_included:
        yield "workload.step_time holds the exchange of gradients inside a datacenter: none is added for it"
    elif any(any(each.behind_backward) for each in settings):
        yield (
            "gradients are exchanged inside a datacenter behind the backward pass, as far as it lasts "
            "(inside.overlap: none counts all of it)"
        )
    for run, outcome in zip(runs, found, strict=True):
        lost_s = run.exposed_inside_s
        if lost_s > _MATTERS * run.wall_clock_s and lost_s > max(run.exposed_across_s, run.straggler_wait_s):
            slowest = min(site.inside.bandwidth_bits_per_s for site in outcome.job.sites)
            yield (
                f"{run.label} loses the most to exchanges inside its datacenters "
                f"({lost_s / run.wall_clock_s:.0%} of the time): inside.bandwidth is "
                f"{human_quantity(slowest, BANDWIDTH)} a chip; give yours, or a preset such as dgx-h100"
            )


def _sharing(scenario: Scenario, found: Sequence[Outcome]) -> Iterator[str]:
    """Which datacenters compute on which host, where that slows anybody down in any of the runs."""
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
        shown = names if len(names) <= _LISTED else [*names[:2], "...", names[-1]]
        verb = "computes" if len(names) == 1 else "compute"
        yield f"{', '.join(shown)} {verb} on host {place.host.name}: {place.host.in_words(workers[place])}"
    for machine in dict.fromkeys(place.machine for place in sites if place.machine):
        parts = [place.host.name for place in sites if place.machine == machine]
        yield f"{', '.join(parts)} are parts of {machine.name}: {machine.in_words(len(parts), 'part')}"
