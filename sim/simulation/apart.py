"""Replicas that never meet, and share neither a link nor a host: each is replayed by itself, and repeats itself.

Together they never do, as each has a pace of its own. All that one has of the others is how many updates they have made
when its own arrives, and what it has to send them in one of its steps: both follow from the moments of all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.calendar import Calendar
from ..engine.interpreter import Replay
from ..engine.leaps import find_leaps, may_leap
from ..engine.ops import Collective, Compute, Merge, Op
from ..engine.steady_state import Beat, Marks
from ..engine.timeline import Timeline
from ..network.paths import Paths
from ..scenario.model import Scenario
from ..strategies.shared.schedule import Schedule
from .replays import bucketed, exchange_of
from .results import Job, Outcome

if TYPE_CHECKING:
    from ..network.counted import AnyNetwork

Floats = NDArray[np.float64]


def shares_nothing(scenario: Scenario, job: Job) -> bool:
    """Whether every worker of those with a pace of their own has links that no other uses, and a host of its own."""
    if job.setting.shares_compute:
        return False
    paths, schedule = Paths(scenario.topology), job.strategy.schedule(job.setting)
    used: set[int] = set()
    for worker in job.setting.everyone:
        own: set[int] = set()
        for collective in _exchanges(job, schedule, worker):
            if collective.members != (worker,) or collective.join is not None:
                return False
            if len(collective.touches) > 1:
                own |= set(paths.way(*(job.sites[each].name for each in collective.touches)).wires)
        if used & own:
            return False
        used |= own
    return True


def _exchanges(job: Job, schedule: Schedule, worker: int) -> Iterable[Collective]:
    """The exchanges of a worker in its first round."""
    for op in _programs(job, schedule, worker, min(schedule.every_of(worker), schedule.steps[worker]))[worker]:
        if not isinstance(op, Compute | Merge):
            yield op.collective


def _programs(job: Job, schedule: Schedule, worker: int, steps: int) -> list[Iterator[Op]]:
    """The ops of every worker where one makes so many steps, and no other any."""
    given = replace(schedule, steps=tuple(steps if each == worker else 0 for each in job.setting.everyone))
    return [job.strategy.program(each, job.setting, given) for each in job.setting.everyone]


class _Course(NamedTuple):
    """What one worker did.

    Attributes:
      timeline: the sums.
      merges_s: when it merged, in order, shape (merges,) [s].
      steps_s: when its inner steps were over, as far as they are replayed one by one, in order, shape (ops,) [s].
      handed_s: when it had a site send something, shape (exchanges,) [s].
      senders: the workers of these sites, shape (exchanges,).
      handed_bytes: what they sent, shape (exchanges,) [byte].
      replayed: inner steps that were replayed.
    """

    timeline: Timeline
    merges_s: Floats
    steps_s: Floats
    handed_s: Floats
    senders: NDArray[np.intp]
    handed_bytes: Floats
    replayed: int


def each_alone(network: AnyNetwork, scenario: Scenario, job: Job) -> Outcome:
    """Replays the workers of a job one after the other, each but for what repeats itself."""
    schedule = job.strategy.schedule(job.setting)
    courses = [_course(network, scenario, job, schedule, worker) for worker in job.setting.everyone]
    links = reduce(
        lambda sums, more: tuple(one.plus(other, 1) for one, other in zip(sums, more, strict=True)),
        (course.timeline.links for course in courses),
    )
    workers = []
    for worker, (course, missed) in enumerate(zip(courses, _missed(courses), strict=True)):
        own = course.timeline.workers[worker]
        peak_bytes = _peak_bytes(worker, courses)
        total, most = int(missed.sum()), int(missed.max(initial=0))
        workers.append(replace(own, staleness=total, stalest=most, peak_bytes=peak_bytes))
    used = exchange_of(network, job)
    sent = {pair: size for course in courses for pair, size in course.timeline.sent.items()}
    return Outcome(job, Timeline(tuple(workers), links, sent=sent), used, max(course.replayed for course in courses))


def _course(network: AnyNetwork, scenario: Scenario, job: Job, schedule: Schedule, worker: int) -> _Course:
    steps = schedule.steps[worker]

    def begin(calendar: Calendar, steps: int = steps) -> tuple[Replay, Marks]:
        marks: Marks = [[] for _ in job.setting.everyone]
        replay = Replay(_programs(job, schedule, worker, steps), network.leaping(calendar), marks=marks, keeper=worker)
        replay.traffic.told = True
        return replay, marks

    length, calendar, clean = schedule.every_of(worker), Calendar(), not bucketed(scenario)
    cycle = job.setting.load.cycle_steps
    beat = Beat((length,), cycle // math.gcd(cycle, length))
    if may_leap(beat, steps):
        calendar, _ = find_leaps(begin, [worker], beat=beat, steps=steps, drains=clean)
    rest, marks = begin(calendar, steps - calendar.steps)
    rest.env.run()
    rest.check_over()
    known = marks[worker]
    stepped = [mark.end_s for mark, after in pairwise(known) if after.step > mark.step]
    stepped += [known[-1].end_s] if known and known[-1].step < steps - calendar.steps else []
    handed_s, senders, handed_bytes = zip(*rest.traffic.handed, strict=True) if rest.traffic.handed else ((), (), ())
    at_s, which = _in_whole(handed_s, calendar)
    return _Course(
        calendar.whole(rest.timeline()),
        np.sort(_in_whole(rest.traffic.merges_s, calendar)[0]),
        np.sort(_in_whole(stepped, calendar)[0]),
        at_s,
        np.array(senders, np.intp)[which],
        np.array(handed_bytes, np.float64)[which],
        steps - calendar.steps,
    )


def _in_whole(moments_s: Sequence[float], calendar: Calendar) -> tuple[Floats, NDArray[np.intp]]:
    """Moments of a replay by the calendar, with those in its leaps, and which moment each repeats."""
    clock_s = np.array(moments_s, np.float64)
    at_s = np.array([calendar.at(moment_s) for moment_s in moments_s], np.float64)
    found, which = [at_s], [np.arange(len(at_s))]
    for leap in calendar.leaps:
        (cycle,) = ((clock_s >= leap.at_s - leap.cycle_s) & (clock_s < leap.at_s)).nonzero()
        later_s = leap.cycle_s * np.arange(1, leap.cycles + 1)
        found.append((at_s[cycle] + later_s[:, None]).reshape(-1))
        which.append(np.tile(cycle, leap.cycles))
    return np.concatenate(found), np.concatenate(which)


def _missed(courses: Sequence[_Course]) -> Iterator[NDArray[np.intp]]:
    """Of every worker, the updates by others that each of its merges did not know of."""
    workers = np.repeat(np.arange(len(courses)), [len(course.merges_s) for course in courses])
    order = np.argsort(np.concatenate([course.merges_s for course in courses]), kind="stable")
    for worker in range(len(courses)):
        yield np.diff(np.flatnonzero(workers[order] == worker), prepend=-1) - 1


def _peak_bytes(worker: int, courses: Sequence[_Course]) -> float:
    """The most that a worker's site was given to send within one inner step, by whomever (see `Tally.computed`)."""
    own = courses[worker]
    chosen = [course.senders == worker for course in courses]
    handed_s = np.concatenate([course.handed_s[which] for course, which in zip(courses, chosen, strict=True)])
    handed_bytes = np.concatenate([course.handed_bytes[which] for course, which in zip(courses, chosen, strict=True)])
    ends_s = own.steps_s[1:]
    in_step = np.bincount(np.searchsorted(ends_s, handed_s, side="right"), handed_bytes, minlength=len(ends_s) + 1)
    most = float(in_step[: len(ends_s)].max(initial=0.0))
    return most or float(handed_bytes[handed_s <= own.timeline.workers[worker].finish_s].sum())
