"""Algorithms whose exchanges are of all parameters at once: what they have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from jax.sharding import Mesh

from sim.pairing import Groups

from ...config.run import SYNC_EVERY, TrainConfig
from .fragments import WHOLE, Fragment
from .groups import GroupSchedule
from .programs import OuterPrograms, Schedule, compile_outer
from .step import OuterStep


@dataclass(frozen=True)
class OfWhole(ABC):
    """An algorithm with one fragment, which is the whole model."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """All parameters are exchanged as one."""
        return (WHOLE,)

    @abstractmethod
    def outer_step(self) -> OuterStep:
        """What is done with the changes of a round."""

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Compiles the outer step for the whole mesh: one fragment, all parameters."""
        return (compile_outer(self.config, mesh, WHOLE, self.outer_step()),)


@dataclass(frozen=True)
class AmongAll(OfWhole):
    """The same, where all replicas meet in every round."""

    @property
    def schedule(self) -> Schedule:
        """An outer step after every H inner steps, and after the last one."""
        return Schedule(self.config.steps, self.config.sync_every or SYNC_EVERY)


@dataclass(frozen=True)
class InGroups(OfWhole):
    """The same, where some replicas meet in a round, and others in another."""

    @property
    def schedule(self) -> GroupSchedule:
        """An exchange within each group after every H inner steps, and after the last one."""
        config = self.config
        return GroupSchedule(config.steps, config.sync_every or SYNC_EVERY, config.replicas, self.groups)

    @abstractmethod
    def groups(self, number: int) -> Groups:
        """Who meets whom in a round, by its number from 0."""
