"""DiLoCo: M replicas take H inner steps alone, then exchange their parameter change once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ..ops import Collective, Op
from .base import AbstractStrategy, Setting, blocking, inner_steps


class DiLoCo(AbstractStrategy):
    """Blocking DiLoCo. With M >= 2 each replica has a datacenter of its own; a single replica spans all of them.

    Outer steps come after every H inner steps and after the last one. An M = 1 run exchanges its gradients at every
    step, as Data-Parallel does, and has outer steps besides.

    Source: arXiv 2311.08105 (the algorithm), 2503.09799, appendix A (its wall-clock).
    Limits: the exchange is not overlapped with compute; the outer optimizer's own time is not counted.
    """

    kind: Literal["diloco"] = "diloco"
    replicas: int = Field(default=2, gt=0, examples=[2])
    """Replicas M; two or more take a datacenter each."""
    sync_every: int = Field(default=30, gt=0, examples=[30])
    """Inner steps H between outer steps."""

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return f"DiLoCo M={self.replicas} H={self.sync_every}"

    @property
    def replica_count(self) -> int:
        """Replicas M."""
        return self.replicas

    @property
    def steps_per_sync(self) -> int:
        """All workers meet at every outer step."""
        return self.sync_every

    def workers(self, datacenters: int) -> int:
        """A datacenter for each replica; all of them for a single one."""
        return self.replicas if self.replicas > 1 else datacenters

    def outer_steps(self, steps: int) -> int:
        """T/H, rounded up: the last, shorter round is exchanged as well."""
        return -(-steps // self.sync_every)

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """H inner steps, an outer exchange, and so on."""
        steps = setting.load.steps
        group = setting.everyone if self.replicas == 1 else (worker,)
        for index, first in enumerate(range(0, steps, self.sync_every)):
            yield from inner_steps(worker, setting, group, first, min(self.sync_every, steps - first))
            yield from blocking(Collective("outer", index, setting.everyone, setting.load.outer_bytes))

    def ideal_s(self, setting: Setting) -> float:
        """Compute + inner exchanges x T + [(2Nb/W1)(1 - 1/R) + e1] T/H [s].

        The inner exchange is [(2Nb/W1)(1 - 1/R) + e1] for M = 1 and [(2Nb/W0)(1 - M/R) + e0] for M >= 2. T/H is a
        real number here; a replay makes whole outer steps.
        """
        step_s = setting.step_across_s() if self.replicas == 1 else setting.step_inside_s()
        return (step_s + setting.outer_s() / self.sync_every) * setting.load.steps
