"""Scaling laws that give a run its predicted loss and a model its default batch.

Source: arXiv 2503.09799, Tables 7 and 9 (a power law in N for each algorithm) and Table 10 (one in N and M).
The fits are of models from 35M to 2.4B parameters trained on 20 tokens per parameter, DiLoCo with H = 30.
"""

from __future__ import annotations

import math

FITTED_PARAMS = (35e6, 2.4e9)
FITTED_ALGORITHMS = ("data-parallel", "diloco")
FITTED_SYNC_EVERY = 30
TOKENS_PER_PARAM = 20.0
FITTED_SEQUENCE_TOKENS = 2_048
"""The published batch fits count sequences of this many tokens, not tokens."""

_LOSS = {
    ("data-parallel", 1): (18.129, -0.0953),
    ("diloco", 1): (18.363, -0.0961),
    ("diloco", 2): (18.768, -0.0969),
    ("diloco", 4): (19.762, -0.0992),
    ("diloco", 8): (21.051, -0.1018),
}
_LOSS_JOINT = (19.226, -0.0985, 0.0116)
_BATCH_SEQUENCES = (0.22592, 0.281)


def loss(params: float, algorithm: str, replicas: int) -> float:
    """Evaluation loss on C4 after 20 N tokens: A N^alpha, or A N^alpha M^beta for replica counts without a fit.

    Example: 2.4B parameters under Data-Parallel: 18.129 * 2.4e9^-0.0953 = 2.32.

    Args:
      params: N.
      algorithm: `data-parallel` or `diloco`.
      replicas: M.

    Returns:
      Loss [nats per token].
    Source: arXiv 2503.09799, Tables 7 and 10.
    Limits: the data, tokenizer and recipe of that paper; see `law_applies`.
    """
    if (algorithm, replicas) in _LOSS:
        A, alpha = _LOSS[algorithm, replicas]
        return float(A * params**alpha)
    A, alpha, beta = _LOSS_JOINT
    return float(A * params**alpha * replicas**beta)


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
    """Best global batch of Data-Parallel: 2,048 A N^alpha.

    Example: 2.4B parameters: 2,048 * 0.22592 * 2.4e9^0.281 = 2.0e5 tokens.

    Args:
      params: N.

    Returns:
      B [tokens].
    Source: arXiv 2503.09799, Table 9 (in sequences there).
    Limits: fitted from 35M to 2.4B parameters at 20 tokens per parameter.
    """
    A, alpha = _BATCH_SEQUENCES
    return float(FITTED_SEQUENCE_TOKENS * A * params**alpha)


def default_batch_tokens(params: float) -> int:
    """The power of two nearest (by ratio) to the best Data-Parallel batch, as the paper's sweeps step [tokens]."""
    return int(2 ** round(math.log2(best_batch_tokens(params))))
