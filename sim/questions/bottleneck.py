"""Which site and which link hold a run up, and what half or twice as much of them would change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..scenario.model import Scenario
from ..simulation.results import Bottleneck, Result, Run
from ..simulation.run import outcomes, run
from ..workload.documents import AnalyticWorkload, TraceWorkload
from .verdict import fastest

_EVEN = 0.02
"""Sites whose computing differs by less are even: a recording's own variation is no property of a site."""


def answer(scenario: Scenario) -> Result:
    """The answer to a scenario, with what its fastest run waits for: all that the main job reports.

    Raises:
      InputError: as for `run`.
    """
    found = run(scenario)
    return replace(found, bottlenecks=tuple(bottlenecks(found, fastest(found.runs))))


def bottlenecks(result: Result, only: Run) -> list[Bottleneck]:
    """The site that others waited for the longest, and the link that was used the most, of one run.

    A site is named where sites differ and their speed can be varied (not where the seconds of a step are given or
    replayed as recorded); a link where exchanges are flows on links.

    Args:
      result: the answer that the run is of.
      only: the run.
    """
    found = []
    compute_s = [site.compute_s for site in only.sites]
    slowest = max(only.sites, key=lambda site: site.held_up_s)
    if slowest.held_up_s and max(compute_s) > (1 + _EVEN) * min(compute_s) and not _seconds_given(result.scenario):
        others = max(1, len(only.sites) - 1)
        share = slowest.held_up_s / others / only.wall_clock_s
        found.append(_tried(result, only, "site", slowest.name, share, _with_chips))
    if only.links:
        widest = max(only.links, key=lambda link: link.mean_utilization)
        share = widest.mean_utilization
        found.append(_tried(result, only, "link", widest.name, share, _with_link))
    return found


def _with_chips(scenario: Scenario, site: str, factor: float) -> Scenario:
    return scenario.vary(chip_speed=factor, site=site, clip=True)


def _with_link(scenario: Scenario, link: str, factor: float) -> Scenario:
    return scenario.vary(bandwidth_across=factor, link=link, clip=True)


def _tried(
    result: Result, only: Run, kind: str, name: str, share: float, vary: Callable[[Scenario, str, float], Scenario]
) -> Bottleneck:
    position, scenario = result.runs.index(only), result.scenario
    if scenario.jobs == "alone":  # the others only matter where they compete
        position, scenario = 0, scenario.replaced(strategies=scenario.strategies[position : position + 1])

    def relative(factor: float) -> float:
        return outcomes(vary(scenario, name, factor))[position].timeline.wall_clock_s / only.wall_clock_s

    # More can be left unused, and less cannot help: a ring chosen anew for the changed links must not say otherwise.
    return Bottleneck(only.label, kind, name, share, max(1.0, relative(0.5)), min(1.0, relative(2.0)))


def _seconds_given(scenario: Scenario) -> bool:
    workload = scenario.workload
    if isinstance(workload, AnalyticWorkload):
        return workload.step_time_s is not None
    return isinstance(workload, TraceWorkload) and not workload.rescale
