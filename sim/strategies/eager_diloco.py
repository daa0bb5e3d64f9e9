"""Eager DiLoCo: the outer exchange runs behind the whole next round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from ..engine.ops import Op
from ..units.quantities import MOST_LAYERS
from .shared.fragments import FragmentedStrategy
from .shared.setting import Setting
from .shared.strategy import open_end


class EagerDiLoCo(FragmentedStrategy):
    """DiLoCo with eager updates: an outer exchange has the whole next round to arrive.

    A replica goes on with its own change at once, and takes in the others' one outer step later, just before its next
    exchange begins. Whole by default; with fragments it is Streaming DiLoCo whose results come a round later.

    Source: arXiv 2502.12996, Algorithm 3.
    Limits: the price in loss is the trainer's to measure; its twin there has one fragment.
    """

    kind: Literal["eager-diloco"] = "eager-diloco"
    fragments: int = Field(default=1, gt=0, le=MOST_LAYERS, examples=[1])
    """Fragments P."""

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        fragments = f" P={self.fragments}" if self.fragments > 1 else ""
        fragments += " sequential" if self.pattern == "sequential" else ""
        return (
            f"Eager DiLoCo M={self.replicas} H={self.sync_every}{fragments}"
            + self.overlap_label()
            + self.payload_label()
            + open_end(self.closing_exchange)
        )

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """Inner steps, and exchanges behind a round of them."""
        return self.rounds(worker, setting, self.fragments, self.sync_every)

    def ideal_s(self, setting: Setting) -> float | None:
        """None: it depends on how the backlog of a thin link builds up; `bound_s` is the limit of a long run."""
        return None
