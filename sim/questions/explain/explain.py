"""Where every second of one run goes, its formula with numbers, and how sensitive it is to each input."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...engine.timeline import Timeline, Totals
from ...errors import ArgumentError
from ...scenario.model import Scenario
from ...shell.progress import UNWATCHED, Watch
from ...simulation.results import Job, Run
from ...simulation.run import outcomes, result_of
from ...strategies.shared.closed_form import Term
from ...topology.model import PUBLISHED
from ...units.in_words import human_seconds
from .elasticity import Elasticity, elasticities
from .flops import Flops

_NEGLIGIBLE = 1e-9
"""A share of the wall-clock below which a time is only what rounding left over."""
PARTS = {
    "computing": "compute_s",
    "exchanges across datacenters": "exposed_across_s",
    "exchanges inside the datacenters": "exposed_inside_s",
    "waiting for slower replicas": "straggler_wait_s",
    "packing payloads": "packing_s",
}
ENDED = "replicas that end before the last"


@dataclass(frozen=True)
class Part:
    """A part of the wall-clock.

    Attributes:
      what: its name, in words.
      seconds: in the whole run [s].
      share: of the wall-clock.
    """

    what: str
    seconds: float
    share: float


@dataclass(frozen=True)
class Site:
    """The parts of one datacenter's time; they add up to the wall-clock of the run."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Explanation:
    """One run, divided into its parts.

    Attributes:
      scenario, run: what was asked, and its run.
      parts: means over the datacenters; they add up to the wall-clock.
      sites: each datacenter.
      terms: of the closed form on a network without contention; empty if there is none.
      formula_s: their sum; None where there is no closed form [s].
      remark: why the replay differs from the formula, or why there is none.
      elasticities: how sensitive the wall-clock is to each input.
      notes: assumptions.
      flops: of a step, block by block; None where nobody asked.
    """

    scenario: Scenario
    run: Run
    parts: tuple[Part, ...]
    sites: tuple[Site, ...]
    terms: tuple[Term, ...]
    formula_s: float | None
    remark: str
    elasticities: tuple[Elasticity, ...]
    notes: tuple[str, ...]
    flops: Flops | None = None


def answer(scenario: Scenario, watch: Watch = UNWATCHED) -> Explanation:
    """Replays the one strategy of a scenario and divides its wall-clock into parts.

    Args:
      scenario: what is asked about.
      watch: is told how far the replays are.

    Raises:
      InputError: there is more than one strategy, or its run is not possible.
    """
    if len(scenario.strategies) > 1:
        names = ", ".join(strategy.label for strategy in scenario.strategies)
        told = "explain: it takes one strategy, and there are {names}; write {strategy:diloco:replicas=2}"
        raise ArgumentError(told, names=names)
    outcome = outcomes(scenario, watch)[0]
    job, timeline = outcome.job, outcome.timeline
    found = result_of(scenario, [outcome])
    terms = closed_form(job)
    formula_s = job.strategy.ideal_s(job.setting) if terms else None
    return Explanation(
        scenario=scenario,
        run=found.runs[0],
        parts=_mean_parts(timeline),
        sites=tuple(
            Site(site.name, _parts(totals, timeline.wall_clock_s))
            for site, totals in zip(job.sites, timeline.workers, strict=True)
        ),
        terms=terms,
        formula_s=formula_s,
        remark=_remark(scenario, job, timeline.wall_clock_s, formula_s),
        elasticities=elasticities(scenario, watch),
        notes=found.notes,
    )


def _parts(totals: Totals, wall_clock_s: float) -> tuple[Part, ...]:
    """Every second of one worker, until the last of them has finished."""
    seconds = {what: float(getattr(totals, field)) for what, field in PARTS.items()}
    seconds[ENDED] = wall_clock_s - totals.finish_s
    return tuple(Part(what, each_s, each_s / wall_clock_s) for what, each_s in seconds.items())


def _mean_parts(timeline: Timeline) -> tuple[Part, ...]:
    wall_clock_s = timeline.wall_clock_s
    each = [_parts(totals, wall_clock_s) for totals in timeline.workers]
    means = [math.fsum(part.seconds for part in same) / len(each) for same in zip(*each, strict=True)]
    names = [*PARTS, ENDED]
    return tuple(Part(what, mean_s, mean_s / wall_clock_s) for what, mean_s in zip(names, means, strict=True))


def closed_form(job: Job) -> tuple[Term, ...]:
    """The closed form of a job as its summands; empty where its strategy has none, or workers share a host."""
    form = None if job.setting.shares_compute else job.strategy.closed_form(job.setting)
    return () if form is None else form.terms()


def _remark(scenario: Scenario, job: Job, wall_clock_s: float, formula_s: float | None) -> str:
    strategy, setting = job.strategy, job.setting
    if formula_s is None:
        least = strategy.bound_s(setting)
        why = "its exchanges run behind compute, or its time depends on the order in which replicas arrive"
        if setting.shares_compute:
            why = "its datacenters share the compute of a host"
        return (
            f"{strategy.label} has no closed form: {why}. "
            f"Without contention no run is shorter than {human_seconds(least)} (compute, or the bytes over the "
            "narrowest route)."
        )
    form, made = strategy.closed_form(setting), strategy.outer_steps_in(setting)
    what = "T/H" if form is None or form.own is None else "T M/S"
    rounds = (
        f"; the formula takes {what} = {form.rounds:.4g} outer steps, the replay makes {made}"
        if form is not None and form.rounds % 1
        else ""
    )
    shared = (
        ""
        if scenario.algorithm == PUBLISHED
        else "; exchanges of the replay are flows between datacenters that share the links"
    )
    varying = "; recorded steps differ, and a barrier waits for the straggler" if setting.load.cycle_steps > 1 else ""
    apart = wall_clock_s / formula_s - 1
    same = abs(apart) < _NEGLIGIBLE
    return (
        "The replay equals the formula."
        if same
        else f"The replay differs from the formula by {apart:+.3%}{rounds}{shared}{varying}."
    )
