"""The first line of a trace: which run was recorded, where and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..documents.validation import Frozen, Name, Words
from .held_out import RecordedCorpus
from .records import (
    Few,
    FusedClock,
    RecordedDevice,
    RecordedExecution,
    RecordedMemory,
    RecordedModel,
    RecordedProgram,
    Size,
)

SCHEMA_VERSION: Literal[1] = 1
SCHEMA: Literal["crosshaul-trace"] = "crosshaul-trace"
UNKNOWN = "unknown"
"""The algorithm or the platform, where whoever recorded the run did not say it."""


class Header(Frozen):
    """The first line of a trace."""

    record: Literal["header"] = "header"
    schema_name: Literal["crosshaul-trace"] = Field(default=SCHEMA, alias="schema")
    schema_version: Literal[1] = SCHEMA_VERSION
    algorithm: Name
    """A name of `sim/strategies`; `unknown` where whoever recorded the run did not say it."""
    model: RecordedModel
    replicas: Few
    shards: Few = 1
    """Devices over which each copy of the model is sharded; each exchanges its part; 1 in older traces."""
    replicas_per_device: Few | None = None
    """Replicas that took turns on a device, each as if it had one of its own; null in older traces."""
    sync_every: Size | None = None
    """Inner steps H between outer steps; null without outer steps."""
    variant: Name = "rotary"
    """Of the model: `rotary`, or `nanodo` with initial values, positions and norms of the code base behind the fits."""
    inner_optimizer: Name = "adamw"
    """What a replica trains with between outer steps."""
    steps: Size | None = None
    """Inner steps that were asked for; null where it was not said."""
    batch_tokens: Size
    """Global batch B over all replicas [tokens]."""
    sequence_length: Size | None = None
    """Tokens in a training sequence; null where it was not said [tokens]."""
    device: RecordedDevice
    execution: RecordedExecution | None = None
    """How the model was computed; null in older traces."""
    libraries: dict[Name, Name] = Field(default_factory=dict)
    """Versions of python, jax, ..."""
    payload_bits: float | None = Field(default=None, gt=0, le=1024)
    """Bits of an exchanged parameter, where they were said instead of counted; null otherwise [bit]."""
    origin: Name | None = None
    """Where the records come from, if another program than record-trace wrote them: a recorder, or a log; else null."""
    seed: int = 0
    data: Words = ""
    """The source of the text, and its tokenizer."""
    corpora: tuple[RecordedCorpus, ...] = ()
    """The corpora of a mixture, with their shares; empty for a run on one."""
    times: Literal["measured", "estimated"] = "measured"
    """`estimated`: nothing ran; times follow from counted flops at a given utilisation of the device's peak."""
    utilization: float | None = Field(default=None, gt=0, le=1)
    """The utilisation behind estimated times; null if times were measured."""
    step_flop: float | None = Field(default=None, gt=0)
    """Flops of one inner step on one device, counted with attention over the sequence [flop]."""
    rule_flop: float | None = Field(default=None, gt=0)
    """Flops of one inner step on one device by the rule of 6 flops per parameter and token [flop]."""
    model_flop: float | None = Field(default=None, gt=0)
    """The same with causal attention, 6 flops per layer, width and position of a sequence for each token [flop]."""
    memory: RecordedMemory | None = None
    """Memory of one device; null if the compiler did not report it."""
    programs: tuple[RecordedProgram, ...] = ()
    """The compiled programs: flops, memory, and bytes of each collective by mesh axis."""
    fused: FusedClock | None = None
    """Steps on the fused clock, measured beside those of the records; null if they were not."""
    timing: Words = ""
    """How times were measured: the clock, and what they contain."""
    command: Words = ""
    """The command line of the recording."""
    recorded_at: Words = ""
    """The begin of the run (ISO 8601)."""

    @property
    def chips(self) -> int:
        """The devices that the replicas need without taking turns: the recorded seconds are those of as many chips.

        An older trace with fewer devices than replicas was of some that took turns.
        """
        if self.replicas_per_device is None:
            return max(self.device.count, self.replicas * self.shards)
        return self.device.count * self.replicas_per_device
