"""Workload documents: analytic (a model of any size), or a recorded trace.

Both become a `Load` for a given set of sites: the compute time of a step, the bytes of an exchange and the tokens of a
batch, with which strategies and the engine work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ..defaults import PAYLOAD_BITS
from ..documents.chip_keys import described, named_speed, settle
from ..documents.validation import FileName, nearest
from ..errors import InputError, brief
from ..laws import TOKENS_PER_PARAM, default_batch_tokens
from ..laws.model_family import FAMILY
from ..topology.model import Datacenter
from ..trace.given import GivenSeconds, as_recording
from ..trace.series import Recording, read_recording, recording_path
from ..units.chips import Chip
from ..units.in_words import human_count, human_seconds
from ..units.quantities import Bits, ChipSpeed, Params, Time
from .by_law import chips_by_law, dealt, note, sequence_of
from .extent import CHIP_FLOP_PER_S, TOKENS_PER_CHIP, AbstractWorkload
from .load import Load


class AnalyticWorkload(AbstractWorkload):
    """A model of any size: compute is 6 N_active flops a token at the chips' useful speed.

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
        return self

    def load(self, sites: Sequence[Datacenter], split: int) -> Load:
        """The load of the sites; the compute time of a step is 6 N_active (B/R) / Q."""
        params = FAMILY[self.model].params if self.model else self.params or 0.0
        budget = FAMILY[self.model].token_budget if self.model else TOKENS_PER_PARAM * params
        batch_tokens = self.batch_tokens or default_batch_tokens(params)
        wanted = batch_tokens / (self.tokens_per_chip or TOKENS_PER_CHIP)
        deal = self._deal(sites, wanted, split, self.chip_flop_per_s)
        law: tuple[str, ...] = ()
        if self.model and any(by := self.by_law(sites)):
            shape, sequence = FAMILY[self.model], sequence_of(self.memory)
            deal = dealt(deal, by, shape, sequence, batch_tokens)
            law = (note(deal, by, shape, sequence, batch_tokens),)
        flops = deal.flop_per_chip(6 * (self.active_params or params) * batch_tokens)
        step_s = tuple(self.step_time_s or flop / speed for flop, speed in zip(flops, deal.speeds, strict=True))
        compute = (
            f"compute: {human_seconds(self.step_time_s)} a step, as given"
            if self.step_time_s
            else f"compute: 6 x {human_count(self.active_params or params)} flops a token on chips of "
            f"{_range(deal.speeds)} Tflop/s useful{self.kinds(sites, deal.speeds)}: {human_seconds(max(step_s))} a step"
        )
        payload_bytes = params * self.payload_bits / 8
        return Load(
            params=params,
            batch_tokens=batch_tokens,
            deal=deal,
            steps=self._total_steps(params, batch_tokens, budget),
            gradient_bytes=payload_bytes,
            outer_bytes=payload_bytes,
            mean_step_s=step_s,
            cycle_steps=1,
            compute_s=lambda worker, first, count: count * step_s[worker],
            notes=(
                compute,
                *law,
                f"payload: {self.payload_bits:g} bits per parameter",
            ),
            layers=self._layers(FAMILY[self.model].layers if self.model else None),
            forward_share=self.forward_share,
            inside_included=self.step_time_s is not None,
            active_params=self.active_params,
        )

    def by_law(self, sites: Sequence[Datacenter]) -> tuple[Chip | None, ...]:
        """The chip of each site whose speed the law of the chip says, since nothing else does; None elsewhere."""
        known = self.model is not None and self.step_time_s is None and self.active_params is None
        return chips_by_law(self, sites) if known else (None,) * len(sites)

    def describe(self) -> str:
        """The workload in a few words."""
        return f"{self.model} of the published family, analytic" if self.model else "analytic"


FileOrSeconds = Annotated[
    Annotated[FileName, Tag("(file)")] | Annotated[GivenSeconds, Tag("(seconds)")],
    Discriminator(lambda value: "(seconds)" if isinstance(value, dict | GivenSeconds) else "(file)"),
]


class TraceWorkload(AbstractWorkload):
    """A recorded run: its times and bytes, as recorded or rescaled to other chips.

    Defaults: the model's full budget of 20 N tokens, and the batch, chips and bytes of the recording. If the
    datacenters cannot share the recorded chips evenly, more such chips are taken, and the batch grows with them. With
    `rescale` the default is 4,096 tokens per chip.
    """

    trace: FileOrSeconds = Field(examples=["run.jsonl"])
    """A file of record-trace, the name of a recording that ships, or measured seconds."""
    rescale: bool = False
    """Whether the recorded times are rescaled by flops to `chip_speed` and to other tokens per chip."""
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    """With `rescale`: useful flop/s of a chip, if the topology gives none; default: 300 Tflop/s [flop/s]."""
    payload_bits: Bits | None = Field(default=None, examples=[16])
    """Bits per exchanged parameter; default: the bytes counted in the recording [bit]."""

    @model_validator(mode="after")
    def _chip_speed_needs_rescale(self) -> Self:
        said = "chip_speed" if self.chip_flop_per_s is not None else "mfu" if self.mfu is not None else None
        if not self.rescale and said:
            raise InputError(f"{said}: recorded seconds are replayed as they are; add `rescale: true` to change them")
        if self.rescale:
            settle(self)
        return self

    def load(self, sites: Sequence[Datacenter], split: int) -> Load:
        """The load of the sites; rescaled times of a step have the mean 6 N_active (B/R) / Q."""
        recording = self._recording()
        header = recording.header
        tokens_per_chip = self.tokens_per_chip or (TOKENS_PER_CHIP if self.rescale else recording.tokens_per_chip)
        wanted = self.batch_tokens / tokens_per_chip if self.batch_tokens else header.chips
        deal = self._deal(sites, wanted, split, self.chip_flop_per_s or CHIP_FLOP_PER_S)
        batch_tokens = self.batch_tokens or tokens_per_chip * deal.chips
        tokens_per_chip = batch_tokens / deal.chips
        as_recorded = all(
            math.isclose(tokens, recording.tokens_per_chip, rel_tol=1e-9) for tokens in deal.flop_per_chip(batch_tokens)
        )
        if not self.rescale and not as_recorded:
            what = "trace" if recording.given else self.trace
            raise InputError(
                f"{what}: was recorded with {recording.tokens_per_chip:g} tokens per chip, and "
                f"{tokens_per_chip:g} are asked for; add `rescale: true` to the workload, or keep the recorded batch"
            )
        flops = deal.flop_per_chip(recording.flop_per_token * batch_tokens)
        factors = [
            flop / speed / recording.mean_s if self.rescale else 1.0
            for flop, speed in zip(flops, deal.speeds, strict=True)
        ]
        # an outer step has the same arithmetic for every batch, so only the speed of the chips rescales it
        faster = min(deal.speeds) / recording.chip_flop_per_s if self.rescale else 1.0
        outer_step_s = recording.outer_step_s / faster
        series = recording.spread(len(sites))
        params = float(header.model.params)
        family = FAMILY.get(header.model.name)
        payload_bytes = params * self.payload_bits / 8 if self.payload_bits else None
        return Load(
            params=params,
            batch_tokens=batch_tokens,
            deal=deal,
            steps=self._total_steps(params, batch_tokens, family.token_budget if family else TOKENS_PER_PARAM * params),
            gradient_bytes=payload_bytes or recording.gradient_bytes,
            outer_bytes=payload_bytes or recording.outer_bytes,
            mean_step_s=tuple(factor * each.mean_s for factor, each in zip(factors, series, strict=True)),
            cycle_steps=recording.steps,
            compute_s=lambda worker, first, count: factors[worker] * series[worker].seconds(first, count),
            notes=self._notes(recording, tokens_per_chip, deal.chips, outer_step_s),
            layers=self._layers(None if recording.given else header.model.layers),
            forward_share=self.forward_share,
            outer_step_s=outer_step_s,
        )

    def _notes(self, recording: Recording, tokens_per_chip: float, chips: int, outer_step_s: float) -> tuple[str, ...]:
        header = recording.header
        was = (
            f"{_origin(recording)}, "
            f"{human_seconds(recording.mean_s)} a step of {recording.tokens_per_chip:,.0f} tokens per chip "
            f"({recording.chip_flop_per_s / 1e12:.3g} Tflop/s)"
        )
        if self.rescale:
            speed = self.chip_flop_per_s or CHIP_FLOP_PER_S
            step_s = recording.flop_per_token * tokens_per_chip / speed
            named = described(self.chip, speed)
            kind = f" ({named})" if named else ""
            how = (
                f"rescaled by flops to {speed / 1e12:g} Tflop/s{kind} and {tokens_per_chip:,.0f} tokens per "
                f"chip: {human_seconds(step_s)} a step, varying from step to step as recorded"
            )
        else:
            how = f"seconds replayed as {'given' if recording.given else 'recorded'}, cycled over the steps of the run"
            if chips != header.chips:
                how += f"; on {chips} such chips, so that the datacenters share them evenly"
        bits = self.payload_bits or 8 * recording.outer_bytes / header.model.params
        origin = "as asked for" if self.payload_bits else _payload_origin(recording)
        payload = f"payload: {bits:g} bits per parameter, {origin}"
        clock = _clock(recording)
        if not outer_step_s:
            return was, how, *clock, payload
        so = "rescaled like it to the slowest chips" if self.rescale else "as recorded"
        outer = f"outer steps: {human_seconds(outer_step_s)} of arithmetic each in addition to the exchange, {so}"
        return was, how, *clock, payload, outer

    def describe(self) -> str:
        """The workload in a few words."""
        return "measured seconds" if isinstance(self.trace, GivenSeconds) else f"recorded trace {Path(self.trace).name}"

    def _recording(self) -> Recording:
        if isinstance(self.trace, GivenSeconds):
            return as_recording(self.trace)
        return read_recording(recording_path(self.trace))


def _kind(data: Any) -> str | None:
    """The tag of a workload; tags in brackets are left out of the paths in error messages."""
    if isinstance(data, dict):
        return "(trace)" if "trace" in data else "(analytic)"
    return (
        "(trace)" if isinstance(data, TraceWorkload) else "(analytic)" if isinstance(data, AnalyticWorkload) else None
    )


Workload = Annotated[
    Annotated[AnalyticWorkload, Tag("(analytic)")] | Annotated[TraceWorkload, Tag("(trace)")], Discriminator(_kind)
]


def _origin(recording: Recording) -> str:
    """The origin of the times: the run and its devices."""
    header = recording.header
    if recording.given:
        return f"given: {recording.steps} steps of {header.replicas} replica(s) on {header.device.count} chip(s)"
    did = "recorded"
    if header.times == "estimated":
        did = f"compiled, never run; seconds from flops at {header.utilization or 0:.0%} of the peak"
    of = f"{header.algorithm} M={header.replicas}" + (f" H={header.sync_every}" if header.sync_every else "")
    turns = (
        f", {header.chips // header.device.count} replicas in turn on each"
        if header.chips > header.device.count
        else ""
    )
    return f"{did}: {recording.steps} steps of {of} on {header.device.count} x {header.device.kind}{turns}"


def _clock(recording: Recording) -> tuple[str, ...]:
    """Which clock the seconds are of, where the trace has another one beside it."""
    fused = recording.header.fused
    if fused is None:
        return ()
    return (
        "clock: split (compute alone, each part waited for); as one program without waiting, its exchange of gradients "
        f"within, a step took {human_seconds(fused.step.median_s)} in the recording (fused clock, not replayed)",
    )


def _payload_origin(recording: Recording) -> str:
    """The origin of the bytes of an exchange."""
    if recording.given:
        return "bfloat16, the default"
    if recording.counted:
        return "counted from the compiled program"
    execution = recording.header.execution
    return f"{execution.precision if execution else 'float32'}, as nothing was exchanged in the recording"


def _range(speeds: Sequence[float]) -> str:
    low, high = min(speeds) / 1e12, max(speeds) / 1e12
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
