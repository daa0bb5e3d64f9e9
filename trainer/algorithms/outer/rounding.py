"""The payload of an outer exchange: changes of parameters in 32, 16, 8 or 4 bits.

32 bits: one all-reduce of float32 numbers. Fewer bits: each replica rounds its change once, an all-gather gives every
replica all rounded changes, and each replica sums them in float32. So no sum is rounded, and all have the same mean. 16
bits are bfloat16; 8 and 4 bits are whole numbers from -127 to 127 and from -7 to 7 (two 4-bit numbers in a byte), times
a float32 scale for each block of 256 parameters of a tensor: the largest magnitude in the block over 127 or 7.

    payload [byte] = sum over tensors of  ceil(n b / 8) + 4 ceil(n / 256)     (no scales for 16 and 32 bits)

Error feedback adds the rounding error of an exchange to the next change, so that no error remains for good.

Source: arXiv 2501.18512 (four bits, summed in float32; there E3M0 floats); arXiv 1901.09847 (error feedback).
Limits: an all-gather moves M/2 times the bytes of an all-reduce of the same payload, so it beats the all-reduce in
float32 up to M = 2 x 32/b. The payload is what each replica contributes. No stochastic rounding.
"""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp

BLOCK = 256
"""Parameters that share a scale."""
SCALE_BYTES = 4
_LEVELS = {8: 127, 4: 7}


def encode(tree: Any, bits: int) -> Any:
    """Rounds a pytree of float32 arrays to a payload.

    Args:
      tree: arrays.
      bits: 32, 16, 8 or 4.

    Returns:
      The tree itself for 32 bits; else a tree with each array as bfloat16 bits (16), or as codes and scales (8, 4).
    """
    if bits == 32:
        return tree
    if bits == 16:
        # as uint16, because some backends widen an exchange of bfloat16 to float32
        return jax.tree.map(lambda x: jax.lax.bitcast_convert_type(x.astype(jnp.bfloat16), jnp.uint16), tree)
    return jax.tree.map(lambda x: _rounded(x, bits), tree)


def decode(sent: Any, like: Any, bits: int) -> Any:
    """A payload as float32 arrays.

    Args:
      sent: from `encode`.
      like: a pytree with the arrays' shapes.
      bits: 32, 16, 8 or 4.
    """
    if bits == 32:
        return sent
    if bits == 16:
        return jax.tree.map(lambda x: jax.lax.bitcast_convert_type(x, jnp.bfloat16).astype(jnp.float32), sent)
    return jax.tree.map(lambda x, code: _restored(code, x.shape, bits), like, sent)


def payload_bytes(shapes: list[tuple[int, ...]], bits: int) -> int:
    """Bytes that a replica contributes to an exchange of arrays of these shapes [byte]."""
    sizes = [prod(shape) for shape in shapes]
    scales = sum(-(-size // BLOCK) * SCALE_BYTES for size in sizes) if bits in _LEVELS else 0
    return sum(-(-size * bits // 8) for size in sizes) + scales


def _rounded(x: jax.Array, bits: int) -> dict[str, jax.Array]:
    count = x.size
    blocks_NxB = jnp.pad(x.reshape(-1), (0, -count % BLOCK)).reshape(-1, BLOCK)
    scale_N = jnp.max(jnp.abs(blocks_NxB), axis=1) / _LEVELS[bits]
    # a block of zeros has scale 0; dividing it by 1 keeps the zeros
    divisor_N = jnp.where(scale_N > 0, scale_N, 1.0)
    code = jnp.round(blocks_NxB / divisor_N[:, None]).astype(jnp.int8).reshape(-1)
    if bits == 8:
        return {"code": code[:count], "scale": scale_N}
    pairs = (code + 8).astype(jnp.uint8).reshape(-1, 2)
    return {"code": (pairs[:, 0] | (pairs[:, 1] << 4))[: -(-count // 2)], "scale": scale_N}


def _restored(sent: dict[str, jax.Array], shape: tuple[int, ...], bits: int) -> jax.Array:
    count, code = prod(shape), sent["code"]
    if bits == 4:
        code = jnp.stack([code & 15, code >> 4], axis=1).reshape(-1).astype(jnp.int8) - 8
    padded = jnp.pad(code[:count], (0, -count % BLOCK)).reshape(-1, BLOCK).astype(jnp.float32)
    return (padded * sent["scale"][:, None]).reshape(-1)[:count].reshape(shape)
