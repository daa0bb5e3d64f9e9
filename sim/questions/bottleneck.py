"""The bottlenecks of a run: its worst straggler and most used link, and the run with half and twice of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..scenario.model import Scenario
from ..shell.progress import UNWATCHED, Watch
from ..simulation.results import Bottleneck, Result, Run
from ..simulation.run import outcomes, run
from ..workload.documents import AnalyticWorkload, TraceWorkload
from .recorded import with_recorded
from .verdict import fastest

_EQUAL_COMPUTE = 0.02
"""Sites whose compute differs by less than this share count as equal: a trace varies by itself."""


def answer(scenario: Scenario, watch: Watch = UNWATCHED) -> Result:
    """The answer of the main job: all runs of a scenario, with the bottlenecks of the fastest one; the recorded run.

    Args:
      scenario: what is asked about.
      watch: is told how far the replays are.

    Raises:
      InputError: as for `run`.
    """
    found = with_recorded(run(scenario, watch))
    best = fastest(found.runs)
    watch.doing(f"looking for what holds up {best.label}", len(found.runs), len(found.runs) + 1)
    return replace(found, bottlenecks=tuple(bottlenecks(found, best)))


def bottlenecks(result: Result, only: Run) -> list[Bottleneck]:
    """The site that others waited for the longest (the straggler) and the most used link of one run.

    A site is named where sites differ and their speed can be varied (not where the seconds of a step are given or
    replayed as recorded); a link where exchanges are flows on links.

    Args:
      result: the answer to which the run belongs.
      only: the run.
    """
    found = []
    compute_s = [site.compute_s for site in only.sites]
    slowest = max(only.sites, key=lambda site: site.held_up_s)
    if (
        slowest.held_up_s
        and max(compute_s) > (1 + _EQUAL_COMPUTE) * min(compute_s)
        and not _seconds_given(result.scenario)
    ):
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

    # Wider links never cost time and narrower ones never save any, but a ring chosen anew for them may seem to.
    return Bottleneck(only.label, kind, name, share, max(1.0, relative(0.5)), min(1.0, relative(2.0)))


def _seconds_given(scenario: Scenario) -> bool:
    workload = scenario.workload
    if isinstance(workload, AnalyticWorkload):
        return workload.step_time_s is not None
    return isinstance(workload, TraceWorkload) and not workload.rescale
