"""Data-Parallel: one replica; the gradients of its devices are averaged in every step."""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config import TrainConfig
from ..program import OuterPrograms


@dataclass(frozen=True)
class DataParallel:
    """Data-Parallel training: the inner step alone."""

    config: TrainConfig

    def outer_step_follows(self, step: int) -> bool:
        """There are no outer steps."""
        return False

    def compile_outer(self, mesh: Mesh) -> OuterPrograms | None:
        """Nothing to compile."""
        return None
