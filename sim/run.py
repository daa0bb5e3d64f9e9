"""run(): the one place where topology, workload, strategies and engine meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .engine import replay
from .errors import InputError
from .laws import law_applies, loss
from .network import IdealNetwork
from .scenario import Scenario
from .strategies import AbstractStrategy, DataParallel, Setting
from .timeline import Timeline, extrapolate
from .topology import Datacenter, Route, Topology
from .workload import Load


@dataclass(frozen=True)
class Run:
    """One strategy's run. Times of workers are means over the workers.

    Attributes:
      strategy, label: its kind; the kind with its parameters, for people.
      replicas, sync_every: M and H (1 for Data-Parallel).
      topology: name of the topology.
      datacenters: how many of them take part.
      params: N.
      chips, batch_tokens, steps, outer_steps, tokens: R, B, T, whole outer steps, T B.
      wall_clock_s: when the last worker finished [s].
      compute_s: time computing [s].
      exposed_communication_s: time stood still for exchanges; the next two are its parts [s].
      exposed_inside_s, exposed_across_s: inside a datacenter; across datacenters [s].
      hidden_communication_s: time that exchanges were under way behind compute [s].
      straggler_wait_s: time stood still for slower workers before an exchange began [s].
      compute_utilization: compute_s / wall_clock_s.
      cross_datacenter_bytes: bytes sent across datacenter boundaries, all sites together [byte].
      closed_form_s: the published formula at the mean step, T/H a real number; None where none applies [s].
      replayed_steps: how many steps were replayed; the rest repeats them.
      speedup: Data-Parallel's wall-clock over this one's.
      overtraining_multiple: lambda (D = 20 N lambda) that fits into the wall-clock that Data-Parallel needs for
        lambda = 1, at equal chips and batch.
      predicted_loss: from the published fits where they apply, else None [nats per token].
    """

    strategy: str
    label: str
    replicas: int
    sync_every: int
    topology: str
    datacenters: int
    params: float
    chips: int
    batch_tokens: float
    steps: int
    outer_steps: int
    tokens: float
    wall_clock_s: float
    compute_s: float
    exposed_communication_s: float
    exposed_inside_s: float
    exposed_across_s: float
    hidden_communication_s: float
    straggler_wait_s: float
    compute_utilization: float
    cross_datacenter_bytes: float
    closed_form_s: float | None
    replayed_steps: int
    speedup: float
    overtraining_multiple: float
    predicted_loss: float | None


@dataclass(frozen=True)
class Result:
    """The answer to a scenario: what was asked, one run a strategy, and the assumptions behind them."""

    scenario: Scenario
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def run(scenario: Scenario) -> Result:
    """Replays every strategy of a scenario.

    Raises:
      InputError: the topology cannot carry a strategy, or the chips cannot be shared evenly.
    """
    topology = scenario.topology
    split = math.lcm(*(_workers(scenario, position) for position in range(len(scenario.strategies))))
    settings = [_setting(scenario, strategy, split) for strategy in scenario.strategies]
    for position, setting in enumerate(settings):
        _check_chips(scenario, position, setting)
    timelines = [
        _timeline(s, setting, topology, scenario.replay)
        for s, setting in zip(scenario.strategies, settings, strict=True)
    ]
    reference_s = next(
        (
            t.wall_clock_s
            for s, (t, _) in zip(scenario.strategies, timelines, strict=True)
            if isinstance(s, DataParallel)
        ),
        None,
    )
    if reference_s is None:
        baseline = DataParallel()
        reference_s = _timeline(baseline, _setting(scenario, baseline, split), topology, "steady")[0].wall_clock_s
    runs = tuple(
        _summary(strategy, setting, timeline, topology.name, replayed, reference_s)
        for strategy, setting, (timeline, replayed) in zip(scenario.strategies, settings, timelines, strict=True)
    )
    return Result(scenario, runs, (*settings[0].load.notes, *_assumptions(runs)))


def _assumptions(runs: Sequence[Run]) -> Iterator[str]:
    yield "an exchange stops the compute and takes its ideal time; equal chips and batch for every strategy"
    if any(run.replayed_steps < run.steps for run in runs):
        most = max(run.replayed_steps for run in runs)
        yield f"the run repeats itself: up to {most:,} steps replayed and continued exactly (--set replay=full: all)"


def _workers(scenario: Scenario, position: int) -> int:
    strategy, sites = scenario.strategies[position], len(scenario.topology.datacenters)
    workers = strategy.workers(sites)
    if workers > sites:
        raise InputError(
            f"strategies[{position}]: {strategy.label} needs {workers} datacenters and topology "
            f"{scenario.topology.name} has {sites}; use at most {sites} replicas, or a topology with more datacenters"
        )
    return workers


def _setting(scenario: Scenario, strategy: AbstractStrategy, split: int) -> Setting:
    sites = _sites(scenario.topology, strategy)
    names = tuple(site.name for site in sites)
    inside = Route(min(s.inside.bandwidth_bits_per_s for s in sites), max(s.inside.latency_s for s in sites))
    return Setting(scenario.workload.load(sites, split), len(sites), inside, scenario.topology.narrowest(names))


def _sites(topology: Topology, strategy: AbstractStrategy) -> tuple[Datacenter, ...]:
    return topology.datacenters[: strategy.workers(len(topology.datacenters))]


def _check_chips(scenario: Scenario, position: int, setting: Setting) -> None:
    chips, workers = setting.load.chips, setting.workers
    label = scenario.strategies[position].label
    if chips % workers:
        low = chips // workers * workers
        choices = f"{low} or {low + workers}" if low else f"{workers}"
        raise InputError(
            f"workload.chips: {chips} chips cannot be shared evenly by the {workers} datacenters of {label} "
            f"(strategies[{position}]); use {choices}"
        )
    for site in _sites(scenario.topology, scenario.strategies[position]):
        if site.chips is not None and site.chips < chips // workers:
            raise InputError(
                f"workload.chips: {label} (strategies[{position}]) needs {chips // workers} chips in datacenter "
                f"{site.name}, which has {site.chips}; use at most {site.chips * workers} chips in all"
            )


def _timeline(strategy: AbstractStrategy, setting: Setting, topology: Topology, mode: str) -> tuple[Timeline, int]:
    """The replay and how many steps of it were replayed.

    After a barrier nothing is left over from before it, so a run repeats itself once H and the recorded cycle have
    come round together. A steady replay makes the remainder and one period, and again with one period more.
    """
    steps = setting.load.steps
    period = math.lcm(strategy.steps_per_sync, setting.load.cycle_steps)
    shorter = steps % period + period
    if mode == "full" or shorter + period >= steps:
        return _replay(strategy, setting, topology, steps), steps
    first = _replay(strategy, setting, topology, shorter)
    second = _replay(strategy, setting, topology, shorter + period)
    return extrapolate(first, second, (steps - shorter) // period), shorter + period


def _replay(strategy: AbstractStrategy, setting: Setting, topology: Topology, steps: int) -> Timeline:
    load: Load = replace(setting.load, steps=steps)
    part = replace(setting, load=load)
    sites = [site.name for site in _sites(topology, strategy)]
    network = IdealNetwork(topology, sites, [load.chips / setting.workers] * setting.workers)
    return replay([strategy.program(worker, part) for worker in range(setting.workers)], network)


def _summary(
    strategy: AbstractStrategy, setting: Setting, timeline: Timeline, topology: str, replayed: int, reference_s: float
) -> Run:
    load = setting.load
    kind = str(strategy.model_dump()["kind"])
    tokens = load.steps * load.batch_tokens
    sync_every = None if strategy.outer_steps(load.steps) == 0 else strategy.steps_per_sync
    applies = law_applies(load.params, tokens, sync_every)
    return Run(
        strategy=kind,
        label=strategy.label,
        replicas=strategy.replica_count,
        sync_every=strategy.steps_per_sync,
        topology=topology,
        datacenters=setting.workers,
        params=load.params,
        chips=load.chips,
        batch_tokens=load.batch_tokens,
        steps=load.steps,
        outer_steps=strategy.outer_steps(load.steps),
        tokens=tokens,
        wall_clock_s=timeline.wall_clock_s,
        compute_s=timeline.mean("compute_s"),
        exposed_communication_s=timeline.mean("exposed_s"),
        exposed_inside_s=timeline.mean("exposed_inside_s"),
        exposed_across_s=timeline.mean("exposed_across_s"),
        hidden_communication_s=timeline.mean("hidden_s"),
        straggler_wait_s=timeline.mean("straggler_wait_s"),
        compute_utilization=timeline.mean("compute_s") / timeline.wall_clock_s,
        cross_datacenter_bytes=timeline.crossing_bytes,
        closed_form_s=strategy.ideal_s(setting),
        replayed_steps=replayed,
        speedup=reference_s / timeline.wall_clock_s,
        overtraining_multiple=reference_s / timeline.wall_clock_s,
        predicted_loss=loss(load.params, kind, strategy.replica_count) if applies else None,
    )
