"""Programs over the mesh, compiled ahead of time, and the inner step that every algorithm shares.

The inner step is three programs, so that what a replica computes can be timed with the exchange taken out:
`gradients` (no collectives), `exchange` (mean over the data axis alone), `update` (clip and AdamW; no collectives).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from .compiled import Program as Compiled
from .compiled import compile_traced
from .config import TrainConfig
from .mesh import BY_DEVICE, BY_REPLICA, DATA_AXIS, abstract
from .model import Params, loss, param_shapes
from .optim import inner_optimizer
from .programs import Part, Programs

_lax: Any = jax.lax
"""pmean has no types, and mypy is strict."""


def compile_program(
    function: Callable[..., Any],
    mesh: Mesh,
    arguments: tuple[Any, ...],
    in_specs: tuple[PartitionSpec, ...],
    out_specs: Any,
    donate: tuple[int, ...] = (),
) -> Compiled:
    """Compiles a function of one device's arrays for stacked arrays on a mesh.

    Args:
      function: sees each pytree without its leading replica or device axis.
      mesh: where it runs.
      arguments: shapes of one replica's arrays, a pytree an argument.
      in_specs: BY_REPLICA or BY_DEVICE for each argument.
      out_specs: likewise for each result.
      donate: arguments whose memory the results may take over.
    """

    def local(*stacked: Any) -> Any:
        return jax.tree.map(lambda x: x[None], function(*jax.tree.map(lambda x: x[0], stacked)))

    program = jax.shard_map(local, mesh=mesh, in_specs=in_specs, out_specs=out_specs)
    shapes = [abstract(tree, mesh, spec) for tree, spec in zip(arguments, in_specs, strict=True)]
    return compile_traced(jax.jit(program, donate_argnums=donate).trace(*shapes), mesh)


def mean_over(axis: str, tree: Any) -> Any:
    """The mean of a pytree over a mesh axis: one all-reduce of its bytes."""
    return jax.tree.map(lambda x: _lax.pmean(x, axis), tree)


@dataclass(frozen=True)
class InnerPrograms:
    """The inner step on one lane.

    Attributes:
      gradients: (parameters, tokens) -> (gradients and cross-entropy of each device).
      exchange: gradients of each device -> their mean in each replica; None where a replica has one device.
      update: (parameters, optimizer state, gradients) -> (parameters, optimizer state); takes over the first two.
    """

    gradients: Compiled
    exchange: Compiled | None
    update: Compiled


def compile_inner(config: TrainConfig, mesh: Mesh) -> InnerPrograms:
    """Compiles the inner step of a run for a lane or a whole mesh."""
    params = param_shapes(config.model)
    optimizer = inner_optimizer(config)
    state = jax.eval_shape(optimizer.init, params)
    tokens_BxL = jax.eval_shape(lambda: jnp.zeros((config.sequences, config.sequence_length + 1), jnp.int32))

    def gradients(params: Params, tokens_BxL: jax.Array) -> tuple[Params, jax.Array]:
        # marked as varying, or the gradient would be summed over the devices right here
        varying = jax.tree.map(lambda x: jax.lax.pcast(x, DATA_AXIS, to="varying"), params)
        objective = partial(loss, z_loss=config.z_loss)
        (_, cross_entropy), gradient = jax.value_and_grad(objective, has_aux=True)(varying, tokens_BxL)
        return gradient, cross_entropy

    def update(params: Params, state: Any, gradient: Params) -> tuple[Params, Any]:
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    exchange = partial(mean_over, DATA_AXIS)
    once = config.devices_per_replica == 1
    return InnerPrograms(
        gradients=compile_program(
            gradients, mesh, (params, tokens_BxL), (BY_REPLICA, BY_DEVICE), (BY_DEVICE, BY_DEVICE)
        ),
        exchange=None if once else compile_program(exchange, mesh, (params,), (BY_DEVICE,), BY_REPLICA),
        update=compile_program(
            update, mesh, (params, state, params), (BY_REPLICA,) * 3, (BY_REPLICA, BY_REPLICA), donate=(0, 1)
        ),
    )


@dataclass(frozen=True)
class OuterPrograms:
    """The outer step on the whole mesh.

    Attributes:
      start: parameters of one replica -> outer state (global parameters and momentum) of one replica.
      change: (outer state, parameters) -> global minus local parameters.
      exchange: the change of each replica -> their mean; None where there is one replica.
      update: (outer state, mean change) -> (outer state, parameters); takes over the first.
    """

    start: Callable[[Params], Any]
    change: Compiled
    exchange: Compiled | None
    update: Compiled


def programs_of(inner: InnerPrograms, lane: Mesh, outer: OuterPrograms | None, mesh: Mesh) -> Programs:
    """All programs of a run: the inner step on a lane, the outer step on the whole mesh."""
    parts = {
        "gradients": Part(inner.gradients, lane, resident=(0,)),
        "exchange": Part(inner.exchange, lane),
        "update": Part(inner.update, lane, resident=(0, 1), owned=(0, 1)),
    }
    if outer:
        parts |= {
            "outer change": Part(outer.change, mesh, resident=(0, 1)),
            "outer exchange": Part(outer.exchange, mesh),
            "outer update": Part(outer.update, mesh, resident=(0,), owned=(0,)),
        }
    return Programs.of(parts)
