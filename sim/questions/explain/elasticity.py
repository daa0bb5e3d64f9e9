"""By how many percent a wall-clock changes when one input changes by one percent, found on the replay."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...documents.validation import validate
from ...scenario.model import Scenario
from ...scenario.variation import Document, times, wider
from ...simulation.jobs import jobs
from ...simulation.results import Job
from ...simulation.run import alone
from ...units.quantities import BANDWIDTH, LATENCY
from ...workload.load import Load

STEP = 1.05
"""How far up and down an input is moved, as a factor."""
_WIDE = 1.2
"""The same for H, which is a whole number, and whose outer steps are rounded up."""


@dataclass(frozen=True)
class Elasticity:
    """How sensitive a wall-clock is to an input.

    Attributes:
      input: what was varied, everything else as it was.
      unit: of `low` and `high`.
      low, high: the values that were replayed; None where the input does not exist.
      low_s, high_s: wall-clock at these [s].
      elasticity: log(high_s / low_s) / log(high / low): -1 means twice as much halves the time, 0 that it does not
        matter; None where the input does not exist or is 0.
      why_not: why there is none.
    """

    input: str
    unit: str
    low: float | None
    high: float | None
    low_s: float | None
    high_s: float | None
    elasticity: float | None
    why_not: str | None = None


_ROUNDS = 400
Variant = tuple[float, Scenario, Job]
"""The value of the input, and what to replay for it."""


def elasticities(scenario: Scenario) -> tuple[Elasticity, ...]:
    """Elasticities of the wall-clock of a scenario's first strategy, by central differences on the replay.

    d log(wall-clock) / d log(input), from an input 5% up and 5% down; H by 20%, at the least by one. Chips and chip
    speed: at equal batch. Batch: at equal tokens and chips. Params: at equal tokens, batch and chips, more compute and
    more payload. Tokens: those that the whole steps come to.

    Raises:
      InputError: as for `sim.simulation.run.run`.

    Limits: whole steps and rounds leave an error of the order of one over their number. Near a kink (an exchange that
      is just hidden) it is the slope across it. Of a run that never repeats itself 400 rounds stand for the whole.
    """
    scenario = _no_longer_than_needed(scenario)
    job = jobs(scenario)[0]
    links = [link.latency_s for link in scenario.topology.links]
    bandwidth = job.setting.across.bandwidth_bits_per_s / scenario.topology.transport.payload_share
    one_site = "all of it runs inside one datacenter" if job.setting.workers == 1 else None
    inside_s = max(route.latency_s for route in job.setting.inside)
    inside_bits = min(route.bandwidth_bits_per_s for route in job.setting.inside)
    no_latency = None if any(links) else "the latency is 0"
    load = job.setting.load
    bits = 8 * job.strategy.outer_bytes(job.setting) / load.params
    found = [
        _measured(
            "bandwidth across", "bit/s", lambda f: _on(scenario, bandwidth * f, lambda t: _links_wider(t, f)), one_site
        ),
        _measured(
            "latency across",
            "s",
            lambda f: _on(scenario, job.setting.across.latency_s * f, lambda t: _links_later(t, f)),
            one_site or no_latency,
        ),
        _measured("bandwidth inside", "bit/s", lambda f: _on(scenario, inside_bits * f, lambda t: _inside(t, f, 1.0))),
        _measured(
            "latency inside",
            "s",
            lambda f: _on(scenario, inside_s * f, lambda t: _inside(t, 1.0, f)),
            None if inside_s else "the latency is 0",
        ),
        _measured("chip speed", "x", lambda f: (f, scenario, _with(job, _computing(load, 1 / f)))),
        _measured(
            "chips", "chips", lambda f: (load.chips * f, scenario, _with(job, _more_chips(load, f))), _too_few(load)
        ),
        _measured("payload bits", "bit", lambda f: (bits * f, scenario, _heavier(job, f))),
        _sync_every(scenario, job),
        _measured("batch", "tokens", lambda f: (load.batch_tokens * f, scenario, _with(job, _larger_batch(load, f)))),
        _measured("params", "", lambda f: (load.params * f, scenario, _larger(job, f))),
        _measured("tokens", "tokens", lambda f: _longer(scenario, job, f)),
    ]
    return tuple(found)


def _no_longer_than_needed(scenario: Scenario) -> Scenario:
    """A run that never repeats itself, cut to 400 rounds: every step of it is replayed, two dozen times."""
    job = jobs(scenario)[0]
    longest = _ROUNDS * job.strategy.steps_per_sync
    if job.strategy.repeats or scenario.replay == "full" or job.setting.load.steps <= longest:
        return scenario
    document = scenario.model_dump(mode="json", exclude_none=True)
    kept = {key: value for key, value in document["workload"].items() if key not in ("tokens", "overtraining")}
    return validate(Scenario, document | {"workload": kept | {"steps": longest}}, source=scenario.name)


def _measured(name: str, unit: str, variant: Callable[[float], Variant], why_not: str | None = None) -> Elasticity:
    if why_not:
        return Elasticity(name, unit, None, None, None, None, None, why_not)
    (low, on_low, low_job), (high, on_high, high_job) = variant(1 / STEP), variant(STEP)
    if low >= high:
        return Elasticity(name, unit, low, high, None, None, None, "the run is too short to vary it")
    low_s, high_s = alone(on_low, low_job).timeline.wall_clock_s, alone(on_high, high_job).timeline.wall_clock_s
    return Elasticity(name, unit, low, high, low_s, high_s, math.log(high_s / low_s) / math.log(high / low))


def _on(scenario: Scenario, value: float, change: Callable[[Document], None]) -> Variant:
    """The scenario on a changed topology."""
    document = scenario.model_dump(mode="json", exclude_none=True)
    change(document["topology"])
    varied = validate(Scenario, document, source=scenario.name)
    return value, varied, jobs(varied)[0]


def _links_wider(topology: Document, factor: float) -> None:
    wider(topology, None, factor)


def _links_later(topology: Document, factor: float) -> None:
    for link in topology["links"]:
        link["latency"] = times(link["latency"], factor, LATENCY)


def _inside(topology: Document, bandwidth: float, latency: float) -> None:
    for site in topology["datacenters"]:
        inside = site["inside"]
        inside["bandwidth"] = times(inside["bandwidth"], bandwidth, BANDWIDTH)
        inside["latency"] = times(inside["latency"], latency, LATENCY)


def _with(job: Job, load: Load) -> Job:
    return replace(job, setting=replace(job.setting, load=load))


def _computing(load: Load, factor: float) -> Load:
    """A load whose steps take so many times as long."""
    compute_s = load.compute_s
    return replace(
        load,
        mean_step_s=tuple(seconds * factor for seconds in load.mean_step_s),
        compute_s=lambda worker, first, count: compute_s(worker, first, count) * factor,
    )


def _more_chips(load: Load, factor: float) -> Load:
    deal = replace(load.deal, worker_chips=tuple(chips * factor for chips in load.deal.worker_chips))
    return replace(_computing(load, 1 / factor), deal=deal)


def _too_few(load: Load) -> str | None:
    return "a datacenter has a lone chip" if min(load.deal.worker_chips) <= STEP else None


def _larger_batch(load: Load, factor: float) -> Load:
    tokens, batch_tokens = load.steps * load.batch_tokens, load.batch_tokens * factor
    return replace(_computing(load, factor), batch_tokens=batch_tokens, steps=max(1, round(tokens / batch_tokens)))


def _heavier(job: Job, factor: float) -> Job:
    """Every exchange carries so many times as much."""
    load, strategy = job.setting.load, job.strategy
    heavier = replace(load, gradient_bytes=load.gradient_bytes * factor, outer_bytes=load.outer_bytes * factor)
    if strategy.payload_bits:
        strategy = strategy.replaced(payload_bits=strategy.payload_bits * factor)
    return replace(_with(job, heavier), strategy=strategy)


def _larger(job: Job, factor: float) -> Job:
    """So many times the parameters: more compute, and more payload at the same bits for each."""
    load = replace(_computing(job.setting.load, factor), params=job.setting.load.params * factor)
    load = replace(load, gradient_bytes=load.gradient_bytes * factor, outer_bytes=load.outer_bytes * factor)
    return _with(job, load)


def _longer(scenario: Scenario, job: Job, factor: float) -> Variant:
    load = job.setting.load
    longer = replace(load, steps=max(1, round(load.steps * factor)))
    return longer.steps * load.batch_tokens, scenario, _with(job, longer)


def _sync_every(scenario: Scenario, job: Job) -> Elasticity:
    """That of H; from 1 only upwards."""
    every, strategy = job.strategy.steps_per_sync, job.strategy
    if "sync_every" not in type(strategy).model_fields:
        return _measured("sync every", "steps", lambda f: (f, scenario, job), "it synchronises at every step")
    low, high = min(every - 1, round(every / _WIDE)), max(every + 1, round(every * _WIDE))
    low = max(1, low, getattr(strategy, "overlap_steps", 0) + 1)

    def variant(factor: float) -> Variant:
        value = high if factor > 1 else low
        return value, scenario, replace(job, strategy=strategy.replaced(sync_every=value))

    return _measured("sync every", "steps", variant)
