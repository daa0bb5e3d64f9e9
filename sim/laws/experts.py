"""Mixtures of experts: the dense model with the same loss.

Three sizes matter: the active parameters decide compute (6 N_active D), the total parameters decide bytes and memory,
and the dense model of equal loss decides the loss.

Source: arXiv 2202.01169 (Clark et al., "Unified Scaling Laws for Routed Language Models"), equation 1 and
Table 3, for S-BASE.
"""

from __future__ import annotations

from .values import Values

SLOPE_N, SLOPE_E, CROSS = -0.082, -0.108, 0.009
"""a, b, c of log L = a log N + b log E' + c log N log E' + d, base 10."""
EXPERTS_START, EXPERTS_MAX = 1.847, 314.478
FITTED_EXPERTS = (1, 512)
FITTED_TOKENS = 130e9


def saturated_experts(experts: Values) -> Values:
    """E': the effective number of experts, 1/E' = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max."""
    value: Values = 1 / (1 / (experts - 1 + 1 / (1 / EXPERTS_START - 1 / EXPERTS_MAX)) + 1 / EXPERTS_MAX)
    return value


def dense_equivalent_params(active_params: Values, total_params: Values) -> Values:
    """Parameters of the dense model with the same loss as a mixture of experts.

    log N' = [log N (a + c log E') + b (log E' - log E'_1)] / (a + c log E'_1), with E = total/active experts and
    E'_1 the E' of one expert. N' is at least the active and at most the total parameters.

    Args:
      active_params: N_active, any shape.
      total_params: all parameters, of the same shape or a number; at least the active ones.

    Returns:
      N', of the shape of its inputs.
    Source: arXiv 2202.01169, equations 1 and 11.
    Limits: top-1 routing of every other layer, up to 512 experts, 130e9 tokens. total/active is not exactly E, since
      attention is shared. The gain of routing shrinks with N and ends at 9.4e11 parameters; later recipes (fine-grained
      experts, more tokens) gain more. N' replaces N in a loss, but not in a time or in bytes.
    """
    import numpy as np

    many, one = np.log10(saturated_experts(total_params / active_params)), np.log10(saturated_experts(1.0))
    slope_one = SLOPE_N + CROSS * one
    size = np.log10(active_params)
    dense = 10 ** ((size * (SLOPE_N + CROSS * many) + SLOPE_E * (many - one)) / slope_one)
    worth = np.minimum(np.maximum(dense, active_params), total_params)
    return worth if np.ndim(worth) else float(worth)  # type: ignore[return-value]  # a number in, a number out
