"""The inner and the outer optimizer.

Both keep float32 parameters and state, whatever the precision of the model.

Source: arXiv 2503.09799, section 3: AdamW (0.9, 0.99), warm-up and cosine to 5% of the peak, weight decay 1/T,
clipping to norm 1; outer SGD with Nesterov momentum 0.9 (arXiv 2311.08105, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..config.run import TrainConfig

_MAX_WARMUP_STEPS = 1_000


def learning_rate(config: TrainConfig) -> Callable[[Any], jax.Array]:
    """The inner learning rate as a function of the steps already taken.

    Step s (from 1) of T with W steps of warm-up has the rate: peak * s/W up to s = W, and from there half a cosine
    that reaches `final_learning_rate` of the peak at s = T.

    Args:
      config: peak, warm-up, end and planned steps.

    Returns:
      A schedule in optax's form.
    """
    planned = config.planned_steps
    warmup = config.learning_rate_warmup_steps or min(_MAX_WARMUP_STEPS, max(1, planned // 10))
    floor = config.final_learning_rate

    def rate(steps_taken: Any) -> jax.Array:
        step = steps_taken + 1
        progress = jnp.clip((step - warmup) / max(planned - warmup, 1), 0, 1)
        cosine = floor + (1 - floor) * 0.5 * (1 + jnp.cos(jnp.pi * progress))
        return config.learning_rate * jnp.where(step < warmup, step / warmup, cosine)

    return rate


def _decayed(params: Any) -> Any:
    """A mask of the parameters with weight decay: matrices, but not the scales of norms."""
    return jax.tree_util.tree_map_with_path(lambda path, _: not path[-1].key.endswith("norm"), params)


def inner_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Clipping of the averaged gradient, then AdamW with weight decay 1/T in its independent form.

    A step shrinks a matrix by the fraction rate/peak * decay: the decay follows the schedule, but not the peak. Over a
    run this adds up to a factor of about e^-0.5 for any peak. So a matrix is an average of past updates over a time
    about as long as the run, which is the purpose of 1/T. If 1/T were multiplied by the peak (such as 0.01), too, there
    would be next to no decay.

    Source: arXiv 2309.14322, section 3.2.2 (independent weight decay); arXiv 2405.13698 (its time scale).
    Limits: the scales of norms are not decayed.
    """
    decay = config.decay / config.learning_rate
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(learning_rate(config), b1=0.9, b2=0.99, weight_decay=decay, mask=_decayed),
    )


def outer_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """SGD with Nesterov momentum; its gradient is the mean change: global parameters minus the mean of the replicas."""
    momentum = config.outer_momentum or None
    return optax.sgd(config.outer_learning_rate, momentum=momentum, nesterov=momentum is not None)
