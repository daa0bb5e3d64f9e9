"""The flops of attention in a workload, which grow with the sequence and are not in 6 N a token."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from ..documents.validation import Frozen
from ..errors import InputError
from ..laws.flops import attention_flop_per_token
from ..laws.model_family import ModelShape


class Attention(Frozen):
    """Attention over a sequence, counted in addition to 6 N flops a token.

    Source: `sim.laws.flops`.
    """

    sequence_tokens: int = Field(gt=0, le=10**8, examples=[8192])
    """Tokens of a sequence, T [tokens]."""
    mask: Literal["causal", "full"] = "causal"
    """Which positions a token attends to: those before it (kernels leave out the others), or all."""
    width: int | None = Field(default=None, gt=0, le=10**6, examples=[8192])
    """Width of all attention heads together; default: that of a named model, else of 12 width^2 parameters a layer."""

    def flop_per_token(
        self, layers: int, named: ModelShape | None, params: float, active_params: float | None
    ) -> float:
        """Flops of a token's attention in training [flop].

        Args:
          layers: of the model; 0 if nobody says.
          named: the model of the family, if it is one.
          params: N.
          active_params: those that are active for a token; None: all.

        Raises:
          InputError: layers or width are unknown.
        """
        if not layers:
            raise InputError("attention: its flops grow with the layers of the model; write layers, such as layers: 80")
        if self.width is None and active_params is not None:
            raise InputError(
                "attention: a mixture of experts does not tell its width; write it, such as attention.width: 4096"
            )
        own = named.width if named else math.sqrt(params / (12 * layers))
        return attention_flop_per_token(layers, self.width or own, self.sequence_tokens, self.mask)
