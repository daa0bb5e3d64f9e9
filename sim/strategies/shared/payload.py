"""The payload of a strategy's exchange across datacenters, as its keys say it."""

from __future__ import annotations

from pydantic import Field

from ...documents.validation import Frozen
from ...units.quantities import Bits, Latency
from .setting import Setting


class Payload(Frozen):
    """What is sent: gradients if the strategy synchronises every step, else parameter changes."""

    payload_bits: Bits | None = Field(default=None, examples=[4])
    """Bits per exchanged parameter; default: those of the workload [bit]."""
    payload_factor: float = Field(default=1.0, ge=1e-6, le=1e6, allow_inf_nan=False, examples=[1.0])
    """Factor of the payload, for headers or scales of quantised blocks; 0.8 matches published tables."""
    compression_ratio: float = Field(default=1.0, ge=1e-6, le=1e6, allow_inf_nan=False, examples=[100])
    """Size of the full payload over that of the sparse or low-rank payload that is sent."""
    compression_time: Latency | None = Field(default=None, examples=["50 ms"])
    """Compute time of a worker for one exchange of the whole model, beside its inner steps [s].

    It compresses the payload and restores the result; in an outer step it is also the arithmetic of the outer
    optimizer. Default: for an outer step the time in the workload's trace (records `outer-step`), else 0.
    """

    def payload_bytes(self, setting: Setting, asked_bytes: float) -> float:
        """Payload of an exchange of all parameters across datacenters; `asked_bytes` is that of the workload [byte]."""
        whole = setting.load.params * self.payload_bits / 8 if self.payload_bits else asked_bytes
        return whole * self.payload_factor / self.compression_ratio

    def payload_parameters(self) -> dict[str, str]:
        """The differences from the workload's payload, for `parameters`."""
        parts = [f"{self.payload_bits:g}-bit"] if self.payload_bits else []
        parts += [f"x{self.payload_factor:g}"] if self.payload_factor != 1 else []
        parts += [f"1/{self.compression_ratio:g}"] if self.compression_ratio != 1 else []
        parts += [f"+{self.compression_time:g}s"] if self.compression_time else []
        return dict.fromkeys(parts, "")
