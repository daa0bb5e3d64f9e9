"""Data-Parallel: one model over all datacenters, its gradients exchanged at every step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ..ops import Op
from .base import AbstractStrategy, Setting, inner_steps


class DataParallel(AbstractStrategy):
    """Synchronous Data-Parallel training over every datacenter.

    Source: arXiv 2503.09799, appendix A.
    Limits: the exchange is not overlapped with compute.
    """

    kind: Literal["data-parallel"] = "data-parallel"

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return "Data-Parallel"

    @property
    def replica_count(self) -> int:
        """One model."""
        return 1

    @property
    def steps_per_sync(self) -> int:
        """All workers meet at every step."""
        return 1

    def workers(self, datacenters: int) -> int:
        """Spans all datacenters."""
        return datacenters

    def outer_steps(self, steps: int) -> int:
        """There are none."""
        return 0

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """Compute, exchange, T times."""
        return inner_steps(worker, setting, setting.everyone, 0, setting.load.steps)

    def ideal_s(self, setting: Setting) -> float:
        """Compute + [(2Nb/W1)(1 - 1/R) + e1] T [s]."""
        return setting.step_across_s() * setting.load.steps
