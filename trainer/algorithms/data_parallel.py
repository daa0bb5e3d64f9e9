"""Data-Parallel: one replica; the gradients of its devices are averaged in every step."""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config.run import TrainConfig
from .outer.fragments import Fragment
from .outer.programs import OuterPrograms, Schedule


@dataclass(frozen=True)
class DataParallel:
    """Data-Parallel training: the inner step alone."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """Nothing is exchanged between replicas."""
        return ()

    @property
    def schedule(self) -> Schedule | None:
        """There are no outer steps."""
        return None

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Nothing to compile."""
        return ()
