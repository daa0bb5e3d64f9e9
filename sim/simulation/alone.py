"""One job on a network of its own: as few steps as there need be, and the others counted exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ..engine.calendar import Calendar
from ..engine.interpreter import Replay
from ..engine.leaps import Programs, find_leaps, first_guess
from ..engine.ops import Op
from ..engine.steady_state import Marks
from ..engine.timeline import extrapolate
from ..scenario.model import Scenario
from .replays import (
    beat_of,
    bucketed,
    changing,
    counted,
    drains,
    exchange_of,
    in_turn,
    network_of,
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

    The programs of all workers repeat once H and the recorded cycle have come round together, and replicas with rounds
    of their own make a whole number of steps in the mean. If nothing is left over
    from before a synchronisation, so does the run; otherwise when it has settled, the buckets of links included. A
    steady replay makes the beginning, the remainder and one period, and again with one period more. Where links change,
    it leaps from one change to the next; replicas that share nothing are each replayed alone. Where nothing repeats,
    every step is replayed.
    """
    strategy, steps = job.strategy, job.setting.load.steps
    every_step = full or not repeats(scenario, job)
    one_at_a_time = not full and in_turn(scenario, job)
    network = counted(scenario, network_of(scenario, [job], one_at_a_time=one_at_a_time))
    if not full and strategy.meetings.own_pace:
        from .apart import each_alone, shares_nothing  # with numpy: most runs do without

        if shares_nothing(scenario, job):
            return each_alone(network, scenario, job)
    first, more = beat_of(job).steps(1), beat_of(job).period
    if not every_step and (changing(scenario) or not drains(scenario, job) or bucketed(scenario)):
        if changing(scenario) or not strategy.meetings.knows_the_end:
            return _with_leaps(network, scenario, job)
        found = rhythm_of([network], job, steps)
        first, more = (found.settled, found.cycle) if found else (steps, more)
    used = exchange_of(network, job)
    shorter = first + (steps - first) % more  # a whole number of cycles is left
    if every_step or shorter + more >= steps:
        return Outcome(job, replay_of(network, job, steps), used, steps)
    one, two = replay_of(network, job, shorter), replay_of(network, job, shorter + more)
    return Outcome(job, extrapolate(two, one, two, (steps - shorter) // more - 1), used, shorter + more)


def _with_leaps(network: AnyNetwork, scenario: Scenario, job: Job) -> Outcome:
    """Replays a job, but for what repeats itself until a link changes, or until the end.

    The replay of the whole run stands before the end of one that is shorter by its leaps, and goes on as that; where
    exchanges depend on how long the run is, the shorter one is replayed from its beginning.
    """
    strategy, setting, steps = job.strategy, job.setting, job.setting.load.steps
    used = exchange_of(network, job)
    beat = beat_of(job)

    def make(steps: int) -> list[Iterator[Op]]:
        return strategy.programs(replace(setting, load=replace(setting.load, steps=steps)))

    known = strategy.meetings.knows_the_end
    programs = Programs(make, steps if known or changing(scenario) else first_guess(beat, steps))

    def begin(calendar: Calendar) -> tuple[Replay, Marks]:
        marks: Marks = [[] for _ in setting.everyone]
        return Replay(programs.each, network.leaping(calendar), setting.places, marks=marks), marks

    clean = drains(scenario, job) and not bucketed(scenario)
    calendar, replay = find_leaps(
        begin, setting.everyone, None if known else programs, beat=beat, steps=steps, drains=clean
    )
    if known and calendar.steps:
        rest = replay_of(network.leaping(calendar), job, steps - calendar.steps)
        return Outcome(job, calendar.whole(rest), used, steps - calendar.steps)
    replay.env.run()
    replay.check_over()
    return Outcome(job, calendar.whole(replay.timeline()), used, steps - calendar.steps)
