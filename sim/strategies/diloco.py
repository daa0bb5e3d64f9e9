"""DiLoCo: M replicas take H inner steps alone, then exchange their parameter change once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Op
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.layer_by_layer import OverlappingStrategy, Sending
from .shared.setting import Setting
from .shared.strategy import count_rounds, inner_steps, open_end, rounds_of, spanning_steps


class DiLoCo(OverlappingStrategy):
    """DiLoCo. With M >= 2 each replica has a datacenter of its own; a single replica spans all of them.

    Outer steps come after every H inner steps and after the last one. An M = 1 run exchanges its gradients at every
    step, as Data-Parallel does, and has outer steps besides, which always stop the compute.

    Source: arXiv 2311.08105 (the algorithm), 2503.09799, appendix A (its wall-clock).
    Limits: the outer optimizer's own time counts only where a trace measured it or `compression_time` has it. With
      `layers` an outer exchange does not wait for the last step's gradients to be averaged inside the datacenter.
    """

    kind: Literal["diloco"] = "diloco"
    replicas: int = Field(default=REPLICAS, gt=0, le=MOST_SITES, examples=[2])
    """Replicas M; two or more take a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between outer steps."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without."""

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        return (
            f"DiLoCo M={self.replicas} H={self.sync_every}"
            + self.overlap_label()
            + self.payload_label()
            + open_end(self.closing_exchange)
        )

    @property
    def replica_count(self) -> int:
        """Replicas M."""
        return self.replicas

    @property
    def steps_per_sync(self) -> int:
        """All workers meet at every outer step."""
        return self.sync_every

    @property
    def drains(self) -> bool:
        """A blocking exchange is over when the next round begins."""
        return not self.by_layer or self.replicas == 1

    def workers(self, datacenters: int) -> int:
        """A datacenter for each replica; all of them for a single one."""
        return self.replicas if self.replicas > 1 else datacenters

    def outer_steps(self, steps: int) -> int:
        """T/H, rounded up where the last, shorter round is exchanged as well."""
        return count_rounds(steps, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """H inner steps, an outer exchange, and so on."""
        outer_bytes = self.outer_bytes(setting)
        if self.by_layer and self.replicas > 1:
            parts = self.whole(setting, outer_bytes)
            outer = (
                Sending(end - 1, "outer", tuple((i, part) for part in parts))
                for i, _, end, exchanged in self._rounds(setting)
                if exchanged
            )
            yield from self.overlapped(worker, setting, outer, (0, setting.load.steps), outer_bytes)
            return
        for index, first, end, exchanged in self._rounds(setting):
            if self.replicas > 1:
                yield from inner_steps(worker, setting, first, end - first)
            elif self.by_layer:
                yield from self._gradients_by_layer(worker, setting, first, end)
            else:
                yield from spanning_steps(worker, setting, first, end - first)
            if exchanged:
                yield from self.exchange(setting, Collective("outer", index, setting.everyone, outer_bytes))

    def _rounds(self, setting: Setting) -> Iterator[tuple[int, int, int, bool]]:
        return rounds_of(setting.load.steps, self.sync_every, closing=self.closing_exchange)

    def _gradients_by_layer(self, worker: int, setting: Setting, first: int, end: int) -> Iterator[Op]:
        """Steps of the one replica that spans all datacenters, each exchange behind the backward pass."""
        size_bytes = setting.load.gradient_bytes
        parts = self.whole(setting, size_bytes)
        each = (Sending(step, "gradients", tuple((step, part) for part in parts)) for step in range(first, end))
        return self.overlapped(worker, setting, each, (first, end), size_bytes, alone=False, packed=False)

    def ideal_s(self, setting: Setting) -> float | None:
        """Compute + inner exchanges x T + [(2Nb/W1)(1 - 1/R) + e1] T/H [s].

        The inner exchange is [(2Nb/W1)(1 - 1/R) + e1] for M = 1 and [(2Nb/W0)(1 - M/R) + e0] for M >= 2. T/H is a
        real number here; a replay makes whole outer steps. With `layers` only what the backward pass does not hide
        counts; exchanges inside and across run side by side.
        """
        load, outer_bytes = setting.load, self.outer_bytes(setting)
        if self.by_layer and self.packing_s(setting):
            return None
        if self.replicas == 1:
            step_s = max(load.mean_step_s) + self.across_exposed_s(setting, load.gradient_bytes)
            outer_s = setting.across_s(outer_bytes) + self.packing_s(setting)
        else:
            inner_s = [self.inside_exposed_s(worker, setting) for worker in setting.everyone]
            step_s = max(mean_s + each_s for mean_s, each_s in zip(load.mean_step_s, inner_s, strict=True))
            outer_s = self.across_exposed_s(setting, outer_bytes) + self.packing_s(setting)
            if self.by_layer:
                if min(load.mean_step_s) < max(load.mean_step_s) or min(inner_s) < max(inner_s):
                    return None
                outer_s = max(0.0, outer_s - inner_s[0])
        return (step_s + outer_s / self.sync_every) * load.steps

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) x (outer steps, and for M = 1 all steps) [s]."""
        steps = setting.load.steps
        outer_s = setting.sending_s(self.outer_bytes(setting)) * self.outer_steps(steps)
        return outer_s + (setting.sending_s(setting.load.gradient_bytes) * steps if self.replicas == 1 else 0.0)
