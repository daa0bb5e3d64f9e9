"""Kaplan's laws: the loss from parameters, tokens or compute if nothing else limits it, and from two of them.

Source: arXiv 2001.08361 (Kaplan et al. 2020), equations 1.1 to 1.6, Table 3.
Limits: N without embeddings; WebText2, context of 1,024 tokens, from 768 to 1.5e9 parameters. Chinchilla superseded its
advice on the division of compute, as its learning-rate schedules did not fit the length of the runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import InputError
from .critical_batch import CriticalBatch, step_share
from .values import Values

A_N, N_C = 0.076, 8.8e13
A_D, D_C_TOKENS = 0.095, 5.4e13
A_C, C_C_PETAFLOP_DAYS = 0.050, 3.1e8
FLOP_PER_PETAFLOP_DAY = 8.64e19


@dataclass(frozen=True)
class StepLaw:
    """L(N, S_min) = (Nc/N)^aN + (Sc/S_min)^aS, with the critical batch that gives S_min."""

    a_N: float
    N_c: float
    a_S: float
    S_c: float
    batch: CriticalBatch


STEP_LAWS: dict[str, StepLaw] = {
    "kaplan": StepLaw(a_N=0.077, N_c=6.5e13, a_S=0.76, S_c=2.1e3, batch=CriticalBatch(tokens=2e8, exponent=0.21)),
    "c4": StepLaw(a_N=0.076, N_c=1.5e14, a_S=0.67, S_c=2.6e3, batch=CriticalBatch(tokens=1.7e8, exponent=0.205)),
}
"""`kaplan`: Table 3 of 2001.08361. `c4`: arXiv 2403.06563; no second source confirms its constants."""


def loss_by_params(params: Values) -> Values:
    """Loss of a model of N parameters with ample data and training: (Nc/N)^aN [nats per token]."""
    value: Values = (N_C / params) ** A_N
    return value


def loss_by_tokens(tokens: Values) -> Values:
    """Loss of a large model on D tokens with early stopping: (Dc/D)^aD [nats per token]."""
    value: Values = (D_C_TOKENS / tokens) ** A_D
    return value


def loss_by_compute(flop: Values) -> Values:
    """Loss of the best-sized model for C flop at a small batch: (Cc/C)^aC [nats per token]."""
    value: Values = (C_C_PETAFLOP_DAYS * FLOP_PER_PETAFLOP_DAY / flop) ** A_C
    return value


def kaplan_loss(params: Values, tokens: Values) -> Values:
    """Loss from both: [(Nc/N)^(aN/aD) + Dc/D]^aD.

    Args:
      params: N without embeddings, any shape.
      tokens: D, of the same shape or a number [tokens].

    Returns:
      Loss [nats per token].
    Source: arXiv 2001.08361, equation 1.5.
    """
    value: Values = ((N_C / params) ** (A_N / A_D) + D_C_TOKENS / tokens) ** A_D
    return value


def loss_after_steps(
    params: Values, steps: Values, batch_tokens: Values, law: Literal["kaplan", "c4"] = "kaplan"
) -> Values:
    """Loss after S steps at batch B: (Nc/N)^aN + (Sc/S_min)^aS with S_min = S/(1 + B_crit(L)/B).

    B_crit depends on the loss itself; the loss that solves the equation is found by bisection.

    Args:
      params: N without embeddings, any shape.
      steps: S, of the same shape or a number.
      batch_tokens: B, of the same shape or a number [tokens].
      law: the set of constants.

    Returns:
      Loss [nats per token].

    Raises:
      InputError: the law is unknown.
    Source: arXiv 2001.08361, equation 1.6 and Table 3; arXiv 2403.06563.
    Limits: after the warm-up, without repeated data.
    """
    import numpy as np

    if law not in STEP_LAWS:
        raise InputError(f"no law '{law}' of loss against steps; write {' or '.join(STEP_LAWS)}")
    c = STEP_LAWS[law]
    least = (c.N_c / params) ** c.a_N
    low = np.zeros(np.broadcast(params, steps, batch_tokens).shape) + least
    high = low + 1e6
    for _ in range(200):  # the right side falls as L rises: a larger loss has a smaller critical batch
        middle = (low + high) / 2
        smallest_steps = steps * step_share(batch_tokens, c.batch.at(middle))
        over = least + (c.S_c / smallest_steps) ** c.a_S > middle
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return high if high.ndim else float(high)  # type: ignore[return-value]  # a number in, a number out
