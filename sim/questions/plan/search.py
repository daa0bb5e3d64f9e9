"""All combinations of an option at once, as arrays: steps that fit, loss, and the best combinations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ... import laws
from .objective import best_batch_tokens, price_factor
from .options import Ask, Option
from .spending import rates
from .step_time import COARSE, Pace

Array = NDArray[np.float64]

SEQUENCE_TOKENS = 2_048
"""A best batch is rounded to whole sequences of this many tokens, as in the fits behind it."""
_POWERS = range(14, 29)
_LEAST_OF_BEST, _MOST_OF_BEST = 0.5, 64.0
_BISECTIONS = 45
_BY_PARAMS = ("params", "batch_tokens", "step_s", "spent", "energy_kwh")
"""Arrays of a grid with a row for each N."""


@dataclass(frozen=True)
class Cell:
    """One combination of option, N, B and T, with its estimates.

    Attributes:
      option: strategy, datacenters and H.
      params, batch_tokens, steps: N, B, T.
      step_s: estimated time of a step [s].
      loss: predicted for T steps [nats per token].
      score: what the search minimises: the loss, or lifetime compute among plans that reach the target loss.
      margin: the largest relative error of the loss [-].
      closed_form: whether step_s is exact.
      coarse: whether step_s is interpolated between replays.
      kept_steps: whether T is part of the choice; else T is the number of steps that fit.
    """

    option: Option
    params: float
    batch_tokens: float
    steps: int
    step_s: float
    loss: float
    score: float
    margin: float
    closed_form: bool
    coarse: bool
    kept_steps: bool = False


@dataclass(frozen=True)
class Grid:
    """All N and B of one option: arrays with a row for each N and a column for each B; B = inf where it is not tried.

    Attributes:
      option: strategy, datacenters and H.
      params: N, of shape (N, 1).
      batch_tokens: B, of shape (N, B) [tokens].
      step_s: time of a step, of shape (N, B) [s].
      spent: money for a step, of shape (N, B).
      energy_kwh: energy of a step, of shape (N, B) [kWh].
      exact: whether step_s comes from a closed form.
      margin: the largest relative error of a loss from it [-].
    """

    option: Option
    params: Array
    batch_tokens: Array
    step_s: Array
    spent: Array
    energy_kwh: Array
    exact: bool
    margin: float

    def steps_within(self, limit_s: float, *, whole: bool = True) -> Array:
        """Steps that fit into a time and the largest cost; 0 where D / N is given and its steps do not fit [-]."""
        ask = self.option.ask
        steps: Array = np.maximum(limit_s / self.step_s, 0.0)
        if ask.max_cost is not None:
            affordable = np.full_like(steps, np.inf)
            np.divide(ask.max_cost, self.spent, out=affordable, where=self.spent > 0)
            steps = np.minimum(steps, affordable)
        if whole:
            steps = np.floor(steps * (1 + 1e-12))
        if ask.tokens_per_param is not None:
            wanted = ask.tokens_per_param * self.params / self.batch_tokens
            wanted = np.ceil(wanted * (1 - 1e-12)) if whole else wanted
            steps = np.where(wanted <= steps, wanted, 0.0)
        return steps

    def loss(self, steps: Array) -> Array:
        """Predicted loss after so many steps; inf for 0 steps [nats per token]."""
        trained = steps > 0
        safe = np.where(trained, self.batch_tokens, 1.0) * np.where(trained, steps, 1.0)
        batch = np.where(np.isfinite(self.batch_tokens), self.batch_tokens, 1e6)
        found = laws.predicted_loss(
            self.params, safe, self.option.algorithm, self.option.replicas, batch, self.option.ask.unique_tokens
        )
        return np.where(trained, found * price_factor(self.option, self.params), np.inf)

    def lifetime_flop(self, steps: Array) -> Array:
        """6 N D + 2 N D_inference [flop]."""
        tokens = np.where(steps > 0, self.batch_tokens, 1.0) * steps
        return 6 * self.params * tokens + 2 * self.params * (self.option.ask.inference_tokens or 0.0)

    def saved(self, steps: Array) -> Array:
        """What the best plan has least of, among those of about the lowest loss."""
        if self.option.ask.goal == "lifetime":
            return self.lifetime_flop(steps)
        each = self.spent if self.option.ask.goal == "cost" else self.energy_kwh
        return np.where(steps > 0, each, 0.0) * steps

    def least_steps(self, target: float, most: Array) -> Array:
        """The fewest steps that reach a loss; 0 where `most` steps do not reach it [-]."""
        reached = self.loss(most) <= target
        low, high = np.zeros_like(most), np.where(reached, most, 1.0)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            enough = self.loss(middle) <= target
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(reached, np.minimum(np.ceil(high), most), 0.0)

    def up_to(self, params: float) -> Grid:
        """The same for models of no more than so many parameters."""
        kept = self.params[:, 0] <= params
        arrays = {name: getattr(self, name)[kept] for name in _BY_PARAMS}
        return replace(self, **arrays)

    def cells(self, steps: Array, score: Array, most: int, *, kept_steps: bool = False) -> list[Cell]:
        """The combinations of lowest score, best first; at most `most`."""
        loss = self.loss(steps)
        order = np.argsort(score, axis=None, kind="stable")[:most]
        found = []
        for place in order:
            row, column = np.unravel_index(place, score.shape)
            if np.isfinite(score[row, column]):
                found.append(
                    Cell(
                        self.option,
                        float(self.params[row, 0]),
                        float(self.batch_tokens[row, column]),
                        int(steps[row, column]),
                        float(self.step_s[row, column]),
                        float(loss[row, column]),
                        float(score[row, column]),
                        self.margin,
                        self.exact,
                        self.margin >= COARSE,
                        kept_steps,
                    )
                )
        return found


class StepTime(Protocol):
    """The time of a step of an option for arrays of N and B, and what it sends."""

    @property
    def exact(self) -> bool:
        """Whether it comes from a closed form."""

    @property
    def margin(self) -> float:
        """The largest relative error of a loss from it [-]."""

    @property
    def crossing_bytes_per_param(self) -> float:
        """Bytes that a step sends between datacenters for each parameter [byte]."""

    def seconds(self, params: Array, batch_tokens: Array) -> Array:
        """The time of a step; the arrays are broadcast [s]."""


def grid(option: Option, params: Array, pace: StepTime | None = None) -> Grid:
    """Evaluates an option at every N and B: B is a power of two, or the best batch of the algorithm at that N.

    Args:
      option: strategy, datacenters and H.
      params: N, of shape (N,).
      pace: the time of a step; that of `Pace` unless given.
    """
    column = params[:, np.newaxis]
    best = best_batch_tokens(column, option.algorithm, option.replicas)
    best = np.maximum(1.0, np.rint(best / SEQUENCE_TOKENS)) * SEQUENCE_TOKENS
    powers = np.asarray([2.0**power for power in _POWERS])[np.newaxis, :]
    batches = np.concatenate([best, np.broadcast_to(powers, (len(params), len(powers[0])))], axis=1)
    tried = (batches >= _LEAST_OF_BEST * best) & (batches <= _MOST_OF_BEST * best)
    pace = pace or Pace(option, params, batches[tried])
    one = _evaluated(option, column, np.where(tried, batches, best), pace)
    return replace(one, batch_tokens=np.where(tried, batches, np.inf), step_s=np.where(tried, one.step_s, np.inf))


def grid_at(option: Option, params: float, batch_tokens: float, pace: StepTime) -> Grid:
    """A single N and B of an option."""
    return _evaluated(option, np.asarray([[params]]), np.asarray([[batch_tokens]]), pace)


def _evaluated(option: Option, column: Array, batches: Array, pace: StepTime) -> Grid:
    seconds = pace.seconds(column, batches) / option.goodput
    step_bytes = column * (pace.crossing_bytes_per_param if option.ask.priced else 0.0)
    rate = rates(option.topology)
    compute_s = 6 * column * batches / option.flop_per_s
    return Grid(
        option=option,
        params=column,
        batch_tokens=batches,
        step_s=seconds,
        spent=rate.money(seconds, step_bytes),
        energy_kwh=rate.energy_kwh(seconds, compute_s),
        exact=pace.exact,
        margin=pace.margin,
    )


def bound(option: Option, params: Array, limit_s: float) -> float:
    """A lower bound of the loss of an option: at its best batch, if it computed all the time [nats per token]."""
    return float(_bounds(option, params, limit_s).min())


def best_size(option: Option, params: Array) -> tuple[float, float]:
    """N and B that would be best if an option computed all the time [-], [tokens]."""
    size = params[_bounds(option, params, option.ask.limit_s).argmin()]
    return float(size), float(best_batch_tokens(np.asarray(size), option.algorithm, option.replicas))


def _bounds(option: Option, params: Array, limit_s: float) -> Array:
    tokens = option.flop_per_s * limit_s * option.goodput / (6 * params)
    best = best_batch_tokens(params, option.algorithm, option.replicas)
    unique = option.ask.unique_tokens
    least = laws.predicted_loss(params, tokens, option.algorithm, option.replicas, best, unique)
    return np.asarray(least * price_factor(option, params))


def params_to_try(ask: Ask, flop_per_s: float) -> Array:
    """Values of N with two digits: in the range asked for, else around the N that the chips can train on 20 N tokens.

    Args:
      ask: what is asked.
      flop_per_s: useful, of all chips [flop/s].

    Returns:
      N, of shape (N,), ascending.
    """
    if ask.params is not None and ask.params[0] == ask.params[-1]:
        return np.asarray([ask.params[0]], np.float64)
    middle = (flop_per_s * ask.limit_s / 120) ** 0.5
    low, high = (ask.params[0], ask.params[-1]) if ask.params else (middle / 300, 10 * middle)
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    round_numbers = np.asarray([d * 10.0 ** (e - 1) for e in range(first, last + 1) for d in range(10, 100)])
    inside = round_numbers[(round_numbers >= low) & (round_numbers <= high)]
    return np.unique([low, *inside, high]) if ask.params else inside


def best_loss(grids: Sequence[Grid], limit_s: float) -> float:
    """The lowest loss within a time, steps taken as real numbers; inf where nothing fits [nats per token]."""
    losses = [float(one.loss(one.steps_within(limit_s, whole=False)).min()) for one in grids]
    return min(losses, default=math.inf)
