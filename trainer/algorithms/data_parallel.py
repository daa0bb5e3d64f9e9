"""Data-Parallel: one replica; the gradients of its devices are averaged in every step."""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config.run import TrainConfig
from .outer.fragments import Fragment
from .outer.programs import OuterPrograms, Schedule


@dataclass(frozen=True)
class DataParallel:
    """Data-Parallel training: inner steps without outer steps."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """No fragments, as nothing is exchanged between replicas."""
        return ()

    @property
    def schedule(self) -> Schedule | None:
        """None, as there are no outer steps."""
        return None

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """No programs."""
        return ()
