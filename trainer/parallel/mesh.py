"""The device mesh (replica, data, model), and the lanes in which its replicas compute.

Parameters and optimizer state are stacked on a leading replica axis; batches and gradients on a leading device axis
(one entry for each data-parallel device, shared by the shards of its copy). The matrices of a model may be sharded over
the third axis, along heads, feed-forward and vocabulary dimensions that it divides; the compiler inserts the exchanges
that this needs. A lane is a set of whole replicas (rows of the mesh) that one program drives. Forced host devices share
the processor's cores, so there each replica has its own lane, and lanes run one after the other; on accelerators one
lane holds all replicas. The programs are the same. With several processes each drives the lanes of its devices.

Several replicas may share a device (or the devices of a row of the mesh). Each is a lane of its own then, the lanes
take turns, and arrays over the whole mesh hold that many replicas on each row.

Source: arXiv 1909.08053, section 3 (dimensions to shard).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from sim.errors import InputError

REPLICA_AXIS = "replica"
DATA_AXIS = "data"
MODEL_AXIS = "model"
_jax: Any = jax
"""Some functions are untyped in JAX."""
BY_REPLICA: PartitionSpec = _jax.P(REPLICA_AXIS)
"""A leading axis of M replicas; all devices of a replica hold the same."""
BY_DEVICE: PartitionSpec = _jax.P((REPLICA_AXIS, DATA_AXIS))
"""A leading axis of G data-parallel devices, replica by replica."""
SPREAD: PartitionSpec = _jax.P(REPLICA_AXIS, DATA_AXIS)
"""A leading axis of M replicas; each device of a replica holds its part of every array, along one dimension."""
_AXES = (REPLICA_AXIS, DATA_AXIS, MODEL_AXIS)
_AXIS_TYPES = (AxisType.Auto,) * len(_AXES)
_HOST_DEVICE_FLAG = "xla_force_host_platform_device_count"
_SPREAD_DIMENSION = {"embedding": -2, "query": -2, "key": -2, "value": -2, "output": -3, "up": -1, "down": -2}
"""The dimension of each matrix that is sharded over the model axis: vocabulary, heads, feed-forward."""


@dataclass(frozen=True)
class Lane:
    """Whole replicas that one program drives.

    Attributes:
      mesh: their devices.
      first_replica: the number of the first of them.
    """

    mesh: Mesh
    first_replica: int

    @property
    def first_device(self) -> int:
        """The number of the first of its data-parallel devices, among all of them."""
        return self.first_replica * int(self.mesh.shape[DATA_AXIS])

    @property
    def own_devices(self) -> list[int]:
        """Numbers within the lane of its data-parallel devices of which this process has a part."""
        here = jax.process_index()
        copies_GxS = self.mesh.devices.reshape(-1, self.mesh.shape[MODEL_AXIS])
        return [
            device for device, copy_S in enumerate(copies_GxS) if any(part.process_index == here for part in copy_S)
        ]


def make_mesh(
    replicas: int,
    devices_per_replica: int,
    shards: int = 1,
    *,
    processes: int = 1,
    devices: Sequence[Any] | None = None,
) -> Mesh:
    """A mesh of M x (devices per replica) x shards; on a CPU its devices are forced host devices.

    Args:
      replicas: rows M.
      devices_per_replica: data-parallel devices in each.
      shards: devices that share a copy of the model.
      processes: number of processes, which have equally many devices of the mesh.
      devices: the devices of the mesh, in its order; None: as many of JAX's devices as are needed.

    Raises:
      InputError: there are too few devices, or they cannot be shared evenly by the processes.
    """
    wanted = replicas * devices_per_replica * shards
    shape = (replicas, devices_per_replica, shards)
    if devices is not None:
        return Mesh(np.array(devices).reshape(shape), _AXES, axis_types=_AXIS_TYPES)
    if wanted % processes:
        raise InputError(f"--processes {processes}: cannot share {wanted} devices evenly; write a divisor of {wanted}")
    _force_host_devices(wanted // processes)
    devices = _devices()
    if len(devices) < wanted:
        kind = devices[0].platform
        advice = (
            f"start a fresh process, without {_HOST_DEVICE_FLAG} in XLA_FLAGS"
            if kind == "cpu"
            else "write fewer --replicas, --devices-per-replica or --shards, or set JAX_PLATFORMS=cpu for forced "
            "host devices"
        )
        spread = f" x --shards {shards}" if shards > 1 else ""
        raise InputError(
            f"--replicas {replicas} x --devices-per-replica {devices_per_replica}{spread}: needs {wanted} devices, "
            f"and JAX has {len(devices)} ({kind}); {advice}"
        )
    idle = {device.process_index for device in devices} - {device.process_index for device in devices[:wanted]}
    if idle:
        raise InputError(
            f"{wanted} of {len(devices)} devices leave process {min(idle)} without any; write more "
            "--devices-per-replica, or start fewer processes"
        )
    return jax.make_mesh(shape, _AXES, axis_types=_AXIS_TYPES, devices=devices[:wanted])


def _devices() -> list[Any]:
    try:
        return list(jax.devices())
    except (RuntimeError, AssertionError) as error:  # the latter if the platform has no plugin
        asked = os.environ.get("JAX_PLATFORMS", "")
        what = f"JAX_PLATFORMS={asked}: no such devices" if asked else "the devices cannot be started"
        said = f" ({str(error).splitlines()[0]})" if str(error) else ""
        raise InputError(
            f"{what}{said}; install crosshaul's extra for them (cuda or tpu), or write JAX_PLATFORMS=cpu for forced "
            "host devices"
        ) from None


def _force_host_devices(count: int) -> None:
    if _HOST_DEVICE_FLAG in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        if _jax.config.jax_num_cpu_devices < count:
            _jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:  # a backend runs already, and the number of its devices is fixed
        return


def make_lanes(mesh: Mesh, *, alone: bool, share: int = 1) -> list[Lane]:
    """The lanes in which this process has devices: one for each replica (`alone`), or the mesh itself.

    Args:
      mesh: the devices.
      alone: whether each replica is a lane; always so if they share devices.
      share: replicas on each row of the mesh.
    """
    if share == 1 and (not alone or len(mesh.devices) == 1):
        return [Lane(mesh, 0)]
    here = jax.process_index()
    return [
        Lane(Mesh(mesh.devices[row : row + 1], _AXES, axis_types=_AXIS_TYPES), row * share + place)
        for row in range(len(mesh.devices))
        for place in range(share)
        if any(device.process_index == here for device in mesh.devices[row].flat)
    ]


def ready(results: Any) -> Any:
    """Waits until the results of a program are ready, and returns them."""
    return _jax.block_until_ready(results)


def shardings(tree: Any, mesh: Mesh, spec: PartitionSpec) -> Any:
    """Shardings of the arrays of a stacked pytree: the leading axis by `spec`, matrices over the model axis.

    Args:
      tree: stacked arrays, or their shapes.
      mesh: the devices.
      spec: BY_REPLICA, BY_DEVICE, or SPREAD, with which a dimension of each array lies along the data axis, too.
    """

    def one(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        along_model = _model_dimension(path, leaf.shape, int(mesh.shape[MODEL_AXIS]))
        axes: list[Any] = [None] * len(leaf.shape)
        axes[0] = REPLICA_AXIS if spec == SPREAD else spec[0]
        if along_model is not None:
            axes[along_model] = MODEL_AXIS
        along_data = spread_dimension(leaf.shape, axes, int(mesh.shape[DATA_AXIS])) if spec == SPREAD else None
        if along_data is not None:
            axes[along_data] = DATA_AXIS
        while axes and axes[-1] is None:
            axes.pop()
        return NamedSharding(mesh, _jax.P(*axes))

    return jax.tree_util.tree_map_with_path(one, tree)


def _model_dimension(path: tuple[Any, ...], shape: tuple[int, ...], shards: int) -> int | None:
    """The dimension of a stacked array that lies along the model axis; None if none does."""
    name = next((key.key for key in reversed(path) if isinstance(key, jax.tree_util.DictKey)), None)
    spread = _SPREAD_DIMENSION.get(name or "")
    if shards == 1 or spread is None or len(shape) < 2:
        return None
    axis = spread + 1 if spread >= 0 else spread + len(shape)
    return None if shape[axis] % shards else axis


def spread_dimension(shape: tuple[int, ...], taken: Sequence[Any], devices: int) -> int | None:
    """The dimension of a stacked array that its devices divide: the longest that is free; None if none can be.

    Args:
      shape: with the leading axis.
      taken: for each dimension the mesh axis along which it lies already, or None.
      devices: data-parallel devices of a replica.
    """
    free = [axis for axis in range(1, len(shape)) if taken[axis] is None and shape[axis] % devices == 0]
    return max(free, key=lambda axis: shape[axis], default=None) if devices > 1 else None


def abstract(tree: Any, mesh: Mesh, spec: PartitionSpec, share: int = 1) -> Any:
    """Shapes, with shardings, of a pytree stacked on a leading axis, for which programs are compiled.

    Args:
      tree: shapes and types of one replica's (or device's) arrays.
      mesh: the devices.
      spec: BY_REPLICA or BY_DEVICE.
      share: replicas on each row of the mesh.
    """
    count = share * leading(mesh, spec)
    stacked = jax.tree.map(lambda x: _jax.ShapeDtypeStruct((count, *x.shape), x.dtype), tree)
    return jax.tree.map(
        lambda x, where: _jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=where),
        stacked,
        shardings(stacked, mesh, spec),
    )


def place_rows(rows: NDArray[Any], devices: Sequence[int], mesh: Mesh) -> jax.Array:
    """Puts a batch on the devices of a mesh; each process needs only the rows of its own devices.

    Args:
      rows: one for each of `devices`.
      devices: numbers of the data-parallel devices of the mesh of which this process has a part.
      mesh: the devices.
    """
    place_of = {device: place for place, device in enumerate(devices)}

    def row(index: tuple[slice, ...] | None) -> NDArray[Any]:
        device = (index[0].start if index else None) or 0
        return np.array(rows[place_of[device]][None])

    shape = (leading(mesh, BY_DEVICE), *rows.shape[1:])
    return jax.make_array_from_callback(shape, NamedSharding(mesh, BY_DEVICE), row)


def leading(mesh: Mesh, spec: PartitionSpec) -> int:
    """Entries on the leading axis of a stacked array: rows of replicas, or data-parallel devices G."""
    rows = int(mesh.shape[REPLICA_AXIS])
    return rows * int(mesh.shape[DATA_AXIS]) if spec == BY_DEVICE else rows
