"""Gossip DiLoCo (NoLoCo): after each round a replica meets one other, drawn at random, and nobody meets all.

Every replica has slow weights phi_m, a momentum d_m, and parameters that set out from phi_m. Partners of a round send
each other their slow weights and their changes (phi - theta), and each makes the step

    d_i <- alpha d_i + beta mean(change) + gamma (phi_i - mean(phi));  phi_i <- phi_i - d_i;  theta_i <- phi_i

with means over the two. The pull gamma draws slow weights together that no exchange makes equal. The pairs are those of
the simulator's strategy for the same seed. With an odd M one replica a round steps by its own change alone. Momentum
is of the classical kind. With M = 2 slow weights stay equal and nothing is pulled: it is DiLoCo with this momentum.

Source: arXiv 2506.10911, and its code (github.com/jkolehm/noloco: beta 0.7, alpha 0.5, gamma = beta, H = 50).
Limits: the seed of the pairs is 0. The slow weights of a run's end differ; the model that is evaluated is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from sim.pairing import Groups, pairs

from ..config.run import TrainConfig
from ..model.initial import Params
from .outer.step import OuterState, OuterStep, rounded
from .outer.whole import InGroups

SEED = 0
"""Of the pairs, as the strategy's default."""


@dataclass(frozen=True)
class GossipDiLoCo(InGroups):
    """Gossip DiLoCo with M replicas on one device."""

    def groups(self, number: int) -> Groups:
        """The pairs of a round."""
        return pairs(self.config.replicas, SEED, number)

    def outer_step(self) -> OuterStep:
        """See `gossip_step`."""
        return gossip_step(self.config)


def gossip_step(config: TrainConfig) -> OuterStep:
    """The step of a replica, from the means over its pair."""
    plain = rounded(config.exchange_bits)

    def both(sent: Any, like: Any) -> Any:
        return plain.decode(sent, {"slow": like, "change": like})

    coding = replace(plain, decode=both, dense_bits=config.exchange_bits)
    pull = config.outer_learning_rate if config.pull is None else config.pull

    def start(theta: Params) -> OuterState:
        return OuterState(theta, jax.tree.map(jnp.zeros_like, theta), (), ())

    def encode(change: Any, error: Any, theta: Params) -> tuple[Any, Any]:
        return error, coding.encode({"slow": theta, "change": change})

    def combine(outer: OuterState, came: Any, kept: Any) -> tuple[Any, Any]:
        own = coding.decode(kept, outer.params)["slow"]
        apart = jax.tree.map(jnp.subtract, own, came["slow"])
        return {"change": came["change"], "apart": apart}, outer.missing

    def move(outer: OuterState, means: Any) -> tuple[Params, Any]:
        momentum = jax.tree.map(
            lambda d, x, y: config.outer_momentum * d + config.outer_learning_rate * x + pull * y,
            outer.optimizer,
            means["change"],
            means["apart"],
        )
        return jax.tree.map(jnp.subtract, outer.params, momentum), momentum

    return OuterStep(coding, start, encode, combine, move, keeps=True, grouped=True)
