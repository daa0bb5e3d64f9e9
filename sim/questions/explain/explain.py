"""Where every second of one run goes, the formula behind it with its numbers, and what it is sensitive to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ...engine.timeline import Timeline, Totals
from ...errors import ArgumentError
from ...scenario.model import Scenario
from ...simulation.results import Job, Run
from ...simulation.run import outcomes, result_of
from ...strategies import DataParallel, DiLoCo, StreamingDiLoCo
from ...topology.model import PUBLISHED, Route
from ...units.in_words import human_quantity, human_seconds
from ...units.quantities import BANDWIDTH, Unit
from .elasticity import Elasticity, elasticities

_NONE = 1e-9
"""A share of the wall-clock below which a time is only what rounding left over."""
_BITS = Unit("bit", "a payload", "1 Gbit")
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
    """Where some of the time goes.

    Attributes:
      what: in words.
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
class Term:
    """One summand of a closed form.

    Attributes:
      what: in words.
      letters: the published formula.
      numbers: the same with the numbers of this run.
      seconds: what it comes to [s].
    """

    what: str
    letters: str
    numbers: str
    seconds: float


@dataclass(frozen=True)
class Explanation:
    """One run, taken apart.

    Attributes:
      scenario, run: what was asked, and its run.
      parts: means over the datacenters; they add up to the wall-clock.
      sites: each datacenter.
      terms: of the closed form on a network that nobody shares; empty where there is none.
      formula_s: their sum; None where there is no closed form [s].
      remark: why the replay differs from the formula, or why there is none.
      elasticities: how sensitive the wall-clock is to each input.
      notes: assumptions.
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


def answer(scenario: Scenario) -> Explanation:
    """Replays the one strategy of a scenario and takes its wall-clock apart.

    Raises:
      InputError: there is more than one strategy, or its run is not possible.
    """
    if len(scenario.strategies) > 1:
        names = ", ".join(strategy.label for strategy in scenario.strategies)
        told = "explain: one run at a time, and there are {names}; write {strategy:diloco:replicas=2}"
        raise ArgumentError(told, names=names)
    outcome = outcomes(scenario)[0]
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
        elasticities=elasticities(scenario),
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
    """The closed form of a job as its summands; empty where its strategy has none.

    What `overlap: layers` hides behind the backward pass is a summand below zero: what remains of the closed form.

    Source: arXiv 2503.09799, appendix A; docs/strategies.md for the descendants.
    """
    whole_s = job.strategy.closed_form_s(job.setting)
    if whole_s is None:
        return ()
    terms = list(_terms(job))
    hidden_s = whole_s - math.fsum(term.seconds for term in terms)
    if abs(hidden_s) > _NONE * whole_s:
        steps = job.setting.load.steps
        numbers = f"-{human_seconds(-hidden_s / steps)} x {steps:,}"
        terms.append(Term("hidden behind the backward pass", "-(what the backward pass hides) T", numbers, hidden_s))
    return tuple(terms)


def _terms(job: Job) -> Iterator[Term]:
    """The summands of a run that stops for each of its exchanges."""
    strategy, setting = job.strategy, job.setting
    load, every, parallel = setting.load, strategy.steps_per_sync, isinstance(strategy, DataParallel)
    alone_inside = not parallel and strategy.replica_count > 1
    inside_s = [setting.inside_s(worker) if alone_inside else 0.0 for worker in setting.everyone]
    slowest = max(setting.everyone, key=lambda worker: load.mean_step_s[worker] + inside_s[worker])
    step_s = load.mean_step_s[slowest]
    yield Term("compute", "C T", f"{human_seconds(step_s)} x {load.steps:,}", step_s * load.steps)
    if alone_inside and inside_s[slowest]:
        way = _exchange(load.gradient_bytes, load.deal.worker_chips[slowest], setting.inside[slowest])
        yield Term(
            "gradients inside a datacenter",
            "[(2 N b/W0)(1 - M/R) + e0] T",
            f"{way} x {load.steps:,}",
            inside_s[slowest] * load.steps,
        )
    across = "[(2 N b/W1)(1 - 1/R) + e1 + o1]" if setting.across.overhead_s else "[(2 N b/W1)(1 - 1/R) + e1]"
    if not alone_inside:
        payload_bytes = strategy.payload_bytes(setting, load.gradient_bytes) if parallel else load.gradient_bytes
        yield Term(
            "gradients across datacenters",
            f"{across} T",
            f"{_exchange(payload_bytes, load.chips, setting.across)} x {load.steps:,}",
            setting.across_s(payload_bytes) * load.steps,
        )
    if not parallel:
        yield _outer(job, across)
    yield from _more_starts(job)
    if packing_s := strategy.packing_s(setting):
        yield Term(
            "packing payloads",
            "c T" if parallel else "c T/H",
            f"{human_seconds(packing_s)} x {_rounds(load.steps, every)}",
            packing_s * load.steps / every,
        )


def _outer(job: Job, across: str) -> Term:
    strategy, setting = job.strategy, job.setting
    payload_bytes, steps, every = strategy.outer_bytes(setting), setting.load.steps, strategy.steps_per_sync
    # Streaming DiLoCo pays the latency for each of its fragments
    fragments = strategy.fragment_count(setting) if isinstance(strategy, StreamingDiLoCo) else 1
    bandwidth, latency_s, overhead_s = setting.across[:3]
    route = Route(bandwidth, latency_s * fragments, overhead_s * fragments)
    seconds = (setting.sending_s(payload_bytes) + setting.across_s(0.0) * fragments) * steps / every
    letters = across if fragments == 1 else across.replace("e1", "P e1").replace("o1", "P o1")
    numbers = f"{_exchange(payload_bytes, setting.load.chips, route)} x {_rounds(steps, every)}"
    return Term("outer steps across datacenters", f"{letters} T/H", numbers, seconds)


def _more_starts(job: Job) -> Iterator[Term]:
    """With `overlap: layers` each part of an exchange has the overhead that is counted once elsewhere."""
    strategy, setting = job.strategy, job.setting
    if not isinstance(strategy, DataParallel | DiLoCo) or not strategy.by_layer or not setting.across.overhead_s:
        return
    load, overhead_s = setting.load, setting.across.overhead_s
    spans = strategy.replica_count == 1
    every = 1 if spans else strategy.steps_per_sync
    if isinstance(strategy, DataParallel):
        payload_bytes = strategy.payload_bytes(setting, load.gradient_bytes)
    else:
        payload_bytes = load.gradient_bytes if spans else strategy.outer_bytes(setting)
    more = len(strategy.whole(setting, payload_bytes)) - 1
    yield Term(
        "starting the other layers' exchanges",
        "(n - 1) o1 T" if every == 1 else "(n - 1) o1 T/H",
        f"{more} x {human_seconds(overhead_s)} x {_rounds(load.steps, every)}",
        more * overhead_s * load.steps / every,
    )


def _exchange(payload_bytes: float, peers: float, route: Route) -> str:
    """(2 S/W)(1 - 1/R) + e with its numbers."""
    if peers <= 1:
        return "0 s (a lone chip)"
    bits, bandwidth = human_quantity(8 * payload_bytes, _BITS), human_quantity(route.bandwidth_bits_per_s, BANDWIDTH)
    overhead = f" + {human_seconds(route.overhead_s)}" if route.overhead_s else ""
    return f"[2 x {bits} / {bandwidth} x (1 - 1/{peers:g}) + {human_seconds(route.latency_s)}{overhead}]"


def _rounds(steps: int, every: int) -> str:
    return f"{steps:,}" if every == 1 else f"{steps:,}/{every}"


def _remark(scenario: Scenario, job: Job, wall_clock_s: float, formula_s: float | None) -> str:
    strategy, setting = job.strategy, job.setting
    if formula_s is None:
        least = strategy.bound_s(setting)
        why = "its exchanges run behind compute, or it depends on who meets whom"
        if setting.shares_compute:
            why = "its datacenters share the compute of a host"
        return (
            f"{strategy.label} has no closed form: {why}. "
            f"On a network that nobody shares no run is shorter than {human_seconds(least)} (compute, or the bytes "
            "over the narrowest way)."
        )
    steps, every = setting.load.steps, strategy.steps_per_sync
    rounds = (
        f"; the formula takes T/H = {steps / every:.4g} outer steps, the replay makes {strategy.outer_steps(steps)}"
        if steps % every
        else ""
    )
    shared = (
        ""
        if scenario.algorithm == PUBLISHED
        else "; the replay's exchanges are flows between datacenters that share the links"
    )
    varying = (
        "; steps of a recording differ, and a barrier waits for the slowest" if setting.load.cycle_steps > 1 else ""
    )
    apart = wall_clock_s / formula_s - 1
    same = abs(apart) < _NONE
    return (
        "The replay is the formula exactly." if same else f"The replay is {apart:+.3%} of it{rounds}{shared}{varying}."
    )
