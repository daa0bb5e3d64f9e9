"""Matrix products with float32 results, whose gradients are products of the operands' own type.

The transpose of a bfloat16 product with a float32 result is a product of a float32 cotangent; a GPU runs it at half the
speed or less, after widening the other operand. Rounding the cotangent first keeps every product in bfloat16, with
float32 accumulation inside.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def wide_product(subscripts: str, x: jax.Array, y: jax.Array) -> jax.Array:
    """An einsum of two arrays of one type, in float32.

    Args:
      subscripts: as for `jnp.einsum`, without `...`; every index of an operand is in the other or in the result.
      x: the first operand.
      y: the second.
    """
    return jnp.einsum(subscripts, x, y, preferred_element_type=jnp.float32)


def _forward(subscripts: str, x: jax.Array, y: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return wide_product(subscripts, x, y), (x, y)


def _backward(subscripts: str, operands: tuple[jax.Array, jax.Array], wide: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, y = operands
    inputs, _, result = subscripts.partition("->")
    of_x, _, of_y = inputs.partition(",")
    narrow = wide.astype(x.dtype)
    return jnp.einsum(f"{result},{of_y}->{of_x}", narrow, y), jnp.einsum(f"{of_x},{result}->{of_y}", x, narrow)


wide_product.defvjp(_forward, _backward)
