"""Strategies with M replicas that make H inner steps between two outer steps."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from ...engine.ops import Collective, Join, Op, Worker
from .schedule import Round, Schedule, count_rounds
from .setting import Setting
from .stated import Law
from .steps import inner_steps
from .strategy import AbstractStrategy


class OuterStepStrategy(AbstractStrategy, ABC):
    """A strategy with M replicas and outer steps; each defines the fields below with its own defaults and limits."""

    if TYPE_CHECKING:
        replicas: int

        @property
        def sync_every(self) -> int:
            """Inner steps H between two exchanges."""

        @property
        def closing_exchange(self) -> bool:
            """Whether a last round of fewer than H steps ends with an exchange."""

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
        fitted = self.law_is_own and self.late_steps is not None
        return Law("diloco", self.replicas, self.sync_every, fitted, self.late_steps)

    @property
    def late_steps(self) -> int | None:
        """Inner steps before the result of an exchange is used; None where no published run says what that costs."""
        return 0 if self.law_is_own else None

    def outer_copies(self, setting: Setting) -> float:
        """The parameters of the last outer step, and the momentum of the outer optimizer."""
        return 2.0

    def rounds_apart(
        self, worker: Worker, setting: Setting, schedule: Schedule, join: Join | None = None
    ) -> Iterator[Op]:
        """Rounds of inner steps inside the worker's datacenter, each with an exchange of all replicas after it.

        Args:
          worker: the worker.
          setting: its setting.
          schedule: of the run, in which all workers exchange after every round.
          join: how they come together; None: all of them meet at a barrier.
        """
        size_bytes = self.outer_bytes(setting)

        def exchanges() -> Iterator[tuple[Round, tuple[Op, ...]]]:
            for each in schedule.rounds(worker):
                outer = Collective("outer", each.number, each.members, size_bytes, join=join, shape=self.shape)
                yield each, tuple(self.exchange(setting, outer)) if each.members else ()

        own = schedule.rounds(worker) if schedule.own_every else None
        for each, exchange in schedule.shared(worker, "outer", exchanges):
            mine = each if own is None else next(own)
            yield from inner_steps(worker, setting, mine.first, mine.end - mine.first)
            yield from exchange

    def outer_steps(self, steps: int) -> int:
        """Outer steps of a replica that makes T inner steps: T/H, rounded up with a closing exchange, else down."""
        return count_rounds(steps, self.sync_every, closing=self.closing_exchange)
