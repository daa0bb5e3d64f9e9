"""Flops of training a decoder, block by block, beside the rule of 6 N a token.

A product of matrices has 2 flops for each pair of numbers that it multiplies and adds, and training does it three
times: once forward, twice backward (for the gradients of its inputs and of its weights). So a weight costs 6 flops a
token, and the two products of attention, which have no weights, cost 12 T N_q H a token over a sequence of T tokens.

Source: arXiv 2001.08361, Table 1 (forward) and section 2.1 (backward is twice forward); arXiv 2204.02311, appendix B
(6 N + 12 L H Q T a token, attention in full); arXiv 2002.05202 (gated feed-forward blocks have three matrices).
Limits: products of matrices alone: no norms, softmax, rotary positions or look-ups in the embedding; nothing is
computed again in the backward pass (rematerialisation). Mixtures of experts are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .shapes import TransformerShape
from .values import Values

FLOP_PER_WEIGHT = 6.0
"""Flops of a weight and a token in training: 2 forward and 4 backward."""
FORWARD_FLOP_PER_WEIGHT = 2.0
"""Flops of a weight and a token in the forward pass."""
ATTENTION_FLOP = 12.0
"""Flops of training for each layer, width of the heads, token, and position that the token attends to."""
Mask = Literal["causal", "full"]
SEEN: dict[str, float] = {"causal": 0.5, "full": 1.0}
"""Share of the pairs of positions that attention computes: half of them if later positions are masked and left out."""


def rule_flop(params: Values, tokens: Values) -> Values:
    """The rule for training: 6 N D [flop].

    Args:
      params: N, any shape.
      tokens: D, of the same shape or a number [tokens].
    Source: arXiv 2001.08361, section 2.1.
    Limits: without attention; an embedding that is only looked up counts although it is no product.
    """
    value: Values = FLOP_PER_WEIGHT * params * tokens
    return value


def attention_flop_per_token(layers: float, heads_width: float, sequence_tokens: float, mask: Mask = "causal") -> float:
    """Flops of attention in training for a token: 12 L N_q H T, half of it with a causal mask.

    Scores (queries times keys) and their weighted sum of values: 2 T N_q H flops forward each, three times in training.
    Example: 32 layers of width 4,096 over 8,192 tokens, in full: 12 * 32 * 4,096 * 8,192 = 1.29e10, a fifth
    beside the 6 * 8e9 of eight billion parameters.

    Args:
      layers: L.
      heads_width: N_q H, width of all query heads together.
      sequence_tokens: T [tokens].
      mask: `causal`: each token attends to those before it and itself, and kernels leave out the rest; `full`.

    Returns:
      Flops of a token, the mean over its sequence [flop].
    Source: arXiv 2204.02311, appendix B (in full).
    Limits: causal counts T/2 positions for T; exactly it is (T + 1)/2.
    """
    return ATTENTION_FLOP * SEEN[mask] * layers * heads_width * sequence_tokens


def feed_forward_flop_per_token(width: float, hidden: float, *, gated: bool) -> float:
    """Flops of one feed-forward block in training for a token: 18 D F if gated (three matrices), else 12 D F [flop].

    Args:
      width: D of the model.
      hidden: F, the inner width.
      gated: whether it is gated, as SwiGLU.
    Source: arXiv 2002.05202, equations 2 and 6.
    """
    return FLOP_PER_WEIGHT * (3 if gated else 2) * width * hidden


@dataclass(frozen=True)
class Part:
    """The flops of one kind of block.

    Attributes:
      what: its name.
      formula: in letters: B sequences of T tokens, width D, inner width F, N_q query and K key-value heads of width H,
        vocabulary V, L layers.
      flop: of a token in training, all layers together [flop].
    """

    what: str
    formula: str
    flop: float


def parts(shape: TransformerShape, sequence_tokens: float, mask: Mask) -> tuple[Part, ...]:
    """Training flops of a token, kind by kind; they add up to the whole model.

    Args:
      shape: of the model.
      sequence_tokens: T [tokens].
      mask: as in `attention_flop_per_token`.
    """
    layers, heads = shape.layers, shape.heads_width
    projections = FLOP_PER_WEIGHT * 2 * shape.width * (heads + shape.kv_width)
    attention = attention_flop_per_token(layers, heads, sequence_tokens, mask)
    forward = feed_forward_flop_per_token(shape.width, shape.hidden, gated=shape.gated)
    return (
        Part("feed-forward", f"{'18' if shape.gated else '12'} B T D F L", layers * forward),
        Part("query, key, value, output", "12 B T D (N_q + K) H L", layers * projections),
        Part("attention", f"{ATTENTION_FLOP * SEEN[mask]:g} B T^2 N_q H L", attention),
        Part("output head", "6 B T D V", FLOP_PER_WEIGHT * shape.width * shape.vocab),
    )
