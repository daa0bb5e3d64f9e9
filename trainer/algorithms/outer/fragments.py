"""Fragments of a model: which parameters an outer exchange carries.

Fragment p of P holds the layers p, p + P, p + 2P, ... (strided) or the p-th group of neighbouring layers (sequential;
group sizes differ by one at most, larger groups first). The embedding, which is also the output head, and the last
norm belong to fragment 0.

Source: arXiv 2501.18512, section 3.2 (patterns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from ...model.initial import Params

_LAYERS = "layers"


@dataclass(frozen=True)
class Fragment:
    """A part of the parameters.

    Attributes:
      layers: numbers of its layers; None for all parameters of the model.
      rest: whether the parameters outside the layers belong to it.
    """

    layers: tuple[int, ...] | None = None
    rest: bool = True

    def take(self, params: Params) -> Params:
        """The parameters of the fragment; leaves under `layers` keep their leading axis of layers."""
        if self.layers is None:
            return params
        picked = jax.tree.map(lambda x: x[jnp.array(self.layers)], params[_LAYERS])
        return {**self._outside(params), _LAYERS: picked}

    def put(self, params: Params, part: Params) -> Params:
        """All parameters, with those of the fragment replaced."""
        if self.layers is None:
            return part
        places = jnp.array(self.layers)
        layers = jax.tree.map(lambda x, own: x.at[places].set(own), params[_LAYERS], part[_LAYERS])
        return {**params, **self._outside(part), _LAYERS: layers}

    def _outside(self, params: Params) -> Params:
        return {key: value for key, value in params.items() if key != _LAYERS} if self.rest else {}


WHOLE = Fragment()
"""All parameters as one."""


def fragments_of(layers: int, count: int, pattern: Literal["strided", "sequential"]) -> tuple[Fragment, ...]:
    """Splits a model's layers into P fragments.

    Args:
      layers: layers N of the model, at least P.
      count: fragments P.
      pattern: `strided` or `sequential`.
    """
    if count == 1:
        return (WHOLE,)
    if pattern == "strided":
        return tuple(Fragment(tuple(range(p, layers, count)), rest=p == 0) for p in range(count))
    short, longer = divmod(layers, count)
    starts = [p * short + min(p, longer) for p in range(count + 1)]
    return tuple(Fragment(tuple(range(starts[p], starts[p + 1])), rest=p == 0) for p in range(count))
