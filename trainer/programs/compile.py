"""Programs over the mesh, compiled ahead of time, and the inner step that every algorithm shares.

The inner step consists of three programs, so that compute can be timed without the exchange: `gradients` (no
collectives), `exchange` (mean over the data axis only), `update` (clipping and AdamW; no collectives). If a copy of the
model is sharded over the model axis, the first and the last have collectives along that axis only.

Parameters and optimizer state are float32. With bfloat16 the model uses a rounded copy of the parameters, and gradients
are bfloat16 from the backward pass to the exchange; the update, and the sum over microbatches, are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh, PartitionSpec

from ..config.run import TrainConfig
from ..model.optimizers import inner_optimizer
from ..model.transformer import Execution, Params, cast, loss, param_shapes
from ..parallel.mesh import BY_DEVICE, BY_REPLICA, DATA_AXIS, MODEL_AXIS, REPLICA_AXIS, abstract, shardings
from .program import Program, compile_traced

_lax: Any = jax.lax
"""pmean is untyped in JAX."""


def compile_program(
    function: Callable[..., Any],
    mesh: Mesh,
    arguments: tuple[Any, ...],
    in_specs: tuple[PartitionSpec, ...],
    out_specs: Any,
    donate: tuple[int, ...] = (),
    *,
    typed: bool = True,
    share: int = 1,
    common: tuple[int, ...] = (),
) -> Program:
    """Compiles a function of one device's arrays for stacked arrays on a mesh.

    Args:
      function: takes each pytree without its leading replica or device axis.
      mesh: the devices.
      arguments: shapes of one replica's arrays, one pytree for each argument.
      in_specs: BY_REPLICA or BY_DEVICE for each argument.
      out_specs: likewise for each result.
      donate: arguments whose memory the results may reuse.
      share: replicas on each row of the mesh; the function is applied to all of them at once.
      common: arguments that the replicas of a row have in common.
      typed: whether JAX checks which arrays vary over the mesh; Pallas kernels do not say it of their results.
    """

    def local(*stacked: Any) -> Any:
        if share > 1:
            given = [jax.tree.map(lambda x: x[0], tree) if i in common else tree for i, tree in enumerate(stacked)]
            return jax.vmap(function, in_axes=tuple(None if i in common else 0 for i in range(len(given))))(*given)
        return jax.tree.map(lambda x: x[None], function(*jax.tree.map(lambda x: x[0], stacked)))

    shapes = [
        abstract(tree, mesh, spec, 1 if i in common else share)
        for i, (tree, spec) in enumerate(zip(arguments, in_specs, strict=True))
    ]
    if mesh.shape[MODEL_AXIS] == 1:
        program = jax.shard_map(local, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=typed)
        return compile_traced(jax.jit(program, donate_argnums=donate).trace(*shapes), mesh)
    # the compiler handles the model axis: it splits the arithmetic by the shardings and inserts the collectives
    manual = {REPLICA_AXIS, DATA_AXIS}
    program = jax.shard_map(local, mesh=mesh, in_specs=in_specs, out_specs=out_specs, axis_names=manual)
    results = jax.eval_shape(program, *shapes)
    where = (
        tuple(shardings(result, mesh, spec) for result, spec in zip(results, out_specs, strict=True))
        if type(out_specs) is tuple
        else shardings(results, mesh, out_specs)
    )
    return compile_traced(jax.jit(program, donate_argnums=donate, out_shardings=where).trace(*shapes), mesh)


def compile_exchange(
    function: Callable[[Any], Any], mesh: Mesh, argument: Any, result: Any, in_spec: PartitionSpec, share: int = 1
) -> Program:
    """Compiles an exchange between replicas or data-parallel devices: each shard of a model exchanges its own part.

    Nothing is left to the compiler here, which would gather a sharded model on every device before it exchanges it.

    Args:
      function: takes a pytree without its leading replica or device axis; with it, if replicas share a row.
      mesh: the devices.
      argument: shapes of one replica's (or device's) arrays.
      result: shapes of one replica's arrays in the result.
      in_spec: BY_REPLICA or BY_DEVICE; the result is BY_REPLICA, one for each row of the mesh.
      share: replicas on each row of the mesh.
    """

    def local(stacked: Any) -> Any:
        own = stacked if share > 1 else jax.tree.map(lambda x: x[0], stacked)
        return jax.tree.map(lambda x: x[None], function(own))

    given, made = abstract(argument, mesh, in_spec, share), abstract(result, mesh, BY_REPLICA)
    in_specs, out_specs = (jax.tree.map(lambda x: x.sharding.spec, tree) for tree in (given, made))
    program = jax.shard_map(local, mesh=mesh, in_specs=(in_specs,), out_specs=out_specs)
    return compile_traced(jax.jit(program).trace(given), mesh)


def mean_over(axis: str, tree: Any, *, bucket: bool = False) -> Any:
    """The mean of a pytree over a mesh axis: an all-reduce of its bytes.

    Args:
      axis: an axis of the mesh.
      tree: arrays.
      bucket: whether all arrays of one type are exchanged as a single vector (see `buckets`).
    """
    return _exchanged(lambda x: _lax.pmean(x, axis), tree, bucket=bucket, stacks=False)


def gather_over(axis: str, tree: Any, *, bucket: bool = False) -> Any:
    """An all-gather of a pytree over a mesh axis, on a new leading axis; arguments as in `mean_over`."""
    return _exchanged(lambda x: _lax.all_gather(x, axis), tree, bucket=bucket, stacks=True)


def mean_of_rows(axis: str, tree: Any, *, bucket: bool = False) -> Any:
    """The mean over the replicas that share a row, and over the rows; arguments as in `mean_over`."""
    return mean_over(axis, jax.tree.map(lambda x: jnp.mean(x, axis=0), tree), bucket=bucket)


def gather_of_rows(axis: str, tree: Any, *, bucket: bool = False) -> Any:
    """The replicas of all rows on one leading axis; arguments as in `mean_over`."""
    gathered = gather_over(axis, tree, bucket=bucket)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), gathered)


def buckets(mesh: Mesh) -> bool:
    """Whether the exchanges of a mesh join all arrays into one vector.

    Between CPUs every array would be a separate collective, one after the other, and each costs a rendezvous (4 ms were
    measured between two pinned processes); compilers for accelerators join them by themselves. Arrays that are sharded
    over the model axis are not joined, since that would gather them first.
    """
    return str(mesh.devices.flat[0].platform) == "cpu" and int(mesh.shape[MODEL_AXIS]) == 1


def _exchanged(collective: Callable[[jax.Array], jax.Array], tree: Any, *, bucket: bool, stacks: bool) -> Any:
    if not bucket:
        return jax.tree.map(collective, tree)
    leaves, structure = jax.tree.flatten(tree)
    results: list[Any] = [None] * len(leaves)
    for dtype in dict.fromkeys(leaf.dtype for leaf in leaves):
        own = [place for place, leaf in enumerate(leaves) if leaf.dtype == dtype]
        vector = collective(jnp.concatenate([leaves[place].reshape(-1) for place in own]))
        ends = list(accumulate(leaves[place].size for place in own))
        for place, part in zip(own, jnp.split(vector, ends[:-1], axis=-1), strict=True):
            leading = vector.shape[:1] if stacks else ()
            results[place] = part.reshape(*leading, *leaves[place].shape)
    return jax.tree.unflatten(structure, results)


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


def compile_inner(config: TrainConfig, mesh: Mesh) -> InnerPrograms:
    """Compiles the inner step of a run for a lane or a whole mesh."""
    params = param_shapes(config.model)
    gradient = jax.eval_shape(partial(cast, precision=config.precision), params)
    optimizer = inner_optimizer(config)
    state = jax.eval_shape(optimizer.init, params)
    tokens_BxL = jax.eval_shape(lambda: jnp.zeros((config.sequences, config.sequence_length + 1), jnp.int32))

    def gradients(params: Params, tokens_BxL: jax.Array) -> tuple[Params, jax.Array]:
        # marked as varying, else JAX would sum the gradient over the devices here
        varying = jax.tree.map(lambda x: jax.lax.pcast(x, DATA_AXIS, to="varying"), cast(params, config.precision))
        objective = partial(loss, z_loss=config.z_loss, execution=Execution.of(config))
        return accumulated(objective, varying, tokens_BxL, config.microbatches or 1)

    def update(params: Params, state: Any, gradient: Params) -> tuple[Params, Any]:
        updates, state = optimizer.update(cast(gradient, "float32"), state, params)
        return optax.apply_updates(params, updates), state

    exchange = partial(mean_over, DATA_AXIS, bucket=buckets(mesh))
    once = config.devices_per_replica == 1
    return InnerPrograms(
        gradients=compile_program(
            gradients,
            mesh,
            (params, tokens_BxL),
            (BY_REPLICA, BY_DEVICE),
            (BY_DEVICE, BY_DEVICE),
            typed=config.attention != "splash",
        ),
        exchange=None if once else compile_exchange(exchange, mesh, gradient, gradient, BY_DEVICE),
        update=compile_program(
            update, mesh, (params, state, gradient), (BY_REPLICA,) * 3, (BY_REPLICA, BY_REPLICA), donate=(0, 1)
        ),
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
