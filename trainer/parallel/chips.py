"""The chip behind a device of JAX, if it is known by name, and the device's share of its peak speed and memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from platform import machine, processor
from typing import Any, Literal

from sim.trace.file import RecordedDevice
from sim.units.chips import chip_of_kind


def recorded_device(devices: Sequence[Any]) -> RecordedDevice:
    """The description of the devices of a mesh in a trace.

    If a chip appears as several devices (a TPU v3 as its two cores), each has its share of peak and memory.

    Args:
      devices: JAX devices, all of one kind.
    """
    first = devices[0]
    kinds: dict[str, Literal["cpu", "gpu", "tpu"]] = {"cpu": "cpu", "tpu": "tpu"}
    kind = _processor() if first.platform == "cpu" else str(first.device_kind)
    chip = chip_of_kind(kind)
    share = _devices_of_a_chip(first)
    unknown = "the published bfloat16 peak of this kind of device is unknown, so no utilisation is given"
    return RecordedDevice(
        platform=kinds.get(first.platform, "gpu"),
        kind=kind,
        count=len(devices),
        slices=len({slice_index(device) for device in devices}) if first.platform == "tpu" else 1,
        peak_flop_per_s=chip.peak_flop_per_s / share if chip else None,
        memory_bytes=chip.memory_bytes / share if chip else None,
        source=chip.source + (f"; a device is 1/{share} of a chip" if share > 1 else "") if chip else unknown,
    )


def usable_bytes(device: Any) -> float | None:
    """The memory of a device that a program can have; None if it is unknown, as on a CPU [byte]."""
    limit = (device.memory_stats() or {}).get("bytes_limit") if device.platform != "cpu" else None
    return float(limit) if limit else None


def slice_index(device: Any) -> int:
    """The number of the TPU slice of a device, from 0."""
    return int(getattr(device, "slice_index", 0) or 0)


def _devices_of_a_chip(device: Any) -> int:
    """Number of devices that JAX makes of one chip: those with the same coordinates in the same slice."""
    if device.platform != "tpu":
        return 1
    places = Counter((slice_index(other), tuple(other.coords)) for other in device.client.devices())
    return places[slice_index(device), tuple(device.coords)]


def _processor() -> str:
    """The system's name of the processor model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, processor() or machine() or "cpu")
