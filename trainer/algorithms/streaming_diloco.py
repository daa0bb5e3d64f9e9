"""Streaming DiLoCo: DiLoCo fragment by fragment; each exchange overlaps the inner steps that follow it.

Fragment p of P is exchanged in step round(p H / P) of each round, so every fragment once in H steps. Its result is used
tau steps later, after further inner steps: theta_m <- a theta_m + (1 - a) theta, with a = 0.5 by default. With P = 1
and tau = 0 it is DiLoCo.

Source: arXiv 2501.18512, algorithm 2 and sections 3.2 to 3.4.
Limits: the next change of a fragment is its distance from theta, not from the mixture. The recorder waits for each
exchange; the simulator overlaps it with inner steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from jax.sharding import Mesh

from ..config.run import SYNC_EVERY, TrainConfig
from .outer.fragments import Fragment, fragments_of
from .outer.programs import OuterPrograms, Schedule, compile_outer
from .outer.step import mean_step


@dataclass(frozen=True)
class StreamingDiLoCo:
    """Streaming DiLoCo with P fragments and an overlap of tau steps."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments, in the order of their exchanges."""
        return fragments_of(self.config.model.layers, self.config.fragments or 1, self.config.pattern)

    @property
    def schedule(self) -> Schedule:
        """Every fragment once in H steps, and all of them after the last step."""
        config = self.config
        return Schedule(config.steps, config.sync_every or SYNC_EVERY, config.fragments or 1, config.overlap_steps)

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Compiles the outer step of each fragment for the whole mesh."""
        step = mean_step(self.config)
        return tuple(compile_outer(self.config, mesh, fragment, step) for fragment in self.fragments)
