"""Scaling laws for the loss, the best batch and the best learning rates of a run, one file for each subject.

Every law takes floats or NumPy arrays and returns the same. The constants of a law are in a table beside it, with their
source and the range of their fit.
"""

from __future__ import annotations

from .chinchilla import chinchilla_loss, chinchilla_optimal
from .combined import Prediction, predict, predicted_loss
from .coverage import coverage, learning_rate_notes
from .critical_batch import critical_batch_tokens, steps_at_batch
from .data_constrained import effective_tokens
from .diloco import (
    batch_tokens,
    best_batch_tokens,
    default_batch_tokens,
    inner_learning_rate,
    loss,
    loss_with_floor,
    outer_learning_rate,
)
from .experts import dense_equivalent_params
from .inference import inference_optimal
from .kaplan import kaplan_loss
from .published import (
    FITTED_ALGORITHMS,
    FITTED_PARAMS,
    FITTED_REPLICAS,
    FITTED_SEQUENCE_TOKENS,
    FITTED_SYNC_EVERY,
    MEASURED_PARAMS,
    TOKENS_PER_PARAM,
)

__all__ = [
    "FITTED_ALGORITHMS",
    "FITTED_PARAMS",
    "FITTED_REPLICAS",
    "FITTED_SEQUENCE_TOKENS",
    "FITTED_SYNC_EVERY",
    "MEASURED_PARAMS",
    "TOKENS_PER_PARAM",
    "Prediction",
    "batch_tokens",
    "best_batch_tokens",
    "chinchilla_loss",
    "chinchilla_optimal",
    "coverage",
    "critical_batch_tokens",
    "default_batch_tokens",
    "dense_equivalent_params",
    "effective_tokens",
    "inference_optimal",
    "inner_learning_rate",
    "kaplan_loss",
    "learning_rate_notes",
    "loss",
    "loss_with_floor",
    "outer_learning_rate",
    "predict",
    "predicted_loss",
    "steps_at_batch",
]
