"""One replay of some steps of a job, and what is known of it beforehand: what repeats, drains, changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING

from ..engine.interpreter import replay
from ..engine.ports import Network
from ..engine.steady_state import Beat, Marks, Rhythm, find_rhythm
from ..engine.timeline import Timeline
from ..network.candidates import CHUNKED
from ..network.counted import CountingNetwork
from ..network.placement import Placement
from ..network.published_cost import PublishedCostNetwork
from ..scenario.model import Scenario
from ..topology.links import Link
from ..topology.model import PUBLISHED
from .results import Job

if TYPE_CHECKING:
    from ..network.counted import AnyNetwork
    from ..network.over_links import LinkNetwork


def network_of(
    scenario: Scenario, jobs: Sequence[Job], *, one_at_a_time: bool = False
) -> LinkNetwork | PublishedCostNetwork:
    """The network that some jobs of a scenario share."""
    placement = Placement(
        scenario.topology,
        tuple(site.name for job in jobs for site in job.sites),
        tuple(chips for job in jobs for chips in job.setting.load.deal.worker_chips),
        tuple(number for number, job in enumerate(jobs) for _ in job.sites),
    )
    algorithm = scenario.algorithm
    if algorithm == PUBLISHED:
        return PublishedCostNetwork(placement)
    from ..network.over_links import LinkNetwork  # with numpy, which a run at published costs does without

    return LinkNetwork(placement, algorithm, one_at_a_time=one_at_a_time)


def counted(scenario: Scenario, network: LinkNetwork | PublishedCostNetwork) -> AnyNetwork:
    """A network, which counts what is sent by pair of workers where bytes have a price."""
    sites = scenario.topology.datacenters
    priced = bool(scenario.topology.egress) or any(site.egress is not None for site in sites)
    return CountingNetwork(network) if priced else network


def replay_of(network: Network, job: Job, steps: int, marks: Marks | None = None) -> Timeline:
    """The replay of so many steps of a job."""
    setting = replace(job.setting, load=replace(job.setting.load, steps=steps))
    return replay(job.strategy.programs(setting), network, places=setting.places, marks=marks)


def rhythm_of(starts: Sequence[Network], job: Job, most_steps: float = math.inf) -> Rhythm | None:
    """The rhythm that a job settles into from one of several starts; None if it does not soon enough."""
    own_pace = job.strategy.meetings.own_pace
    replays = [partial(replay_of, network, job) for network in (starts[:1] if own_pace else starts)]
    found = find_rhythm(replays, beat_of(job), most_steps)
    return None if found and own_pace and not _in_step(replays[0], job, found) else found


def _in_step(replay_steps: Callable[[int, Marks], object], job: Job, found: Rhythm) -> bool:
    """Whether workers with a pace of their own were all at the same place at all times until the rhythm was found.

    Only then is what happens next told by moments alone: else it also matters who was there how often.
    """
    marks: Marks = [[] for _ in job.setting.everyone]
    steps = found.settled + beat_of(job).period
    replay_steps(steps, marks)
    ends_s = [[each.end_s for each in own if each.done_s is None and each.step < steps] for own in marks]
    return all(each == ends_s[0] for each in ends_s)


def repeats(scenario: Scenario, job: Job) -> bool:
    """Whether a long run of a job repeats itself.

    It does not where workers who never meet slow each other down on a host: moments are then no longer sums and maxima
    of earlier ones, and what looks like a rhythm may drift.
    """
    apart = job.setting.shares_compute and not drains(scenario, job)
    drift = job.strategy.meetings.own_pace and changing(scenario)
    return job.strategy.repeats_in(job.setting) and not apart and not drift


def changing(scenario: Scenario) -> bool:
    """Whether the same exchange may take another time later, because a bandwidth changes with the clock.

    A link that has nothing, for ever, counts too: a replay step by step says who waits for it.
    """
    return scenario.algorithm != PUBLISHED and any(_changes(link) for link in scenario.topology.links)


def _changes(link: Link) -> bool:
    profile = link.profile()
    return profile.next_change_s(0.0) is not None or not profile.capacity_at(0.0)


def in_turn(scenario: Scenario, job: Job) -> bool:
    """Whether exchanges that are under way share no link, so that how one goes depends on when it begins alone.

    They go one after the other where all are among all sites, or among those of regions without a common link; so do
    those with a link in common where all go one way. What is left in a bucket whose link changes is not known then.
    """
    meetings = job.strategy.meetings
    together = scenario.algorithm != CHUNKED and (meetings.of_all or _in_regions(scenario, job))
    ordered = (together or meetings.own_pace) and not meetings.at_once
    return ordered and not (bucketed(scenario) and changing(scenario))


def _in_regions(scenario: Scenario, job: Job) -> bool:
    """Whether workers exchange in fixed groups, between whose members no link is one of another group's."""
    meetings, groups = job.strategy.meetings, job.strategy.schedule(job.setting).groups(0)
    if scenario.algorithm == PUBLISHED or meetings.own_pace or meetings.drawn or len(groups) < 2:
        return False
    from ..network.paths import Paths

    paths, used = Paths(scenario.topology), list[int]()
    for group in groups:
        ways = (paths.way(job.sites[one].name, job.sites[other].name) for one, other in permutations(group, 2))
        used += {wire for way in ways for wire in way.wires}
    return len(used) == len(set(used))


def bucketed(scenario: Scenario) -> bool:
    """Whether how long an exchange takes depends on those before it, which leave less in the buckets of links."""
    return scenario.algorithm != PUBLISHED and any(link.burst_bytes for link in scenario.topology.links)


def drains(scenario: Scenario, job: Job) -> bool:
    """Whether all workers meet at every synchronisation and go on at the same time, with nothing under way."""
    return job.strategy.drains and scenario.algorithm != CHUNKED


def beat_of(job: Job) -> Beat:
    """The rounds of a job, from one exchange between all workers to the next, and after how many programs repeat."""
    lengths, cycle = job.strategy.steps_per_sync_of(job.setting), job.setting.load.cycle_steps
    whole = len(lengths) // math.gcd(sum(lengths), len(lengths))
    return Beat(lengths, math.lcm(whole, *(cycle // math.gcd(cycle, own) for own in set(lengths))))


def first_group(job: Job) -> tuple[int, ...]:
    """The workers who exchange with each other after a job's first round, numbered as if no other job ran."""
    return job.strategy.schedule(job.setting).groups(0)[0]


def exchange_of(network: AnyNetwork, job: Job, first: int = 0) -> str:
    """How a job exchanges between its sites, by name.

    Args:
      network: that it is replayed on.
      job: the job.
      first: the number of its first worker.
    """
    members = first_group(job)
    if len(members) == 1 < job.setting.workers and job.setting.parts_inside:
        return "messages"  # as flows, from one site to another, and no exchange among several
    size_bytes = job.strategy.outer_bytes(job.setting)
    return network.collective(tuple(worker + first for worker in members), size_bytes, job.strategy.shape)
