"""The answer by the name of its law."""

from __future__ import annotations

from typing import Any

from .distilled import DistilledLoss, distilled
from .experts import ExpertsLoss, granular, joint
from .on_tasks import TaskError, on_tasks

BY_TOKENS = tuple(10 ** (place / 4) for place in range(-8, 9))
"""How many times as many tokens a figure shows, from a hundredth to a hundred times."""
Beyond = DistilledLoss | ExpertsLoss | TaskError


def ask(law: str, params: float, tokens: float | None, **others: Any) -> Beyond:
    """The answer for N parameters and D tokens by one of `predict_by.BEYOND`, which has `others` as its arguments."""
    if law == "distillation":
        return distilled(params, tokens, **others)
    if law == "granular-experts":
        return granular(params, tokens, **others)
    if law == "joint-experts":
        return joint(params, tokens, **others)
    return on_tasks(params, tokens, **others)
