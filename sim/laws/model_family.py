"""The published family of decoder-only models, which simulator and trainer know by name.

Source: arXiv 2503.09799, Table 3. Its 35M row prints a token budget of 70M; 20 tokens per parameter give 700M.
"""

from __future__ import annotations

from dataclasses import dataclass

VOCAB = 32_768
SEQUENCE_TOKENS = 2_048


@dataclass(frozen=True)
class ModelShape:
    """One size of the family.

    Attributes:
      name: the name that users type.
      params: nominal number of parameters, with embeddings.
      layers, heads: transformer blocks; attention heads in each.
      width: model dimension, equal to the joint dimension of the heads.
      hidden: inner dimension of the feed-forward block.
      token_budget: 20 tokens per parameter, the published rounding [tokens].
    """

    name: str
    params: float
    layers: int
    heads: int
    width: int
    hidden: int
    token_budget: float


FAMILY = {
    shape.name: shape
    for shape in (
        ModelShape("35m", 35e6, 6, 8, 512, 2048, 700e6),
        ModelShape("90m", 90e6, 9, 12, 768, 3072, 1.8e9),
        ModelShape("180m", 180e6, 12, 16, 1024, 4096, 3.6e9),
        ModelShape("335m", 335e6, 15, 20, 1280, 5120, 6.7e9),
        ModelShape("550m", 550e6, 18, 24, 1536, 6144, 11e9),
        ModelShape("1.3b", 1.3e9, 24, 32, 2048, 8192, 26e9),
        ModelShape("2.4b", 2.4e9, 30, 40, 2560, 10240, 48e9),
        ModelShape("4b", 4e9, 36, 48, 3072, 12288, 80e9),
        ModelShape("10b", 10e9, 48, 64, 4096, 16384, 200e9),
    )
}
