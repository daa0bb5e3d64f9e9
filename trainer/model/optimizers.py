"""The inner and the outer optimizer.

Both keep float32 parameters and state, whatever the precision of the model.

Source: arXiv 2503.09799, section 3: AdamW (0.9, 0.99), warm-up and cosine to 5% of the peak, weight decay 1/T,
clipping to norm 1; outer SGD with Nesterov momentum 0.9 (arXiv 2311.08105, algorithm 1). Muon for matrices: K. Jordan
et al. 2024 (github.com/KellerJordan/Muon), scaled as in arXiv 2502.16982; with DiLoCo: arXiv 2505.23725.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax.contrib import MuonDimensionNumbers, scale_by_muon

from ..config.run import TrainConfig

_MAX_WARMUP_STEPS = 1_000
_MUON_RMS = 0.2
"""Root mean square of a full step of Muon at rate 1: about that of AdamW, whose rates and decay it takes over."""
_MATRICES = {
    **dict.fromkeys(("query", "key", "value"), MuonDimensionNumbers(1, (2, 3))),
    "output": MuonDimensionNumbers((1, 2), 3),
    **dict.fromkeys(("up", "down"), MuonDimensionNumbers(1, 2)),
}
"""Axes of stacked matrices (the first counts the layers): those that a product sums over, and those that it leaves."""


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
    """A mask of the parameters with weight decay: matrices and positions, but not the scales of norms."""
    return jax.tree_util.tree_map_with_path(lambda path, _: not path[-1].key.endswith("norm"), params)


def inner_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Clipping of the averaged gradient, then AdamW or Muon, with weight decay 1/T in its independent form.

    A step shrinks a matrix by the fraction rate/peak * decay: the decay follows the schedule, but not the peak. Over a
    run this adds up to a factor of about e^-0.5 for any peak. So a matrix is an average of past updates over a time
    about as long as the run, which is the purpose of 1/T. If 1/T were multiplied by the peak (such as 0.01), too, there
    would be next to no decay.

    Source: arXiv 2309.14322, section 3.2.2 (independent weight decay); arXiv 2405.13698 (its time scale).
    Limits: the scales of norms are not decayed, but in the variant `nanodo`.
    """
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), _RULES[config.inner_optimizer](config))


def _adamw(config: TrainConfig) -> optax.GradientTransformation:
    decay, nanodo = config.decay / config.learning_rate, config.variant == "nanodo"
    eps, mask = (1e-9, None) if nanodo else (1e-8, _decayed)
    return optax.adamw(learning_rate(config), b1=0.9, b2=0.99, eps=eps, weight_decay=decay, mask=mask)


def _muon(config: TrainConfig) -> optax.GradientTransformation:
    """Muon for the matrices of the layers, each layer's by itself; AdamW for embedding (and head) and norms.

    The momentum of an m x n matrix is made nearly orthogonal (all its singular values near 1) and is scaled by 0.2
    sqrt(max(m, n)). Queries, keys and values of all heads are one matrix each.
    """
    matrices = optax.chain(
        scale_by_muon(weight_dimension_numbers=_axes),
        optax.stateless(lambda updates, _: jax.tree.map(_scaled, updates, _axes(updates))),
        optax.add_decayed_weights(config.decay / config.learning_rate),
        optax.scale_by_learning_rate(learning_rate(config)),
    )
    return optax.partition({"matrix": matrices, "other": _adamw(config)}, _labels)


def _labels(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: "matrix" if path[-1].key in _MATRICES else "other", params)


def _axes(matrices: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: _MATRICES[path[-1].key], matrices)


def _scaled(update: jax.Array, axes: MuonDimensionNumbers) -> jax.Array:
    sizes = [
        math.prod(update.shape[axis] for axis in (own if isinstance(own, tuple) else (own,)))
        for own in (axes.reduction_axis, axes.output_axis)
    ]
    return update * (_MUON_RMS * math.sqrt(max(sizes)))


_RULES: dict[str, Callable[[TrainConfig], optax.GradientTransformation]] = {"adamw": _adamw, "muon": _muon}


def outer_optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """SGD with Nesterov momentum; its gradient is the mean change: global parameters minus the mean of the replicas."""
    momentum = config.outer_momentum or None
    return optax.sgd(config.outer_learning_rate, momentum=momentum, nesterov=momentum is not None)
