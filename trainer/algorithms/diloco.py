"""DiLoCo: replicas train by themselves for H steps, then the mean of their changes moves the global parameters.

Per round: each replica takes H inner steps from the global parameters theta; change_m = theta - theta_m;
theta <- SGD with Nesterov momentum on mean_m(change_m); every replica starts again from theta and keeps its inner
optimizer's state.

Source: arXiv 2311.08105, algorithm 1; arXiv 2503.09799, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config.run import SYNC_EVERY, TrainConfig
from .outer.fragments import WHOLE, Fragment
from .outer.programs import OuterPrograms, Schedule, compile_outer
from .outer.step import mean_step


@dataclass(frozen=True)
class DiLoCo:
    """DiLoCo with any number of replicas; with one it is an outer optimizer around Data-Parallel."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """All parameters are exchanged as one."""
        return (WHOLE,)

    @property
    def schedule(self) -> Schedule:
        """An outer step after every H inner steps, and after the last one."""
        return Schedule(self.config.steps, self.config.sync_every or SYNC_EVERY)

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Compiles the outer step for the whole mesh: one fragment, all parameters."""
        return (compile_outer(self.config, mesh, WHOLE, mean_step(self.config)),)
