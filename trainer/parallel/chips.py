"""Peak speed and memory of the accelerators that are known by name; of others nothing is guessed.

Speeds are dense bfloat16 matrix products, as the makers publish them (NVIDIA's data sheets print twice as much, with
sparsity). They are ceilings: no program reaches them.

Source: the makers' pages. Google's were read (units as printed there: GiB for v3, v4 and TPU7x, GB for the others; the
page of TPU7x prints those of v5p and v6e as GiB). NVIDIA's and AMD's data sheets were checked by reprints alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import machine, processor
from typing import Any, Literal

from sim.trace.file import RecordedDevice

_GB = 1e9
_GIB = 2.0**30
_TFLOP = 1e12


@dataclass(frozen=True)
class Chip:
    """One kind of accelerator.

    Attributes:
      kinds: what JAX calls it (`device_kind`).
      peak_flop_per_s: dense bfloat16 peak of a whole chip [flop/s].
      memory_bytes: memory of a whole chip [byte].
      source: where the two numbers are published.
    """

    kinds: tuple[str, ...]
    peak_flop_per_s: float
    memory_bytes: float
    source: str


CHIPS = (
    Chip(("TPU v3",), 123 * _TFLOP, 32 * _GIB, "cloud.google.com/tpu/docs/v3"),
    Chip(("TPU v4",), 275 * _TFLOP, 32 * _GIB, "cloud.google.com/tpu/docs/v4"),
    Chip(("TPU v5 lite", "TPU v5e"), 197 * _TFLOP, 16 * _GB, "cloud.google.com/tpu/docs/v5e"),
    Chip(("TPU v5", "TPU v5p"), 459 * _TFLOP, 95 * _GB, "cloud.google.com/tpu/docs/v5p"),
    Chip(("TPU v6 lite", "TPU v6e"), 918 * _TFLOP, 32 * _GB, "cloud.google.com/tpu/docs/v6e"),
    Chip(("TPU7x",), 2307 * _TFLOP, 192 * _GIB, "cloud.google.com/tpu/docs/tpu7x"),
    Chip(
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100-PCIE-40GB"),
        312 * _TFLOP,
        40 * _GB,
        "NVIDIA A100 data sheet: 312 Tflop/s without sparsity",
    ),
    Chip(
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB PCIe"),
        312 * _TFLOP,
        80 * _GB,
        "NVIDIA A100 data sheet: 312 Tflop/s without sparsity",
    ),
    Chip(
        ("NVIDIA H100 80GB HBM3",),
        989.5 * _TFLOP,
        80 * _GB,
        "NVIDIA H100 data sheet, SXM: 1,979 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        ("NVIDIA H100 PCIe",),
        756.5 * _TFLOP,
        80 * _GB,
        "NVIDIA H100 data sheet, PCIe: 1,513 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        ("NVIDIA H100 NVL",),
        835.5 * _TFLOP,
        94 * _GB,
        "NVIDIA H100 data sheet, NVL: 1,671 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        ("NVIDIA H200",),
        989.5 * _TFLOP,
        141 * _GB,
        "NVIDIA H200 data sheet, SXM: 1,979 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        ("NVIDIA B200",),
        2250 * _TFLOP,
        180 * _GB,
        "NVIDIA DGX B200 data sheet: 36 Pflop/s with sparsity and 1,440 GB in 8 GPUs, half of the former dense",
    ),
    Chip(
        ("NVIDIA L40S",),
        362.05 * _TFLOP,
        48 * _GB,
        "NVIDIA L40S data sheet: 362.05 Tflop/s without sparsity (and 733 with it)",
    ),
    Chip(("AMD Instinct MI300X",), 1307.4 * _TFLOP, 192 * _GB, "AMD Instinct MI300X data sheet: 1,307.4 Tflop/s dense"),
    Chip(("AMD Instinct MI325X",), 1307.4 * _TFLOP, 256 * _GB, "AMD Instinct MI325X data sheet: 1,307.4 Tflop/s dense"),
)


def find_chip(kind: str) -> Chip | None:
    """The chip that JAX calls `kind`; None where it is not in the table."""
    return next((chip for chip in CHIPS if kind in chip.kinds), None)


def recorded_device(devices: Sequence[Any]) -> RecordedDevice:
    """What a trace says about the devices of a mesh.

    Where a chip appears as several devices (a TPU v3 as its two cores), each has its share of peak and memory.

    Args:
      devices: JAX devices, all of one kind.
    """
    first = devices[0]
    kinds: dict[str, Literal["cpu", "gpu", "tpu"]] = {"cpu": "cpu", "tpu": "tpu"}
    kind = _processor() if first.platform == "cpu" else str(first.device_kind)
    chip = find_chip(kind)
    share = _devices_of_a_chip(first)
    unknown = "no published bfloat16 peak is known here for this kind of device, so no utilisation is given"
    return RecordedDevice(
        platform=kinds.get(first.platform, "gpu"),
        kind=kind,
        count=len(devices),
        slices=len({slice_index(device) for device in devices}) if first.platform == "tpu" else 1,
        peak_flop_per_s=chip.peak_flop_per_s / share if chip else None,
        memory_bytes=chip.memory_bytes / share if chip else None,
        source=chip.source + (f"; a device is 1/{share} of a chip" if share > 1 else "") if chip else unknown,
    )


def slice_index(device: Any) -> int:
    """The TPU slice that a device lies in, from 0."""
    return int(getattr(device, "slice_index", 0) or 0)


def _devices_of_a_chip(device: Any) -> int:
    """Devices that JAX makes of the chip of `device`: those of its client at the same place in the same slice."""
    if device.platform != "tpu":
        return 1
    places = Counter((slice_index(other), tuple(other.coords)) for other in device.client.devices())
    return places[slice_index(device), tuple(device.coords)]


def _processor() -> str:
    """The processor's model as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, processor() or machine() or "cpu")
