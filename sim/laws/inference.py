"""The model with the least lifetime compute: it is trained once, and then processes many inference tokens.

Source: arXiv 2401.00448 (Sardana et al., "Beyond Chinchilla-Optimal"), equation 3.
"""

from __future__ import annotations

from ..errors import InputError
from .chinchilla import Constants
from .values import Values

CONSTANTS = Constants(E=1.69, A=406.4, B=410.7, a=0.336, b=0.283)
"""Chinchilla's approach 3 with the digits of this paper."""
TRAINING_FLOP = 6.0
INFERENCE_FLOP = 2.0
"""Flop per parameter and token: in training (forward and backward) and in inference (forward only)."""


def tokens_for_loss(params: Values, target_loss: float) -> Values:
    """Training tokens after which a model of N parameters reaches a loss: (B / (L - E - A/N^a))^(1/b).

    Args:
      params: N, any shape; large enough to reach the loss.
      target_loss: L [nats per token].

    Returns:
      D [tokens].
    """
    c = CONSTANTS
    value: Values = (c.B / (target_loss - c.E - c.A * params**-c.a)) ** (1 / c.b)
    return value


def inference_optimal(target_loss: float, inference_tokens: Values) -> tuple[Values, Values]:
    """The model size and training tokens that reach a loss with the least flop of training and inference together.

    Minimises 6 N D + 2 N D_inference over N, with D = `tokens_for_loss`. The derivative by ln N over 2 N,
    3 D [1 - a A N^-a / (b (L - E - A N^-a))] + D_inference, rises with N; its zero is found by bisection.

    Args:
      target_loss: L [nats per token].
      inference_tokens: D_inference over the lifetime, any shape [tokens].

    Returns:
      N and D [tokens], of the shape of `inference_tokens`.

    Raises:
      InputError: no model reaches the loss.
    Source: arXiv 2401.00448, equation 3.
    Limits: all flop count the same; inference flop cost more (lower utilisation), which favours small models further.
      The law was fitted up to about 20 tokens per parameter, and is used far beyond.
    """
    import numpy as np

    c = CONSTANTS
    gap = target_loss - c.E
    if gap <= 0:
        raise InputError(f"no model reaches a loss of {target_loss:g}; write more than {c.E:g}, the irreducible loss")
    smallest = (c.A / gap) ** (1 / c.a)
    low = np.zeros(np.shape(inference_tokens)) + np.log(smallest)
    high = low + 60.0
    for _ in range(200):
        middle = (low + high) / 2
        model_part = c.A * np.exp(-c.a * middle)
        with np.errstate(divide="ignore", over="ignore"):
            tokens = (c.B / (gap - model_part)) ** (1 / c.b)
            slope = TRAINING_FLOP / INFERENCE_FLOP * tokens * (1 - c.a * model_part / (c.b * (gap - model_part)))
        too_small = ~(slope + inference_tokens > 0)
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    params = np.exp(high)
    trained = tokens_for_loss(params, target_loss)
    if params.ndim:
        return params, trained
    return float(params), float(trained)  # type: ignore[return-value]  # a number in, numbers out
