"""Accelerators that are known by name: peak speeds, memory and power, and a realistic speed in a training run.

The rows are in `chips.csv`, each with its source and the day on which it was read. No program reaches a peak. Other
chips are unknown, and nothing is guessed for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

_TFLOP = 1e12
UTILIZATION = 0.4
"""Assumed share of a chip's peak if a chip is named and nothing is said of its `mfu`.

Source: 38% to 43% in the pre-training of Llama 3 405B on 8,192 and 16,384 H100 (arXiv 2407.21783, Table 4).
Limits: a large dense model in bfloat16, tuned, with its exchanges. A measured share is better.
"""


@dataclass(frozen=True)
class Chip:
    """One kind of accelerator; None where nobody publishes a number.

    Attributes:
      name: its name in topologies, workloads and options.
      kinds: its names in JAX (`device_kind`).
      peak_flop_per_s: dense bfloat16 peak of a whole chip [flop/s].
      fp8_flop_per_s, tf32_flop_per_s, fp32_flop_per_s: the same in other precisions [flop/s].
      memory_bytes, memory_bytes_per_s: memory of a whole chip, and its bandwidth [byte], [byte/s].
      watts: thermal design power; for some TPUs the highest power measured [W].
      first_hand: whether the maker's own page was read, and not a copy of it.
      read_on: the day on which it was read.
      source: the source of the numbers.
    """

    name: str
    kinds: tuple[str, ...]
    peak_flop_per_s: float
    fp8_flop_per_s: float | None
    tf32_flop_per_s: float | None
    fp32_flop_per_s: float | None
    memory_bytes: float
    memory_bytes_per_s: float
    watts: float | None
    first_hand: bool
    read_on: str
    source: str

    def useful_flop_per_s(self, mfu: float | None = None) -> float:
        """Speed in a training run: `mfu` times the bfloat16 peak, `UTILIZATION` times unless given [flop/s]."""
        return (UTILIZATION if mfu is None else mfu) * self.peak_flop_per_s


@cache
def chips() -> tuple[Chip, ...]:
    """The catalogue, read at the first call."""
    import csv

    lines = (resources.files("sim.units") / "chips.csv").read_text(encoding="utf-8").splitlines()
    return tuple(_chip(row) for row in csv.DictReader(line for line in lines if not line.startswith("#")))


def _chip(row: dict[str, str]) -> Chip:
    def number(column: str, factor: float = 1.0) -> float | None:
        return float(row[column]) * factor if row[column] else None

    return Chip(
        name=row["name"],
        kinds=tuple(row["jax_kinds"].split("|")),
        peak_flop_per_s=float(row["bf16_tflop_per_s"]) * _TFLOP,
        fp8_flop_per_s=number("fp8_tflop_per_s", _TFLOP),
        tf32_flop_per_s=number("tf32_tflop_per_s", _TFLOP),
        fp32_flop_per_s=number("fp32_tflop_per_s", _TFLOP),
        memory_bytes=float(row["memory_bytes"]),
        memory_bytes_per_s=float(row["memory_bytes_per_s"]),
        watts=number("watts"),
        first_hand=row["seen"] == "maker",
        read_on=row["read_on"],
        source=row["source"],
    )


def chip_names() -> list[str]:
    """Names of all chips, in the order of the catalogue."""
    return [chip.name for chip in chips()]


def chip_of_kind(kind: str) -> Chip | None:
    """The chip that JAX calls `kind`, or that has this name; None if it is not in the catalogue."""
    return next((chip for chip in chips() if kind in chip.kinds), None) or find_chip(kind)


def find_chip(name: str) -> Chip | None:
    """The chip of that name, in any case; None if it is unknown. What begins like a number is no name."""
    wanted = name.strip().casefold()
    return next((chip for chip in chips() if chip.name == wanted), None) if wanted[:1].isalpha() else None
