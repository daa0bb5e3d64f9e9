"""DeMo: after every step replicas gather the largest components of each other's momentum."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..units.quantities import MOST_SITES
from .shared.setting import Setting
from .shared.sparse import SparseStrategy
from .shared.stated import Law

_VALUE_BITS = 16.0


class DeMo(SparseStrategy):
    """DeMo (decoupled momentum): every step sends the fastest components of the momentum, and keeps the others.

    Each chunk of the momentum is transformed (DCT); its largest components are sent, each with its place in the chunk,
    and gathered by all replicas, which then make the same step. The rest of the momentum differs between them.

    A component takes `payload_bits` (16 unless given), and its place in the chunk `index_bits`.

    Source: arXiv 2411.19870.
    Limits: replay only; the effect of sparsity on the loss is not predicted, nor that of replicas left out. The
      transform takes no time unless `compression_time` says so, and handing payloads on inside a site costs nothing.
    """

    kind: Literal["demo"] = "demo"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    chunk: int = Field(default=4096, gt=1, le=2**30, examples=[4096])
    """Components of a chunk, 64 x 64 in the paper."""
    top: int = Field(default=4, gt=0, le=2**30, examples=[4])
    """Components of a chunk that are sent: the largest."""
    index_bits: float | None = Field(default=None, gt=0, le=64, strict=True, examples=[12.0])
    """Bits of a component's place; default: as many as number the places of a chunk, whole ones [bit]."""
    sync_every: ClassVar[int] = 1
    closing_exchange: ClassVar[bool] = True
    name: ClassVar[str] = "DeMo"
    cites: ClassVar[tuple[str, ...]] = ("2411.19870",)

    @property
    def parameters(self) -> dict[str, str]:
        """M, what of a chunk is sent and how, and its bits."""
        return {"M": f"{self.replicas}"} | self.sparse_parameters() | self.payload_parameters()

    @property
    def law(self) -> Law:
        """That of Data-Parallel, as all replicas make the same step."""
        return Law("data-parallel", 1, None, fitted=False, late_steps=None)

    def outer_copies(self, setting: Setting) -> float:
        """None: the momentum that is kept takes the place of the optimizer's."""
        return 0.0

    def outer_bytes(self, setting: Setting) -> float:
        """What a replica sends: top/chunk of the components, each with its value and its place [byte]."""
        return self.sparse_bytes(setting, self.payload_bits or _VALUE_BITS)

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits of a component."""
        return self.payload_bits or _VALUE_BITS
