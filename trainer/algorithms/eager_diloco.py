"""Eager DiLoCo: the outer exchange overlaps the whole next round, and a local estimate stands in for its result.

At the end of round t replica m has change_m(t), sends it, and moves at once by

    estimate_m(t) = change_m(t) / M  +  [ mean(t - 1) - change_m(t - 1) / M ]

its own share fresh, the shares of the others one round old; the bracket is nothing in the first round. What an
estimate leaves out, mean(t) - change_m(t) / M, is what the next one adds, so nothing is lost. Behind the last step the
exchange is waited for and the estimate is mean(t) + bracket. With M = 1 it is DiLoCo.

Source: arXiv 2502.12996 (eager updates).
Limits: global parameters differ between replicas by what is still missing, and, because the momentum saw other
estimates, slightly at the end as well; the model that is evaluated is their mean. The exchange's program is waited for
at once here; that its result is needed a round later is the simulator's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config.run import SYNC_EVERY, TrainConfig
from .outer.fragments import WHOLE, Fragment
from .outer.programs import OuterPrograms, Schedule, compile_outer


@dataclass(frozen=True)
class EagerDiLoCo:
    """DiLoCo with eager updates."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """All parameters are exchanged as one."""
        return (WHOLE,)

    @property
    def schedule(self) -> Schedule:
        """An outer step follows every H inner steps, and the last one."""
        return Schedule(self.config.steps, self.config.sync_every or SYNC_EVERY)

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Compiles the outer step for the whole mesh: one fragment, all parameters."""
        return (compile_outer(self.config, mesh, WHOLE, eager=True),)
