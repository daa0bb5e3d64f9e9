"""The loss that plans are compared by, and what to say about it.

  L(N, D) = L_20(N, algorithm, M) x [L_C(N, D') / L_C(N, 20 N)]^g
  g = (d ln L_20 / d ln N) / (d ln L_C(N, 20 N) / d ln N)

L_20 is the loss that the laws give on 20 N tokens, L_C Chinchilla's law, D' the tokens that count (repeats, batches
above the best one). The exponent g makes both factors agree on how loss falls along 20 tokens per parameter. Without
it each says so in its own way: at 9e10 parameters the floor form falls by 0.062 and L_C by 0.026 per unit of ln N,
their product rewards parameters twice, and the best model comes out many times too large. With it, N and D share the
fall of L_20 as they do in Chinchilla's law, so the best N for a compute budget is close to the one that it gives.

Source: arXiv 2503.09799 (L_20), 2404.10102 (L_C), 2305.16264 (repeats); joined here.
Limits: no published run confirms the join. Strategies without a law of their own are taken for DiLoCo's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import laws
from ..laws.combined import batch_worth

if TYPE_CHECKING:
    from .plan_options import Option

Array = NDArray[np.float64]

_STEP = 0.005
"""Half the distance in ln N over which slopes are taken."""


def planned_loss(
    params: Array,
    tokens: Array,
    algorithm: str,
    replicas: int,
    batch_tokens: Array,
    unique_tokens: float | None = None,
) -> Array:
    """Predicted loss of many runs of one algorithm; arrays that broadcast.

    Args:
      params: N.
      tokens: D [tokens].
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      batch_tokens: B [tokens].
      unique_tokens: how many tokens are new; None: all [tokens].

    Returns:
      Loss [nats per token].
    """
    worth = tokens if unique_tokens is None else laws.effective_tokens(tokens, np.asarray(unique_tokens))
    worth = worth * batch_worth(params, algorithm, replicas, batch_tokens)
    budget = laws.TOKENS_PER_PARAM * params
    at_20 = laws.predicted_loss(params, budget, algorithm, replicas)
    carried = laws.chinchilla_loss(params, worth) / laws.chinchilla_loss(params, budget)
    return np.asarray(at_20 * carried ** _exponent(params, algorithm, replicas))


def _exponent(params: Array, algorithm: str, replicas: int) -> Array:
    """g: the slopes of both laws along 20 tokens per parameter, one over the other."""
    low, high = params * np.exp(-_STEP), params * np.exp(_STEP)
    ours = laws.loss_with_floor(high, algorithm, replicas) / laws.loss_with_floor(low, algorithm, replicas)
    per_param = laws.TOKENS_PER_PARAM
    theirs = laws.chinchilla_loss(high, per_param * high) / laws.chinchilla_loss(low, per_param * low)
    return np.asarray(np.log(ours) / np.log(theirs))


def best_batch_tokens(params: Array, algorithm: str, replicas: int) -> Array:
    """The law's best batch of an algorithm [tokens]."""
    return np.asarray(laws.batch_tokens(params, algorithm, replicas))


def remarks(option: Option, params: float, tokens: float, batch_tokens: float, best_tokens: float) -> tuple[str, ...]:
    """Where a plan leaves what the laws were fitted on, a sentence each."""
    cadence = option.sync_every if option.algorithm == "diloco" else None
    notes = list(laws.coverage(params, tokens, option.algorithm, option.replicas, cadence))
    kind = option.document["kind"]
    if kind not in laws.FITTED_ALGORITHMS:
        notes.append(f"{kind}: no loss law is fitted for it; DiLoCo's is taken, delays and staleness cost nothing here")
    if any(key in option.document for key in ("payload_bits", "compression_ratio")):
        notes.append("payload: fewer bits are taken to cost no loss; the laws were fitted without compression")
    if batch_tokens > 1.05 * best_tokens:
        notes.append(f"batch: {batch_tokens / best_tokens:.2g} times the law's best; its price is our assumption")
    unique = option.ask.unique_tokens
    if unique is not None and tokens > unique:
        notes.append(f"data: {tokens / unique:.3g} epochs over {unique:.3g} unique tokens (arXiv 2305.16264)")
    if len({site.chips for site in option.topology.datacenters}) > 1 and option.replicas > 1:
        notes.append("replicas: their batches differ with the size of their sites; the laws were fitted on equal ones")
    return tuple(notes)
