"""The tokens that each strategy can afford in the wall-clock of the reference, and its time to a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import ArgumentError
from ...laws import TOKENS_PER_PARAM
from ...scenario.model import Scenario
from ...shell.progress import UNWATCHED, Watch
from ...simulation.alone import alone
from ...simulation.predicted_loss import Loss, loss_after
from ...simulation.results import Job
from ...strategies import is_reference
from ...strategies.shared.strategy import told_apart
from ...units.in_words import human_count
from ...workload.load import Load
from ..whole_numbers import MOST, first_that_reaches, last_that_fits
from ..without_effect import in_budgets
from .comparison_rules import ROUNDING, RULES, Rule, jobs_by_rule, on_equal_chips, whole_steps, with_reference

_ROUNDS = 400


@dataclass(frozen=True)
class Compared:
    """A strategy on a topology by a rule.

    Attributes:
      topology, strategy, label, replicas, sync_every: the job.
      rule: `equal-chips`: all at one batch on one number of chips; `best-batch`: each at its own best batch, on chips
        in proportion to it (a number that need not be whole).
      params, chips, batch_tokens: N; R; B [tokens].
    """

    topology: str
    strategy: str
    label: str
    replicas: int
    sync_every: int
    rule: Rule
    params: float
    chips: float
    batch_tokens: float


@dataclass(frozen=True)
class BudgetRow(Compared):
    """The budget of a strategy in Data-Parallel's wall-clock.

    Attributes:
      reference_s: the wall-clock allowed: Data-Parallel's under the same rule [s].
      overtraining_multiple: tokens over those of the reference.
      steps, tokens: T, the most whole steps that fit; T B [tokens].
      wall_clock_s: of the replay of these steps; no longer than `reference_s` [s].
      equal_tokens_s: wall-clock for the reference's own number of tokens (in whole steps) [s].
      predicted_loss: after these tokens; None where no law is published, or nothing fits [nats per token].
      reference_loss: that of the reference after its tokens [nats per token].
      notes: what of the loss or of the wall-clock is extrapolated, and why there is no loss.
      predicted_loss_low, predicted_loss_high: the ends of `predicted_loss`, by the known price of H, bits and
        late results, also where the loss itself is None [nats per token].
    """

    reference_s: float
    overtraining_multiple: float
    steps: int
    tokens: float
    wall_clock_s: float
    equal_tokens_s: float
    predicted_loss: float | None
    reference_loss: float | None
    notes: tuple[str, ...]
    predicted_loss_low: float | None = None
    predicted_loss_high: float | None = None


@dataclass(frozen=True)
class LossRow(Compared):
    """When a strategy reaches a loss.

    Attributes:
      target_loss: asked for [nats per token].
      lowest_loss: the limit of the law for any number of tokens; None if there is no law [nats per token].
      overtraining_multiple: tokens over 20 N. It and the next three are None where the loss is never reached.
      steps, tokens: the fewest whole steps after which the law predicts the loss; T B [tokens].
      wall_clock_s: of the replay of these steps [s].
    """

    target_loss: float
    lowest_loss: float | None
    overtraining_multiple: float | None
    steps: int | None
    tokens: float | None
    wall_clock_s: float | None


@dataclass(frozen=True)
class BudgetAnswer:
    """What was asked, topology by topology; a row for each strategy and rule; times to reach losses; assumptions."""

    scenarios: tuple[Scenario, ...]
    rows: tuple[BudgetRow, ...]
    times: tuple[LossRow, ...]
    notes: tuple[str, ...]


def answer(
    scenarios: Sequence[Scenario],
    *,
    rules: Sequence[Rule] = RULES,
    target_losses: Sequence[float] = (),
    unique_tokens: float | None = None,
    watch: Watch = UNWATCHED,
) -> BudgetAnswer:
    """The overtraining budget of every strategy, on every topology and by every rule.

    Args:
      scenarios: one a topology; the first Data-Parallel in each is its reference (a plain one where there is none).
      rules: which of the two.
      target_losses: also ask when each strategy reaches these [nats per token].
      unique_tokens: tokens of data before they repeat; None: no repeats [tokens].
      watch: is told how far the search is.

    Raises:
      InputError: strategies compete in a scenario, the chips cannot be shared, or a loss is out of range.
    """
    check_losses(target_losses)
    rows: list[BudgetRow] = []
    times: list[LossRow] = []
    notes: list[str] = []
    resolved = [on_equal_chips(with_reference(scenario), notes) for scenario in scenarios]
    planned = [[jobs_by_rule(scenario, rule, notes) for rule in rules] for scenario in resolved]
    names = told_apart([scenario.topology.name for scenario in resolved])
    comparisons = [
        (_Comparison(name, scenario, rule, unique_tokens), found)
        for name, scenario, by_rule in zip(names, resolved, planned, strict=True)
        for rule, found in zip(rules, by_rule, strict=True)
    ]
    for number, (there, found) in enumerate(comparisons):
        watch.doing(f"searching the budgets on {there.name} by {there.rule}", number, len(comparisons))
        for row in _budgets(there, found):
            rows.append(row)
            watch.found(f"{row.label} on {row.topology} by {row.rule}: {human_count(row.tokens)} tokens")
        times += [_time(there, job, target) for target in target_losses for job in found]
    notes += in_budgets(names, scenarios, planned)
    return BudgetAnswer(tuple(resolved), tuple(rows), tuple(times), tuple(dict.fromkeys(notes)))


def check_losses(target_losses: Sequence[float]) -> None:
    """Refuses what is no loss.

    Raises:
      InputError: a loss is out of range.
    """
    for target in target_losses:
        if not (math.isfinite(target) and target > 0):
            raise ArgumentError(f"{{target_losses}}: got {target:g}; write a loss in nats per token, such as 2.3")


def most_steps(wall_clock_s: Callable[[int], float], limit_s: float, guess: int, *, beyond: int = 0) -> int:
    """The most steps whose wall-clock is within a limit, exactly: n fits, n + 1 does not.

    Args:
      wall_clock_s: of so many steps [s]; nearly a straight line through 0.
      limit_s: the wall-clock allowed [s].
      guess: the first number of steps to try.
      beyond: how many steps further to look for a run that fits again: a run that ends right after an exchange can be
        shorter than one that ends a step earlier.

    Returns:
      The number; 0 if not even one step fits.
    """
    fits = last_that_fits(lambda steps: wall_clock_s(steps) / (limit_s * (1 + ROUNDING)), guess)
    return next((n for n in range(fits + beyond, fits, -1) if wall_clock_s(n) <= limit_s * (1 + ROUNDING)), fits)


def _chips(load: Load) -> float:
    return math.fsum(load.deal.worker_chips)


class _Clock:
    """Wall-clock of one job against its steps, each number of steps replayed once.

    A run that never repeats itself is replayed for 400 rounds and continued at the pace of the second half of them.
    """

    def __init__(self, scenario: Scenario, job: Job) -> None:
        self._scenario, self._job = scenario, job
        self._seen: dict[int, float] = {}
        endless = not job.strategy.repeats and scenario.replay == "steady"
        self.longest = _ROUNDS * job.strategy.steps_per_sync if endless else MOST
        """More steps than these are not replayed."""

    def __call__(self, steps: int) -> float:
        if steps > self.longest:
            half_s, whole_s = self(self.longest // 2), self(self.longest)
            return whole_s + (whole_s - half_s) / (self.longest - self.longest // 2) * (steps - self.longest)
        if steps not in self._seen:
            varied = self._job.with_load(replace(self._job.setting.load, steps=steps))
            self._seen[steps] = alone(self._scenario, varied).timeline.wall_clock_s
        return self._seen[steps]

    def notes(self, steps: int) -> tuple[str, ...]:
        """Notes on the wall-clock of so many steps."""
        if steps <= self.longest:
            return ()
        return (f"replay: no steady state; {self.longest:,} steps are replayed, and the others take their mean time",)


@dataclass(frozen=True)
class _Comparison:
    """The topology and the rule by which strategies are compared."""

    name: str
    scenario: Scenario
    rule: Rule
    unique_tokens: float | None

    def label(self, job: Job) -> str:
        """The label of a job, unique among the strategies of the scenario."""
        strategies = self.scenario.strategies
        labels = told_apart([each.label for each in strategies])
        return next(label for each, label in zip(strategies, labels, strict=True) if each is job.strategy)

    def told(self, job: Job) -> dict[str, Any]:
        """The fields of `Compared`."""
        strategy, load = job.strategy, job.setting.load
        return {
            "topology": self.name,
            "strategy": strategy.kind,
            "label": self.label(job),
            "replicas": strategy.replica_count,
            "sync_every": strategy.steps_per_sync,
            "rule": self.rule,
            "params": load.params,
            "chips": _chips(load),
            "batch_tokens": load.batch_tokens,
        }

    def loss(self, job: Job, steps: int) -> Loss:
        """The predicted loss of a job after so many steps."""
        if not steps:
            return Loss(None, ())
        load = job.setting.load
        return loss_after(job.strategy.plain_in(job.setting), load, steps * load.batch_tokens, self.unique_tokens)


def _budgets(there: _Comparison, found: Sequence[Job]) -> Iterator[BudgetRow]:
    reference = next((job for job in found if is_reference(job.strategy)), None)
    if reference is None:  # its sites have too few chips for its best batch; the notes say so
        return
    load = reference.setting.load
    reference_s = _Clock(there.scenario, reference)(load.steps)
    reference_tokens = load.steps * load.batch_tokens
    reference_loss = there.loss(reference, load.steps).value
    for job in found:
        load, clock = job.setting.load, _Clock(there.scenario, job)
        equal_steps = whole_steps(reference_tokens / load.batch_tokens)
        guess = round(equal_steps * reference_s / clock(equal_steps))
        # a longer run can end sooner only if an exchange is under way at a synchronisation, and only within a round
        beyond = job.strategy.steps_per_sync if job.strategy.repeats and not job.strategy.drains else 0
        steps = most_steps(clock, reference_s, guess, beyond=beyond)
        own = there.loss(job, steps)
        yield BudgetRow(
            **there.told(job),
            reference_s=reference_s,
            overtraining_multiple=steps * load.batch_tokens / reference_tokens,
            steps=steps,
            tokens=steps * load.batch_tokens,
            wall_clock_s=clock(steps) if steps else 0.0,
            equal_tokens_s=clock(equal_steps),
            predicted_loss=own.value,
            reference_loss=reference_loss,
            notes=(*clock.notes(steps), *own.notes),
            predicted_loss_low=own.low,
            predicted_loss_high=own.high,
        )


def _time(there: _Comparison, job: Job, target: float) -> LossRow:
    load = job.setting.load

    def loss(steps: int) -> float | None:
        return there.loss(job, steps).value

    steps = first_that_reaches(lambda steps: (found := loss(steps)) is not None and found <= target)
    tokens = steps * load.batch_tokens if steps else None
    return LossRow(
        **there.told(job),
        target_loss=target,
        lowest_loss=loss(MOST),
        overtraining_multiple=tokens / (TOKENS_PER_PARAM * load.params) if tokens else None,
        steps=steps,
        tokens=tokens,
        wall_clock_s=_Clock(there.scenario, job)(steps) if steps else None,
    )
