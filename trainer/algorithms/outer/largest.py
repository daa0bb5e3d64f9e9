"""The payload of a sparse exchange: of every chunk of a change the largest values, each with its place in the chunk.

A chunk holds neighbouring parameters of one tensor; the last one of a tensor is shorter, and sends as large a share. A
value takes b bits, its place as many as number the places of a chunk; both are packed without gaps. 32 bits are float32
and 16 bfloat16. 8, 4 and 2 bits are odd numbers c from -(2^b - 1) to 2^b - 1 times a float32 scale s for each chunk: c
is nearest to (2^b - 1) v / max |v|, and s = <v, c> / <c, c> makes the error the least that these c allow. There is no
level for 0, as values that are among the largest are not 0.

    payload [byte] = sum over tensors and chunks of  k (b + log2 chunk) / 8, and 4 for a scale

Source: arXiv 2508.15706, section 3 (largest values of chunks, two bits).
Limits: chunks are of a flattened tensor, where the authors' are blocks of 64 x 64; their two bits number the means of
four bins.
"""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp

_RAW = {32: jnp.float32, 16: jnp.bfloat16}
"""Bits of a value that is sent as a float."""


def place_bits(chunk: int) -> int:
    """Bits that number the places of a chunk [bit]."""
    return (chunk - 1).bit_length()


def pieces(size: int, chunk: int, top: int) -> list[tuple[int, int, int]]:
    """The chunks of a tensor: how many, the parameters of each, and how many of them are sent.

    Args:
      size: parameters of the tensor.
      chunk: parameters of a chunk.
      top: values of a chunk that are sent; of a shorter one the same share, rounded up.
    """
    full, rest = divmod(size, chunk)
    kinds = [(full, chunk, top), (1, rest, -(-top * rest // chunk))]
    return [kind for kind in kinds if kind[0] and kind[1]]


def encode(tree: Any, chunk: int, top: int, bits: int) -> Any:
    """The largest values of every chunk, with their places.

    Args:
      tree: float32 arrays.
      chunk: parameters of a chunk.
      top: values of a chunk that are sent.
      bits: of a value: 32, 16, 8, 4 or 2.

    Returns:
      For each array a list of payloads, of its chunks and of the shorter one behind them.
    """

    def one(x: jax.Array) -> list[dict[str, jax.Array]]:
        flat, sent, first = x.reshape(-1), [], 0
        for count, length, most in pieces(x.size, chunk, top):
            end = first + count * length
            sent.append(_largest(flat[first:end].reshape(count, length), most, bits, place_bits(chunk)))
            first = end
        return sent

    return jax.tree.map(one, tree)


def decode(sent: Any, like: Any, chunk: int, top: int, bits: int) -> Any:
    """A payload as float32 arrays, 0 where nothing was sent.

    Args:
      sent: from `encode`.
      like: a pytree with the arrays' shapes.
      chunk: as there.
      top: as there.
      bits: as there.
    """

    def one(x: Any, parts: list[dict[str, jax.Array]]) -> jax.Array:
        kinds = pieces(prod(x.shape), chunk, top)
        flat = [_spread(part, *kind, bits, place_bits(chunk)) for part, kind in zip(parts, kinds, strict=True)]
        return jnp.concatenate(flat).reshape(x.shape)

    return jax.tree.map(one, like, sent)


def _largest(x_CxS: jax.Array, most: int, bits: int, wide: int) -> dict[str, jax.Array]:
    _, place_CxK = jax.lax.top_k(jnp.abs(x_CxS), most)
    value_CxK = jnp.take_along_axis(x_CxS, place_CxK, axis=1)
    places = {"place": _packed(place_CxK, wide)}
    if bits == 32:
        return {"value": value_CxK, **places}
    if bits == 16:
        return {"value": jax.lax.bitcast_convert_type(value_CxK.astype(jnp.bfloat16), jnp.uint16), **places}
    levels = 2**bits - 1
    most_C = jnp.max(jnp.abs(value_CxK), axis=1, keepdims=True)
    # a chunk of zeros has the scale 0; dividing it by 1 keeps it finite
    share_CxK = value_CxK / jnp.where(most_C > 0, most_C, 1.0)
    code_CxK = jnp.clip(jnp.round((share_CxK + 1) * levels / 2), 0, levels)
    odd_CxK = 2 * code_CxK - levels
    scale_C = jnp.sum(value_CxK * odd_CxK, axis=1) / jnp.sum(odd_CxK**2, axis=1)
    return {"value": _packed(code_CxK, bits), "scale": scale_C, **places}


def _spread(sent: dict[str, jax.Array], count: int, length: int, most: int, bits: int, wide: int) -> jax.Array:
    place_CxK = _unpacked(sent["place"], count * most, wide).reshape(count, most)
    if bits in _RAW:
        value_CxK = sent["value"]
        if bits == 16:
            value_CxK = jax.lax.bitcast_convert_type(value_CxK, jnp.bfloat16).astype(jnp.float32)
    else:
        code_CxK = _unpacked(sent["value"], count * most, bits).reshape(count, most)
        value_CxK = (2 * code_CxK - (2**bits - 1)).astype(jnp.float32) * sent["scale"][:, None]
    rows_Cx1 = jnp.arange(count)[:, None]
    return jnp.zeros((count, length), jnp.float32).at[rows_Cx1, place_CxK].set(value_CxK).reshape(-1)


def _packed(codes: jax.Array, bits: int) -> jax.Array:
    """Whole numbers below 2^bits as bytes, without gaps: the lowest bit of the first one comes first."""
    one_bit = (codes.reshape(-1, 1).astype(jnp.uint32) >> jnp.arange(bits, dtype=jnp.uint32)) & 1
    flat = one_bit.reshape(-1)
    by_byte = jnp.pad(flat, (0, -flat.size % 8)).reshape(-1, 8)
    return jnp.sum(by_byte << jnp.arange(8, dtype=jnp.uint32), axis=1).astype(jnp.uint8)


def _unpacked(sent: jax.Array, count: int, bits: int) -> jax.Array:
    one_bit = (sent[:, None] >> jnp.arange(8, dtype=jnp.uint8)) & 1
    by_code = one_bit.reshape(-1)[: count * bits].reshape(count, bits).astype(jnp.int32)
    return jnp.sum(by_code << jnp.arange(bits, dtype=jnp.int32), axis=1)
