"""Data-Parallel: one model over all datacenters, its gradients exchanged at every step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ..engine.ops import Compute, Op
from .shared.layer_by_layer import OverlappingStrategy, Sending
from .shared.setting import Setting


class DataParallel(OverlappingStrategy):
    """Synchronous Data-Parallel training over every datacenter.

    Source: arXiv 2503.09799, appendix A (`overlap: none`); Li et al., arXiv 2006.15704 (buckets behind the backward
      pass).
    Limits: a single datacenter exchanges inside itself, as all others do at the narrowest way between them.
    """

    kind: Literal["data-parallel"] = "data-parallel"

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return "Data-Parallel" + self.overlap_label() + self.payload_label()

    @property
    def replica_count(self) -> int:
        """One model."""
        return 1

    @property
    def steps_per_sync(self) -> int:
        """All workers meet at every step."""
        return 1

    @property
    def drains(self) -> bool:
        """A blocking exchange is over when the next step begins."""
        return not self.by_layer

    def workers(self, datacenters: int) -> int:
        """Spans all datacenters."""
        return datacenters

    def outer_steps(self, steps: int) -> int:
        """There are none."""
        return 0

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """Compute, exchange, T times."""
        size_bytes, steps = self._size_bytes(setting), setting.load.steps
        if self.by_layer:
            parts = self.whole(setting, size_bytes)
            each = (Sending(step, "gradients", tuple((step, part) for part in parts)) for step in range(steps))
            yield from self.overlapped(worker, setting, each, (0, steps), size_bytes, alone=False)
            return
        gradients = setting.gradients(size_bytes)
        for step in range(steps):
            yield Compute(setting.load.compute_s(worker, step, 1))
            yield from self.exchange(setting, gradients(step))

    def ideal_s(self, setting: Setting) -> float | None:
        """Compute + [(2Nb/W1)(1 - 1/R) + e1] T; with `layers` only what the backward pass does not hide [s]."""
        if self.by_layer and self.packing_s(setting):
            return None
        exposed_s = self.across_exposed_s(setting, self._size_bytes(setting)) + self.packing_s(setting)
        return (max(setting.load.mean_step_s) + exposed_s) * setting.load.steps

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) T [s]."""
        return setting.sending_s(self._size_bytes(setting)) * setting.load.steps

    def _size_bytes(self, setting: Setting) -> float:
        return self.payload_bytes(setting, setting.load.gradient_bytes)
