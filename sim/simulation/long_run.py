"""What share of the time a run computes in the long run, and which links it uses, from as short a replay as will do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..engine.ports import Network
from ..network.published_cost import PublishedCostNetwork
from ..scenario.model import Scenario
from ..topology.model import PUBLISHED
from .alone import shortest
from .jobs import check_chips, plan_job, workers_of
from .replays import beat_of, changing, drains, in_turn, network_of, repeats, replay_of, rhythm_of
from .results import Job

_FEW = 4
"""Rounds after which every link that carries anything has done so."""


def utilization(scenario: Scenario) -> float:
    """Share of the time that the workers of a scenario's first strategy compute in the long run (see `long_run`)."""
    return long_run(scenario)[0]


def long_run(scenario: Scenario) -> tuple[float, bool]:
    """Share of the time that the workers of a scenario's first strategy compute, and whether it is that for ever.

    Once the run repeats itself that is the compute of a cycle over its length; where it does not, or with
    `replay: full`, the compute of the whole run over its wall-clock: then it depends on how long the run is.

    Raises:
      InputError: as for `run`.
    """
    job = plan_job(scenario, scenario.strategies[0], workers_of(scenario, 0))
    check_chips(scenario, 0, job)
    if scenario.replay == "steady" and repeats(scenario, job) and not changing(scenario):
        starts = _starts(scenario, job)
        found = rhythm_of(starts, job)
        if found:
            first, count, beat = found.settled, found.cycle, beat_of(job)
            if job.setting.shares_compute:  # how long a step took is not in the workload then
                one, two = (replay_of(starts[0], job, steps) for steps in (first, first + count))
                return (two.mean("compute_s") - one.mean("compute_s")) / found.seconds, True
            begun, more, compute_s = beat.rounds(first), beat.rounds(count), job.setting.load.compute_s
            own_s = (compute_s(worker, begun * own, more * own) for worker, own in enumerate(beat.lengths))
            return math.fsum(own_s) / len(beat.lengths) / found.seconds, True
        timeline = replay_of(network_of(scenario, [job]), job, job.setting.load.steps)
    else:
        timeline = shortest(scenario, job, full=scenario.replay == "full").timeline
    return timeline.mean("compute_s") / timeline.wall_clock_s, False


def carrying(scenario: Scenario, planned: Sequence[Job]) -> frozenset[str] | None:
    """Names of the links that carry anything in the first rounds of some jobs.

    None where nobody counts (at the published cost), or where the way of an exchange depends on its size (`auto`).
    """
    if scenario.algorithm in (PUBLISHED, "auto"):
        return None
    replays = [replay_of(network_of(scenario, [job]), job, _FEW * job.strategy.steps_per_sync) for job in planned]
    return frozenset(link.name for each in replays for link in each.links if link.carried_bytes) or None


def _starts(scenario: Scenario, job: Job) -> list[Network]:
    """Networks to find a rhythm on: the network as it is, and, if it can be made so, one that is busy at first.

    The busy one is taken by something else for longer than any worker can go on without an exchange.
    From an idle start a backlog builds up slowly where the links are a little too thin; from a busy one it is there.
    Where workers share a host's compute, moments are no longer sums and maxima of earlier ones, and how a run begins
    may decide how it goes on.
    """
    network = network_of(scenario, [job], one_at_a_time=in_turn(scenario, job))
    if drains(scenario, job) or job.setting.shares_compute or not isinstance(network, PublishedCostNetwork):
        return [network]
    beat = beat_of(job)
    period = replace(job.setting, load=replace(job.setting.load, steps=beat.period))
    longest_s = max(each_s * own for each_s, own in zip(job.setting.load.mean_step_s, beat.lengths, strict=True))
    busy_s = 4 * (longest_s * beat.every + job.strategy.link_s(period))
    return [network, PublishedCostNetwork(network.placement, busy_s=busy_s)]
