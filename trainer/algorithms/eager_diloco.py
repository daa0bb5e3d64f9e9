"""Eager DiLoCo: the outer exchange overlaps the whole next round; until its result arrives, an estimate replaces it.

At the end of round t replica m sends change_m(t) and moves at once by

    estimate_m(t) = change_m(t) / M  +  [ mean(t - 1) - change_m(t - 1) / M ]

The first term is its own share of this round, the bracket the shares of the others of the round before (0 in the first
round). The part that an estimate lacks, mean(t) - change_m(t) / M, is added to the next one, so nothing is lost. After
the last step the replica waits for the exchange, and the estimate is mean(t) + bracket. With M = 1 it is DiLoCo.

Source: arXiv 2502.12996 (eager updates).
Limits: the global parameters of the replicas differ by the missing parts. At the end they still differ slightly, as the
momenta saw different estimates; the model that is evaluated is their mean. The recorder waits for each exchange at
once; the simulator overlaps it with the next round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from ..config.run import TrainConfig
from ..model.initial import Params
from .outer.step import OuterState, OuterStep, mean_step
from .outer.whole import AmongAll


@dataclass(frozen=True)
class EagerDiLoCo(AmongAll):
    """DiLoCo with eager updates."""

    def outer_step(self) -> OuterStep:
        """See `eager_step`."""
        return eager_step(self.config)


def eager_step(config: TrainConfig) -> OuterStep:
    """DiLoCo's outer step, with an estimate in the place of the mean change."""
    plain = mean_step(config)

    def start(theta: Params) -> OuterState:
        return plain.start(theta)._replace(missing=jax.tree.map(jnp.zeros_like, theta))

    def combine(outer: OuterState, came: Any, kept: Any) -> tuple[Any, Any]:
        mean, missing = plain.combine(outer, came, kept)
        share = jax.tree.map(lambda x: x / config.replicas, plain.coding.decode(kept, outer.params))
        return jax.tree.map(jnp.add, share, missing), jax.tree.map(jnp.subtract, mean, share)

    def combine_last(outer: OuterState, came: Any, kept: Any) -> tuple[Any, Any]:
        mean, missing = plain.combine(outer, came, kept)
        return jax.tree.map(jnp.add, mean, missing), jax.tree.map(jnp.zeros_like, missing)

    return replace(plain, start=start, combine=combine, combine_last=combine_last, keeps=True)
