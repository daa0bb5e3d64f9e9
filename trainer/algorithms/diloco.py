"""DiLoCo: replicas train by themselves for H steps, then the mean of their changes moves the global parameters.

Per round: each replica takes H inner steps from the global parameters theta; change_m = theta - theta_m;
theta <- SGD with Nesterov momentum on mean_m(change_m); every replica starts again from theta and keeps its inner
optimizer's state.

Source: arXiv 2311.08105, algorithm 1; arXiv 2503.09799, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from .outer.step import OuterStep, mean_step
from .outer.whole import AmongAll


@dataclass(frozen=True)
class DiLoCo(AmongAll):
    """DiLoCo with any number of replicas; with one it is an outer optimizer around Data-Parallel."""

    def outer_step(self) -> OuterStep:
        """See `mean_step`."""
        return mean_step(self.config)
