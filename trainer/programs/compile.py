"""Programs over the mesh, compiled ahead of time, and the exchanges between its devices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from ..parallel.mesh import BY_REPLICA, DATA_AXIS, MODEL_AXIS, REPLICA_AXIS, abstract, shardings
from .program import Program, compile_traced

_jax: Any = jax
"""Some functions are untyped in JAX."""
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


def compile_group_exchange(decode: Callable[[Any], Any], mesh: Mesh, sent: Any, replicas: int) -> tuple[Any, Program]:
    """Compiles the exchange within groups, of replicas that share a device (or the devices of one row of the mesh).

    All members of a group get the same mean, to the bit.

    Args:
      decode: the payload of one replica -> float32 arrays.
      mesh: the devices, in one row.
      sent: shapes of one replica's payload.
      replicas: M.

    Returns:
      The shapes of one replica's result, and the program: (payloads, the group of each replica) -> for each replica
      the mean over its group.
    """

    def mean(x: jax.Array, group_M: jax.Array) -> jax.Array:
        count_M = jnp.zeros(replicas).at[group_M].add(1.0)[group_M]
        return jax.ops.segment_sum(x, group_M, num_segments=replicas)[group_M] / _by_replica(count_M, x)

    return _compile_among_rows(decode, mean, mesh, sent, replicas, jnp.int32)


def compile_merge(decode: Callable[[Any], Any], mesh: Mesh, sent: Any, replicas: int) -> tuple[Any, Program]:
    """Compiles the merge of some of the replicas that share a device (or the devices of one row of the mesh).

    All replicas get the same weighted mean, to the bit; with weights of 1 it is the plain mean.

    Args:
      decode: the payload of one replica -> float32 arrays.
      mesh: the devices, in one row.
      sent: shapes of one replica's payload.
      replicas: M.

    Returns:
      The shapes of one replica's result, and the program: (payloads, the weight of each replica, 0 for who is not in
      it) -> for each replica the mean.
    """

    def mean(x: jax.Array, weight_M: jax.Array) -> jax.Array:
        weight = _by_replica(weight_M, x)
        total = jnp.sum(jnp.where(weight > 0, weight * x, 0.0), axis=0) / jnp.sum(weight_M)
        return jnp.broadcast_to(total, x.shape)

    return _compile_among_rows(decode, mean, mesh, sent, replicas, jnp.float32)


def _by_replica(values_M: jax.Array, like: jax.Array) -> jax.Array:
    """A value of each replica, to be multiplied with a stacked array."""
    return values_M.reshape(-1, *[1] * (like.ndim - 1))


def _compile_among_rows(
    decode: Callable[[Any], Any],
    mean: Callable[[jax.Array, jax.Array], jax.Array],
    mesh: Mesh,
    sent: Any,
    replicas: int,
    kind: Any,
) -> tuple[Any, Program]:
    """A mean of stacked arrays, given a value of each replica of type `kind`; see its callers."""

    def exchanged(stacked: Any, value_M: jax.Array) -> Any:
        return jax.tree.map(lambda x: mean(x, value_M), jax.vmap(decode)(stacked))

    everywhere = _jax.P()
    program = jax.shard_map(exchanged, mesh=mesh, in_specs=(BY_REPLICA, everywhere), out_specs=BY_REPLICA)
    given = abstract(sent, mesh, BY_REPLICA, replicas)
    value_M = _jax.ShapeDtypeStruct((replicas,), kind, sharding=_jax.NamedSharding(mesh, everywhere))
    return jax.eval_shape(decode, sent), compile_traced(jax.jit(program).trace(given, value_M), mesh)


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
