"""The shape of a model: by the name of a model of the published family, or by its dimensions.

Source: arXiv 2503.09799, Table 3.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from sim.documents.validation import Frozen, Name, nearest
from sim.errors import InputError
from sim.laws.model_family import FAMILY, VOCAB

BYTE_VOCAB = 257
"""256 byte values and the end-of-document token."""


class ModelConfig(Frozen):
    """The shape of a decoder-only transformer."""

    name: Name = "custom"
    """A name of the family, or `custom`."""
    layers: int = Field(gt=0, le=10**5, examples=[2])
    width: int = Field(gt=0, le=10**6, examples=[64])
    """Model dimension D, which is also the joint dimension of the heads."""
    heads: int = Field(gt=0, le=10**6, examples=[2])
    hidden: int = Field(gt=0, le=10**7, examples=[256])
    """Inner dimension F of the feed-forward block."""
    vocab: int = Field(gt=1, le=2**24, examples=[512])

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise InputError(
                f"width {self.width} cannot be divided among {self.heads} heads into even dimensions, which rotary "
                f"positions need; write a multiple of {2 * self.heads}, or fewer heads"
            )
        return self

    @property
    def head_width(self) -> int:
        """Dimension K of one head."""
        return self.width // self.heads

    @property
    def params(self) -> int:
        """Parameters N, with embeddings: as many as `init_params` draws."""
        layer = 4 * self.width**2 + 2 * self.width * self.hidden + 2 * self.width + 2 * self.head_width
        return self.vocab * self.width + self.layers * layer + self.width

    @property
    def nominal_params(self) -> float:
        """Parameters N as published for a model of the family (the fits use these), else `params`."""
        return FAMILY[self.name].params if self.name in FAMILY else float(self.params)


def family_model(name: str) -> ModelConfig:
    """The shape of a model of the family, with the family's vocabulary.

    Raises:
      InputError: no model has that name.
    """
    shape = FAMILY.get(name.lower())
    if shape is None:
        raise InputError(
            f"--model: got {name!r}; {nearest(name.lower(), list(FAMILY))}; or write --layers, --width and --heads"
        )
    return ModelConfig(
        name=shape.name, layers=shape.layers, width=shape.width, heads=shape.heads, hidden=shape.hidden, vocab=VOCAB
    )
