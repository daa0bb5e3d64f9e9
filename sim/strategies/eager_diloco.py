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
    """DiLoCo with eager updates: an outer exchange runs behind the whole next round.

    A replica applies its own change at once, and the changes of the others one outer step later, just before its next
    exchange begins. By default all parameters are one fragment; with more it is Streaming DiLoCo with results that are
    used one round later.

    Source: arXiv 2502.12996, Algorithm 3.
    Limits: its price in loss is known for two replicas (`sim.laws.communication`).
    """

    kind: Literal["eager-diloco"] = "eager-diloco"
    fragments: int = Field(default=1, gt=0, le=MOST_LAYERS, examples=[1])
    """Fragments P."""

    name: ClassVar[str] = "Eager DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2502.12996",)

    @property
    def parameters(self) -> dict[str, str]:
        """M, H and P, the overlap of exchanges, and their payload."""
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

    @property
    def late_steps(self) -> int | None:
        """A whole round."""
        return self.sync_every

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """None, as it depends on the queue before a thin link; `bound_s` is the limit of a long run."""
        return None
