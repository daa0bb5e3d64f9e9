"""How a model is held in the memory of chips: sharding, precision, activations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..documents.validation import Frozen

Sharding = Literal["none", "optimizer", "gradients", "parameters"]
STAGES: tuple[Sharding, ...] = ("none", "optimizer", "gradients", "parameters")
"""The stages 0 to 3 of ZeRO (arXiv 1910.02054): each shards what is named, and all before it."""


class Memory(Frozen):
    """What every chip holds of the model while it trains, in bytes a parameter, and of what passes through it.

    Source: arXiv 1910.02054 (sharding: 2 + 2 + 12 bytes a parameter with Adam in mixed precision), 2205.05198 (a
      layer's activations, sbh(34 + 5as/h) bytes, and what is left of them with rematerialisation).
    """

    sharding: Sharding = "parameters"
    """What the chips of a replica share out among each other (ZeRO): `none`, `optimizer`, also `gradients`, also
    `parameters`."""
    shards: int | None = Field(default=None, gt=0, le=10**9, examples=[8])
    """Among how many chips; default: all of a datacenter."""
    model_shards: int = Field(default=1, gt=0, le=10**6, examples=[8])
    """Chips among which every layer is cut (tensor parallelism)."""
    weight_bytes: float = Field(default=2.0, gt=0, le=16, strict=True, examples=[2.0])
    """Bytes of a parameter as it computes [byte]."""
    gradient_bytes: float = Field(default=2.0, ge=0, le=16, strict=True, examples=[2.0])
    """Bytes of a gradient [byte]."""
    optimizer_bytes: float = Field(default=12.0, ge=0, le=64, strict=True, examples=[12.0])
    """Bytes of the optimizer's state a parameter: a float32 copy and two moments of Adam [byte]."""
    rematerialise: Literal["none", "attention", "layer"] = "layer"
    """Activations that the backward pass computes again: `none`; those of the `attention` (as fused kernels do); all of
    a `layer` but its input."""
    sequences: int = Field(default=1, gt=0, le=10**6, examples=[1])
    """Sequences that a chip computes at a time (its microbatch)."""
    sequence_tokens: int = Field(default=2048, gt=0, le=10**8, examples=[2048])
    """Tokens of a sequence."""
    width: int | None = Field(default=None, gt=0, le=10**6, examples=[4096])
    """Dimension h of the model; default: that of a named model, else of 12 h^2 parameters a layer."""
    heads: int | None = Field(default=None, gt=0, le=10**6, examples=[32])
    """Attention heads a; default: those of a named model, else one for each 128 of the width."""
    outer_on_host: bool = False
    """Whether the state of outer steps lies in the memory of the hosts."""
