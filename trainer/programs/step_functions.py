"""The arithmetic of an inner step on one device, before it is compiled for a mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..config.run import Precision, TrainConfig
from ..model.initial import Params, param_shapes
from ..model.optimizers import inner_optimizer
from ..model.transformer import Execution, cast, loss
from ..parallel.mesh import DATA_AXIS, REPLICA_AXIS


@dataclass(frozen=True)
class StepFunctions:
    """The arithmetic of an inner step on one device, with the shapes of what it takes.

    Attributes:
      gradients: (parameters in the precision of the model, tokens) -> (gradients, cross-entropy); all of them vary over
        the devices.
      update: (parameters, optimizer state, gradients) -> (parameters, optimizer state).
      params, state, gradient, tokens_BxL: shapes of one replica's (or device's) arrays.
    """

    gradients: Callable[[Params, jax.Array], tuple[Params, jax.Array]]
    update: Callable[[Params, Any, Params], tuple[Params, Any]]
    params: Params
    state: Any
    gradient: Params
    tokens_BxL: Any


def step_functions(config: TrainConfig) -> StepFunctions:
    """The arithmetic of an inner step of a run."""
    params = param_shapes(config.model, config.positions)
    optimizer = inner_optimizer(config)

    def gradients(rounded: Params, tokens_BxL: jax.Array) -> tuple[Params, jax.Array]:
        objective = partial(loss, z_loss=config.z_loss, execution=Execution.of(config))
        return accumulated(objective, rounded, tokens_BxL, config.microbatches or 1)

    def update(params: Params, state: Any, gradient: Params) -> tuple[Params, Any]:
        updates, state = optimizer.update(cast(gradient, "float32"), state, params)
        return optax.apply_updates(params, updates), state

    return StepFunctions(
        gradients=gradients,
        update=update,
        params=params,
        state=jax.eval_shape(optimizer.init, params),
        gradient=jax.eval_shape(partial(cast, precision=config.precision), params),
        tokens_BxL=jax.eval_shape(lambda: jnp.zeros((config.sequences, config.sequence_length + 1), jnp.int32)),
    )


def rounded_for_each(params: Params, precision: Precision | None) -> Params:
    """A replica's parameters in the precision of the model, as each device's own: JAX sums no gradient over them."""
    varying: Params = jax.tree.map(lambda x: jax.lax.pcast(x, DATA_AXIS, to="varying"), cast(params, precision))
    return varying


def accumulated(
    objective: Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]],
    params: Params,
    tokens_BxL: jax.Array,
    microbatches: int,
) -> tuple[Params, jax.Array]:
    """Gradient and cross-entropy of a device's batch, computed in equal parts one after the other.

    Args:
      objective: (parameters, tokens) -> (loss, cross-entropy).
      params: parameters, which vary over all manual axes of the mesh.
      tokens_BxL: the batch.
      microbatches: number of parts.

    Returns:
      The mean over the parts; gradients in the type of the parameters.
    """
    gradient_of = jax.value_and_grad(objective, has_aux=True)
    if microbatches == 1:
        (_, cross_entropy), gradient = gradient_of(params, tokens_BxL)
        return gradient, cross_entropy

    def add(sums: tuple[Params, jax.Array], part_BxL: jax.Array) -> tuple[tuple[Params, jax.Array], None]:
        (_, cross_entropy), gradient = gradient_of(params, part_BxL)
        wide = cast(gradient, "float32")
        return (jax.tree.map(jnp.add, sums[0], wide), sums[1] + cross_entropy), None

    parts_KxBxL = tokens_BxL.reshape(microbatches, -1, tokens_BxL.shape[-1])
    zeros = jax.tree.map(_zeros, params)
    nothing = _zeros(parts_KxBxL[0, 0, 0])
    (total, cross_entropy), _ = jax.lax.scan(add, (zeros, nothing), parts_KxBxL)
    mean = jax.tree.map(lambda x, like: (x / microbatches).astype(like.dtype), total, params)
    return mean, cross_entropy / microbatches


def _zeros(like: jax.Array) -> jax.Array:
    """Zeros in float32 that vary over the mesh as gradients do, so that a scan can add gradients to them."""
    zeros = jnp.zeros(like.shape, jnp.float32)
    varying: jax.Array = jax.lax.pcast(zeros, (REPLICA_AXIS, DATA_AXIS), to="varying")
    return varying
