"""Streaming DiLoCo: one fragment of the layers at a time, its result taken in some inner steps later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from ..defaults import LAYERS_PER_FRAGMENT, OVERLAP_STEPS
from ..engine.ops import Op
from ..errors import InputError
from ..units.quantities import MOST_LAYERS, MOST_STEPS
from .shared.fragments import FragmentedStrategy
from .shared.setting import Setting
from .shared.strategy import open_end


class StreamingDiLoCo(FragmentedStrategy):
    """Streaming DiLoCo: P fragments of the layers, one at a time, each taken in tau inner steps later.

    The bytes of a round are DiLoCo's; what a site sends at once is a P-th of them.

    Source: arXiv 2501.18512, Algorithm 2 and section 2.
    Limits: what mixing and delay do to the loss is the trainer's to measure. With `layers` an exchange
      does not wait for the last step's gradients to be averaged inside the datacenter.
    """

    kind: Literal["streaming-diloco"] = "streaming-diloco"
    fragments: int | None = Field(default=None, gt=0, le=MOST_LAYERS, examples=[8])
    """Fragments P; of three layers each unless given (8 where nobody knows the layers)."""
    overlap_steps: int = Field(default=OVERLAP_STEPS, ge=0, le=MOST_STEPS, examples=[1])
    """Inner steps tau that begin without the result of an exchange; 0: the next step waits for it."""
    mixing: float = Field(default=0.5, ge=0, le=1, examples=[0.5])
    """Share of its own parameters that a replica keeps when the result comes; for the trainer."""

    @model_validator(mode="after")
    def _comes_back_in_time(self) -> Self:
        if self.overlap_steps >= self.sync_every:
            raise InputError(
                f"overlap_steps: got {self.overlap_steps}; a fragment must be back before it is sent again, "
                f"sync_every = {self.sync_every} steps later; write {self.sync_every - 1} or less, or use eager-diloco"
            )
        return self

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        fragments = f" P={self.fragments}" if self.fragments else ""
        fragments += " sequential" if self.pattern == "sequential" else ""
        return (
            f"Streaming DiLoCo M={self.replicas} H={self.sync_every}{fragments} tau={self.overlap_steps}"
            + (f" mixing={self.mixing:g}" if self.mixing != 0.5 else "")
            + self.overlap_label()
            + self.payload_label()
            + open_end(self.closing_exchange)
        )

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """Inner steps, and fragments behind them."""
        return self.rounds(worker, setting, self.fragment_count(setting), self.overlap_steps)

    def fragment_count(self, setting: Setting) -> int:
        """P: as given, else of three layers each, else 8."""
        return self.fragments or -(-len(setting.load.layers) // LAYERS_PER_FRAGMENT) or 8

    def ideal_s(self, setting: Setting) -> float | None:
        """Where nothing overlaps (tau = 0, no layers): compute + inner exchanges + the exchanges, latency for each."""
        load, count = setting.load, self.fragment_count(setting)
        if self.overlap_steps or self.by_layer or count > self.sync_every:
            return None
        inner_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        step_s = max(mean_s + each_s for mean_s, each_s in zip(load.mean_step_s, inner_s, strict=True))
        latency_s = setting.across_s(0.0) * count
        outer_s = setting.sending_s(self.outer_bytes(setting)) + latency_s + self.packing_s(setting)
        return (step_s + outer_s / self.sync_every) * load.steps
