"""Strategies with M replicas that make H inner steps between two outer steps."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, ClassVar

from .schedule import count_rounds
from .setting import Setting
from .stated import Law
from .strategy import AbstractStrategy


class OuterStepStrategy(AbstractStrategy, ABC):
    """A strategy with M replicas and outer steps; each defines the fields below with its own defaults and limits."""

    if TYPE_CHECKING:
        replicas: int
        sync_every: int
        closing_exchange: bool

    law_is_own: ClassVar[bool] = False
    """Whether DiLoCo's loss law was fitted on runs of this strategy; else it is only the nearest law."""

    @property
    def replica_count(self) -> int:
        """Replicas M."""
        return self.replicas

    @property
    def steps_per_sync(self) -> int:
        """Inner steps H from one exchange of a replica (or of a fragment of it) to the next."""
        return self.sync_every

    @property
    def law(self) -> Law:
        """The law of DiLoCo."""
        return Law("diloco", self.replicas, self.sync_every, fitted=self.law_is_own)

    def outer_copies(self, setting: Setting) -> float:
        """The parameters of the last outer step, and the momentum of the outer optimizer."""
        return 2.0

    def outer_steps(self, steps: int) -> int:
        """Outer steps of a replica that makes T inner steps: T/H, rounded up with a closing exchange, else down."""
        return count_rounds(steps, self.sync_every, closing=self.closing_exchange)
