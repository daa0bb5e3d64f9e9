"""The analytic workload: a model of any size, by its flops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from ..defaults import PAYLOAD_BITS
from ..documents.chip_keys import named_speed, settle
from ..documents.validation import nearest
from ..errors import InputError, brief
from ..laws import TOKENS_PER_PARAM, default_batch_tokens
from ..laws.flops import FLOP_PER_WEIGHT
from ..laws.model_family import FAMILY
from ..topology.model import Datacenter
from ..units.chips import Chip
from ..units.in_words import human_count, human_seconds
from ..units.quantities import Bits, ChipSpeed, Params, Time
from .attention import Attention
from .by_law import chips_by_law, dealt, of_family
from .extent import CHIP_FLOP_PER_S, TOKENS_PER_CHIP, AbstractWorkload, speed_range
from .load import Load
from .variation import Variation


class AnalyticWorkload(AbstractWorkload):
    """A model of any size: compute is 6 N_active flops a token at the chips' useful speed, and `attention` if asked.

    Defaults: 20 N tokens; the power of two nearest to Data-Parallel's best batch; 4,096 tokens per chip.
    """

    model: str | None = Field(default=None, examples=["10b"])
    """A name of the model family; gives params and token budget."""
    params: Params | None = Field(default=None, examples=[10e9])
    """Parameters N, each of which is exchanged."""
    active_params: Params | None = Field(default=None, examples=[2e9])
    """Parameters that are active for a token (mixture-of-experts); default: all."""
    chip_flop_per_s: ChipSpeed = Field(default=CHIP_FLOP_PER_S, alias="chip_speed", examples=["300 Tflop/s"])
    """Useful flop/s of a chip, Q (peak times utilisation), if the topology gives none; that of `chip`, if named
    [flop/s]."""
    step_time_s: Time | None = Field(default=None, alias="step_time", examples=["0.8 s"])
    """Instead of chip_speed: the time of a step, the same for every worker, as measured in a datacenter; it contains
    the exchange of gradients inside [s]."""
    payload_bits: Bits = Field(default=PAYLOAD_BITS, examples=[16])
    """Bits per exchanged parameter, b [bit]."""
    attention: Attention | None = Field(default=None, examples=["{sequence_tokens: 8192}"])
    """Flops of attention in addition to 6 N_active a token; null: not counted."""
    variation: Variation | None = Field(default=None, examples=["{spread: 0.05}"])
    """How the times of steps vary at random; null: all of a worker's are the same."""

    @model_validator(mode="after")
    def _names_a_model(self) -> Self:
        if (self.model is None) == (self.params is None):
            raise InputError("a workload needs either `model` (a name) or `params` (a number), and not both")
        if self.model is not None and self.model not in FAMILY:
            raise InputError(f"model: there is none named {brief(self.model)}; {nearest(self.model, list(FAMILY))}")
        settle(self)
        own = named_speed(self.chip, self.mfu) or CHIP_FLOP_PER_S
        if self.step_time_s is not None and (self.chip_flop_per_s != own or self.mfu is not None):
            said = "mfu" if self.mfu is not None else "chip_speed"
            raise InputError(f"`step_time` and `{said}` say the same twice; keep one of them")
        if self.step_time_s is not None and self.attention is not None:
            raise InputError("a measured `step_time` contains its attention; leave out `attention`")
        return self

    def load(self, sites: Sequence[Datacenter], split: int) -> Load:
        """The load of the sites; a step computes (6 N_active + attention) (B/R) / Q, or by the law of the chip."""
        named = FAMILY[self.model] if self.model else None
        params = named.params if named else self.params or 0.0
        budget = named.token_budget if named else TOKENS_PER_PARAM * params
        layers = self._layers(named.layers if named else None)
        active, attends = self.active_params or params, 0.0
        if self.attention:
            attends = self.attention.flop_per_token(len(layers), named, params, self.active_params)
        flop_per_token = FLOP_PER_WEIGHT * active + attends
        batch_tokens = self.batch_tokens or default_batch_tokens(params)
        wanted = batch_tokens / (self.tokens_per_chip or TOKENS_PER_CHIP)
        deal = self._deal(sites, wanted, split, self.chip_flop_per_s)
        law: tuple[str, ...] = ()
        if named and any(by := self.by_law(sites)):
            pace = of_family(named, self.attention, self.memory)
            deal = dealt(deal, by, pace, flop_per_token, batch_tokens)
            law = (pace.note(by, deal.flop_per_chip(batch_tokens)),)
        flops = deal.flop_per_chip(flop_per_token * batch_tokens)
        step_s = tuple(self.step_time_s or flop / speed for flop, speed in zip(flops, deal.speeds, strict=True))
        compute = (
            f"compute: {human_seconds(self.step_time_s)} a step, as given"
            if self.step_time_s
            else f"compute: 6 x {human_count(active)} flops a token{_attending(self.attention, attends)} on chips of "
            f"{speed_range(deal.speeds)} Tflop/s useful{self.kinds(sites, deal.speeds)}: {human_seconds(max(step_s))} "
            "a step"
        )
        payload_bytes = params * self.payload_bits / 8
        times = [self.variation.series(worker) for worker in range(len(sites))] if self.variation else []
        return Load(
            params=params,
            batch_tokens=batch_tokens,
            deal=deal,
            steps=self._total_steps(params, batch_tokens, budget),
            gradient_bytes=payload_bytes,
            outer_bytes=payload_bytes,
            mean_step_s=tuple(each_s * own.mean_s for each_s, own in zip(step_s, times, strict=True))
            if times
            else step_s,
            cycle_steps=self.variation.steps if self.variation else 1,
            compute_s=lambda worker, first, count: (
                step_s[worker] * (times[worker].seconds(first, count) if times else count)
            ),
            notes=(
                compute,
                *law,
                *((self.variation.note(),) if self.variation else ()),
                f"payload: {self.payload_bits:g} bits per parameter",
            ),
            layers=layers,
            forward_share=self.forward_share,
            inside_included=self.step_time_s is not None,
            active_params=self.active_params,
            width=self._width(named.width if named else None, params, dense=self.active_params is None),
        )

    def by_law(self, sites: Sequence[Datacenter]) -> tuple[Chip | None, ...]:
        """The chip of each site whose speed the law of the chip says, since nothing else does; None elsewhere."""
        known = self.model is not None and self.step_time_s is None and self.active_params is None
        if self.attention and (self.attention.mask != "causal" or self.attention.width is not None):
            known = False  # another model than those that were measured
        return chips_by_law(self, sites) if known else (None,) * len(sites)

    def describe(self) -> str:
        """The workload in a few words."""
        return f"{self.model} of the published family, analytic" if self.model else "analytic"


def _attending(attention: Attention | None, flop: float) -> str:
    """The flops of a token's attention, if they are counted."""
    if attention is None:
        return ""
    return f" and {human_count(flop)} of {attention.mask} attention over {attention.sequence_tokens:,} tokens"
