"""Accelerators that are known by name: peak speed, memory, and a realistic speed in a training run.

Peaks are those of dense bfloat16 matrix products, as the manufacturers publish them (NVIDIA's data sheets print twice
as much, with sparsity). No program reaches them. Other chips are unknown, and nothing is guessed for them.

Source: the manufacturers' pages. Google's were read (units as printed there: GiB for v3, v4 and TPU7x, GB for the
others; the page of TPU7x prints those of v5p and v6e as GiB). NVIDIA's and AMD's data sheets were checked only by
reprints.
"""

from __future__ import annotations

from dataclasses import dataclass

_GB = 1e9
_GIB = 2.0**30
_TFLOP = 1e12
UTILIZATION = 0.4
"""Assumed share of a chip's peak if a chip is named instead of a speed.

Source: 38% to 43% in the pre-training of Llama 3 405B on 8,192 and 16,384 H100 (arXiv 2407.21783, Table 4).
Limits: a large dense model in bfloat16, tuned, with its exchanges. A measured speed is better.
"""


@dataclass(frozen=True)
class Chip:
    """One kind of accelerator.

    Attributes:
      name: its name, which a topology or a workload can give instead of a useful speed.
      kinds: its names in JAX (`device_kind`).
      peak_flop_per_s: dense bfloat16 peak of a whole chip [flop/s].
      memory_bytes: memory of a whole chip [byte].
      source: the source of both numbers.
    """

    name: str
    kinds: tuple[str, ...]
    peak_flop_per_s: float
    memory_bytes: float
    source: str

    @property
    def useful_flop_per_s(self) -> float:
        """Assumed speed in a training run: `UTILIZATION` times the peak [flop/s]."""
        return UTILIZATION * self.peak_flop_per_s


CHIPS = (
    Chip("tpu-v3", ("TPU v3",), 123 * _TFLOP, 32 * _GIB, "cloud.google.com/tpu/docs/v3"),
    Chip("tpu-v4", ("TPU v4",), 275 * _TFLOP, 32 * _GIB, "cloud.google.com/tpu/docs/v4"),
    Chip("tpu-v5e", ("TPU v5 lite", "TPU v5e"), 197 * _TFLOP, 16 * _GB, "cloud.google.com/tpu/docs/v5e"),
    Chip("tpu-v5p", ("TPU v5", "TPU v5p"), 459 * _TFLOP, 95 * _GB, "cloud.google.com/tpu/docs/v5p"),
    Chip("tpu-v6e", ("TPU v6 lite", "TPU v6e"), 918 * _TFLOP, 32 * _GB, "cloud.google.com/tpu/docs/v6e"),
    Chip("tpu7x", ("TPU7x",), 2307 * _TFLOP, 192 * _GIB, "cloud.google.com/tpu/docs/tpu7x"),
    Chip(
        "a100-40gb",
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100-PCIE-40GB"),
        312 * _TFLOP,
        40 * _GB,
        "NVIDIA A100 data sheet: 312 Tflop/s without sparsity",
    ),
    Chip(
        "a100",
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB PCIe"),
        312 * _TFLOP,
        80 * _GB,
        "NVIDIA A100 data sheet: 312 Tflop/s without sparsity",
    ),
    Chip(
        "h100",
        ("NVIDIA H100 80GB HBM3",),
        989.5 * _TFLOP,
        80 * _GB,
        "NVIDIA H100 data sheet, SXM: 1,979 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        "h100-pcie",
        ("NVIDIA H100 PCIe",),
        756.5 * _TFLOP,
        80 * _GB,
        "NVIDIA H100 data sheet, PCIe: 1,513 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        "h100-nvl",
        ("NVIDIA H100 NVL",),
        835.5 * _TFLOP,
        94 * _GB,
        "NVIDIA H100 data sheet, NVL: 1,671 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        "h200",
        ("NVIDIA H200",),
        989.5 * _TFLOP,
        141 * _GB,
        "NVIDIA H200 data sheet, SXM: 1,979 Tflop/s with sparsity, half of it dense",
    ),
    Chip(
        "b200",
        ("NVIDIA B200",),
        2250 * _TFLOP,
        180 * _GB,
        "NVIDIA DGX B200 data sheet: 36 Pflop/s with sparsity and 1,440 GB in 8 GPUs, half of the former dense",
    ),
    Chip(
        "l40s",
        ("NVIDIA L40S",),
        362.05 * _TFLOP,
        48 * _GB,
        "NVIDIA L40S data sheet: 362.05 Tflop/s without sparsity (and 733 with it)",
    ),
    Chip(
        "mi300x",
        ("AMD Instinct MI300X",),
        1307.4 * _TFLOP,
        192 * _GB,
        "AMD Instinct MI300X data sheet: 1,307.4 Tflop/s",
    ),
    Chip(
        "mi325x",
        ("AMD Instinct MI325X",),
        1307.4 * _TFLOP,
        256 * _GB,
        "AMD Instinct MI325X data sheet: 1,307.4 Tflop/s",
    ),
)


def useful_flop_per_s(name: str) -> float | None:
    """The useful speed of a chip by its name, in any case; None if the chip is unknown [flop/s]."""
    known = {chip.name: chip.useful_flop_per_s for chip in CHIPS}
    return known.get(name.strip().casefold())


def described(flop_per_s: float) -> str:
    """`395.8e12` -> `h100 at 40% of its peak`; empty if no chip has exactly this useful speed."""
    found = next((chip for chip in CHIPS if chip.useful_flop_per_s == flop_per_s), None)
    return f"{found.name} at {UTILIZATION:.0%} of its peak" if found else ""
