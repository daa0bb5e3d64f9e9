"""Streaming DiLoCo: one fragment of the layers at a time, whose result is used some inner steps later."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import LAYERS_PER_FRAGMENT, OVERLAP_STEPS
from ..errors import InputError
from ..units.quantities import MOST_LAYERS, MOST_STEPS
from .shared.closed_form import ClosedForm, of_replicas, outer_fragments
from .shared.fragments import FragmentedStrategy
from .shared.setting import Setting
from .shared.stated import open_end


class StreamingDiLoCo(FragmentedStrategy):
    """Streaming DiLoCo: P fragments of the layers are exchanged in turn, and each result is used tau inner steps later.

    A round sends as many bytes as with DiLoCo, but only a P-th of them at a time.

    Source: arXiv 2501.18512, Algorithm 2 and section 2.
    Limits: the effect of mixing and delay on the loss is not predicted; the trainer can measure it. With `layers` an
      exchange does not wait for the gradients of the last step to be averaged inside the datacenter.
    """

    kind: Literal["streaming-diloco"] = "streaming-diloco"
    fragments: int | None = Field(default=None, gt=0, le=MOST_LAYERS, examples=[8])
    """Fragments P; default: of three layers each, or 8 if the number of layers is not given."""
    overlap_steps: int = Field(default=OVERLAP_STEPS, ge=0, le=MOST_STEPS, examples=[1])
    """Inner steps tau that begin without the result of an exchange; 0: the next step waits for it."""
    mixing: float = Field(default=0.5, ge=0, le=1, examples=[0.5])
    """Share of its own parameters that a replica keeps when the result arrives; only for the trainer."""
    name: ClassVar[str] = "Streaming DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2501.18512",)

    @model_validator(mode="after")
    def _returns_before_the_next_exchange(self) -> Self:
        if self.overlap_steps >= self.sync_every:
            raise InputError(
                f"overlap_steps: got {self.overlap_steps}; a fragment's result must arrive before it is sent again, "
                f"sync_every = {self.sync_every} steps later; write {self.sync_every - 1} or less, or use eager-diloco"
            )
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M, H, P and tau, the overlap of exchanges, and their payload."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"} | self.pattern_parameters(self.fragments)
        own |= {"tau": f"{self.overlap_steps}"} | ({} if self.mixing == 0.5 else {"mixing": f"{self.mixing:g}"})
        return own | self.overlap_parameters() | self.payload_parameters() | open_end(self.closing_exchange)

    def fragment_count(self, setting: Setting) -> int:
        """P: as given, else of three layers each, else 8."""
        return self.fragments or -(-len(setting.load.layers) // LAYERS_PER_FRAGMENT) or 8

    @property
    def delay(self) -> int:
        """Tau inner steps."""
        return self.overlap_steps

    @property
    def late_steps(self) -> int | None:
        """Tau; None where replicas mix in another way than the published runs did."""
        return self.overlap_steps if self.mixing == 0.5 else None

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Without overlap (tau = 0, no layers): compute + inner exchanges + outer exchanges, each with its latency."""
        count = self.fragment_count(setting)
        if self.overlap_steps or self.by_layer or count > self.sync_every:
            return None
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        outer = outer_fragments(setting, self.outer_bytes(setting), count)
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))
