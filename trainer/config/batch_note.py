"""What to say of a batch that is far larger than the one that the published rates belong to."""

from __future__ import annotations

from sim.laws.published import FITTED_PARAMS

from . import recipe
from .kinds import KINDS
from .run import TrainConfig

MUCH_LARGER = 4.0
"""Ratio of a batch to the fitted one from which on it is said; rounding to a sequence a device alone gives up to 2."""


def batch_note(config: TrainConfig) -> str | None:
    """A note that the batch is much larger than the fitted one while the rate is that of the fit; None if not.

    Args:
      config: the run. The fits say nothing of models below 35M parameters.
    """
    params, law = config.model.nominal_params, KINDS[config.algorithm].law
    fitted = recipe.batch_tokens(params, law, config.replicas)
    rate = recipe.inner_learning_rate(params, law, config.replicas)
    if params < FITTED_PARAMS[0] or config.batch_tokens < MUCH_LARGER * fitted or config.learning_rate != rate:
        return None
    return (
        f"the global batch is {config.batch_tokens:,} tokens, {config.batch_tokens / fitted:.3g} times the fitted "
        f"{fitted:,} for this model, which leaves {config.steps:,} steps, and the learning rate {rate:.3g} belongs to "
        "the fitted batch; use fewer devices, or give a --learning-rate of your own"
    )
