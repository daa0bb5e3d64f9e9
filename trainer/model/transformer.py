"""The decoder-only transformer as a plain pytree and pure functions.

Pre-norm blocks with RMSNorm, rotary positions, LayerNorm on queries and keys, a GELU feed-forward block and tied
embeddings; the layers are stacked and scanned, so compile time does not grow with depth, or written out one after the
other, which saves copies of their activations. Parameters with learned positions are those of the variant `nanodo`: it
has LayerNorm in the place of RMSNorm, and no rotary positions. Letters of shapes: B sequences, L tokens, D width, H
heads, K width of a head, F hidden, V vocabulary, N layers.

Source: arXiv 2503.09799, section 3 and Table 3 (sizes, QK-LayerNorm, z-loss); arXiv 2104.09864 (rotary positions).
Limits: no dropout, no biases. The type of the parameters is the type of the computation; with bfloat16 parameters
norms, rotary positions, attention weights, logits and the loss are still computed in float32. Operands of every matrix
product are bfloat16 then, forward and backward, and products accumulate in float32 inside the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..config.run import Precision, TrainConfig
from .attention import attend
from .head import CHUNK_LOGITS, head_loss
from .initial import Params

_EPSILON = 1e-6
_ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class Execution:
    """How the model is computed, without effect on what (but for rounding).

    Attributes:
      attention: `xla`, `cudnn` or `splash`.
      remat: what the backward pass recomputes: `none`; `dots`, all but matrix products; `layer`, whole layers.
      unrolled: whether the layers are written out one after the other instead of in a loop.
      chunk_logits: the most logits that exist at a time in training.
    """

    attention: str = "xla"
    remat: str = "none"
    unrolled: bool = False
    chunk_logits: int = CHUNK_LOGITS

    @classmethod
    def of(cls, config: TrainConfig) -> Execution:
        """That of a run; before its platform is known (`TrainConfig.on`) the one that runs anywhere."""
        attention = "xla" if config.attention == "auto" else config.attention
        return cls(attention, config.remat, bool(config.unrolled))


PLAIN = Execution()


def cast(params: Params, precision: Precision | None) -> Params:
    """The parameters in the precision of the model."""
    dtype = jnp.bfloat16 if precision == "bfloat16" else jnp.float32
    cast_params: Params = jax.tree.map(lambda x: x.astype(dtype), params)
    return cast_params


@jax.custom_vjp
def _embed(embedding_VxD: jax.Array, tokens_BxL: jax.Array) -> jax.Array:
    """The rows of tokens, whose gradients are added up in float32.

    A frequent token adds thousands of them to one row. In bfloat16, of 8 bits, such a sum stops growing when it is some
    hundred times as large as what is added.
    """
    return embedding_VxD[tokens_BxL]


def _embed_forward(embedding_VxD: jax.Array, tokens_BxL: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return embedding_VxD[tokens_BxL], (tokens_BxL, embedding_VxD)


def _embed_backward(kept: tuple[jax.Array, jax.Array], gradient_BxLxD: jax.Array) -> tuple[jax.Array, None]:
    tokens_BxL, embedding_VxD = kept
    zero_VxD = jnp.zeros_like(embedding_VxD, dtype=jnp.float32)
    sum_VxD = zero_VxD.at[tokens_BxL].add(gradient_BxLxD.astype(jnp.float32))
    return sum_VxD.astype(embedding_VxD.dtype), None


_embed.defvjp(_embed_forward, _embed_backward)


def _rms_norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    wide = x.astype(jnp.float32)
    normal = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + _EPSILON)
    return (normal * scale.astype(jnp.float32)).astype(x.dtype)


def _layer_norm(x: jax.Array, scale: jax.Array) -> jax.Array:
    """Layer normalisation; returns float32, since rotary positions follow."""
    wide = x.astype(jnp.float32)
    centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
    normal = centred * jax.lax.rsqrt(jnp.mean(centred * centred, axis=-1, keepdims=True) + _EPSILON)
    return normal * scale.astype(jnp.float32)


def _rotate(x_BxLxHxK: jax.Array) -> jax.Array:
    """Turns each pair of dimensions (i, i + K/2) by an angle that grows with the position."""
    length, half = x_BxLxHxK.shape[1], x_BxLxHxK.shape[-1] // 2
    frequency = _ROTARY_BASE ** (-jnp.arange(half) / half)
    angle_Lx1xP = (jnp.arange(length)[:, None] * frequency)[:, None, :]
    cos, sin = jnp.cos(angle_Lx1xP), jnp.sin(angle_Lx1xP)
    first, second = x_BxLxHxK[..., :half], x_BxLxHxK[..., half:]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


@dataclass(frozen=True)
class _Variant:
    """What differs between the variants: the norm before blocks and head, and the turn by the position."""

    norm: Callable[[jax.Array, jax.Array], jax.Array]
    turn: Callable[[jax.Array], jax.Array]


_ROTARY = _Variant(norm=_rms_norm, turn=_rotate)
_LEARNED = _Variant(norm=lambda x, scale: _layer_norm(x, scale).astype(x.dtype), turn=lambda x_BxLxHxK: x_BxLxHxK)


def _attention(x_BxLxD: jax.Array, layer: Params, kind: str, turn: Callable[[jax.Array], jax.Array]) -> jax.Array:
    dtype = x_BxLxD.dtype
    query_BxLxHxK = turn(_layer_norm(jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["query"]), layer["query_norm"]))
    key_BxLxHxK = turn(_layer_norm(jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["key"]), layer["key_norm"]))
    value_BxLxHxK = jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["value"])
    mixed_BxLxHxK = attend(query_BxLxHxK.astype(dtype), key_BxLxHxK.astype(dtype), value_BxLxHxK, kind)
    return jnp.einsum("blhk,hkd->bld", mixed_BxLxHxK, layer["output"])


def _block(x_BxLxD: jax.Array, layer: Params, *, kind: str, variant: _Variant) -> tuple[jax.Array, None]:
    x_BxLxD = x_BxLxD + _attention(variant.norm(x_BxLxD, layer["attention_norm"]), layer, kind, variant.turn)
    hidden_BxLxF = jax.nn.gelu(variant.norm(x_BxLxD, layer["feed_forward_norm"]) @ layer["up"])
    return x_BxLxD + hidden_BxLxF @ layer["down"], None


def _hidden(params: Params, tokens_BxL: jax.Array, execution: Execution) -> jax.Array:
    """The last hidden state of every position."""
    variant = _LEARNED if "positions" in params else _ROTARY
    block: Callable[..., Any] = partial(_block, kind=execution.attention, variant=variant)
    if execution.remat == "dots":
        block = jax.checkpoint(block, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable)
    elif execution.remat == "layer":
        block = jax.checkpoint(block)
    begin_BxLxD = _embed(params["embedding"], tokens_BxL)
    if "positions" in params:
        begin_BxLxD = begin_BxLxD + params["positions"][: tokens_BxL.shape[1]]
    x_BxLxD, _ = jax.lax.scan(block, begin_BxLxD, params["layers"], unroll=execution.unrolled or 1)
    return variant.norm(x_BxLxD, params["final_norm"])


def logits(params: Params, tokens_BxL: jax.Array, execution: Execution = PLAIN) -> jax.Array:
    """Scores of the next token at every position.

    Args:
      params: the pytree of `init_params`, in the precision of the model.
      tokens_BxL: token ids.
      execution: how they are computed.

    Returns:
      Unnormalised log-probabilities in float32, B x L x V.
    """
    last_BxLxD = _hidden(params, tokens_BxL, execution)
    return jnp.einsum("bld,vd->blv", last_BxLxD, params["embedding"], preferred_element_type=jnp.float32)


def loss(
    params: Params, tokens_BxL: jax.Array, *, z_loss: float, execution: Execution = PLAIN
) -> tuple[jax.Array, jax.Array]:
    """Mean cross-entropy of the next token, plus the z-loss that keeps the log-partition function log Z near zero.

    loss = mean(log Z - logit of the target) + z_loss * mean((log Z)^2)

    Args:
      params: the pytree of `init_params`.
      tokens_BxL: token ids; the first L - 1 predict the last L - 1.
      z_loss: weight of the second term.
      execution: how it is computed.

    Returns:
      The loss to differentiate, and the cross-entropy alone, which has no gradient [nats per token].
    """
    last_BxLxD = _hidden(params, tokens_BxL[:, :-1], execution)
    hidden_TxD, target_T = last_BxLxD.reshape(-1, last_BxLxD.shape[-1]), tokens_BxL[:, 1:].reshape(-1)
    found: tuple[jax.Array, jax.Array] = head_loss(
        z_loss, execution.chunk_logits, hidden_TxD, params["embedding"], target_T
    )
    return found
