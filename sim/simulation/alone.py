"""One job on a network of its own: as few steps as there need be, and the others counted exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.calendar import Calendar
from ..engine.interpreter import Replay
from ..engine.steady_state import Marks
from ..engine.timeline import extrapolate
from ..scenario.model import Scenario
from .replays import (
    alike,
    bucketed,
    changing,
    counted,
    drains,
    first_group,
    network_of,
    period_of,
    repeats,
    replay_of,
    rhythm_of,
)
from .results import Job, Outcome

if TYPE_CHECKING:
    from ..network.counted import AnyNetwork


def alone(scenario: Scenario, job: Job) -> Outcome:
    """The replay of one job of a scenario, or of a varied one, on a network of its own."""
    return shortest(scenario, job, full=scenario.replay == "full")


def shortest(scenario: Scenario, job: Job, *, full: bool) -> Outcome:
    """Replays a job on a network of its own, and continues it exactly once it repeats itself.

    The programs of all workers repeat once H and the recorded cycle have come round together. If nothing is left over
    from before a synchronisation, so does the run; otherwise when it has settled, the buckets of links included. A
    steady replay makes the beginning, the remainder and one period, and again with one period more. Where links change,
    it leaps from one change to the next; replicas that share nothing are each replayed alone. Where nothing repeats,
    every step is replayed.
    """
    strategy, steps = job.strategy, job.setting.load.steps
    if not full and repeats(scenario, job) and changing(scenario):
        return _with_leaps(counted(scenario, network_of(scenario, [job])), scenario, job)
    if not full and strategy.meetings.own_pace:
        from .apart import each_alone, shares_nothing  # with numpy, as leaps: most runs do without

        if shares_nothing(scenario, job):
            return each_alone(counted(scenario, network_of(scenario, [job])), scenario, job)
    every_step = full or not repeats(scenario, job)
    network = counted(scenario, network_of(scenario, [job], one_at_a_time=not full and alike(scenario, job)))
    used = network.collective(first_group(job), strategy.outer_bytes(job.setting), strategy.shape)
    period = period_of(job)
    first, more = period, period
    if not every_step and not (drains(scenario, job) and not bucketed(scenario)):
        found = rhythm_of([network], job, steps // period)
        first, more = (found.settled * period, found.cycle * period) if found else (steps, period)
    shorter = first + (steps - first) % more  # a whole number of cycles is left
    if every_step or shorter + more >= steps:
        return Outcome(job, replay_of(network, job, steps), used, steps)
    one, two = replay_of(network, job, shorter), replay_of(network, job, shorter + more)
    return Outcome(job, extrapolate(two, one, two, (steps - shorter) // more - 1), used, shorter + more)


def _with_leaps(network: AnyNetwork, scenario: Scenario, job: Job) -> Outcome:
    """Replays a job on links that change, but for what repeats itself from one change to the next.

    A first replay finds the leaps; a second one is the rest of the run, with its end.
    """
    from ..engine.leaps import find_leaps

    steps = job.setting.load.steps
    used = network.collective(first_group(job), job.strategy.outer_bytes(job.setting), job.strategy.shape)

    def begin(calendar: Calendar) -> tuple[Replay, Marks]:
        marks: Marks = [[] for _ in job.setting.everyone]
        programs = job.strategy.programs(job.setting)
        return Replay(programs, network.leaping(calendar), job.setting.places, marks=marks), marks

    clean = drains(scenario, job) and not bucketed(scenario)
    calendar, found = find_leaps(begin, job.setting.everyone, period=period_of(job), steps=steps, drains=clean)
    if found is not None:
        return Outcome(job, found, used, steps)
    rest = replay_of(network.leaping(calendar), job, steps - calendar.steps)
    return Outcome(job, calendar.whole(rest), used, steps - calendar.steps)
