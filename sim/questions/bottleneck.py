"""Which site and which link hold a run up, and what half or twice as much of them would change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..scenario.model import Scenario
from ..scenario.variation import Document, faster, wider
from ..simulation.results import Bottleneck, Result, Run
from ..simulation.run import outcomes, run
from ..units.quantities import CHIP_SPEED, to_text
from ..workload.documents import TraceWorkload
from ..workload.extent import CHIP_FLOP_PER_S
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

    A site is named where sites differ and their speed can be varied (not that of a trace replayed as recorded); a link
    where exchanges are flows on links.

    Args:
      result: the answer that the run is of.
      only: the run.
    """
    found = []
    compute_s = [site.compute_s for site in only.sites]
    slowest = max(only.sites, key=lambda site: site.held_up_s)
    if slowest.held_up_s and max(compute_s) > (1 + _EVEN) * min(compute_s) and not _as_recorded(result.scenario):
        others = max(1, len(only.sites) - 1)
        share = slowest.held_up_s / others / only.wall_clock_s
        found.append(_tried(result, only, "site", slowest.name, share, lambda d, f: faster(d, slowest.name, f)))
    if only.links:
        widest = max(only.links, key=lambda link: link.mean_utilization)
        share = widest.mean_utilization
        found.append(_tried(result, only, "link", widest.name, share, lambda d, f: wider(d, widest.name, f)))
    return found


def _tried(
    result: Result, only: Run, kind: str, name: str, share: float, change: Callable[[Document, float], object]
) -> Bottleneck:
    position = result.runs.index(only)

    def relative(factor: float) -> float:
        document = result.scenario.model_dump(mode="json", exclude_none=True)
        for site in document["topology"]["datacenters"]:
            site.setdefault("chip_speed", document["workload"].get("chip_speed", to_text(CHIP_FLOP_PER_S, CHIP_SPEED)))
        change(document["topology"], factor)
        if result.scenario.jobs == "alone":  # the others only matter where they compete
            document["strategies"] = [document["strategies"][position]]
        varied = outcomes(Scenario.model_validate(document))
        return varied[min(position, len(varied) - 1)].timeline.wall_clock_s / only.wall_clock_s

    # More can be left unused, and less cannot help: a ring chosen anew for the changed links must not say otherwise.
    return Bottleneck(only.label, kind, name, share, max(1.0, relative(0.5)), min(1.0, relative(2.0)))


def _as_recorded(scenario: Scenario) -> bool:
    return isinstance(scenario.workload, TraceWorkload) and not scenario.workload.rescale
