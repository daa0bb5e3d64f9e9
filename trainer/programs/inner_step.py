"""The inner step that every algorithm shares, as three programs or as one.

Split: `gradients` (no collectives), `exchange` (mean over the data axis only) and `update` (clipping and AdamW; no
collectives), so that compute can be timed without the exchange. If a copy of the model is sharded over the model axis,
the first and the last have collectives along that axis only. Fused: all of it as one program.

Parameters and optimizer state are float32. With bfloat16 the model uses a rounded copy of the parameters, and gradients
are bfloat16 from the backward pass to the exchange; the update, and the sum over microbatches, are float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jax.sharding import Mesh

from ..config.run import TrainConfig
from ..model.initial import Params
from ..parallel.mesh import BY_DEVICE, BY_REPLICA, DATA_AXIS
from .compile import buckets, compile_exchange, compile_program, mean_over
from .fully_sharded import compile_gather, compile_of_gathered, compile_scatter, compile_update_of_parts
from .program import Program
from .step_functions import rounded_for_each, step_functions


@dataclass(frozen=True)
class InnerPrograms:
    """The inner step on one lane.

    Attributes:
      gradients: (parameters, tokens) -> (gradients and cross-entropy of each device).
      exchange: gradients of each device -> their mean in each replica; None if a replica has one device.
      update: (parameters, optimizer state, gradients) -> (parameters, optimizer state); reuses the memory of both.
      gather: parameters in parts -> all of them on each device, for `gradients`; None unless they are kept in parts.
    """

    gradients: Program
    exchange: Program | None
    update: Program
    gather: Program | None = None


def compile_inner(config: TrainConfig, mesh: Mesh) -> InnerPrograms:
    """Compiles the inner step of a run for a lane or a whole mesh."""
    step = step_functions(config)
    if config.fully_sharded:
        return InnerPrograms(
            gradients=compile_of_gathered(step, mesh, typed=config.attention != "splash"),
            exchange=compile_scatter(step, mesh),
            update=compile_update_of_parts(step, mesh),
            gather=compile_gather(step, config.precision, mesh),
        )

    def gradients(params: Params, tokens_BxL: jax.Array) -> tuple[Params, jax.Array]:
        return step.gradients(rounded_for_each(params, config.precision), tokens_BxL)

    exchange = partial(mean_over, DATA_AXIS, bucket=buckets(mesh))
    once = config.devices_per_replica == 1
    return InnerPrograms(
        gradients=compile_program(
            gradients,
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
        own, cross_entropy = step.gradients(rounded_for_each(params, config.precision), tokens_BxL)
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
