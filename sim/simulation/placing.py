"""The search for a placement: at which datacenters the workers of a strategy are, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..scenario.model import Scenario
from ..strategies import AbstractStrategy
from ..strategies.shared.placements import Placed, Placements
from .alone import shortest
from .results import Job

MOST_TRIED = 720
"""Up to so many placements all are tried (those of six datacenters); of more, as many as a search comes by."""
_MOST_REPLAYED = 48
"""The most placements that are replayed, in the order of their estimates."""
_ROUNDING = 1e-9


def placed(scenario: Scenario, strategy: AbstractStrategy, plan: Callable[[AbstractStrategy], Job]) -> Job:
    """The job of a strategy at the datacenters with which its run takes least.

    Placements are put in the order of the strategy's estimate, which knows of no other traffic, and are replayed in
    that order until the estimate of the next one is no less than the best run. Of equal ones it is the first in the
    order of the topology.

    Args:
      scenario: topology, workload, and how exchanges are made.
      strategy: has placements to choose from.
      plan: makes the job of the strategy at given datacenters.

    Limits: among many datacenters not all placements are tried, and at most 48 are replayed; `Job.placed` says so.
    """
    known, key = scenario.topology.known, ("placed", str(scenario.workload), repr(strategy), scenario.collective)
    if key not in known:
        known[key] = _found(scenario, strategy, plan)
    order, said = known[key]
    return replace(plan(strategy.placed(order)), placed=said, written=strategy)


def _found(
    scenario: Scenario, strategy: AbstractStrategy, plan: Callable[[AbstractStrategy], Job]
) -> tuple[Placed, str]:
    """The best placement, and in words what it is and how it was found."""
    some = strategy.placements([site.name for site in scenario.topology.datacenters])
    assert some is not None, "who calls has looked"
    estimates: dict[Placed, float] = {}

    def estimate_s(order: Placed) -> float:
        if order not in estimates:
            job = plan(strategy.placed(order))
            estimates[order] = job.strategy.estimate_s(job.setting)
        return estimates[order]

    if some.count > MOST_TRIED:
        _climb(some, estimate_s)
    else:
        for order in some.everyone():
            estimate_s(order)
    best, best_s, replayed = some.first, float("inf"), 0
    for order in sorted(estimates, key=estimates.__getitem__):
        if estimates[order] >= best_s * (1 - _ROUNDING) or replayed == _MOST_REPLAYED:
            break
        taken_s = shortest(scenario, plan(strategy.placed(order)), full=False).timeline.wall_clock_s
        replayed += 1
        if taken_s < best_s * (1 - _ROUNDING):
            best, best_s = order, taken_s
    tried = f"all {some.count:,}" if len(estimates) == some.count else f"{len(estimates):,} of {some.count:,}"
    groups = (best[first : first + some.size] for first in range(0, len(best), some.size))
    said = f"stages at {' and '.join(' > '.join(group) for group in groups)}: of {tried} placements the one that takes "
    return best, said + f"least, {replayed:,} of them replayed (sites: auto)"


def _climb(some: Placements, estimate_s: Callable[[Placed], float]) -> None:
    """From the first placement on to the next better neighbour, as long as there is one."""
    here, tried, better = some.first, 0, True
    while better:
        better = False
        for order in some.neighbours(here):
            tried += 1
            if tried > MOST_TRIED:
                return
            if estimate_s(order) < estimate_s(here) * (1 - _ROUNDING):
                here, better = order, True
                break
