"""Shapes of decoders, from which parameters, flops and caches are counted; some published ones by name."""

from __future__ import annotations

from dataclasses import dataclass

from .model_family import FAMILY, VOCAB


@dataclass(frozen=True)
class TransformerShape:
    """A decoder of equal layers.

    Attributes:
      layers: L.
      width: D, of the model.
      hidden: F, inner width of the feed-forward block.
      heads, kv_heads: N query heads; K heads of keys and values (as many, or fewer that groups of queries share).
      head_width: H.
      vocab: V.
      gated: whether the feed-forward block is gated (three matrices instead of two).
      tied: whether embedding and output head are one matrix.
    """

    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_width: int
    vocab: int
    gated: bool
    tied: bool

    @property
    def heads_width(self) -> int:
        """N H, width of all query heads together."""
        return self.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """K H, width of all heads of keys together, and of those of values."""
        return self.kv_heads * self.head_width

    @property
    def layer_params(self) -> int:
        """Parameters in the matrices of one layer."""
        attention = 2 * self.width * (self.heads_width + self.kv_width)
        return attention + (3 if self.gated else 2) * self.width * self.hidden

    @property
    def embedding_params(self) -> int:
        """Parameters of the embedding, and of the output head where that is a matrix of its own."""
        return (1 if self.tied else 2) * self.vocab * self.width

    @property
    def params(self) -> int:
        """Parameters N in matrices; norms, which have some width numbers a layer, are left out."""
        return self.layers * self.layer_params + self.embedding_params


_LLAMA_VOCAB = 128_256
SHAPES: dict[str, TransformerShape] = {
    name: TransformerShape(
        shape.layers,
        shape.width,
        shape.hidden,
        shape.heads,
        shape.heads,
        shape.width // shape.heads,
        VOCAB,
        gated=False,
        tied=True,
    )
    for name, shape in FAMILY.items()
} | {
    "llama-3-8b": TransformerShape(32, 4096, 14_336, 32, 8, 128, _LLAMA_VOCAB, gated=True, tied=False),
    "llama-3-70b": TransformerShape(80, 8192, 28_672, 64, 8, 128, _LLAMA_VOCAB, gated=True, tied=False),
    "llama-3-405b": TransformerShape(126, 16_384, 53_248, 128, 8, 128, _LLAMA_VOCAB, gated=True, tied=False),
}
"""The family of `model_family`, and Llama 3.

Source: arXiv 2503.09799, Table 3; arXiv 2407.21783, Table 3 (layers, widths, heads), with the vocabulary of the
published weights, 128,256.
"""
LLAMA_3 = tuple(shape for name, shape in SHAPES.items() if name.startswith("llama-3-"))
"""By size."""
