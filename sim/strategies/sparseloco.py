"""SparseLoCo: replicas gather each other's largest changes, in place of the mean of all of them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..defaults import SPARSE_BITS, SPARSE_CHUNK, SPARSE_TOP, SYNC_EVERY
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.setting import Setting
from .shared.sparse import SparseStrategy
from .shared.stated import open_end


class SparseLoCo(SparseStrategy):
    """SparseLoCo: of every chunk of a change only the largest values are sent, with their places, in few bits.

    Replicas gather: each gets the payloads of all others, from site to site or through a store. What is left out is
    kept and added to the next change (error feedback), which costs memory and no time.

    A value takes `payload_bits` (2 unless given), and its place in the chunk `index_bits`.

    Source: arXiv 2508.15706; with a store, a number of peers and a deadline: arXiv 2603.08163 (Covenant-72B).
    Limits: the effect of sparsity on the loss is not predicted, nor that of replicas left out; the trainer can measure
      the first. A replica that is left out makes all its steps, and handing payloads on inside a site costs nothing.
    """

    kind: Literal["sparseloco"] = "sparseloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    chunk: int = Field(default=SPARSE_CHUNK, gt=1, le=2**30, examples=[4096])
    """Parameters of a chunk."""
    top: int = Field(default=SPARSE_TOP, gt=0, le=2**30, examples=[64])
    """Values of a chunk that are sent: the largest."""
    index_bits: float | None = Field(default=None, gt=0, le=64, strict=True, examples=[12.0])
    """Bits of a value's place; default: as many as number the places of a chunk, whole ones [bit]."""
    name: ClassVar[str] = "SparseLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2508.15706", "2603.08163")

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, what of a chunk is sent and how, and its bits."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"} | self.sparse_parameters()
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    def outer_bytes(self, setting: Setting) -> float:
        """What a replica sends: top/chunk of the parameters, each with its value and its place [byte]."""
        return self.sparse_bytes(setting, self.payload_bits or float(SPARSE_BITS))

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits of a value."""
        return self.payload_bits or float(SPARSE_BITS)
