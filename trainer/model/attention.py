"""Causal attention in three implementations: plain matrix products, cuDNN's kernel on NVIDIA GPUs, splash on TPUs.

The fused kernels never hold the L x L weights in memory and skip the masked half. All three keep scores and weights in
float32, and give every product operands in the type of the model. Letters of shapes: B sequences, L tokens, H heads, K
width of a head.

Source: arXiv 2205.14135 (attention without the L x L matrix); `jax.nn.dot_product_attention` (cuDNN); the splash
attention of `jax.experimental.pallas.ops.tpu`.
Limits: a fused kernel differentiates once. The flops of one are known only in closed form (`FUSED_PRODUCTS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from .products import wide_product

_MASKED = -1e30
_MOST_BLOCK = 512
"""Tokens on a side of splash's blocks: those of MaxText's TPU configurations."""
FUSED_PRODUCTS = {"fused_attention_forward": 2, "fused_attention_backward": 5}
"""Products of L x L x K, causally halved, inside the functions of these names.

Forward: scores, mix. Backward: scores again, and the gradients of weights, queries, keys and values.
"""
Heads = tuple[jax.Array, jax.Array, jax.Array]
Attend = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


def attend(query_BxLxHxK: jax.Array, key_BxLxHxK: jax.Array, value_BxLxHxK: jax.Array, kind: str) -> jax.Array:
    """The values that each position sees, weighted by softmax(query . key / sqrt(K)); B x L x H x K.

    Args:
      query_BxLxHxK: in the type of the model, as the others.
      key_BxLxHxK: one for each position.
      value_BxLxHxK: likewise.
      kind: `xla`, `cudnn` or `splash`.
    """
    if kind == "xla":
        return _plain(query_BxLxHxK, key_BxLxHxK, value_BxLxHxK)
    mixed_BxLxHxK: jax.Array = _fused(kind, query_BxLxHxK, key_BxLxHxK, value_BxLxHxK)
    return mixed_BxLxHxK


def _plain(query_BxLxHxK: jax.Array, key_BxLxHxK: jax.Array, value_BxLxHxK: jax.Array) -> jax.Array:
    scaled_BxLxHxK = query_BxLxHxK * query_BxLxHxK.shape[-1] ** -0.5
    score_BxHxLxL = wide_product("bqhk,bshk->bhqs", scaled_BxLxHxK, key_BxLxHxK)
    seen_LxL = jnp.tril(jnp.ones(score_BxHxLxL.shape[-2:], bool))
    weight_BxHxLxL = jax.nn.softmax(jnp.where(seen_LxL, score_BxHxLxL, _MASKED), axis=-1).astype(query_BxLxHxK.dtype)
    return jnp.einsum("bhqs,bshk->bqhk", weight_BxHxLxL, value_BxLxHxK)


def _cudnn(query_BxLxHxK: jax.Array, key_BxLxHxK: jax.Array, value_BxLxHxK: jax.Array) -> jax.Array:
    found: jax.Array = jax.nn.dot_product_attention(
        query_BxLxHxK, key_BxLxHxK, value_BxLxHxK, is_causal=True, implementation="cudnn"
    )
    return found


def _splash(query_BxLxHxK: jax.Array, key_BxLxHxK: jax.Array, value_BxLxHxK: jax.Array) -> jax.Array:
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernels
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks

    length, heads, width = query_BxLxHxK.shape[1:]
    block = math.gcd(length, _MOST_BLOCK)
    names = ("block_q", "block_kv", "block_kv_compute", "block_q_dkv", "block_kv_dkv", "block_kv_dkv_compute")
    blocks: dict[str, Any] = dict.fromkeys(names, block)
    sizes = kernels.BlockSizes(**blocks, use_fused_bwd_kernel=True)
    mask: Any = masks.MultiHeadMask([masks.CausalMask((length, length)) for _ in range(heads)])
    kernel = kernels.make_splash_mha(mask, block_sizes=sizes, head_shards=1, q_seq_shards=1)
    scaled_BxLxHxK = query_BxLxHxK * width**-0.5
    by_head = [x.transpose(0, 2, 1, 3) for x in (scaled_BxLxHxK, key_BxLxHxK, value_BxLxHxK)]
    mixed_BxHxLxK: jax.Array = jax.vmap(kernel)(*by_head)
    return mixed_BxHxLxK.transpose(0, 2, 1, 3)


_KERNELS: dict[str, Attend] = {"cudnn": _cudnn, "splash": _splash}


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _fused(kind: str, query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    mixed: jax.Array = fused_attention_forward(kind, query, key, value)[0]
    return mixed


# functions of their own, by whose names `programs.jaxpr_counts` finds them: the flops inside a kernel are not visible
@partial(jax.jit, static_argnums=0)
def fused_attention_forward(kind: str, query: jax.Array, key: jax.Array, value: jax.Array) -> tuple[jax.Array, Any]:
    """The result of a fused kernel, and the function that gives the gradients of its arguments."""
    found: tuple[jax.Array, Any] = jax.vjp(_KERNELS[kind], query, key, value)
    return found


@jax.jit
def fused_attention_backward(pullback: Any, gradient: jax.Array) -> Heads:
    """The gradients of a fused kernel's arguments."""
    found: Heads = pullback(gradient)
    return found


def _forward(kind: str, *heads: jax.Array) -> tuple[jax.Array, Any]:
    found: tuple[jax.Array, Any] = fused_attention_forward(kind, *heads)
    return found


def _backward(kind: str, pullback: Any, gradient: jax.Array) -> Heads:
    found: Heads = fused_attention_backward(pullback, gradient)
    return found


_fused.defvjp(_forward, _backward)
