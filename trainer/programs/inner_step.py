"""The inner step that every algorithm shares, as three programs or as one.

Split: `gradients` (no collectives), `exchange` (mean over the data axis only) and `update` (clipping and AdamW; no
collectives), so that compute can be timed without the exchange. If a copy of the model is sharded over the model axis,
the first and the last have collectives along that axis only. Fused: all of it as one program.

Parameters and optimizer state are float32. With bfloat16 the model uses a rounded copy of the parameters, and gradients
are bfloat16 from the backward pass to the exchange; the update, and the sum over microbatches, are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from ..config.run import TrainConfig
from ..model.optimizers import inner_optimizer
from ..model.transformer import Execution, Params, cast, loss, param_shapes
from ..parallel.mesh import BY_DEVICE, BY_REPLICA, DATA_AXIS, REPLICA_AXIS
from .compile import buckets, compile_exchange, compile_program, mean_over
from .program import Program


@dataclass(frozen=True)
class InnerPrograms:
    """The inner step on one lane.

    Attributes:
      gradients: (parameters, tokens) -> (gradients and cross-entropy of each device).
      exchange: gradients of each device -> their mean in each replica; None if a replica has one device.
      update: (parameters, optimizer state, gradients) -> (parameters, optimizer state); reuses the memory of both.
    """

    gradients: Program
    exchange: Program | None
    update: Program


@dataclass(frozen=True)
class StepFunctions:
    """The arithmetic of an inner step on one device, with the shapes of what it takes.

    Attributes:
      gradients: (parameters, tokens) -> (gradients, cross-entropy), which vary over the devices.
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
    params = param_shapes(config.model)
    optimizer = inner_optimizer(config)

    def gradients(params: Params, tokens_BxL: jax.Array) -> tuple[Params, jax.Array]:
        # marked as varying, else JAX would sum the gradient over the devices here
        varying = jax.tree.map(lambda x: jax.lax.pcast(x, DATA_AXIS, to="varying"), cast(params, config.precision))
        objective = partial(loss, z_loss=config.z_loss, execution=Execution.of(config))
        return accumulated(objective, varying, tokens_BxL, config.microbatches or 1)

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


def compile_inner(config: TrainConfig, mesh: Mesh) -> InnerPrograms:
    """Compiles the inner step of a run for a lane or a whole mesh."""
    step = step_functions(config)
    exchange = partial(mean_over, DATA_AXIS, bucket=buckets(mesh))
    once = config.devices_per_replica == 1
    return InnerPrograms(
        gradients=compile_program(
            step.gradients,
            mesh,
            (step.params, step.tokens_BxL),
            (BY_REPLICA, BY_DEVICE),
            (BY_DEVICE, BY_DEVICE),
            typed=config.attention != "splash",
        ),
        exchange=None if once else compile_exchange(exchange, mesh, step.gradient, step.gradient, BY_DEVICE),
        update=compile_program(
            step.update,
            mesh,
            (step.params, step.state, step.gradient),
            (BY_REPLICA,) * 3,
            (BY_REPLICA, BY_REPLICA),
            donate=(0, 1),
        ),
    )


def compile_fused(config: TrainConfig, mesh: Mesh) -> Program:
    """Compiles the whole inner step as one program: gradients, their exchange, update.

    (parameters, optimizer state, tokens) -> (parameters, optimizer state, cross-entropy of each device); reuses the
    memory of the first two. The compiler is free to exchange some gradients while it computes others.

    Args:
      config: the run.
      mesh: the devices of a lane.

    Limits: for models that are not sharded; with shards every exchange is left to `compile_exchange`.
    """
    step = step_functions(config)

    def whole(params: Params, state: Any, tokens_BxL: jax.Array) -> tuple[Params, Any, jax.Array]:
        own, cross_entropy = step.gradients(params, tokens_BxL)
        gradient = mean_over(DATA_AXIS, own, bucket=buckets(mesh))
        return *step.update(params, state, gradient), cross_entropy

    return compile_program(
        whole,
        mesh,
        (step.params, step.state, step.tokens_BxL),
        (BY_REPLICA, BY_REPLICA, BY_DEVICE),
        (BY_REPLICA, BY_REPLICA, BY_DEVICE),
        donate=(0, 1),
        typed=config.attention != "splash",
    )


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
