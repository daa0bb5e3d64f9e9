"""The replay of a combination: the most steps that really fit, and the figures of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ... import laws
from ...scenario.model import Scenario
from ...simulation.results import Outcome
from ...simulation.run import outcomes
from ...simulation.spent import Cost
from ..whole_numbers import last_that_fits
from .failing import cost_with_failures
from .objective import best_batch_tokens, compared_loss, price_factor
from .options import Ask, Option
from .search import Cell

_ENOUGH_SHARE = 0.999
"""Share of a limit at which the search ends where replays are expensive: exchanges behind compute, no closed form."""
_RESOLUTION = {True: 1e-6, False: 1e-4}
"""Relative precision of the number of steps: with a closed form, and without one, where a replay takes longer."""


@dataclass(frozen=True)
class Entry:
    """One plan: what to train, how, and the result. Every figure but the loss comes from a replay.

    Attributes:
      params, tokens: N and D; D = T B [tokens].
      strategy, label: its kind; the kind with its parameters, for people.
      replicas, sync_every: M and H (1 for Data-Parallel).
      batch_tokens: global batch B [tokens].
      best_batch_tokens: the law's best batch of this algorithm at this N [tokens].
      batch_penalty: predicted loss at B above that at the best batch [nats per token].
      steps: T.
      sites: datacenters used.
      chips: R, in all of them.
      wall_clock_s: of the replay, and of what failures take in the median [s].
      compute_utilization: share of the wall-clock in which the chips compute [-].
      cross_datacenter_bytes: sent between datacenters [byte].
      predicted_loss: by the laws; None where nobody has measured what its way to communicate costs [nats per token].
      predicted_loss_low, predicted_loss_high: its ends, by what is known of the price of H, bits and late results
        [nats per token].
      compared_loss: the loss by which plans are compared: the predicted one, or without it the low end; the high end
        with `risk` [nats per token].
      epochs: D over the unique tokens; None where these are not limited.
      lifetime_flop: 6 N D + 2 N D_inference; None without inference tokens [flop].
      cost: at the given prices; None without prices.
      energy_kwh, carbon_kg: electricity and its carbon; None where nobody asks or says [kWh], [kg].
      notes: extrapolations of the laws, and missing laws.
      goodput: share of the time that counts where hardware fails; None where nothing does [-].
    """

    params: float
    tokens: float
    strategy: str
    label: str
    replicas: int
    sync_every: int
    batch_tokens: float
    best_batch_tokens: float
    batch_penalty: float
    steps: int
    sites: tuple[str, ...]
    chips: int
    wall_clock_s: float
    compute_utilization: float
    cross_datacenter_bytes: float
    predicted_loss: float | None
    predicted_loss_low: float
    predicted_loss_high: float
    compared_loss: float
    epochs: float | None
    lifetime_flop: float | None
    cost: float | None
    notes: tuple[str, ...]
    energy_kwh: float | None = None
    carbon_kg: float | None = None
    goodput: float | None = None


def score(entry: Entry, ask: Ask) -> float:
    """The number that the best plan minimises."""
    goals = {"lifetime": entry.lifetime_flop, "cost": entry.cost, "energy": entry.energy_kwh}
    return goals.get(ask.goal) or entry.compared_loss if ask.goal != "loss" else entry.compared_loss


def replayed(cell: Cell, limit_s: float, before: Callable[[int], None] = lambda _: None) -> Entry | None:
    """Replays a combination, and finds the largest number of steps that fits into the time and the cost.

    The wall-clock is a staircase over the steps, as outer steps are whole, so the last step that fits is searched for,
    to one part in a million (less exactly where replays are expensive).

    Args:
      cell: the combination; where its steps are part of the choice, or follow from N, they stay as they are.
      limit_s: the longest wall-clock [s].
      before: called with the number of steps before each replay.

    Returns:
      The plan, or None if it does not fit after all.
    """
    tried: dict[int, tuple[Outcome, Cost | None]] = {}

    def share(steps: int) -> float:
        before(steps)
        tried[steps], taken = _outcome(cell, steps, limit_s)
        return taken

    if cell.kept_steps or cell.option.ask.tokens_per_param is not None:
        steps = cell.steps if share(cell.steps) <= 1 else 0
    else:
        near = _ENOUGH_SHARE if cell.coarse else math.inf
        steps = last_that_fits(share, cell.steps, resolution=_RESOLUTION[cell.closed_form], near=near)
    return _entry(cell, steps, *tried[steps]) if steps else None


def scenario_of(entry: Entry, everything: Sequence[Option]) -> Scenario:
    """The run of a plan as a scenario.

    Args:
      entry: the plan.
      everything: the options from which it was chosen.
    """
    return option_of(entry, everything).scenario(entry.params, entry.batch_tokens, entry.steps)


def option_of(entry: Entry, everything: Sequence[Option]) -> Option:
    """The option of a plan."""
    return next(each for each in everything if each.label == entry.label and each.sites == entry.sites)


def _outcome(cell: Cell, steps: int, limit_s: float) -> tuple[tuple[Outcome, Cost | None], float]:
    """A replay with its cost, and the largest share of a limit that it takes."""
    option, ask = cell.option, cell.option.ask
    scenario = option.scenario(cell.params, cell.batch_tokens, steps)
    outcome = outcomes(scenario)[0]
    cost = cost_with_failures(option, scenario, outcome)
    share = outcome.timeline.wall_clock_s / option.goodput / limit_s
    if ask.max_cost is not None and cost is not None:
        share = max(share, (cost.total or 0.0) / ask.max_cost)
    return (outcome, cost), share


def _entry(cell: Cell, steps: int, outcome: Outcome, cost: Cost | None) -> Entry:
    option, ask, timeline = cell.option, cell.option.ask, outcome.timeline
    tokens, wall_s = steps * cell.batch_tokens, timeline.wall_clock_s / option.goodput
    best = float(best_batch_tokens(np.asarray(cell.params), option.algorithm, option.replicas))
    loss = compared_loss(option, outcome.job.setting.load)
    inference = ask.inference_tokens
    return Entry(
        params=cell.params,
        tokens=tokens,
        strategy=option.strategy.kind,
        label=option.label,
        replicas=option.replicas,
        sync_every=option.sync_every,
        batch_tokens=cell.batch_tokens,
        best_batch_tokens=best,
        batch_penalty=loss.compared - _loss(option, cell.params, tokens, best),
        steps=steps,
        sites=option.sites,
        chips=option.chips,
        wall_clock_s=wall_s,
        compute_utilization=timeline.mean("compute_s") / wall_s,
        cross_datacenter_bytes=timeline.crossing_bytes,
        predicted_loss=loss.predicted,
        predicted_loss_low=loss.low,
        predicted_loss_high=loss.high,
        compared_loss=loss.compared,
        epochs=tokens / ask.unique_tokens if ask.unique_tokens else None,
        lifetime_flop=6 * cell.params * tokens + 2 * cell.params * inference if inference else None,
        cost=cost.total if cost else None,
        notes=loss.notes,
        energy_kwh=cost.energy_kwh if cost else None,
        carbon_kg=cost.carbon_kg if cost else None,
        goodput=option.goodput if ask.failures else None,
    )


def _loss(option: Option, params: float, tokens: float, batch_tokens: float) -> float:
    numbers = (np.asarray(params), np.asarray(tokens))
    batch = np.asarray(batch_tokens)
    found = laws.predicted_loss(*numbers, option.algorithm, option.replicas, batch, option.ask.unique_tokens)
    return float(found * price_factor(option, numbers[0]))


def undominated(entries: Sequence[Entry], ask: Ask) -> list[Entry]:
    """The plans that no other one beats in time, loss and (with prices) cost, by time."""

    def figures(entry: Entry) -> tuple[float, ...]:
        return (entry.wall_clock_s, entry.compared_loss, *((entry.cost or 0.0,) if ask.priced else ()))

    found: list[Entry] = []
    for entry in sorted(entries, key=figures):
        if not any(all(a <= b for a, b in zip(figures(other), figures(entry), strict=True)) for other in found):
            found.append(entry)
    return found
