"""What a trace holds: the records of steps and exchanges, and what it says about model, devices and programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from ..documents.validation import Frozen, Name, Words

Size = Annotated[int, Field(gt=0, le=10**18)]
"""Parameters, tokens, steps: a number that something may have."""
Few = Annotated[int, Field(gt=0, le=10**6)]
"""Layers, replicas, shards: likewise."""
Bytes = Annotated[int, Field(gt=0, le=10**20)]
Seconds = Annotated[float, Field(ge=1e-12, le=1e12)]
"""As a clock measures them, which never shows less than a picosecond."""


class RecordedModel(Frozen):
    """The model that was trained."""

    name: Name
    """A name of the family, or `custom`."""
    params: Size
    """Parameters N, counted from the arrays; each is exchanged."""
    active_params: Size | None = None
    """Parameters that work on a token, where they differ (mixture-of-experts)."""
    layers: Few
    heads: Few
    width: Size
    hidden: Size
    vocab: Size


class RecordedDevice(Frozen):
    """What the run was measured on, or compiled for."""

    platform: Literal["cpu", "gpu", "tpu"]
    kind: Name
    """The device kind as JAX names it, or the processor's model."""
    count: Size
    """Devices in the mesh (on a CPU: forced host devices, which share its cores)."""
    slices: int = Field(default=1, gt=0)
    """TPU slices that the devices lie in, joined by the datacenter network."""
    peak_flop_per_s: float | None = Field(default=None, gt=0)
    """Published dense bfloat16 peak of one device; null where none is known for this kind [flop/s]."""
    memory_bytes: float | None = Field(default=None, gt=0)
    """Published memory of one device; null where none is known for this kind [byte]."""
    source: Words = ""
    """Where peak and memory come from, or why there are none."""


class RecordedCollective(Frozen):
    """The collectives of one kind, along the same mesh axes, that a program runs once it is called."""

    kind: Name
    """`all-reduce`, `all-gather`, ..."""
    axis: Name
    """Mesh axes along which its groups lie, joined by a comma."""
    group_size: int = Field(gt=1)
    """Devices in one group."""
    payload_bytes: int = Field(ge=0)
    """Bytes that each device contributes in all of them together [byte]."""
    count: int = Field(gt=0)
    """How many there are; one inside a loop counts as often as it runs."""
    dtype: Name
    """Element types."""
    between_slices: bool = False
    """Whether it crosses the datacenter network between TPU slices."""


class RecordedProgram(Frozen):
    """One compiled program of the run, as one device sees it."""

    name: Name
    """`gradients`, `exchange`, `update`; `outer change`, `outer exchange`, `outer update`, `outer finish`.

    With several fragments each program of the outer step has the number of its fragment behind its name.
    """
    flop: float = Field(ge=0)
    """Flops, counted operation by operation; a loop's body as often as it runs [flop]."""
    argument_bytes: int = Field(ge=0)
    output_bytes: int = Field(ge=0)
    temporary_bytes: int = Field(ge=0)
    """Memory of intermediate results, where the compiler says [byte]."""
    aliased_bytes: int = Field(ge=0)
    """Outputs that take over an argument's memory [byte]."""
    peak_bytes: int = Field(ge=0)
    """The most that it holds at once: the compiler's figure, or arguments + outputs + temporaries - aliased if more."""
    collectives: tuple[RecordedCollective, ...] = ()
    """What the compiler made, which may be wider, split or combined."""
    asked: tuple[RecordedCollective, ...] = ()
    """What the program asked for, before the compiler."""


class RecordedMemory(Frozen):
    """Memory of one device over the whole step."""

    resident_bytes: int = Field(gt=0)
    """Parameters and the states of the optimizers, which stay from step to step [byte]."""
    peak_bytes: int = Field(gt=0)
    """The most that is held at once: the largest program, and what is resident beside its arguments [byte]."""


class Distribution(Frozen):
    """How the seconds of a run's steps spread; percentiles between two values are interpolated."""

    count: int = Field(gt=0)
    mean_s: float = Field(ge=0)
    median_s: float = Field(ge=0)
    p10_s: float = Field(ge=0)
    """A tenth of the steps took less [s]."""
    p90_s: float = Field(ge=0)
    """A tenth of the steps took more [s]."""
    spread: float = Field(ge=0)
    """(p90 - p10) / median."""

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Self | None:
        """The distribution of some seconds; None where there are none.

        Args:
          seconds: one number a step [s].
        """
        if not seconds:
            return None
        ordered = sorted(seconds)
        low, median, high = (_percentile(ordered, share) for share in (0.1, 0.5, 0.9))
        return cls(
            count=len(ordered),
            mean_s=sum(ordered) / len(ordered),
            median_s=median,
            p10_s=low,
            p90_s=high,
            spread=(high - low) / median if median else 0.0,
        )


class Step(Frozen):
    """One inner step of one replica."""

    record: Literal["step"] = "step"
    step: int = Field(ge=0)
    """Inner step, from 1; 0 for warm-up."""
    replica: int = Field(ge=0)
    compute_s: Seconds
    """Seconds that the replica computed, exchanges taken out [s]."""
    whole_s: Seconds | None = None
    """Seconds of the replica's whole step, its exchange of gradients included; null where not measured [s]."""
    tokens: Size
    """Tokens that the replica processed [tokens]."""
    loss: float | None = None
    """Training loss before the step [nats per token]; null where it was not finite."""
    warmup: bool = False
    """A step that warmed the device up and is not part of the run."""


class Exchange(Frozen):
    """One collective exchange."""

    record: Literal["exchange"] = "exchange"
    step: int = Field(ge=0)
    """The inner step that it followed."""
    fragment: int | None = Field(default=None, ge=0)
    """Which part of the parameters it carried (streaming-diloco); null for all of them."""
    kind: Literal["gradient", "outer"]
    """`gradient`: the gradients of every step inside a replica; `outer`: the parameter change between replicas."""
    group_size: int = Field(gt=1)
    """Devices in one group of the collective."""
    payload_bytes: Bytes
    """Bytes that each device contributes, counted from the compiled program's collectives [byte].

    Of a model spread over shards a device has a part; all of it is `payload_bytes` times the header's `shards`.
    """
    seconds: float | None = Field(default=None, ge=0, le=1e12)
    """Measured time of the exchange on the recording machine [s]; null where it was not measured."""
    dtype: str = ""
    """Element type on the wire (a backend may widen what the program asked for)."""
    asked_bytes: int | None = Field(default=None, gt=0)
    """Bytes that the program asked each device to contribute, before the backend; null in older traces [byte]."""
    asked_dtype: str = ""
    """Element type that the program asked for."""
    warmup: bool = False
    """An exchange that belongs to the warm-up."""


class OuterStep(Frozen):
    """The outer optimizer's own work behind an inner step, without its exchange."""

    record: Literal["outer-step"] = "outer-step"
    step: int = Field(ge=0)
    """The inner step that it followed."""
    fragment: int | None = Field(default=None, ge=0)
    """Which part of the parameters it moved (streaming-diloco); null for all of them."""
    compute_s: Seconds
    """Seconds of its arithmetic: the change and the update [s]."""
    whole_s: Seconds | None = None
    """Seconds of the whole outer step, its exchange included [s]."""
    warmup: bool = False
    """It belongs to the warm-up."""


class RunSummary(Frozen):
    """The last line of a run that ended by itself: how its seconds spread, and how well the device was used."""

    record: Literal["summary"] = "summary"
    compute: Distribution
    """Compute seconds of the inner steps of all replicas, exchanges taken out."""
    whole: Distribution | None = None
    """Seconds of the same steps with their exchange of gradients."""
    gradient_exchange: Distribution | None = None
    outer_compute: Distribution | None = None
    """Seconds of the outer optimizer's own arithmetic."""
    outer_exchange: Distribution | None = None
    flop_per_s: float | None = Field(default=None, gt=0)
    """Counted flops of a step on one device over the median of its compute seconds [flop/s]."""
    utilization: float | None = Field(default=None, gt=0)
    """That over the device's published peak; null where none is known."""
    rule_utilization: float | None = Field(default=None, gt=0)
    """The same with 6 flops a parameter and token."""


def _percentile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
