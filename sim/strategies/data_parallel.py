"""Data-Parallel: one model over all datacenters, whose gradients are exchanged at every step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from ..engine.ops import Compute, Op
from .shared.closed_form import ClosedForm, gradients_across, more_starts, packing
from .shared.layer_by_layer import OverlappingStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Law, Meetings


class DataParallel(OverlappingStrategy):
    """Synchronous Data-Parallel training over every datacenter.

    Source: arXiv 2503.09799, appendix A (`overlap: none`); Li et al., arXiv 2006.15704 (buckets behind the backward
      pass).
    Limits: a single datacenter exchanges over its own network, several over the narrowest route between them.
    """

    kind: Literal["data-parallel"] = "data-parallel"

    name: ClassVar[str] = "Data-Parallel"
    cites: ClassVar[tuple[str, ...]] = ("2503.09799", "2006.15704")

    @property
    def parameters(self) -> dict[str, str]:
        """The overlap of exchanges, and their payload."""
        return self.overlap_parameters() | self.payload_parameters()

    @property
    def replica_count(self) -> int:
        """One, as there is one model."""
        return 1

    @property
    def steps_per_sync(self) -> int:
        """One, as all workers exchange at every step."""
        return 1

    @property
    def law(self) -> Law:
        """The law of Data-Parallel."""
        return Law("data-parallel", 1, None, fitted=True)

    @property
    def meetings(self) -> Meetings:
        """All workers exchange together; without overlap each exchange ends before the next step."""
        return Meetings(linger=self.by_layer)

    def outer_steps(self, steps: int) -> int:
        """None: 0."""
        return 0

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange after every step."""
        return Schedule.among_all(setting, 1)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats compute and exchange T times."""
        size_bytes, steps = self.gradient_bytes_across(setting), schedule.steps[worker]
        if self.by_layer:
            yield from self.gradients_by_layer(worker, setting, schedule, (0, steps))
            return
        gradients = setting.gradients(size_bytes)
        for step in range(steps):
            yield Compute(setting.load.compute_s(worker, step, 1))
            yield from self.exchange(setting, gradients(step))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + [(2Nb/W1)(1 - 1/R) + e1] T; with `layers` only the part behind no backward pass counts [s]."""
        packing_s, size_bytes = self.packing_s(setting), self.gradient_bytes_across(setting)
        if self.by_layer and packing_s:
            return None
        gradients = gradients_across(setting, size_bytes, self.across_exposed_s(setting, size_bytes))
        starts = more_starts(setting, self.parts_across(setting, size_bytes), outer=False)
        added = (*gradients, *starts, *packing(packing_s, outer=False))
        return ClosedForm(setting.load.steps, 1, max(setting.load.mean_step_s), added)

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) T [s]."""
        return setting.sending_s(self.gradient_bytes_across(setting)) * setting.load.steps
