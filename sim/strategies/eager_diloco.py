"""Eager DiLoCo: the outer exchange runs behind the whole next round."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ..units.quantities import MOST_LAYERS
from .shared.closed_form import ClosedForm
from .shared.fragments import FragmentedStrategy
from .shared.setting import Setting
from .shared.stated import open_end


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

    name: ClassVar[str] = "Eager DiLoCo"

    @property
    def parameters(self) -> dict[str, str]:
        """M, H and P, how exchanges overlap, and their payload."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"}
        own |= self.pattern_parameters(self.fragments if self.fragments > 1 else None)
        return own | self.overlap_parameters() | self.payload_parameters() | open_end(self.closing_exchange)

    def fragment_count(self, setting: Setting) -> int:
        """P, as given."""
        return self.fragments

    @property
    def delay(self) -> int:
        """The whole next round."""
        return self.sync_every

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """None: it depends on how the backlog of a thin link builds up; `bound_s` is the limit of a long run."""
        return None
