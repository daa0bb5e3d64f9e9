"""The parameters of the transformer before training, in its two variants.

Letters of shapes: D width, H heads, K width of a head, F hidden, V vocabulary, N layers, L tokens of a sequence.

Source: of `nanodo`: github.com/google-deepmind/nanodo, from which the code of arXiv 2503.09799 was derived.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from ..config.run import ModelConfig

Params: TypeAlias = dict[str, Any]
_EMBEDDING_SCALE = 0.02


def init_params(key: jax.Array, model: ModelConfig, positions: int = 0) -> Params:
    """Draws the parameters.

    Without learned positions (`rotary`): normal matrices of variance 1/fan-in, and 1/(2N) of that if they feed the
    residual stream; embedding normal with 0.02. With them (`nanodo`): uniform matrices of variance
    2/(fan-in + fan-out); embedding and positions normal with 1/sqrt(D).

    Args:
      key: a random key.
      model: the shape.
      positions: how many positions are learned; 0: none, since they are rotary.

    Returns:
      The pytree; leaves under `layers` have a leading axis of N layers.
    """
    n, d, h, k, f = model.layers, model.width, model.heads, model.head_width, model.hidden
    keys = jax.random.split(key, 8 if positions else 7)
    residual_scale = (2 * n) ** -0.5

    def normal(key: jax.Array, shape: tuple[int, ...], scale: float) -> jax.Array:
        return scale * jax.random.normal(key, shape, jnp.float32)

    def matrix(key: jax.Array, shape: tuple[int, ...], fans: tuple[int, int], scale: float = 1.0) -> jax.Array:
        if positions:  # those that feed the residual stream like all others
            limit = math.sqrt(6 / sum(fans))
            return jax.random.uniform(key, shape, jnp.float32, -limit, limit)
        return normal(key, shape, fans[0] ** -0.5 * scale)

    return {
        "embedding": normal(keys[0], (model.vocab, d), d**-0.5 if positions else _EMBEDDING_SCALE),
        **({"positions": normal(keys[7], (positions, d), d**-0.5)} if positions else {}),
        "layers": {
            "attention_norm": jnp.ones((n, d)),
            "query": matrix(keys[1], (n, d, h, k), (d, d)),
            "key": matrix(keys[2], (n, d, h, k), (d, d)),
            "value": matrix(keys[3], (n, d, h, k), (d, d)),
            "query_norm": jnp.ones((n, k)),
            "key_norm": jnp.ones((n, k)),
            "output": matrix(keys[4], (n, h, k, d), (d, d), residual_scale),
            "feed_forward_norm": jnp.ones((n, d)),
            "up": matrix(keys[5], (n, d, f), (d, f)),
            "down": matrix(keys[6], (n, f, d), (f, d), residual_scale),
        },
        "final_norm": jnp.ones((d,)),
    }


def param_shapes(model: ModelConfig, positions: int = 0) -> Params:
    """The shapes and types of the parameters, without making them."""
    shapes: Params = jax.eval_shape(lambda: init_params(jax.random.key(0), model, positions))
    return shapes


def count_params(model: ModelConfig, positions: int = 0) -> int:
    """Parameters N of the model, with embeddings."""
    return sum(int(leaf.size) for leaf in jax.tree.leaves(param_shapes(model, positions)))
