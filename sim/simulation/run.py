"""run(): the one place where topology, workload, strategies and engine meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..engine.interpreter import replay
from ..engine.ops import moved
from ..scenario.model import Scenario
from ..shell.progress import UNWATCHED, Watch
from ..strategies import Reference, is_reference
from ..strategies.shared.strategy import told_apart
from ..units.in_words import human_seconds
from .alone import alone, shortest
from .assumptions import assumptions
from .cost import assumed, cost_of
from .jobs import jobs, plan_job
from .memory import memory_of, warnings
from .replays import counted, exchange_of, network_of
from .results import Job, Outcome, Result
from .summary import summarise
from .without_effect.keys import without_effect
from .without_effect.prices import unused_prices


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
            self._known[chips] = found_s or shortest(self._scenario, own, full=False).timeline.wall_clock_s
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


def _together(scenario: Scenario, jobs: Sequence[Job]) -> list[Outcome]:
    """Replays all jobs at once, competing for the links; every step, as nothing repeats."""
    network = counted(scenario, network_of(scenario, jobs))
    programs, first, outcomes = [], 0, []
    for job in jobs:
        programs += [moved(program, first) for program in job.strategy.programs(job.setting)]
        first += job.setting.workers
    timeline = replay(programs, network, places=[place for job in jobs for place in job.setting.places])
    first = 0
    for job in jobs:
        last = first + job.setting.workers
        used = exchange_of(network, job, first)
        outcomes.append(Outcome(job, timeline.part(first, last), used, job.setting.load.steps))
        first = last
    return outcomes
