"""The DiLoCo laws: loss, best batch and best learning rates of Data-Parallel and DiLoCo as functions of N and M.

Source: arXiv 2503.09799, Tables 7, 8 and 9 (a power law A N^alpha for each algorithm: the independent form), Table 10
(A N^alpha M^beta for DiLoCo: the joint form) and Figure 7 (outer rates). The fits are of models from 35M to 2.4B
parameters trained on 20 tokens per parameter of C4, DiLoCo with H = 30 and M = 1, 2, 4, 8.
"""

from __future__ import annotations

import math
from typing import Literal

from ..errors import InputError
from .coverage import coverage as coverage
from .coverage import learning_rate_notes as learning_rate_notes
from .published import (
    BATCH_SEQUENCES,
    FITTED_ALGORITHMS,
    FITTED_REPLICAS,
    FITTED_SEQUENCE_TOKENS,
    FLOOR,
    INNER_LEARNING_RATE,
    LOSS,
    LOSS_OVER_FLOOR,
    OUTER_LEARNING_RATE,
    Law,
)
from .values import Values

Form = Literal["independent", "joint"]


def loss(params: Values, algorithm: str, replicas: int, form: Form = "independent") -> Values:
    """Evaluation loss on C4 after 20 N tokens.

    It is A N^alpha in the independent form, A N^alpha M^beta in the joint form.
    Example: 2.4B parameters under Data-Parallel: 18.129 * 2.4e9^-0.0953 = 2.31.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M; ignored for Data-Parallel.
      form: the published fit; Data-Parallel has only the independent one. Replica counts without an independent fit are
        interpolated in log M between their neighbours, and extrapolated beyond M = 8 with the joint form's M^beta.

    Returns:
      Loss [nats per token], of the shape of `params`.

    Raises:
      InputError: the algorithm or form is unknown.
    Source: arXiv 2503.09799, Tables 7 and 10.
    Limits: the data, tokenizer and recipe of that paper; see `coverage`. Above 2.4B parameters it is too low, by 3.4%
      at 10B.
    """
    return _evaluate(LOSS, params, algorithm, replicas, form)


def loss_with_floor(params: Values, algorithm: str, replicas: int) -> Values:
    """Evaluation loss on C4 after 20 N tokens with an irreducible term: C + A (N/1e9)^alpha.

    For models beyond the published fits, which fall towards 0, while this form falls towards C.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M; counts without a fit as in `loss`.

    Returns:
      Loss [nats per token], of the shape of `params`.

    Raises:
      InputError: the algorithm is unknown.
    Source: fitted by `experiments/loss_scaling.py` to arXiv 2503.09799, Tables 4, 5 and 12.
    Limits: measured up to 10B parameters (M = 8 up to 2.4B); the settings of the 4B and 10B runs were predicted, not
      tuned.
    """
    return FLOOR + _evaluate(LOSS_OVER_FLOOR, params / 1e9, algorithm, replicas, "independent")


def batch_tokens(params: Values, algorithm: str, replicas: int, form: Form = "independent") -> Values:
    """Best global batch: 2,048 A N^alpha, or 2,048 A N^alpha M^beta in the joint form.

    Example: 2.4B parameters under DiLoCo with M = 8: 2,048 * 0.01859 * 2.4e9^0.455 = 7.1e5 tokens.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      form: as in `loss`.

    Returns:
      B [tokens], of the shape of `params`.

    Raises:
      InputError: the algorithm or form is unknown.
    Source: arXiv 2503.09799, Tables 9 and 10 (in sequences there).
    Limits: fitted from 35M to 2.4B parameters at 20 tokens per parameter, on a grid of powers of two.
    """
    return FITTED_SEQUENCE_TOKENS * _evaluate(BATCH_SEQUENCES, params, algorithm, replicas, form)


def inner_learning_rate(params: Values, algorithm: str, replicas: int, form: Form = "independent") -> Values:
    """Best peak learning rate of the inner optimizer: A N^alpha, or A N^alpha M^beta in the joint form.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M.
      form: as in `loss`.

    Returns:
      Learning rate, of the shape of `params`.

    Raises:
      InputError: the algorithm or form is unknown.
    Source: arXiv 2503.09799, Tables 8 and 10.
    Limits: fitted from 35M to 2.4B parameters on a coarse grid. The independent row of M = 8 is a misprint
      (`learning_rate_notes`): at 2.4B it is a factor of 7.5 below the joint form, which is to be used there.
    """
    return _evaluate(INNER_LEARNING_RATE, params, algorithm, replicas, form)


def outer_learning_rate(params: Values, replicas: int) -> Values:
    """Best learning rate of DiLoCo's outer optimizer (Nesterov momentum), which depends on M and not on N.

    Counts between the measured ones are interpolated in log M; beyond M = 8 it is the rate of M = 8.

    Args:
      params: N, any shape.
      replicas: M.

    Returns:
      Learning rate, of the shape of `params`.

    Raises:
      InputError: there is less than one replica.
    Source: arXiv 2503.09799, Figure 7.
    Limits: measured from 335M parameters up; for smaller models the best rates scatter between 0.4 and 1.0.
    """
    low, high, share = _neighbours(replicas)
    rate = OUTER_LEARNING_RATE[low] + share * (OUTER_LEARNING_RATE[high] - OUTER_LEARNING_RATE[low])
    return params * 0.0 + rate


def best_batch_tokens(params: float) -> float:
    """Best global batch of Data-Parallel: `batch_tokens` for it [tokens].

    Args:
      params: N.
    """
    return batch_tokens(params, "data-parallel", 1)


def default_batch_tokens(params: float) -> int:
    """The power of two nearest (by ratio) to the best batch of Data-Parallel, as in the paper's sweeps [tokens]."""
    return int(2 ** round(math.log2(best_batch_tokens(params))))


def _evaluate(laws: dict[str, Law], params: Values, algorithm: str, replicas: int, form: Form) -> Values:
    if algorithm not in FITTED_ALGORITHMS:
        raise InputError(
            f"no scaling law is fitted for algorithm '{algorithm}'; write {' or '.join(FITTED_ALGORITHMS)}"
        )
    if form not in ("independent", "joint"):
        raise InputError(f"no form '{form}' of the scaling laws; write independent or joint")
    low, high, share = _neighbours(replicas)
    if algorithm == "data-parallel":
        return _power(laws[algorithm], params, 1)
    if form == "joint":
        return _power(laws[algorithm], params, replicas)
    value = _power(laws[f"diloco-{low}"], params, 1)
    if replicas > high:
        beyond: float = (replicas / high) ** laws[algorithm][2]
        return value * beyond
    if low == high:
        return value
    between: Values = value * (_power(laws[f"diloco-{high}"], params, 1) / value) ** share
    return between


def _power(law: Law, params: Values, replicas: int) -> Values:
    A, alpha, beta = law
    value: Values = A * params**alpha * replicas**beta
    return value


def _neighbours(replicas: int) -> tuple[int, int, float]:
    """The fitted replica counts on both sides of M, and the position of M between them in log M."""
    if replicas < 1:
        raise InputError(f"got {replicas} replicas; write 1 or more")
    low = max(fitted for fitted in FITTED_REPLICAS if fitted <= replicas)
    high = min((fitted for fitted in FITTED_REPLICAS if fitted >= replicas), default=FITTED_REPLICAS[-1])
    share = math.log(replicas / low) / math.log(high / low) if low < high else 0.0
    return low, high, share
