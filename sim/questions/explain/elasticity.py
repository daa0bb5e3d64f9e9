"""By how many percent a wall-clock changes when one input changes by one percent, found on the replay."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...scenario.model import Scenario
from ...shell.progress import UNWATCHED, Watch
from ...simulation.alone import alone
from ...simulation.jobs import jobs
from ...simulation.results import Job
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


@dataclass(frozen=True)
class _Case:
    """What is replayed: a job of a scenario."""

    scenario: Scenario
    job: Job

    def on(self, scenario: Scenario) -> _Case:
        """The first job of a varied scenario."""
        return _Case(scenario, jobs(scenario)[0])

    def scaled(self, **factors: float) -> _Case:
        """The job with a varied workload (see `Load.scaled`)."""
        return replace(self, job=self.job.with_load(self.load.scaled(**factors)))

    @property
    def load(self) -> Load:
        """The job's workload, dealt out."""
        return self.job.setting.load

    @property
    def wall_clock_s(self) -> float:
        """Of its replay [s]."""
        return alone(self.scenario, self.job).timeline.wall_clock_s


@dataclass(frozen=True)
class _Knob:
    """An input, and how it is turned up and down.

    Attributes:
      input, unit: what it is called, and what it is measured in.
      value: what it is in a case [unit].
      turned: the case with so many times as much of the input, everything else as it was.
      absent: why it cannot be turned in a case; None where it can.
      whole: whether it is a whole number, so that what was replayed says by how much it was turned.
    """

    input: str
    unit: str
    value: Callable[[_Case], float]
    turned: Callable[[_Case, float], _Case]
    absent: Callable[[_Case], str | None] = lambda case: None
    whole: bool = False


def elasticities(scenario: Scenario, watch: Watch = UNWATCHED) -> tuple[Elasticity, ...]:
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
    case = _Case(scenario, jobs(scenario)[0])
    found = []
    for number, knob in enumerate(_KNOBS):
        watch.doing(f"varying {knob.input}", number, len(_KNOBS))
        found.append(_measured(case, knob))
    return tuple(found)


def _no_longer_than_needed(scenario: Scenario) -> Scenario:
    """A run that never repeats itself, cut to 400 rounds: every step of it is replayed, two dozen times."""
    job = jobs(scenario)[0]
    longest = _ROUNDS * job.strategy.steps_per_sync
    if job.strategy.repeats or scenario.replay == "full" or job.setting.load.steps <= longest:
        return scenario
    return scenario.vary(steps=longest)


def _measured(case: _Case, knob: _Knob) -> Elasticity:
    name, unit = knob.input, knob.unit
    why_not = knob.absent(case)
    if why_not:
        return Elasticity(name, unit, None, None, None, None, None, why_not)
    factors, turned = (1 / STEP, STEP), (knob.turned(case, 1 / STEP), knob.turned(case, STEP))
    low, high = (knob.value(each) for each in turned) if knob.whole else (knob.value(case) * each for each in factors)
    if low >= high:
        return Elasticity(name, unit, low, high, None, None, None, "the run is too short to vary it")
    low_s, high_s = (each.wall_clock_s for each in turned)
    return Elasticity(name, unit, low, high, low_s, high_s, math.log(high_s / low_s) / math.log(high / low))


def _bandwidth_across(case: _Case) -> float:
    return case.job.setting.across.bandwidth_bits_per_s / case.scenario.topology.transport.payload_share


def _latency_inside(case: _Case) -> float:
    return max(route.latency_s for route in case.job.setting.inside)


def _payload_bits(case: _Case) -> float:
    return 8 * case.job.strategy.outer_bytes(case.job.setting) / case.load.params


def _one_site(case: _Case) -> str | None:
    return "all of it runs inside one datacenter" if case.job.setting.workers == 1 else None


def _no_latency_across(case: _Case) -> str | None:
    there_is = any(link.latency_s for link in case.scenario.topology.links)
    return _one_site(case) or (None if there_is else "the latency is 0")


def _no_latency_inside(case: _Case) -> str | None:
    return None if _latency_inside(case) else "the latency is 0"


def _too_few_chips(case: _Case) -> str | None:
    return "a datacenter has a lone chip" if min(case.load.deal.worker_chips) <= STEP else None


def _every_step(case: _Case) -> str | None:
    has = "sync_every" in type(case.job.strategy).model_fields
    if isinstance(getattr(case.job.strategy, "local_steps", "even"), tuple):
        return "a list says the steps of each replica"
    return None if has else "it synchronises at every step"


def _wider(case: _Case, factor: float) -> _Case:
    return case.on(case.scenario.vary(bandwidth_across=factor, clip=True))


def _later(case: _Case, factor: float) -> _Case:
    return case.on(case.scenario.vary(latency_across=factor, clip=True))


def _wider_inside(case: _Case, factor: float) -> _Case:
    return case.on(case.scenario.vary(bandwidth_inside=factor, clip=True))


def _later_inside(case: _Case, factor: float) -> _Case:
    return case.on(case.scenario.vary(latency_inside=factor, clip=True))


def _heavier(case: _Case, factor: float) -> _Case:
    """Every exchange carries so many times as much."""
    job, own_bits = case.scaled(bits=factor).job, case.job.strategy.payload_bits
    strategy = job.strategy.replaced(payload_bits=own_bits * factor) if own_bits else job.strategy
    return replace(case, job=replace(job, strategy=strategy))


def _rarer(case: _Case, factor: float) -> _Case:
    """An outer step every so many times as many inner steps, at the least one more or less; from 1 only upwards."""
    strategy = case.job.strategy
    every = strategy.steps_per_sync
    wanted = max(every + 1, round(every * _WIDE)) if factor > 1 else min(every - 1, round(every / _WIDE))
    changed = strategy.replaced(sync_every=max(1, wanted, getattr(strategy, "overlap_steps", 0) + 1))
    return replace(case, job=replace(case.job, strategy=changed))


def _in_larger_batches(case: _Case, factor: float) -> _Case:
    load = case.load
    larger = load.scaled(batch=factor)
    steps = max(1, round(load.steps * load.batch_tokens / larger.batch_tokens))
    return replace(case, job=case.job.with_load(replace(larger, steps=steps)))


def _longer(case: _Case, factor: float) -> _Case:
    load = case.load
    return replace(case, job=case.job.with_load(replace(load, steps=max(1, round(load.steps * factor)))))


_KNOBS = (
    _Knob("bandwidth across", "bit/s", _bandwidth_across, _wider, _one_site),
    _Knob("latency across", "s", lambda case: case.job.setting.across.latency_s, _later, _no_latency_across),
    _Knob(
        "bandwidth inside",
        "bit/s",
        lambda case: min(route.bandwidth_bits_per_s for route in case.job.setting.inside),
        _wider_inside,
    ),
    _Knob("latency inside", "s", _latency_inside, _later_inside, _no_latency_inside),
    _Knob("chip speed", "x", lambda case: 1.0, lambda case, factor: case.scaled(chip_speed=factor)),
    _Knob(
        "chips",
        "chips",
        lambda case: case.load.chips,
        lambda case, factor: case.scaled(chips=factor),
        _too_few_chips,
    ),
    _Knob("payload bits", "bit", _payload_bits, _heavier),
    _Knob("sync every", "steps", lambda case: case.job.strategy.steps_per_sync, _rarer, _every_step, whole=True),
    _Knob("batch", "tokens", lambda case: case.load.batch_tokens, _in_larger_batches),
    _Knob("params", "", lambda case: case.load.params, lambda case, factor: case.scaled(params=factor)),
    _Knob(
        "tokens",
        "tokens",
        lambda case: case.load.steps * case.load.batch_tokens,
        _longer,
        whole=True,
    ),
)
"""What is turned, in the order of the report. Links and insides are varied in the scenario; the workload after it was
dealt out (`Load.scaled`), so that chips need not be whole and a recording can be scaled like any model."""
