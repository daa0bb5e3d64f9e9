"""run(): the one place where topology, workload, strategies and engine meet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from ..engine.interpreter import replay
from ..engine.ops import moved
from ..engine.ports import Network
from ..engine.steady_state import Marks, Rhythm, find_rhythm
from ..engine.timeline import Timeline, extrapolate
from ..network.counted import CountingNetwork, Pair, continued
from ..network.over_links import CHUNKED, LinkNetwork
from ..network.placement import Placement
from ..network.published_cost import PublishedCostNetwork
from ..scenario.model import Scenario
from ..shell.progress import UNWATCHED, Watch
from ..strategies import Reference, is_reference
from ..strategies.shared.strategy import told_apart
from ..topology.links import Link
from ..topology.model import PUBLISHED
from ..units.in_words import human_seconds
from .assumptions import assumptions
from .cost import assumed, cost_of
from .jobs import check_chips, jobs, plan_job, workers_of
from .memory import memory_of, warnings
from .results import Job, Outcome, Result
from .summary import summarise
from .without_effect.keys import without_effect
from .without_effect.prices import unused_prices

AnyNetwork = LinkNetwork | PublishedCostNetwork
_FEW = 4
"""Rounds after which every link that carries anything has done so."""


def run(scenario: Scenario, watch: Watch = UNWATCHED) -> Result:
    """Replays every strategy of a scenario, and Data-Parallel to compare with where it is not among them.

    Args:
      scenario: what is asked about.
      watch: is told how far the replays are.

    Raises:
      InputError: the topology cannot carry a strategy, or the chips cannot be shared evenly.
    """
    return result_of(scenario, outcomes(scenario, watch))


def result_of(scenario: Scenario, found: Sequence[Outcome]) -> Result:
    """The answer to a scenario whose strategies have been replayed; only a missing Data-Parallel is replayed here."""
    compare = _Reference(scenario, found)
    labels = told_apart([each.job.strategy.label for each in found])
    runs = tuple(
        replace(
            summarise(each, scenario.topology.name, compare.wall_clock_s(each.job)),
            label=label,
            cost=cost_of(scenario, each),
            memory=memory_of(scenario, each.job) if scenario.workload.memory else None,
        )
        for each, label in zip(found, labels, strict=True)
    )
    notes = (*found[0].job.setting.load.notes, *assumptions(scenario, runs, found), *assumed(scenario, found))
    notes += tuple(warnings(scenario, [each.job for each in found], labels))
    carried = frozenset(link.name for each in runs for link in each.links if link.bytes)
    unused = unused_prices(scenario, found)
    ignored = without_effect(scenario, [each.job for each in found], carried or None, unused)
    return Result(scenario, runs, (*notes, *ignored))


class _Reference:
    """Data-Parallel's wall-clock to compare with: that of the first such run listed, else that of a run made for it."""

    def __init__(self, scenario: Scenario, found: Sequence[Outcome]) -> None:
        self._scenario = scenario
        self._known: dict[int, float] = {}
        for outcome in found:
            if is_reference(outcome.job.strategy):
                self._known.setdefault(outcome.job.setting.load.chips, outcome.timeline.wall_clock_s)

    def wall_clock_s(self, job: Job) -> float:
        """On the chips of a job, or on all where each datacenter has its own number [s]."""
        chips = job.setting.load.chips
        if chips not in self._known:
            own = plan_job(self._scenario, Reference(), chips)
            found_s = self._known.get(own.setting.load.chips)
            self._known[chips] = found_s or _alone(self._scenario, own, full=False).timeline.wall_clock_s
        return self._known[chips]


def outcomes(scenario: Scenario, watch: Watch = UNWATCHED) -> list[Outcome]:
    """The replays of a scenario's strategies and no others: each on a network of its own, or all together on one.

    Raises:
      InputError: the topology cannot carry a strategy, or the chips cannot be shared evenly.
    """
    planned = jobs(scenario)
    labels = told_apart([job.strategy.label for job in planned])
    if scenario.jobs == "together":
        watch.doing(f"replaying {', '.join(labels)} together", 0, 1)
        return _together(scenario, planned)
    found = []
    for number, (label, job) in enumerate(zip(labels, planned, strict=True)):
        watch.doing(f"replaying {label}", number, len(planned))
        found.append(alone(scenario, job))
        watch.found(f"{label}: {human_seconds(found[-1].timeline.wall_clock_s)}")
    return found


def alone(scenario: Scenario, job: Job) -> Outcome:
    """The replay of one job of a scenario, or of a varied one, on a network of its own."""
    return _alone(scenario, job, full=scenario.replay == "full")


def network_of(scenario: Scenario, jobs: Sequence[Job], *, one_at_a_time: bool = False) -> AnyNetwork:
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
    return LinkNetwork(placement, algorithm, one_at_a_time=one_at_a_time)


def _alone(scenario: Scenario, job: Job, *, full: bool) -> Outcome:
    """Replays a job on a network of its own, and continues it exactly once it repeats itself.

    The programs of all workers repeat once H and the recorded cycle have come round together. If nothing is left over
    from before a synchronisation, so does the run; otherwise when it has settled, the buckets of links included. A
    steady replay makes the beginning, the remainder and one period, and again with one period more. Where nothing
    repeats, every step is replayed.
    """
    strategy, steps = job.strategy, job.setting.load.steps
    every_step = full or not _repeats(scenario, job)
    alike = strategy.blocking and not every_step and not _bucketed(scenario)
    network = _counted(scenario, network_of(scenario, [job], one_at_a_time=alike))
    used = network.collective(_first_group(job), strategy.outer_bytes(job.setting))
    period = period_of(job)
    first, more = period, period
    if not every_step and not (_drains(scenario, job) and not _bucketed(scenario)):
        found = _rhythm([network], job, steps // period)
        first, more = (found.settled * period, found.cycle * period) if found else (steps, period)
    shorter = first + (steps - first) % more  # a whole number of cycles is left
    if every_step or shorter + more >= steps:
        return Outcome(job, _replay(network, job, steps), used, steps, _sent(network))
    periods = (steps - shorter) // more
    one, sent_one = _replay(network, job, shorter), _sent(network)
    two, sent_two = _replay(network, job, shorter + more), _sent(network)
    sent = continued(sent_one, sent_two, periods)
    return Outcome(job, extrapolate(one, two, periods), used, shorter + more, sent)


def _counted(scenario: Scenario, network: AnyNetwork) -> AnyNetwork | CountingNetwork:
    """A network, which counts what is sent by pair of workers where bytes have a price."""
    sites = scenario.topology.datacenters
    priced = bool(scenario.topology.egress) or any(site.egress is not None for site in sites)
    return CountingNetwork(network) if priced else network


def _sent(network: AnyNetwork | CountingNetwork) -> dict[Pair, float]:
    return network.sent() if isinstance(network, CountingNetwork) else {}


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
    if scenario.replay == "steady" and _repeats(scenario, job):
        starts = _starts(scenario, job)
        found = _rhythm(starts, job)
        if found:
            first, count = found.settled * period_of(job), found.cycle * period_of(job)
            if job.setting.shares_compute:  # how long a step took is not in the workload then
                one, two = (_replay(starts[0], job, steps) for steps in (first, first + count))
                return (two.mean("compute_s") - one.mean("compute_s")) / found.seconds, True
            workers, compute_s = job.setting.everyone, job.setting.load.compute_s
            return math.fsum(compute_s(worker, first, count) for worker in workers) / len(workers) / found.seconds, True
    timeline = _replay(network_of(scenario, [job]), job, job.setting.load.steps)
    return timeline.mean("compute_s") / timeline.wall_clock_s, False


def carrying(scenario: Scenario, planned: Sequence[Job]) -> frozenset[str] | None:
    """Names of the links that carry anything in the first rounds of some jobs.

    None where nobody counts (at the published cost), or where the way of an exchange depends on its size (`auto`).
    """
    if scenario.algorithm in (PUBLISHED, "auto"):
        return None
    replays = [_replay(network_of(scenario, [job]), job, _FEW * job.strategy.steps_per_sync) for job in planned]
    return frozenset(link.name for each in replays for link in each.links if link.carried_bytes) or None


def _repeats(scenario: Scenario, job: Job) -> bool:
    """Whether a long run of a job repeats itself.

    It does not on links whose bandwidth changes, nor where workers who never meet slow each other down on a host:
    moments are then no longer sums and maxima of earlier ones, and what looks like a rhythm may drift.
    """
    apart = job.setting.shares_compute and not _drains(scenario, job)
    return job.strategy.repeats and not apart and not _changing(scenario)


def _changing(scenario: Scenario) -> bool:
    """Whether the same exchange may take another time later, because a bandwidth changes with the clock.

    A link that has nothing, for ever, counts too: a replay step by step says who waits for it.
    """
    return scenario.algorithm != PUBLISHED and any(_changes(link) for link in scenario.topology.links)


def _changes(link: Link) -> bool:
    profile = link.profile()
    return profile.next_change_s(0.0) is not None or not profile.capacity_at(0.0)


def _bucketed(scenario: Scenario) -> bool:
    """Whether how long an exchange takes depends on those before it, which leave less in the buckets of links."""
    return scenario.algorithm != PUBLISHED and any(link.burst_bytes for link in scenario.topology.links)


def period_of(job: Job) -> int:
    """Steps after which the programs of all workers repeat."""
    return math.lcm(job.strategy.steps_per_sync, job.setting.load.cycle_steps)


def _rhythm(starts: Sequence[Network], job: Job, most_periods: int | None = None) -> Rhythm | None:
    """The rhythm that a job settles into from one of several starts; None if it does not soon enough."""
    replays = [partial(_replay, network, job) for network in starts]
    return find_rhythm(replays, job.setting.workers, period_of(job), most_periods)


def _starts(scenario: Scenario, job: Job) -> list[Network]:
    """Networks to find a rhythm on: the network as it is, and, if it can be made so, one that is busy at first.

    The busy one is taken by something else for longer than any worker can go on without an exchange.
    From an idle start a backlog builds up slowly where the links are a little too thin; from a busy one it is there.
    Where workers share a host's compute, moments are no longer sums and maxima of earlier ones, and how a run begins
    may decide how it goes on.
    """
    network = network_of(scenario, [job], one_at_a_time=job.strategy.blocking and not _bucketed(scenario))
    if _drains(scenario, job) or job.setting.shares_compute or not isinstance(network, PublishedCostNetwork):
        return [network]
    period = replace(job.setting, load=replace(job.setting.load, steps=period_of(job)))
    busy_s = 4 * (max(job.setting.load.mean_step_s) * period_of(job) + job.strategy.link_s(period))
    return [network, PublishedCostNetwork(network.placement, busy_s=busy_s)]


def _drains(scenario: Scenario, job: Job) -> bool:
    """Whether all workers meet at every synchronisation and go on at the same time, with nothing under way."""
    return job.strategy.drains and scenario.algorithm != CHUNKED


def _first_group(job: Job) -> tuple[int, ...]:
    """The workers who exchange with each other after a job's first round, numbered as if no other job ran."""
    return job.strategy.schedule(job.setting).groups(0)[0]


def _replay(network: Network, job: Job, steps: int, marks: Marks | None = None) -> Timeline:
    setting = replace(job.setting, load=replace(job.setting.load, steps=steps))
    return replay(job.strategy.programs(setting), network, places=setting.places, marks=marks)


def _together(scenario: Scenario, jobs: Sequence[Job]) -> list[Outcome]:
    """Replays all jobs at once, competing for the links; every step, as nothing repeats."""
    network = _counted(scenario, network_of(scenario, jobs))
    programs, first, outcomes = [], 0, []
    for job in jobs:
        programs += [moved(program, first) for program in job.strategy.programs(job.setting)]
        first += job.setting.workers
    timeline = replay(programs, network, places=[place for job in jobs for place in job.setting.places])
    first = 0
    for job in jobs:
        last = first + job.setting.workers
        used = network.collective(
            tuple(worker + first for worker in _first_group(job)), job.strategy.outer_bytes(job.setting)
        )
        own = range(first, last)
        sent = {(a - first, b - first): size for (a, b), size in _sent(network).items() if a in own}
        outcomes.append(Outcome(job, timeline.part(first, last), used, job.setting.load.steps, sent))
        first = last
    return outcomes
