"""The shares of peak and memory bandwidth that programs reach, for roofline estimates.

Limits: the shares are assumptions, near those of large copies and products on such chips. Real programs stay below.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.units.chips import chip_of_kind

MEMORY_SHARE = 0.9
PRODUCT_SHARE = 0.8
ATTENTION_SHARE = 0.48
"""Share of the peak in a fused attention kernel, whose softmax is no product."""
WIDE_RATIO = 0.5
"""Speed of float32 products over that of bfloat16 ones: TF32 on GPUs."""
LAUNCH_S = 2e-6
"""Time that each kernel of a GPU costs beside its work [s]."""


@dataclass(frozen=True)
class Rates:
    """What a device is assumed to reach.

    Attributes:
      bytes_per_s: of its memory [byte/s].
      narrow_flop_per_s: products of 16 bits or fewer [flop/s].
      wide_flop_per_s: products of float32 [flop/s].
      attention_flop_per_s: products inside a fused attention [flop/s].
      launch_s: the cost of starting a kernel [s].
    """

    bytes_per_s: float
    narrow_flop_per_s: float
    wide_flop_per_s: float
    attention_flop_per_s: float
    launch_s: float


def find_rates(kind: str) -> Rates | None:
    """The rates of the chip that JAX calls `kind`; None if it is unknown."""
    chip = chip_of_kind(kind)
    if chip is None:
        return None
    on_tpu = chip.name.startswith("tpu")
    peak = chip.peak_flop_per_s
    return Rates(
        bytes_per_s=MEMORY_SHARE * chip.memory_bytes_per_s,
        narrow_flop_per_s=PRODUCT_SHARE * peak,
        wide_flop_per_s=PRODUCT_SHARE * peak * (1.0 if on_tpu else WIDE_RATIO),  # a TPU rounds operands by default
        attention_flop_per_s=ATTENTION_SHARE * peak,
        launch_s=0.0 if on_tpu else LAUNCH_S,
    )


def assumptions(rates: Rates) -> str:
    """The rates in words."""
    return (
        f"{MEMORY_SHARE:.0%} of the memory's bandwidth ({rates.bytes_per_s / 1e12:.2f} TB/s), {PRODUCT_SHARE:.0%} of "
        f"the peak in products ({rates.narrow_flop_per_s / 1e12:.0f} Tflop/s; float32 "
        f"{rates.wide_flop_per_s / 1e12:.0f}), {ATTENTION_SHARE:.0%} in fused attention, {rates.launch_s * 1e6:g} us a "
        "kernel, one after the other; exchanges take no time"
    )
