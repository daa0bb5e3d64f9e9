"""The first line of a trace: what was trained, on what, with what, and how its time was measured."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from jax.sharding import Mesh

from sim.trace import Header, RecordedDevice, RecordedModel

from .config import TrainConfig

_LIBRARIES = ("crosshaul", "jax", "jaxlib", "optax", "numpy", "sentencepiece")


def make_header(config: TrainConfig, mesh: Mesh, *, data: str, command: str, on_cpu: bool) -> Header:
    """The header of a run's trace.

    Args:
      config: the run.
      mesh: its devices.
      data: what its batches are made of.
      command: the command line.
      on_cpu: whether the devices are forced host devices.
    """
    model = config.model
    device = mesh.devices.flat[0]
    kinds: dict[str, Literal["cpu", "gpu", "tpu"]] = {"cpu": "cpu", "tpu": "tpu"}
    return Header(
        algorithm=config.algorithm,
        model=RecordedModel(params=model.params, **model.model_dump()),
        replicas=config.replicas,
        sync_every=config.sync_every,
        steps=config.steps,
        batch_tokens=config.batch_tokens,
        sequence_length=config.sequence_length,
        device=RecordedDevice(
            platform=kinds.get(device.platform, "gpu"),
            kind=_processor() if device.platform == "cpu" else device.device_kind,
            count=mesh.size,
        ),
        libraries={"python": platform.python_version(), **_library_versions()},
        seed=config.seed,
        data=data,
        timing=_timing(config, on_cpu=on_cpu),
        command=command,
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _timing(config: TrainConfig, *, on_cpu: bool) -> str:
    order = (
        "each replica computed alone, one after the other (turn about), on the cores that all forced host devices share"
        + (" (the devices of one replica at once)" if config.devices_per_replica > 1 else "")
        if on_cpu
        else "all replicas dispatched at once and blocked on in order, so a later one's seconds are an upper bound"
    )
    return (
        "monotonic host clock around compiled programs, blocking until ready; compute_s = gradients + update (clip "
        f"and AdamW), {config.precision}, exchanges taken out; {order}; compilation, data loading and the arithmetic "
        "of the outer step are in no record; an exchange's seconds are its own program's on this machine, the slowest "
        "replica's"
    )


def _processor() -> str:
    """The processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine() or "cpu")


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
