"""Tasks: the mean error of a model over tasks, from its loss, for models that may be trained far past their optimum.

Source: arXiv 2403.08540 (Gadre et al., "Language models scale reliably with over-training and on downstream tasks"),
equations 4 and 5, Tables 2 and 6, Figure 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..values import Values


@dataclass(frozen=True)
class Trained:
    """The law of models that were trained on one data set, all evaluated on C4.

    L = E + (a M^eta + b M^-eta) C^-eta with C = 6 N D and M = D/N; mean top-1 error = eps - k exp(-gamma L).

    Attributes:
      E, a, b, eta: of the loss.
      eps, k, gamma: of the error.
      scatter: the largest relative error of the error that was predicted for models of 1.4e9 and 6.9e9 parameters.
    """

    E: float
    a: float
    b: float
    eta: float
    eps: float
    k: float
    gamma: float
    scatter: float


TRAINED = {
    "c4": Trained(1.51, 141, 190, 0.121, 0.850, 2.08, 0.756, 0.096),
    "redpajama": Trained(1.84, 212, 367, 0.136, 0.857, 2.21, 0.715, 0.036),
    "refinedweb": Trained(1.73, 157, 246, 0.127, 0.865, 2.21, 0.707, 0.056),
}
"""By the data that was trained on; constants of Table 6, scatter of Figure 12."""
FITTED_PARAMS, TESTED_PARAMS = (11e6, 411e6), 6.9e9
FITTED_RATIOS = (20.0, 640.0)
"""Tokens a parameter that were tried; below 20 the trend breaks."""


def loss(params: Values, tokens: Values, data: str) -> Values:
    """Loss on C4 of a model that was trained on some data [nats per token].

    Args:
      params: N, any shape.
      tokens: D, of the same shape or a number [tokens].
      data: a key of `TRAINED`.
    Source: arXiv 2403.08540, equation 4 and Table 6.
    """
    c, ratio = TRAINED[data], tokens / params
    value: Values = c.E + (c.a * ratio**c.eta + c.b * ratio**-c.eta) * (6 * params * tokens) ** -c.eta
    return value


def mean_error(loss: Any, data: str) -> Any:
    """Mean top-1 error over 17 tasks of LLM-Foundry, from the loss on C4 (GPT-NeoX's tokenizer) [-].

    Args:
      loss: on C4, any shape [nats per token].
      data: a key of `TRAINED`.
    Source: arXiv 2403.08540, equation 5 and Table 6.
    Limits: the mean only. Single tasks were missed by 2% to 82% of their error (Table 2).
    """
    import numpy as np

    c = TRAINED[data]
    value = c.eps - c.k * np.exp(-c.gamma * np.asarray(loss))
    return value if np.ndim(value) else float(value)


def best_ratio(data: str) -> float:
    """Tokens a parameter of the lowest loss for any compute: (b/a)^(1/(2 eta)) (equation 10)."""
    c = TRAINED[data]
    return float((c.b / c.a) ** (1 / (2 * c.eta)))
