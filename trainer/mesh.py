"""The device mesh (replica, data), and the lanes in which its replicas compute.

Parameters and optimizer state are stacked on a leading replica axis; batches and gradients on a leading device axis.
A lane is a set of whole replicas (rows of the mesh) that one program drives. Forced host devices share the
processor's cores, so there each replica gets a lane of its own and they run one after the other; on accelerators
one lane holds them all. The programs are the same.

Limits: one process; a mesh over several hosts needs jax.distributed, which is not started here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from sim.errors import InputError

REPLICA_AXIS = "replica"
DATA_AXIS = "data"
_jax: Any = jax
"""A few functions of jax have no types, and mypy is strict."""
BY_REPLICA: PartitionSpec = _jax.P(REPLICA_AXIS)
"""Leading axis of M replicas, the same on every device of a replica."""
BY_DEVICE: PartitionSpec = _jax.P((REPLICA_AXIS, DATA_AXIS))
"""Leading axis of G devices, replica by replica."""
_AXES = (REPLICA_AXIS, DATA_AXIS)
_AXIS_TYPES = (AxisType.Auto, AxisType.Auto)
_HOST_DEVICE_FLAG = "xla_force_host_platform_device_count"


def make_mesh(replicas: int, devices_per_replica: int, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of M x (devices per replica); on a CPU its devices are forced host devices.

    Args:
      replicas: rows M.
      devices_per_replica: data-parallel devices in each.
      devices: exactly those of the mesh, in its order; JAX's own, as many as are needed, unless given.

    Raises:
      InputError: there are too few devices.
    """
    wanted = replicas * devices_per_replica
    shape = (replicas, devices_per_replica)
    if devices is not None:
        return Mesh(np.array(devices).reshape(shape), _AXES, axis_types=_AXIS_TYPES)
    _force_host_devices(wanted)
    devices = jax.devices()
    if len(devices) < wanted:
        kind = devices[0].platform
        advice = (
            f"start a fresh process, without {_HOST_DEVICE_FLAG} in XLA_FLAGS"
            if kind == "cpu"
            else "write fewer --replicas or --devices-per-replica, or set JAX_PLATFORMS=cpu for forced host devices"
        )
        raise InputError(
            f"--replicas {replicas} x --devices-per-replica {devices_per_replica}: needs {wanted} devices, "
            f"and there are {len(devices)} ({kind}); {advice}"
        )
    return jax.make_mesh(shape, _AXES, axis_types=_AXIS_TYPES, devices=devices[:wanted])


def _force_host_devices(count: int) -> None:
    if _HOST_DEVICE_FLAG in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        if _jax.config.jax_num_cpu_devices < count:
            _jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # a backend runs already; its devices are what there is
        return


def make_lanes(mesh: Mesh, *, alone: bool) -> list[Mesh]:
    """Sub-meshes of whole replicas: one for each replica (`alone`), or the mesh itself."""
    if not alone or len(mesh.devices) == 1:
        return [mesh]
    return [Mesh(mesh.devices[row : row + 1], _AXES, axis_types=_AXIS_TYPES) for row in range(len(mesh.devices))]


def ready(results: Any) -> Any:
    """Waits until the results of a program are there, and gives them back."""
    return _jax.block_until_ready(results)


def abstract(tree: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """Shapes of a pytree stacked on a leading axis, to compile for.

    Args:
      tree: shapes and types of one replica's (or device's) arrays.
      mesh: where they lie.
      spec: BY_REPLICA or BY_DEVICE.
    """
    count = _leading(mesh, spec)
    sharding = NamedSharding(mesh, spec)
    return jax.tree.map(lambda x: _jax.ShapeDtypeStruct((count, *x.shape), x.dtype, sharding=sharding), tree)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Puts a copy of one replica's arrays on every replica of a mesh, stacked."""
    sharding = NamedSharding(mesh, BY_REPLICA)
    count = _leading(mesh, BY_REPLICA)
    # repeat makes memory of its own, so a donated buffer is never the caller's array
    return jax.tree.map(lambda x: jax.device_put(np.repeat(np.asarray(x)[None], count, axis=0), sharding), tree)


def join(parts: Sequence[Any], mesh: Mesh) -> Any:
    """Sees the stacked pytrees of all lanes as one over the whole mesh, without copying."""
    if len(parts) == 1:
        return parts[0]

    def joined(*leaves: jax.Array) -> jax.Array:
        shards = [shard.data for leaf in leaves for shard in leaf.addressable_shards]
        shape = (sum(leaf.shape[0] for leaf in leaves), *leaves[0].shape[1:])
        return jax.make_array_from_single_device_arrays(shape, NamedSharding(mesh, BY_REPLICA), shards)

    return jax.tree.map(joined, *parts)


def split(tree: Any, lanes: Sequence[Mesh]) -> list[Any]:
    """Hands each lane its rows of a pytree over the whole mesh, without copying."""
    if len(lanes) == 1:
        return [tree]

    def part(leaf: jax.Array, lane: Mesh) -> jax.Array:
        shards = {shard.device: shard.data for shard in leaf.addressable_shards}
        shape = (_leading(lane, BY_REPLICA), *leaf.shape[1:])
        own = [shards[device] for device in lane.devices.flat]
        return jax.make_array_from_single_device_arrays(shape, NamedSharding(lane, BY_REPLICA), own)

    return [jax.tree.map(lambda leaf, lane=lane: part(leaf, lane), tree) for lane in lanes]


def _leading(mesh: Mesh, spec: PartitionSpec) -> int:
    return int(mesh.devices.size if spec == BY_DEVICE else mesh.shape[REPLICA_AXIS])
