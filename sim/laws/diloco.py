"""The DiLoCo laws: loss, best batch and best learning rates of Data-Parallel and DiLoCo against N and M.

Source: arXiv 2503.09799, Tables 7, 8 and 9 (a power law A N^alpha for each algorithm: the independent form), Table 10
(A N^alpha M^beta for DiLoCo: the joint form) and Figure 7 (outer rates). The fits are of models from 35M to 2.4B
parameters trained on 20 tokens per parameter of C4, DiLoCo with H = 30 and M = 1, 2, 4, 8.
"""

from __future__ import annotations

import math
from typing import Literal

from ..errors import InputError
from .values import Values

Form = Literal["independent", "joint"]

FITTED_PARAMS = (35e6, 2.4e9)
FITTED_ALGORITHMS = ("data-parallel", "diloco")
FITTED_REPLICAS = (1, 2, 4, 8)
FITTED_SYNC_EVERY = 30
TOKENS_PER_PARAM = 20.0
FITTED_SEQUENCE_TOKENS = 2_048
"""The published batch fits count sequences of this many tokens, not tokens."""
MEASURED_PARAMS = 10e9
"""The largest model that was measured; `loss_with_floor` was fitted up to there."""

Law = tuple[float, float, float]
"""A, alpha, beta of A N^alpha M^beta; beta is 0 in the independent form."""

LOSS: dict[str, Law] = {
    "data-parallel": (18.129, -0.0953, 0.0),
    "diloco-1": (18.363, -0.0961, 0.0),
    "diloco-2": (18.768, -0.0969, 0.0),
    "diloco-4": (19.762, -0.0992, 0.0),
    "diloco-8": (21.051, -0.1018, 0.0),
    "diloco": (19.226, -0.0985, 0.0116),
}
INNER_LEARNING_RATE: dict[str, Law] = {
    "data-parallel": (16_319.2, -0.819, 0.0),
    "diloco-1": (74_620.6, -0.945, 0.0),
    "diloco-2": (3_978.82, -0.780, 0.0),
    "diloco-4": (4_512.99, -0.789, 0.0),
    "diloco-8": (618_986.0, -1.102, 0.0),
    "diloco": (22_256.0, -0.8827, 0.2929),
}
BATCH_SEQUENCES: dict[str, Law] = {
    "data-parallel": (0.22592, 0.281, 0.0),
    "diloco-1": (0.01361, 0.435, 0.0),
    "diloco-2": (0.00769, 0.479, 0.0),
    "diloco-4": (0.00535, 0.510, 0.0),
    "diloco-8": (0.01859, 0.455, 0.0),
    "diloco": (0.00709, 0.4695, 0.3399),
}
OUTER_LEARNING_RATE = {1: 0.4, 2: 0.6, 4: 0.6, 8: 0.8}
"""From 335M parameters up; smaller models scatter by a step or two of the grid around these."""


FLOOR = 1.1046
"""What is left of the loss at any size in `loss_with_floor`, one for all algorithms [nats per token]."""
LOSS_OVER_FLOOR: dict[str, Law] = {
    "data-parallel": (1.40769, -0.15771, 0.0),
    "diloco-1": (1.40094, -0.15852, 0.0),
    "diloco-2": (1.40889, -0.16017, 0.0),
    "diloco-4": (1.42331, -0.16216, 0.0),
    "diloco-8": (1.44520, -0.16578, 0.0),
    "diloco": (1.40094, -0.15852, 0.01923),
}
"""A, alpha, beta of A (N/1e9)^alpha M^beta over the floor, fitted here on the published losses up to 10B parameters."""


def loss(params: Values, algorithm: str, replicas: int, form: Form = "independent") -> Values:
    """Evaluation loss on C4 after 20 N tokens.

    A N^alpha in the independent form, A N^alpha M^beta in the joint one.
    Example: 2.4B parameters under Data-Parallel: 18.129 * 2.4e9^-0.0953 = 2.31.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M; Data-Parallel has none, and takes any.
      form: which published fit; Data-Parallel has only the independent one. Replica counts without an independent fit
        are interpolated in log M between their neighbours, and beyond M = 8 go on with the joint form's M^beta.

    Returns:
      Loss [nats per token], of the shape of `params`.

    Raises:
      InputError: no such algorithm or form.
    Source: arXiv 2503.09799, Tables 7 and 10.
    Limits: the data, tokenizer and recipe of that paper; see `coverage`. Above 2.4B parameters too low: by 3.4% at 10B.
    """
    return _evaluate(LOSS, params, algorithm, replicas, form)


def loss_with_floor(params: Values, algorithm: str, replicas: int) -> Values:
    """Evaluation loss on C4 after 20 N tokens with an irreducible term: C + A (N/1e9)^alpha.

    For models larger than the published fits reach: those fall towards 0, and this one towards C.

    Args:
      params: N, any shape.
      algorithm: `data-parallel` or `diloco`.
      replicas: M; counts between and beyond the fitted ones as in `loss`.

    Returns:
      Loss [nats per token], of the shape of `params`.

    Raises:
      InputError: no such algorithm.
    Source: fitted by `experiments/loss_scaling.py` on arXiv 2503.09799, Tables 4, 5 and 12.
    Limits: measured up to 10B parameters (M = 8 to 2.4B); the 4B and 10B runs were not tuned, their settings predicted.
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
      InputError: no such algorithm or form.
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
      InputError: no such algorithm or form.
    Source: arXiv 2503.09799, Tables 8 and 10.
    Limits: fitted from 35M to 2.4B parameters on a coarse grid. The independent fit of M = 8 lies a factor of 7 below
      the joint one at 2.4B; the joint form is the safer advice there.
    """
    return _evaluate(INNER_LEARNING_RATE, params, algorithm, replicas, form)


def outer_learning_rate(params: Values, replicas: int) -> Values:
    """Best learning rate of DiLoCo's outer optimizer (Nesterov momentum): it depends on M and not on N.

    Counts between the measured ones are interpolated in log M; beyond M = 8 the rate of 8 stays.

    Args:
      params: N, any shape.
      replicas: M.

    Returns:
      Learning rate, of the shape of `params`.

    Raises:
      InputError: less than one replica.
    Source: arXiv 2503.09799, Figure 7.
    Limits: constant from 335M parameters up; below, the best rates scatter between 0.4 and 1.0.
    """
    low, high, share = _neighbours(replicas)
    rate = OUTER_LEARNING_RATE[low] + share * (OUTER_LEARNING_RATE[high] - OUTER_LEARNING_RATE[low])
    return params * 0.0 + rate


def coverage(
    params: float, tokens: float, algorithm: str, replicas: int, sync_every: int | None = None
) -> tuple[str, ...]:
    """What of a run the published fits do not cover, and what is done about it; empty where they cover all of it.

    Args:
      params: N.
      tokens: D [tokens].
      algorithm: `data-parallel` or `diloco`.
      replicas: M; of no matter for Data-Parallel.
      sync_every: H; None for what was fitted, and of no matter for Data-Parallel.

    Returns:
      Notes, each with its subject first.
    """
    notes: list[str] = []
    low, high = FITTED_PARAMS
    if params < low * 0.95:
        notes.append(f"params: extrapolated below the fitted range ({low / 1e6:g}M to {high / 1e9:g}B)")
    elif params > high * 1.05:
        beyond = (
            "measured to 10B" if params <= MEASURED_PARAMS * 1.05 else "extrapolated beyond every measured model (10B)"
        )
        notes.append(
            f"params: above the fitted range ({low / 1e6:g}M to {high / 1e9:g}B), where the plain power law is too low "
            f"(3.4% at 10B); continued with an irreducible term, {beyond}"
        )
    per_param = tokens / params
    if abs(per_param / TOKENS_PER_PARAM - 1) > 0.05:
        notes.append(
            f"tokens: {per_param:.3g} per parameter, fitted at {TOKENS_PER_PARAM:g}; carried over by Chinchilla's law "
            "(arXiv 2404.10102), an extrapolation"
        )
    if algorithm == "data-parallel":
        return tuple(notes)
    if replicas > FITTED_REPLICAS[-1]:
        notes.append(f"replicas: {replicas} is extrapolated beyond the fitted 1, 2, 4 and 8")
    elif replicas not in FITTED_REPLICAS:
        notes.append(f"replicas: {replicas} is interpolated between the fitted 1, 2, 4 and 8")
    elif replicas == FITTED_REPLICAS[-1] and params > high * 1.05:
        notes.append(f"replicas: {replicas} was measured to {high / 1e9:g}B parameters only")
    if sync_every not in (None, FITTED_SYNC_EVERY):
        notes.append(
            f"sync_every: {sync_every}, fitted at {FITTED_SYNC_EVERY}; what this does to the loss is not predicted"
        )
    return tuple(notes)


def law_applies(params: float, tokens: float, sync_every: int | None) -> bool:
    """Whether the loss fits cover a run: its size, its tokens per parameter (to 5%), and its H.

    Args:
      params: N.
      tokens: D [tokens].
      sync_every: H, or None for Data-Parallel.
    """
    low, high = FITTED_PARAMS
    sized = low * 0.95 <= params <= high * 1.05
    budgeted = abs(tokens / (TOKENS_PER_PARAM * params) - 1) <= 0.05
    return sized and budgeted and sync_every in (None, FITTED_SYNC_EVERY)


def best_batch_tokens(params: float) -> float:
    """Best global batch of Data-Parallel: `batch_tokens` for it [tokens].

    Args:
      params: N.
    """
    return batch_tokens(params, "data-parallel", 1)


def default_batch_tokens(params: float) -> int:
    """The power of two nearest (by ratio) to the best Data-Parallel batch, as the paper's sweeps step [tokens]."""
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
    """The fitted replica counts on both sides, and how far M lies between them in log M."""
    if replicas < 1:
        raise InputError(f"{replicas} replicas are none; write 1 or more")
    low = max(fitted for fitted in FITTED_REPLICAS if fitted <= replicas)
    high = min((fitted for fitted in FITTED_REPLICAS if fitted >= replicas), default=FITTED_REPLICAS[-1])
    share = math.log(replicas / low) / math.log(high / low) if low < high else 0.0
    return low, high, share
