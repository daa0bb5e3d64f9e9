"""The decoder-only transformer as a plain pytree and pure functions.

Pre-norm blocks with RMSNorm, rotary positions, LayerNorm on queries and keys, a GELU feed-forward block and tied
embeddings; the layers are stacked and scanned, so compile time does not grow with depth, or written out one after the
other, which saves copies of their activations. Letters of shapes: B sequences, L tokens, D width, H heads, K width of a
head, F hidden, V vocabulary, N layers.

Source: arXiv 2503.09799, section 3 and Table 3 (sizes, QK-LayerNorm, z-loss); arXiv 2104.09864 (rotary positions).
Limits: no dropout, no biases. The type of the parameters is the type of the computation; with bfloat16 parameters
norms, rotary positions, attention weights, logits and the loss are still computed in float32. Operands of every matrix
product are bfloat16 then, forward and backward, and products accumulate in float32 inside the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from ..config.run import ModelConfig, Precision, TrainConfig
from .attention import attend
from .head import CHUNK_LOGITS, head_loss

Params: TypeAlias = dict[str, Any]
_EPSILON = 1e-6
_ROTARY_BASE = 10_000.0
_EMBEDDING_SCALE = 0.02


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


def init_params(key: jax.Array, model: ModelConfig) -> Params:
    """Draws the parameters: normal matrices of variance 1/fan-in, and 1/(2N) of that if they feed the residual stream.

    Args:
      key: a random key.
      model: the shape.

    Returns:
      The pytree; leaves under `layers` have a leading axis of N layers.
    """
    n, d, h, k, f = model.layers, model.width, model.heads, model.head_width, model.hidden
    keys = jax.random.split(key, 7)
    residual_scale = (2 * n) ** -0.5

    def normal(key: jax.Array, shape: tuple[int, ...], scale: float) -> jax.Array:
        return scale * jax.random.normal(key, shape, jnp.float32)

    return {
        "embedding": normal(keys[0], (model.vocab, d), _EMBEDDING_SCALE),
        "layers": {
            "attention_norm": jnp.ones((n, d)),
            "query": normal(keys[1], (n, d, h, k), d**-0.5),
            "key": normal(keys[2], (n, d, h, k), d**-0.5),
            "value": normal(keys[3], (n, d, h, k), d**-0.5),
            "query_norm": jnp.ones((n, k)),
            "key_norm": jnp.ones((n, k)),
            "output": normal(keys[4], (n, h, k, d), d**-0.5 * residual_scale),
            "feed_forward_norm": jnp.ones((n, d)),
            "up": normal(keys[5], (n, d, f), d**-0.5),
            "down": normal(keys[6], (n, f, d), f**-0.5 * residual_scale),
        },
        "final_norm": jnp.ones((d,)),
    }


def param_shapes(model: ModelConfig) -> Params:
    """The shapes and types of the parameters, without making them."""
    shapes: Params = jax.eval_shape(lambda: init_params(jax.random.key(0), model))
    return shapes


def count_params(model: ModelConfig) -> int:
    """Parameters N of the model, with embeddings."""
    return sum(int(leaf.size) for leaf in jax.tree.leaves(param_shapes(model)))


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


def _attention(x_BxLxD: jax.Array, layer: Params, kind: str) -> jax.Array:
    dtype = x_BxLxD.dtype
    query_BxLxHxK = _rotate(_layer_norm(jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["query"]), layer["query_norm"]))
    key_BxLxHxK = _rotate(_layer_norm(jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["key"]), layer["key_norm"]))
    value_BxLxHxK = jnp.einsum("bld,dhk->blhk", x_BxLxD, layer["value"])
    mixed_BxLxHxK = attend(query_BxLxHxK.astype(dtype), key_BxLxHxK.astype(dtype), value_BxLxHxK, kind)
    return jnp.einsum("blhk,hkd->bld", mixed_BxLxHxK, layer["output"])


def _block(x_BxLxD: jax.Array, layer: Params, *, kind: str) -> tuple[jax.Array, None]:
    x_BxLxD = x_BxLxD + _attention(_rms_norm(x_BxLxD, layer["attention_norm"]), layer, kind)
    hidden_BxLxF = jax.nn.gelu(_rms_norm(x_BxLxD, layer["feed_forward_norm"]) @ layer["up"])
    return x_BxLxD + hidden_BxLxF @ layer["down"], None


def _hidden(params: Params, tokens_BxL: jax.Array, execution: Execution) -> jax.Array:
    """The last hidden state of every position."""
    block: Callable[..., Any] = partial(_block, kind=execution.attention)
    if execution.remat == "dots":
        block = jax.checkpoint(block, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable)
    elif execution.remat == "layer":
        block = jax.checkpoint(block)
    begin_BxLxD = _embed(params["embedding"], tokens_BxL)
    x_BxLxD, _ = jax.lax.scan(block, begin_BxLxD, params["layers"], unroll=execution.unrolled or 1)
    return _rms_norm(x_BxLxD, params["final_norm"])


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
