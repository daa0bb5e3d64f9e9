"""The published recipe as numbers: peak learning rates, batch, outer rates and token budget of a model's size.

A power law f(N) = A N^alpha was fitted for each algorithm and replica count, and a joint one in N and M for the others.

Source: arXiv 2503.09799, Tables 8, 9 and 10 (fits), Figure 7 (outer learning rates), section 3 (20 tokens per
parameter). The numbers are those of `sim.laws.published`, which a test holds equal to `experiments/reference/`.
Limits: fitted from 35M to 2.4B parameters, for Data-Parallel and for DiLoCo with H = 30; the other algorithms take
DiLoCo's numbers. A smaller model takes the learning rates of 35M, as the power law grows too large below (0.7 at 0.2M).
"""

from __future__ import annotations

import math

from sim.laws.published import (
    BATCH_SEQUENCES,
    FITTED_PARAMS,
    FITTED_REPLICAS,
    FITTED_SEQUENCE_TOKENS,
    INNER_LEARNING_RATE,
    OUTER_LEARNING_RATES,
    OUTER_SIZES,
    TOKENS_PER_PARAM,
    Law,
)

MOST_REPLICAS_TRUSTED = 4


def inner_learning_rate(params: float, law: str, replicas: int) -> float:
    """Peak inner learning rate: A N^alpha, with N at least 35M; for M > 4 the joint form.

    The printed exponent for M = 8 contradicts the joint fit of the same data, and gives rates that are too low.

    Example: 35M parameters under Data-Parallel: 16319.2 * 35e6^-0.819 = 0.0108.

    Args:
      params: N.
      law: `data-parallel` or `diloco`.
      replicas: M.

    Returns:
      The rate.
    """
    sized = max(params, FITTED_PARAMS[0])
    return _law(INNER_LEARNING_RATE, sized, law, replicas, MOST_REPLICAS_TRUSTED)


def batch_tokens(params: float, law: str, replicas: int) -> int:
    """Global batch B: the power of two nearest (by ratio) to 2,048 A N^alpha, as in the published sweeps [tokens].

    Example: 2.4B parameters under Data-Parallel: 2,048 * 0.22592 * 2.4e9^0.281 = 2.0e5, so 2^18 = 262,144 tokens.

    Args:
      params: N.
      law: `data-parallel` or `diloco`.
      replicas: M.
    """
    sequences = _law(BATCH_SEQUENCES, params, law, replicas, FITTED_REPLICAS[-1])
    return int(2 ** round(math.log2(FITTED_SEQUENCE_TOKENS * sequences)))


def outer_learning_rate(params: float, replicas: int) -> float:
    """Outer learning rate of the nearest published size and replica count (by ratio).

    Args:
      params: N.
      replicas: M.

    Returns:
      The rate.
    """
    column = min(range(len(OUTER_SIZES)), key=lambda i: abs(math.log(OUTER_SIZES[i] / params)))
    row = min(OUTER_LEARNING_RATES, key=lambda count: abs(math.log(count / replicas)))
    return OUTER_LEARNING_RATES[row][column]


def token_budget(params: float, overtraining: float) -> float:
    """Tokens of a run: D = 20 N lambda [tokens]."""
    return TOKENS_PER_PARAM * params * overtraining


def _law(table: dict[str, Law], params: float, law: str, replicas: int, most_replicas: int) -> float:
    """The fit for this number of replicas; beyond `most_replicas`, and where there is none, the joint fit."""
    row = f"{law}-{replicas}"
    trusted = row in table and replicas <= most_replicas
    factor, exponent, by_replicas = table[row if trusted else law]
    return float(factor * params**exponent * replicas**by_replicas)
