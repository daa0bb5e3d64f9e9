"""DiLoCo: replicas train alone for H steps, then the mean of their changes moves the global parameters.

Per round: each replica takes H inner steps from the global parameters theta; change_m = theta - theta_m;
theta <- SGD with Nesterov momentum on mean_m(change_m); every replica starts again from theta and keeps its inner
optimizer's state. Each replica holds theta and the momentum itself, so nothing but the change is exchanged.

Source: arXiv 2311.08105, algorithm 1; arXiv 2503.09799, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from ..config import TrainConfig
from ..mesh import BY_REPLICA, REPLICA_AXIS
from ..model import Params, param_shapes
from ..optim import outer_optimizer
from ..program import OuterPrograms, compile_program, mean_over


class OuterState(NamedTuple):
    """Global parameters and the outer optimizer's state."""

    params: Params
    optimizer: Any


@dataclass(frozen=True)
class DiLoCo:
    """DiLoCo with any number of replicas; with one it is an outer optimizer around Data-Parallel."""

    config: TrainConfig

    def outer_step_follows(self, step: int) -> bool:
        """An outer step follows every H inner steps, and the last one."""
        return step % (self.config.sync_every or 1) == 0 or step == self.config.steps

    def compile_outer(self, mesh: Mesh) -> OuterPrograms | None:
        """Compiles the outer step for the whole mesh."""
        optimizer = outer_optimizer(self.config)

        def start(params: Params) -> OuterState:
            return OuterState(params, optimizer.init(params))

        def change(outer: OuterState, params: Params) -> Params:
            changed: Params = jax.tree.map(jnp.subtract, outer.params, params)
            return changed

        def update(outer: OuterState, mean_change: Params) -> tuple[OuterState, Params]:
            updates, state = optimizer.update(mean_change, outer.optimizer, outer.params)
            params = optax.apply_updates(outer.params, updates)
            return OuterState(params, state), params

        params = param_shapes(self.config.model)
        outer = jax.eval_shape(start, params)
        two = (BY_REPLICA, BY_REPLICA)
        exchange = partial(mean_over, REPLICA_AXIS)
        alone = self.config.replicas == 1
        return OuterPrograms(
            start=start,
            change=compile_program(change, mesh, (outer, params), two, BY_REPLICA),
            exchange=None if alone else compile_program(exchange, mesh, (params,), (BY_REPLICA,), BY_REPLICA),
            update=compile_program(update, mesh, (outer, params), two, two, donate=(0,)),
        )
