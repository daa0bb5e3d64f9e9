"""The records of a trace: steps and exchanges; and its descriptions of model, devices and programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from ..documents.validation import Frozen, Name, Words

Size = Annotated[int, Field(gt=0, le=10**18)]
"""A number of parameters, tokens or steps."""
Few = Annotated[int, Field(gt=0, le=10**6)]
"""A number of layers, replicas or shards."""
Bytes = Annotated[int, Field(gt=0, le=10**20)]
Seconds = Annotated[float, Field(ge=1e-12, le=1e12)]
"""A time as a clock measures it, at least a picosecond [s]."""


class RecordedModel(Frozen):
    """The model that was trained."""

    name: Name
    """A name of the family, or `custom`."""
    params: Size
    """Parameters N, counted from the arrays; each is exchanged."""
    active_params: Size | None = None
    """Parameters that are active for a token, if these are not all (mixture-of-experts)."""
    layers: Few | None = None
    """Layers; null, as the four below, where whoever recorded the run did not say it."""
    heads: Few | None = None
    width: Size | None = None
    hidden: Size | None = None
    vocab: Size | None = None

    @property
    def sizes(self) -> tuple[int, int, int, int, int] | None:
        """Layers, heads, width, hidden and vocab; None where one of them was not said."""
        said = self.layers, self.heads, self.width, self.hidden, self.vocab
        layers, heads, width, hidden, vocab = (size or 0 for size in said)
        return (layers, heads, width, hidden, vocab) if all(said) else None


class RecordedExecution(Frozen):
    """How the model was computed."""

    precision: Literal["float32", "bfloat16"]
    """Of products and activations; parameters and the optimizer's state are float32."""
    microbatches: Few
    """Into how many a device cut its sequences of a step."""
    attention: Name
    """The kernel of attention: xla (no fused one), cudnn or splash."""
    remat: Name
    """What the backward pass computed again: none, dots (all but products) or layer."""
    unrolled: bool
    """Whether the layers were written out, and not looped over."""

    @property
    def parameter_bytes(self) -> float:
        """Bytes of a parameter in the model's precision, in which a run with nothing to exchange would send it."""
        return 2.0 if self.precision == "bfloat16" else 4.0


class RecordedDevice(Frozen):
    """The devices on which the run was measured, or for which it was compiled."""

    platform: Literal["cpu", "gpu", "tpu", "unknown"]
    kind: Name
    """The device kind as JAX names it, or the processor's model."""
    count: Size
    """Devices in the mesh (on a CPU: forced host devices, which share its cores)."""
    slices: int = Field(default=1, gt=0)
    """TPU slices of the devices, joined by the datacenter network."""
    peak_flop_per_s: float | None = Field(default=None, gt=0)
    """Published dense bfloat16 peak of one device; null if it is unknown [flop/s]."""
    memory_bytes: float | None = Field(default=None, gt=0)
    """Published memory of one device; null if it is unknown [byte]."""
    source: Words = ""
    """The source of peak and memory, or the reason why they are unknown."""


class RecordedCollective(Frozen):
    """The collectives of one kind, along the same mesh axes, in one call of a program."""

    kind: Name
    """`all-reduce`, `all-gather`, ..."""
    axis: Name
    """Mesh axes along which its groups lie, joined by a comma."""
    group_size: int = Field(gt=1)
    """Devices in one group."""
    payload_bytes: int = Field(ge=0)
    """Bytes that each device contributes in all of them together [byte]."""
    count: int = Field(gt=0)
    """Number of collectives; one inside a loop counts as often as it runs."""
    dtype: Name
    """Element types."""
    between_slices: bool = False
    """Whether it crosses the datacenter network between TPU slices."""


class RecordedProgram(Frozen):
    """One compiled program of the run, for one device."""

    name: Name
    """`gradients`, `exchange`, `update`; `outer change`, `outer exchange`, `outer update`, `outer finish`.

    With several fragments the name of each program of the outer step ends with the number of its fragment.
    """
    flop: float = Field(ge=0)
    """Flops, counted for each operation; the body of a loop counts as often as it runs [flop]."""
    argument_bytes: int = Field(ge=0)
    output_bytes: int = Field(ge=0)
    temporary_bytes: int = Field(ge=0)
    """Memory of intermediate results, by the compiler [byte]."""
    aliased_bytes: int = Field(ge=0)
    """Outputs that reuse the memory of an argument [byte]."""
    peak_bytes: int = Field(ge=0)
    """Peak memory: the compiler's number, or arguments + outputs + temporaries - aliased if that is more [byte]."""
    collectives: tuple[RecordedCollective, ...] = ()
    """The collectives after compilation, which may widen, split or join them."""
    asked: tuple[RecordedCollective, ...] = ()
    """The collectives before compilation."""
    note: Words = ""
    """The reason why `collectives` are not those of the compiled program; empty if they are."""


class RecordedMemory(Frozen):
    """Memory of one device over the whole step."""

    resident_bytes: int = Field(gt=0)
    """Parameters and states of the optimizers, which stay from step to step [byte]."""
    peak_bytes: int = Field(gt=0)
    """Peak memory: the largest program, with the resident memory beside its arguments [byte]."""


class Distribution(Frozen):
    """The distribution of the times of a run's steps; percentiles between two values are interpolated."""

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
        """The distribution of some times; None if there are none.

        Args:
          seconds: one time for each step [s].
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


class FusedClock(Frozen):
    """Inner steps of one program each, started one behind the other: the host waits behind the last of a block."""

    step: Distribution
    """Time of a step, its exchange of gradients within; each value is the mean of a block."""
    block_steps: int = Field(gt=0)
    """Steps of a block."""
    peak_bytes: int = Field(ge=0)
    """Peak memory of the program on one device [byte]."""


class Step(Frozen):
    """One inner step of one replica."""

    record: Literal["step"] = "step"
    step: int = Field(ge=0)
    """Inner step, from 1; 0 for warm-up."""
    replica: int = Field(ge=0)
    compute_s: Seconds
    """Compute time of the replica, without exchanges [s]."""
    whole_s: Seconds | None = None
    """Time of the replica's whole step, with its exchange of gradients; null if it was not measured [s]."""
    tokens: Size
    """Tokens that the replica processed [tokens]."""
    loss: float | None = None
    """Training loss before the step [nats per token]; null if it was not finite."""
    warmup: bool = False
    """A step that warmed the device up and is not part of the run."""


class Exchange(Frozen):
    """One collective exchange."""

    record: Literal["exchange"] = "exchange"
    step: int = Field(ge=0)
    """The inner step that it followed."""
    fragment: int | None = Field(default=None, ge=0)
    """The fragment of the parameters that it carried (streaming-diloco); null for all parameters."""
    kind: Literal["gradient", "outer"]
    """`gradient`: the gradients of every step inside a replica; `outer`: the parameter change between replicas."""
    group_size: int = Field(gt=1)
    """Devices in one group of the collective; of a merge by a syncer (decoupled-diloco) all who get the result."""
    joined: int | None = Field(default=None, gt=0)
    """Learners who contribute to a merge by a syncer; null: all of the group do."""
    payload_bytes: Bytes
    """Bytes that each device contributes, counted from the compiled program's collectives [byte].

    A device of a sharded model has a part of it; the whole is `payload_bytes` times the header's `shards`.
    """
    seconds: float | None = Field(default=None, ge=0, le=1e12)
    """Measured time of the exchange on the recording machine [s]; null if it was not measured."""
    dtype: str = ""
    """Element type in the exchange (a backend may widen it)."""
    asked_bytes: int | None = Field(default=None, gt=0)
    """Bytes that the program asked each device to contribute, before the backend; null in older traces [byte]."""
    asked_dtype: str = ""
    """Element type that the program asked for."""
    dense_bytes: int | None = Field(default=None, gt=0)
    """What an exchange of all parameters takes, for replays, where this one carried something else: the largest values
    of a change, or more than a change; null: `payload_bytes` [byte]."""
    warmup: bool = False
    """An exchange that belongs to the warm-up."""


class OuterStep(Frozen):
    """The compute of an outer step after an inner step, without its exchange."""

    record: Literal["outer-step"] = "outer-step"
    step: int = Field(ge=0)
    """The inner step that it followed."""
    fragment: int | None = Field(default=None, ge=0)
    """The fragment of the parameters that it moved (streaming-diloco); null for all parameters."""
    compute_s: Seconds
    """Time of its arithmetic: the change and the update [s]."""
    whole_s: Seconds | None = None
    """Time of the whole outer step, with its exchange [s]."""
    warmup: bool = False
    """An outer step that belongs to the warm-up."""


class RunSummary(Frozen):
    """The last line of a complete run: the distribution of its times, and the utilisation of its devices."""

    record: Literal["summary"] = "summary"
    compute: Distribution
    """Compute times of the inner steps of all replicas, without exchanges."""
    whole: Distribution | None = None
    """Times of the same steps with their exchange of gradients."""
    gradient_exchange: Distribution | None = None
    outer_compute: Distribution | None = None
    """Times of the outer optimizer's arithmetic."""
    outer_exchange: Distribution | None = None
    flop_per_s: float | None = Field(default=None, gt=0)
    """Counted flops of a step on one device over its median compute time [flop/s]."""
    utilization: float | None = Field(default=None, gt=0)
    """`flop_per_s` over the device's published peak; null if the peak is unknown."""
    rule_utilization: float | None = Field(default=None, gt=0)
    """The utilisation with 6 flops per parameter and token instead of counted flops."""
    model_utilization: float | None = Field(default=None, gt=0)
    """The same with causal attention beside them: the model flops utilisation (MFU) of most publications."""


def _percentile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])
