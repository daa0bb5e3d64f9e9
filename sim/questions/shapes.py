"""The shape of a model as people write it: the name of a published one, or its dimensions."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from ..documents.nearest import nearest
from ..documents.settings import read_value
from ..documents.validation import Frozen, validate
from ..errors import InputError
from ..laws.shapes import SHAPES, TransformerShape


class _Shape(Frozen):
    """The dimensions of a decoder of equal layers, by the names of `TransformerShape`."""

    layers: int = Field(gt=0, le=10_000, examples=[80])
    width: int = Field(gt=0, le=10**6, examples=[8192])
    hidden: int = Field(gt=0, le=10**7, examples=[28672])
    heads: int = Field(gt=0, le=10**6, examples=[64])
    vocab: int = Field(gt=0, le=10**8, examples=[128256])
    kv_heads: int | None = Field(default=None, gt=0, le=10**6, examples=[8])
    head_width: int | None = Field(default=None, gt=0, le=10**6, examples=[128])
    gated: bool = True
    tied: bool = False

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.head_width is None and self.width % self.heads:
            raise InputError(f"width {self.width} is no multiple of {self.heads} heads; write head_width, such as 128")
        if self.heads % (self.kv_heads or self.heads):
            raise InputError(f"{self.kv_heads} kv_heads do not divide {self.heads} heads; write a divisor of it")
        return self


def read_shape(text: str, option: str) -> TransformerShape:
    """`llama-3-70b`, or `layers=80,width=8192,hidden=28672,heads=64,vocab=128256`.

    Further dimensions: `kv_heads` (default: heads), `head_width` (width over heads), `gated` (true), `tied` (false).

    Args:
      text: what was written.
      option: where, for messages.

    Raises:
      InputError: there is no such model, or a dimension is missing or out of range.
    """
    if "=" not in text:
        found = SHAPES.get(text.strip().casefold())
        if found is None:
            known = nearest(text, list(SHAPES))
            raise InputError(
                f"{option}: there is no model {text!r}; {known}; or write its dimensions, such as "
                "layers=80,width=8192,hidden=28672,heads=64,kv_heads=8,vocab=128256"
            )
        return found
    given: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or key in given:
            why = "is there twice; keep one of them" if equals else "sets nothing; write key=value,key=value"
            raise InputError(f"{option}: {part.strip()!r} {why}")
        given[key] = read_value(value, f"{option} ", part)
    own = validate(_Shape, given, source=option)
    return TransformerShape(
        layers=own.layers,
        width=own.width,
        hidden=own.hidden,
        heads=own.heads,
        kv_heads=own.kv_heads or own.heads,
        head_width=own.head_width or own.width // own.heads,
        vocab=own.vocab,
        gated=own.gated,
        tied=own.tied,
    )
