"""The published recipe as numbers: peak learning rates, batch, outer rates and token budget of a model's size.

A power law f(N) = A N^alpha was fitted for each algorithm and replica count, and one in N and M for the others.

Source: arXiv 2503.09799, Tables 8, 9 and 10 (fits), Figure 7 (outer learning rates), section 3 (20 tokens per
parameter). A test holds the constants equal to `experiments/reference/`.
Limits: fitted from 35M to 2.4B parameters, for Data-Parallel and for DiLoCo with H = 30; the other algorithms borrow
DiLoCo's. A smaller model takes the learning rates of 35M, because the power law runs away below it (0.7 at 0.2M).
"""

from __future__ import annotations

import math

TOKENS_PER_PARAM = 20.0
FIT_SEQUENCE_TOKENS = 2_048
"""The batch fits count sequences of this many tokens."""
SMALLEST_FITTED_PARAMS = 35e6
DATA_PARALLEL = "data-parallel"

INNER_LEARNING_RATE = {
    (DATA_PARALLEL, 1): (16319.2, -0.819),
    ("diloco", 1): (74620.6, -0.945),
    ("diloco", 2): (3978.82, -0.780),
    ("diloco", 4): (4512.99, -0.789),
    ("diloco", 8): (618986.0, -1.102),
}
MOST_REPLICAS_TRUSTED = 4
INNER_LEARNING_RATE_JOINT = (22256.0, -0.8827, 0.2929)
BATCH_SEQUENCES = {
    (DATA_PARALLEL, 1): (0.22592, 0.281),
    ("diloco", 1): (0.01361, 0.435),
    ("diloco", 2): (0.00769, 0.479),
    ("diloco", 4): (0.00535, 0.510),
    ("diloco", 8): (0.01859, 0.455),
}
BATCH_SEQUENCES_JOINT = (0.00709, 0.4695, 0.3399)
OUTER_SIZES = (35e6, 90e6, 180e6, 335e6)
"""Sizes N of the columns of the outer learning rates; the last one holds from there up."""
OUTER_LEARNING_RATE = {
    1: (0.6, 0.4, 0.6, 0.4),
    2: (0.6, 0.6, 0.6, 0.6),
    4: (0.6, 0.8, 0.6, 0.6),
    8: (1.0, 0.8, 0.8, 0.8),
}


def inner_learning_rate(params: float, algorithm: str, replicas: int) -> float:
    """Peak inner learning rate: A N^alpha, with N no smaller than 35M; for M > 4 the joint form.

    The printed exponent for M = 8 contradicts the joint fit of the same data, and gives rates that are too low.

    Example: 35M parameters under Data-Parallel: 16319.2 * 35e6^-0.819 = 0.0108.

    Args:
      params: N.
      algorithm: `data-parallel`, or any algorithm with outer steps.
      replicas: M.

    Returns:
      The rate.
    """
    sized = max(params, SMALLEST_FITTED_PARAMS)
    table = {key: fit for key, fit in INNER_LEARNING_RATE.items() if key[1] <= MOST_REPLICAS_TRUSTED}
    return _law(table, INNER_LEARNING_RATE_JOINT, sized, algorithm, replicas)


def batch_tokens(params: float, algorithm: str, replicas: int) -> int:
    """Global batch B: the power of two nearest (by ratio) to 2,048 A N^alpha, as the published sweeps step [tokens].

    Example: 2.4B parameters under Data-Parallel: 2,048 * 0.22592 * 2.4e9^0.281 = 2.0e5, so 2^18 = 262,144 tokens.

    Args:
      params: N.
      algorithm: `data-parallel`, or any algorithm with outer steps.
      replicas: M.
    """
    sequences = _law(BATCH_SEQUENCES, BATCH_SEQUENCES_JOINT, params, algorithm, replicas)
    return int(2 ** round(math.log2(FIT_SEQUENCE_TOKENS * sequences)))


def outer_learning_rate(params: float, replicas: int) -> float:
    """Outer learning rate of the nearest published size and replica count (by ratio).

    Args:
      params: N.
      replicas: M.

    Returns:
      The rate.
    """
    column = min(range(len(OUTER_SIZES)), key=lambda i: abs(math.log(OUTER_SIZES[i] / params)))
    row = min(OUTER_LEARNING_RATE, key=lambda count: abs(math.log(count / replicas)))
    return OUTER_LEARNING_RATE[row][column]


def token_budget(params: float, overtraining: float) -> float:
    """Tokens of a run: D = 20 N lambda [tokens]."""
    return TOKENS_PER_PARAM * params * overtraining


def _law(
    fits: dict[tuple[str, int], tuple[float, float]],
    joint: tuple[float, float, float],
    params: float,
    algorithm: str,
    replicas: int,
) -> float:
    family = DATA_PARALLEL if algorithm == DATA_PARALLEL else "diloco"
    if (family, replicas) in fits:
        factor, exponent = fits[family, replicas]
        return float(factor * params**exponent)
    factor, exponent, by_replicas = joint
    return float(factor * params**exponent * replicas**by_replicas)
