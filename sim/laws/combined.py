"""One predicted loss for any run: the DiLoCo laws, converted to other budgets, batches and unique data.

  loss = L_N(N, algorithm, M)  x  [L_C(N, D') / L_C(N, 20 N)]^g
  g = (d ln L_N / d ln N) / (d ln L_C(N, 20 N) / d ln N)

L_N: `diloco.loss` up to the largest fitted model (2.4B), `diloco.loss_with_floor` from the largest measured one (10B),
and between them the latter times a factor that makes the transition continuous, and that fades with log N. L_C:
Chinchilla's law, Epoch's refit. D': effective tokens, fewer than D with repeats (`data_constrained`) or too large a
batch.

The exponent g makes both factors agree on the fall of the loss along 20 tokens per parameter (with the form with a
floor as L_N, which is smooth). Without it they disagree: at 9e10 parameters L_N falls by 0.062 and L_C by 0.026 per
unit of ln N, so their product would count parameters twice, and the best model for a compute budget would be many times
too large. With it, N and D share the fall of L_N as in Chinchilla's law.

The batch: up to the algorithm's best batch B* every token counts fully. Beyond it a token counts 2/(1 + B/B*): the
critical-batch hyperbola with B* instead of B_crit, relative to its value at B*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..laws import diloco
from .chinchilla import chinchilla_loss
from .communication import Communication, notes_on, price_of
from .coverage import coverage
from .data_constrained import effective_tokens
from .published import FITTED_PARAMS, FITTED_SYNC_EVERY, MEASURED_PARAMS, TOKENS_PER_PARAM
from .values import Values, are_numbers, greater, lesser, log

EPOCHS_NEARLY_FREE = 4
_BATCH_NEARLY_BEST = 1.05
"""The largest ratio to the best batch without a note: a best batch is rounded to whole sequences."""
_SLOPE_STEP = 0.005
"""Half of the distance in ln N over which slopes are computed."""


@dataclass(frozen=True)
class Prediction:
    """A predicted loss with notes.

    Attributes:
      loss: None where nobody has measured what communicating like that costs [nats per token].
      notes: interpolations, extrapolations and assumptions; empty if the published fits cover the run.
      low, high: the ends between which it lies by what is known of the price of communicating less; both are the loss
        itself with H = 30 and full payloads. The scatter of the laws themselves is not in them [nats per token].
    """

    loss: float | None
    notes: tuple[str, ...]
    low: float
    high: float


def predicted_loss(
    params: Values,
    tokens: Values,
    algorithm: str,
    replicas: int,
    batch_tokens: Values | float | None = None,
    unique_tokens: Values | float | None = None,
) -> Values:
    """The predicted loss of a run, or of many runs of one algorithm at once.

    Args:
      params: N; the shapes of all arrays are broadcast.
      tokens: D [tokens].
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      batch_tokens: B; None: the algorithm's best batch [tokens].
      unique_tokens: tokens of data without repeats; None: no repeats [tokens].

    Returns:
      Loss [nats per token]: a number, or an array of the common shape.

    Raises:
      InputError: the algorithm has no law, or a size is not positive.
    Source: arXiv 2503.09799 for L_N, 2404.10102 for L_C, 2305.16264 for repeats, 1812.06162 for the batch; combined
      here.
    Limits: no published run confirms the product far from 20 tokens per parameter; `predict` also returns notes.
    """
    sizes = {"params": params, "tokens": tokens, "batch_tokens": batch_tokens, "unique_tokens": unique_tokens}
    for name, value in sizes.items():
        if value is not None and not _positive(value):
            raise InputError(f"{name} is {value}; write numbers above 0")
    fresh: Any = tokens
    worth = fresh if unique_tokens is None else effective_tokens(fresh, unique_tokens)
    worth = worth * batch_worth(params, algorithm, replicas, batch_tokens)
    carried: Any = chinchilla_loss(params, worth) / chinchilla_loss(params, TOKENS_PER_PARAM * params)
    found: Values = _loss_by_size(params, algorithm, replicas) * carried ** _exponent(params, algorithm, replicas)
    return found


def _positive(value: Any) -> bool:
    return bool(value > 0 if are_numbers(value) else (value > 0).all())


def _exponent(params: Any, algorithm: str, replicas: int) -> Any:
    """g: the ratio of the slopes of both laws along 20 tokens per parameter."""
    low, high = params * math.exp(-_SLOPE_STEP), params * math.exp(_SLOPE_STEP)
    ours = diloco.loss_with_floor(high, algorithm, replicas) / diloco.loss_with_floor(low, algorithm, replicas)
    theirs = chinchilla_loss(high, TOKENS_PER_PARAM * high) / chinchilla_loss(low, TOKENS_PER_PARAM * low)
    return log(ours) / log(theirs)


def batch_worth(params: Values, algorithm: str, replicas: int, batch_tokens: Values | float | None) -> Values:
    """The worth of a token at a batch: 1 up to the best batch B*, 2/(1 + B/B*) beyond it.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      batch_tokens: B, of the same shape or a number; None: the best batch [tokens].
    """
    best = diloco.batch_tokens(params, algorithm, replicas)
    worth: Values = 2 / (1 + greater((best if batch_tokens is None else batch_tokens) / best, 1.0))
    return worth


def predict(
    params: float,
    tokens: float,
    algorithm: str,
    replicas: int,
    *,
    batch_tokens: float | None = None,
    sync_every: int | None = None,
    unique_tokens: float | None = None,
    bits: float = 16.0,
    whole: bool = True,
    late_steps: int | None = 0,
) -> Prediction:
    """The predicted loss of one run, with its ends, and notes on its limits.

    Args:
      params: N.
      tokens: D [tokens].
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      batch_tokens: B; None: the algorithm's best batch [tokens].
      sync_every: H; None: that of the fits.
      unique_tokens: tokens of data without repeats; None: no repeats [tokens].
      bits: of a parameter in an outer exchange [bit].
      whole: whether an exchange has every parameter, and gradients their 16 bits.
      late_steps: inner steps before a result is used; None: nobody has published what the strategy costs.

    Returns:
      The loss, its ends and its notes.

    Raises:
      InputError: as `predicted_loss`.
    Source: see `predicted_loss`.
    """
    loss = predicted_loss(params, tokens, algorithm, replicas, batch_tokens, unique_tokens)
    spread = algorithm != "data-parallel"
    how = Communication(replicas, (sync_every or FITTED_SYNC_EVERY) if spread else None, bits, whole, late_steps)
    price = price_of(params, how)
    notes = [*coverage(params, tokens, algorithm, replicas), *notes_on(params, how)]
    if unique_tokens is not None and tokens > unique_tokens:
        epochs, worth = tokens / unique_tokens, effective_tokens(tokens, unique_tokens)
        notes.append(
            f"data: {epochs:.3g} epochs count as {worth / tokens:.0%} of as many fresh tokens (arXiv 2305.16264)"
        )
    over = batch_tokens / diloco.batch_tokens(params, algorithm, replicas) if batch_tokens is not None else 0.0
    if over > _BATCH_NEARLY_BEST:
        share = batch_worth(params, algorithm, replicas, batch_tokens)
        notes.append(
            f"batch: {over:.3g} times the best one; a token is assumed to count {share:.0%} (no published law)"
        )
    middle = None if price.middle is None else loss * math.exp(price.middle)
    return Prediction(middle, tuple(notes), loss * math.exp(price.low), loss * math.exp(price.high))


def _loss_by_size(params: Any, algorithm: str, replicas: int) -> Any:
    """The published law up to its largest model, the form with a floor from the largest measured one, and between."""
    fitted, measured = FITTED_PARAMS[1], MEASURED_PARAMS
    step = diloco.loss(fitted, algorithm, replicas) / diloco.loss_with_floor(fitted, algorithm, replicas)
    faded = lesser(greater(log(params / fitted) / math.log(measured / fitted), 0.0), 1.0)
    beyond = diloco.loss_with_floor(params, algorithm, replicas) * step ** (1 - faded)
    within = params <= fitted
    return within * diloco.loss(params, algorithm, replicas) + (1 - within) * beyond
