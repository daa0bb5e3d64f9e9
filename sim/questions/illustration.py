"""What a page shows beside the answer of the main job: one round, other bandwidths, losses by when one stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import ArgumentError, InputError
from ..scenario.model import Scenario
from ..shell.progress import UNWATCHED, Watch
from ..simulation.alone import alone
from ..simulation.jobs import jobs
from ..simulation.observation import Observation
from ..simulation.observe import observe
from ..simulation.predicted_loss import loss_after
from ..simulation.results import Job, Result
from ..strategies.shared.strategy import told_apart
from .predict import LawAnswer

FACTORS = tuple(10 ** (quarter / 4) for quarter in range(-4, 5))
"""How many times as wide as they are the links are made, from a tenth to ten times."""
SHARES = (0.1, 0.15, 0.25, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
"""Of the time that Data-Parallel needs: when one may stop."""
_ROUNDS = 400
"""Rounds of a run that never repeats itself that stand for the whole of it."""


class Pace(NamedTuple):
    """A run over links of another width.

    Attributes:
      label: the strategy.
      factor: how many times as wide as in the scenario all links between datacenters are.
      utilization: share of the wall-clock that the chips compute.
      wall_clock_s: of the whole run [s].
    """

    label: str
    factor: float
    utilization: float
    wall_clock_s: float


class Stop(NamedTuple):
    """What a strategy has reached if its run is made to end after some time.

    Attributes:
      label: the strategy.
      wall_clock_s: the time [s].
      tokens: that fit into it, at the pace of the run [tokens].
      loss: predicted after these [nats per token].
    """

    label: str
    wall_clock_s: float
    tokens: float
    loss: float


@dataclass(frozen=True)
class Illustration:
    """More than the answer, for whoever draws it.

    Attributes:
      rounds: an outer round of each strategy, moment by moment.
      no_rounds: why there are none; empty where nothing hinders.
      paces: each strategy over narrower and wider links; empty where no links are between the datacenters in use.
      shortened: labels of the strategies of which a part was replayed for the paces.
      stops: losses by when one stops, where there is a law.
    """

    rounds: tuple[Observation, ...] = ()
    no_rounds: str = ""
    paces: tuple[Pace, ...] = ()
    shortened: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()


def illustrate(result: Result, watch: Watch = UNWATCHED) -> Illustration:
    """What a page shows beside an answer; replays every strategy over nine widths of the links.

    Args:
      result: the answer.
      watch: is told how far the replays are.
    """
    paces, shortened = _paces(result, watch)
    return Illustration(*one_round(result.scenario), tuple(paces), shortened, tuple(stops(result)))


def one_round(scenario: Scenario) -> tuple[tuple[Observation, ...], str]:
    """One outer round of every strategy, moment by moment; and why there is none, in words, where that is so."""
    try:
        return observe(scenario, 1), ""
    except ArgumentError:  # longer than anybody could look at
        return (), "No round is drawn moment by moment: too much happens in one."


def _paces(result: Result, watch: Watch) -> tuple[list[Pace], tuple[str, ...]]:
    scenario = result.scenario
    if not scenario.topology.links or scenario.jobs == "together" or all(run.datacenters < 2 for run in result.runs):
        return [], ()
    labels = [run.label for run in result.runs]
    shorter = [_shorter(scenario, job, position) for position, job in enumerate(jobs(scenario))]
    found = []
    for number, factor in enumerate(FACTORS):
        watch.doing("replaying over links of other bandwidths", number, len(FACTORS))
        for run, (own, whole) in zip(result.runs, shorter, strict=True):
            try:
                varied = own.vary(bandwidth_across=factor)
            except InputError:
                continue  # wider or narrower than links can be
            timeline = alone(varied, jobs(varied)[0]).timeline
            scale = 1.0 if whole else run.steps / jobs(own)[0].setting.load.steps
            share = timeline.mean("compute_s") / timeline.wall_clock_s
            found.append(Pace(run.label, factor, share, timeline.wall_clock_s * scale))
    cut = tuple(label for label, (_, whole) in zip(labels, shorter, strict=True) if not whole)
    return found, cut


def _shorter(scenario: Scenario, job: Job, position: int) -> tuple[Scenario, bool]:
    """The scenario of one strategy, cut to 400 rounds where every step is replayed; and whether it is whole."""
    own = scenario.replaced(strategies=scenario.strategies[position : position + 1])
    longest = _ROUNDS * job.strategy.steps_per_sync
    if job.strategy.repeats or scenario.replay == "full" or job.setting.load.steps <= longest:
        return own, True
    return own.vary(steps=longest), False


def stops(result: Result) -> Iterator[Stop]:
    """The loss of every strategy that has a law, if its run is made to end sooner or later, at the pace that it has."""
    planned = jobs(result.scenario)
    labels = told_apart([job.strategy.label for job in planned])
    for run, job, label in zip(result.runs, planned, labels, strict=True):
        if run.equal_time_loss is None:
            continue
        reference_s = run.speedup * run.wall_clock_s
        for share in SHARES:
            tokens = share * run.overtraining_tokens
            loss = loss_after(job.strategy.plain_in(job.setting), job.setting.load, tokens).value
            if loss is not None:
                yield Stop(label, share * reference_s, tokens, loss)


def around(ask: Callable[[float], LawAnswer], params: float) -> tuple[LawAnswer, ...]:
    """What the laws say of models from a tenth to ten times a size, everything else asked for in the same way.

    Args:
      ask: the answer for a number of parameters.
      params: N, in the middle.
    """
    return tuple(ask(params * factor) for factor in FACTORS)
