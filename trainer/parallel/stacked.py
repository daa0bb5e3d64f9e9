"""Arrays of all replicas, stacked on a leading axis: made where they belong, joined over the mesh, split into lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .mesh import BY_REPLICA, Lane, leading, shardings

_jax: Any = jax
"""Some functions are untyped in JAX."""


def compile_replicated(make: Callable[[], Any], mesh: Mesh, spec: PartitionSpec = BY_REPLICA) -> Callable[[], Any]:
    """Compiles what makes the same arrays for every replica, stacked, each part on the device that holds it.

    Args:
      make: returns one replica's arrays; runs on the devices.
      mesh: the devices.
      spec: BY_REPLICA or SPREAD.
    """
    count = leading(mesh, BY_REPLICA)

    def stacked() -> Any:
        return jax.tree.map(lambda x: jnp.broadcast_to(x[None], (count, *x.shape)), make())

    compiled: Callable[[], Any] = (
        jax.jit(stacked, out_shardings=shardings(jax.eval_shape(stacked), mesh, spec)).lower().compile()
    )
    return compiled


def compile_for_each(function: Callable[[Any], Any], shapes: Any, mesh: Mesh) -> Callable[[Any], Any]:
    """Compiles a function of one replica's arrays for all replicas; no result shares memory with an argument.

    Args:
      function: from a pytree to a pytree.
      shapes: of the stacked arguments, with their shardings.
      mesh: the devices.
    """

    def copied(own: Any) -> Any:
        return jax.tree.map(jnp.copy, function(own))

    each = jax.vmap(copied)
    where = shardings(jax.eval_shape(each, shapes), mesh, BY_REPLICA)
    compiled: Callable[[Any], Any] = jax.jit(each, out_shardings=where).lower(shapes).compile()
    return compiled


def join(parts: Sequence[Any], mesh: Mesh, share: int = 1, spec: PartitionSpec = BY_REPLICA) -> Any:
    """Joins the stacked pytrees of this process's lanes into one over the whole mesh.

    Nothing is copied, unless replicas share devices.

    Args:
      parts: one for each lane, in order.
      mesh: the devices.
      share: replicas on each row of the mesh.
      spec: BY_REPLICA or SPREAD.
    """
    where = shardings(_whole(parts[0], mesh, share), mesh, spec)

    def joined(sharding: NamedSharding, *leaves: jax.Array) -> jax.Array:
        held: dict[Any, list[jax.Array]] = {}
        for leaf in leaves:
            for shard in leaf.addressable_shards:
                held.setdefault(shard.device, []).append(shard.data)
        shards = [rows[0] if len(rows) == 1 else jnp.concatenate(rows) for rows in held.values()]
        shape = (share * leading(mesh, BY_REPLICA), *leaves[0].shape[1:])
        return jax.make_array_from_single_device_arrays(shape, sharding, shards)

    return jax.tree.map(joined, where, *parts)


def one_copy(stacked: Any) -> Any:
    """The same array of all replicas: their mean, or any of them if they are equal, as the sum of three is rounded.

    Args:
      stacked: an array of the host.
    """
    return stacked[0] if (stacked == stacked[0]).all() else stacked.mean(axis=0, dtype=stacked.dtype)


def _whole(tree: Any, mesh: Mesh, share: int = 1) -> Any:
    """The shapes of a lane's stacked pytree over the whole mesh."""
    count = share * leading(mesh, BY_REPLICA)
    return jax.tree.map(lambda x: _jax.ShapeDtypeStruct((count, *x.shape[1:]), x.dtype), tree)


def split(tree: Any, lanes: Sequence[Lane], share: int = 1, spec: PartitionSpec = BY_REPLICA) -> list[Any]:
    """Splits a pytree over the whole mesh into the rows of each lane; copies nothing unless replicas share devices.

    Args:
      tree: stacked arrays.
      lanes: the lanes of this process.
      share: replicas on each row of the mesh.
      spec: BY_REPLICA or SPREAD.
    """

    def part(leaf: jax.Array, where: NamedSharding, lane: Lane) -> jax.Array:
        shards = {shard.device: shard.data for shard in leaf.addressable_shards}
        if share > 1:
            place = lane.first_replica % share
            shards = {device: rows[place : place + 1] for device, rows in shards.items()}
        shape = (leading(lane.mesh, BY_REPLICA), *leaf.shape[1:])
        own = [shards[device] for device in lane.mesh.devices.flat if device in shards]
        return jax.make_array_from_single_device_arrays(shape, where, own)

    return [
        jax.tree.map(
            lambda leaf, where, lane=lane: part(leaf, where, lane),
            tree,
            shardings(_whole(tree, lane.mesh), lane.mesh, spec),
        )
        for lane in lanes
    ]
