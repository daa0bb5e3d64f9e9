"""The recorded workload: a trace, or measured seconds, as they are or rescaled to other chips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ..documents.chip_keys import settle
from ..documents.validation import FileName
from ..errors import InputError
from ..laws import TOKENS_PER_PARAM
from ..laws.model_family import FAMILY
from ..topology.model import Datacenter
from ..trace.file import UNKNOWN
from ..trace.given import GivenSeconds, as_recording
from ..trace.series import Recording, read_recording, recording_path
from ..units.chips import Chip
from ..units.in_words import human_seconds
from ..units.quantities import Bits, ChipSpeed
from .by_law import Pace, chips_by_law, dealt, of_recording
from .extent import CHIP_FLOP_PER_S, TOKENS_PER_CHIP, AbstractWorkload, speed_range
from .load import Deal, Load

FileOrSeconds = Annotated[
    Annotated[FileName, Tag("(file)")] | Annotated[GivenSeconds, Tag("(seconds)")],
    Discriminator(lambda value: "(seconds)" if isinstance(value, dict | GivenSeconds) else "(file)"),
]


class TraceWorkload(AbstractWorkload):
    """A recorded run: its times and bytes, as recorded or rescaled to other chips.

    Defaults: the model's full budget of 20 N tokens, and the batch, chips and bytes of the recording. If the
    datacenters cannot share the recorded chips evenly, more such chips are taken, and the batch grows with them. With
    `rescale` the default is a recorded microbatch per chip, or 4,096 tokens if no accelerator was recorded.
    """

    trace: FileOrSeconds = Field(examples=["run.jsonl"])
    """A file of record-trace, the name of a recording that ships, or measured seconds."""
    rescale: bool = False
    """Whether the recorded times are rescaled to other tokens per chip and other chips: by the law of the chip among
    GPUs that it covers, else by flops to `chip_speed`."""
    chip_flop_per_s: ChipSpeed | None = Field(default=None, alias="chip_speed", examples=["300 Tflop/s"])
    """With `rescale`: useful flop/s of a chip, if the topology gives none; default: by the law of the chip, else 300
    Tflop/s [flop/s]."""
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
        """The load of the sites; times that are rescaled by flops have the mean 6 N_active (B/R) / Q."""
        recording = self._recording()
        header = recording.header
        tokens_per_chip = self.tokens_per_chip or (
            recording.tokens_per_chip
            if not self.rescale
            else TOKENS_PER_CHIP
            if recording.given or header.device.platform in ("cpu", UNKNOWN)
            else recording.tokens_of_a_microbatch
        )
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
        by_law, known = self._law(sites)
        notes: tuple[str, ...] = ()
        if known and any(by_law):
            deal = dealt(deal, by_law, known[0], recording.flop_per_token, batch_tokens)
            notes = (known[0].note(by_law, deal.flop_per_chip(batch_tokens)),)
        flops = deal.flop_per_chip(recording.flop_per_token * batch_tokens)
        factors = [
            flop / speed / recording.mean_s if self.rescale else 1.0
            for flop, speed in zip(flops, deal.speeds, strict=True)
        ]
        # an outer step has the same arithmetic for every batch, so only the chips rescale it: by the law their memory
        faster = min(
            chip.memory_bytes_per_s / known[1].memory_bytes_per_s
            if chip and known
            else speed / recording.chip_flop_per_s
            for chip, speed in zip(by_law, deal.speeds, strict=True)
        )
        outer_step_s = recording.outer_step_s / (faster if self.rescale else 1.0)
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
            notes=self._notes(recording, sites, deal, batch_tokens, outer_step_s, by_flops=not notes) + notes,
            layers=self._layers(header.model.layers),
            forward_share=self.forward_share,
            outer_step_s=outer_step_s,
            inside_included=recording.whole_steps,
            width=self._width(
                None if recording.given else header.model.width, params, dense=header.model.active_params is None
            ),
        )

    def by_law(self, sites: Sequence[Datacenter]) -> tuple[Chip | None, ...]:
        """The chip of each site whose speed the law of the chip says; the recorded one where nobody names another."""
        return self._law(sites)[0]

    def _law(self, sites: Sequence[Datacenter]) -> tuple[tuple[Chip | None, ...], tuple[Pace, Chip] | None]:
        """The same, and the recorded pace and chip where the law knows them."""
        known = of_recording(self._recording()) if self.rescale else None
        return chips_by_law(self, sites, known[1]) if known else (None,) * len(sites), known

    def _notes(
        self,
        recording: Recording,
        sites: Sequence[Datacenter],
        deal: Deal,
        batch_tokens: float,
        outer_step_s: float,
        *,
        by_flops: bool,
    ) -> tuple[str, ...]:
        header, chips = recording.header, deal.chips
        was = (
            f"{_origin(recording)}, "
            f"{human_seconds(recording.mean_s)} a step of {recording.tokens_per_chip:,.0f} tokens per chip "
            f"({recording.chip_flop_per_s / 1e12:.3g} Tflop/s)"
        )
        if self.rescale:
            tokens = deal.flop_per_chip(batch_tokens)
            step_s = max(recording.flop_per_token * own / speed for own, speed in zip(tokens, deal.speeds, strict=True))
            how = "rescaled by flops" if by_flops else "rescaled"
            how += (
                f" to {speed_range(deal.speeds)} Tflop/s{self.kinds(sites, deal.speeds)} and "
                f"{batch_tokens / chips:,.0f} tokens per chip: {human_seconds(step_s)} a step, varying from step to "
                "step as recorded"
            )
        else:
            how = f"seconds replayed as {'given' if recording.given else 'recorded'}, cycled over the steps of the run"
            if chips != header.chips:
                how += f"; on {chips} such chips, so that the datacenters share them evenly"
        bits = self.payload_bits or 8 * recording.outer_bytes / header.model.params
        origin = "as asked for" if self.payload_bits else _payload_origin(recording)
        payload = f"payload: {bits:g} bits per parameter, {origin}"
        clock = _clock(recording)
        if recording.whole_steps and chips > 1:
            clock = (
                *clock,
                "steps contain their exchange of gradients inside a datacenter, as the log has whole steps",
            )
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


def _origin(recording: Recording) -> str:
    """The origin of the times: the run and its devices."""
    header = recording.header
    if recording.given:
        return f"given: {recording.steps} steps of {header.replicas} replica(s) on {header.device.count} chip(s)"
    did = f"from {header.origin}" if header.origin else "recorded"
    if header.times == "estimated":
        did = f"compiled, never run; seconds from flops at {header.utilization or 0:.0%} of the peak"
    of = f"{'a loop' if header.algorithm == UNKNOWN else header.algorithm} M={header.replicas}"
    of += f" H={header.sync_every}" if header.sync_every else ""
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
    header = recording.header
    if recording.counted:
        return f"as in {header.origin}" if header.origin else "counted from the compiled program"
    if header.payload_bits:
        return "as the trace says"
    execution = header.execution
    return f"{execution.precision if execution else 'float32'}, as nothing was exchanged in the recording"
