"""The configuration of a training run: model, batch, schedule, algorithm and text.

Defaults are those of the published recipe; `trainer.config.defaults` fills in those that depend on other fields.

Source: arXiv 2503.09799, section 3 (optimizers, schedule, clipping, z-loss) and Figure 7 (outer learning rate);
arXiv 2501.18512 (fragments, overlap, mixing); arXiv 2502.12996 (eager updates); arXiv 2508.15706 (largest values).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from sim.defaults import PAYLOAD_BITS, SYNC_EVERY
from sim.documents.validation import Frozen, read_mapping, validate
from sim.errors import InputError

from .by_platform import suited
from .corpora import Corpora
from .defaults import OVERLAPPED_MIXING, algorithm_mistake, filled
from .kinds import AlgorithmName
from .model_shape import BYTE_VOCAB, ModelConfig, family_model

__all__ = ["BYTE_VOCAB", "SYNC_EVERY", "AlgorithmName", "ModelConfig", "Precision", "TrainConfig", "family_model"]
Precision = Literal["float32", "bfloat16"]


def _listed(paces: Any) -> Any:
    """The parts of a text such as `1,1,0.5`, which an option gives."""
    return paces.split(",") if isinstance(paces, str) else [paces] if isinstance(paces, int | float) else paces


Paces = Annotated[tuple[Annotated[float, Field(ge=1e-3, le=1e3)], ...], BeforeValidator(_listed)]


class TrainConfig(Frozen):
    """One training run. Fields without a default here are filled in by the recipe (`filled`)."""

    model: ModelConfig
    """A name of the family, or a shape."""
    algorithm: AlgorithmName
    replicas: int = Field(gt=0, le=10**6, examples=[2])
    """DiLoCo replicas M. Default: 2; 1 for an algorithm without outer steps."""
    devices_per_replica: int = Field(default=1, gt=0, le=10**6, examples=[1])
    """Data-parallel devices inside a replica."""
    replicas_per_device: int = Field(default=1, gt=0, le=10**6, examples=[1])
    """Replicas that share a device (or the devices of a replica) and take turns on it; their mean needs no exchange."""
    shards: int = Field(default=1, gt=0, le=10**6, examples=[1])
    """Devices over which each copy of the model is sharded (the third mesh axis)."""
    fully_sharded: bool = False
    """Whether the devices of a replica keep only their parts of parameters, gradients and optimizer state."""
    sync_every: int | None = Field(default=None, gt=0, le=10**12, examples=[SYNC_EVERY])
    """Inner steps H between outer steps; null for an algorithm without outer steps."""
    fragments: int | None = Field(default=None, gt=0, le=10**6, examples=[2])
    """Number P of fragments that streaming- and decoupled-diloco exchange in turn; null for any other algorithm."""
    pattern: Literal["strided", "sequential"] = "strided"
    """Layers of fragment p: p, p + P, ... (strided), or neighbouring layers (sequential)."""
    overlap_steps: int = Field(default=0, ge=0, le=10**12, examples=[1])
    """Inner steps tau from the start of an exchange to the use of its result. Default of streaming-diloco: 1, of
    decoupled-diloco 2, where H is more than that."""
    mixing: float | None = Field(default=None, ge=0, lt=1, examples=[OVERLAPPED_MIXING])
    """Share of the local parameters that is kept when the result of an exchange arrives; null for 0.5 with overlap,
    else 0; default of decoupled-diloco: 0."""
    chunk: int | None = Field(default=None, gt=1, le=2**30, examples=[4096])
    """Parameters of a chunk, of which sparseloco sends the largest values; null for any other algorithm."""
    top: int | None = Field(default=None, gt=0, le=2**30, examples=[64])
    """Values of a chunk that sparseloco sends; null for any other algorithm."""
    feedback_decay: float | None = Field(default=None, ge=0, le=1, examples=[0.95])
    """What sparseloco keeps, from one exchange to the next, of the changes not sent; null for any other algorithm."""
    pull: float | None = Field(default=None, ge=0, lt=2, examples=[0.7])
    """Rate at which gossip-diloco draws the slow weights of partners together; null for the outer learning rate."""
    regions: int | None = Field(default=None, gt=0, le=10**6, examples=[2])
    """Regions of two-level-diloco, of equally many replicas each; null for any other algorithm."""
    across_every: int | None = Field(default=None, gt=0, le=10**12, examples=[4])
    """Which exchanges of two-level-diloco are among all: every K-th; null for any other algorithm."""
    quorum: int | None = Field(default=None, gt=0, le=10**6, examples=[3])
    """Learners K that an exchange of decoupled-diloco needs before it begins; null for any other algorithm."""
    paces: Paces | None = Field(default=None, min_length=1, examples=[[1, 1, 1, 0.5]])
    """Paces of the learners of decoupled-diloco, relative to each other; null: all are alike."""
    payload_bits: Literal[32, 16, 8, 4, 2] | None = Field(default=None, examples=[8])
    """Bits of a value in an outer exchange; null for those of the precision: 16, or 32 in float32; sparseloco: 2."""
    error_feedback: bool = False
    """Whether the rounding error of an outer exchange is added to the change that the next one sends."""
    steps: int = Field(gt=0, le=10**12, examples=[60])
    """Inner steps to train."""
    warmup_steps: int = Field(default=2, ge=0, le=10**6, examples=[2])
    """Steps that warm the devices up before the run; their result is discarded, and a replay ignores their records."""
    sequence_length: int = Field(gt=0, le=10**9, examples=[256])
    """Tokens L in a sequence [tokens]."""
    sequences: int = Field(gt=0, le=10**6, examples=[4])
    """Sequences that a device (with its shards) processes in a step."""
    microbatches: int | None = Field(default=None, gt=0, le=10**6, examples=[1])
    """Microbatches: equal parts of a device's batch whose gradients are computed one after the other and added.

    Null: the fewest with up to 16,384 tokens each (4,096 on a CPU), and more where the memory of a device asks for it.
    """
    remat: Literal["none", "dots", "layer"] = "none"
    """What the backward pass recomputes instead of keeping: nothing; all but matrix products; whole layers."""
    attention: Literal["auto", "xla", "cudnn", "splash"] = "auto"
    """`xla` (plain products), `cudnn` (NVIDIA GPUs), `splash` (TPUs), or `auto`, what suits the platform."""
    unrolled: bool | None = None
    """Whether layers are written out instead of looped over; null: up to 24 layers on a GPU."""
    precision: Precision | None = None
    """Precision of weights and gradients inside the model; null for float32 on a CPU and bfloat16 elsewhere."""
    variant: Literal["rotary", "nanodo"] = "rotary"
    """`nanodo`: initial values, positions, norms, epsilon and decay of the code base behind the published fits."""
    inner_optimizer: Literal["adamw", "muon"] = "adamw"
    """`muon`: for the matrices of the layers; embedding and norms keep AdamW, whose rate and decay it takes over."""
    schedule_steps: int | None = Field(default=None, gt=0, le=10**12, examples=[1000])
    """Steps T of the learning-rate schedule and of the default weight decay; null for `steps`."""
    learning_rate: float = Field(gt=0, examples=[4e-3])
    """Peak inner learning rate."""
    learning_rate_warmup_steps: int | None = Field(default=None, gt=0, le=10**12, examples=[100])
    """Steps of linear warm-up; null for a tenth of T, at most 1,000."""
    final_learning_rate: float = Field(default=0.05, ge=0, le=1)
    """The learning rate at the end of the cosine, as a fraction of the peak."""
    weight_decay: float | None = Field(default=None, ge=0, examples=[1e-3])
    """The fraction by which a step at the peak rate shrinks a matrix; null for 1/T."""
    outer_learning_rate: float = Field(gt=0, examples=[0.6])
    outer_momentum: float = Field(default=0.9, ge=0, lt=1, examples=[0.9])
    """Nesterov momentum of the outer optimizer."""
    clip_norm: float = Field(default=1.0, gt=0, examples=[1.0])
    """Global norm to which the averaged gradient is clipped."""
    z_loss: float = Field(default=1e-4, ge=0, examples=[1e-4])
    """Weight of the squared log-partition function in the loss."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    corpus: Corpora = "auto"
    """`auto`, `packages` (`packages:NAME`: one of them), `docstrings`, `c4`, `dolma` (or `c4:500000`, its first
    documents), or the path of a text; or several of these, each with its weight, such as {docstrings: 0.7, c4: 0.3}."""
    tokenizer: str = Field(default="bpe", min_length=1)
    """`bpe` (trained on the text), `bytes`, or the path of a sentencepiece .model or a tokenizer.json."""
    held_out: float = Field(default=0.01, ge=0, lt=1)
    """Share of the documents that are kept out of training."""

    @model_validator(mode="before")
    @classmethod
    def _recipe(cls, data: Any) -> Any:
        return filled(data) if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.tokenizer == "bytes" and self.model.vocab < BYTE_VOCAB:
            raise InputError(
                f"model.vocab: got {self.model.vocab}; bytes need {BYTE_VOCAB} tokens: write --vocab {BYTE_VOCAB}"
            )
        if self.sequences % (self.microbatches or 1):
            raise InputError(
                f"microbatches: got {self.microbatches}; write a divisor of the {self.sequences} sequences of a device"
            )
        if self.replicas % self.replicas_per_device:
            raise InputError(
                f"replicas_per_device: got {self.replicas_per_device}; write a divisor of the {self.replicas} replicas"
            )
        mistake = algorithm_mistake(self.model_dump())
        if mistake:
            raise InputError(mistake)
        if self.shards > 1 and (self.payload_bits or 32) < 16:
            raise InputError(
                f"payload_bits: got {self.payload_bits}; a sharded model exchanges 32 or 16 bits: "
                "write --payload-bits 16, or --shards 1"
            )
        return self

    @property
    def planned_steps(self) -> int:
        """Steps T of the schedule."""
        return self.schedule_steps or self.steps

    @property
    def decay(self) -> float:
        """Weight decay: the fraction by which a step at the peak learning rate shrinks a matrix."""
        return 1 / self.planned_steps if self.weight_decay is None else self.weight_decay

    @property
    def positions(self) -> int:
        """Learned positions; 0 where they are rotary."""
        return self.sequence_length if self.variant == "nanodo" else 0

    @property
    def exchange_bits(self) -> int:
        """Bits per parameter in an outer exchange."""
        return self.payload_bits or (PAYLOAD_BITS if self.precision == "bfloat16" else 32)

    @property
    def local_share(self) -> float:
        """Share of the local parameters that is kept when the result of an exchange arrives."""
        default = OVERLAPPED_MIXING if self.overlap_steps else 0.0
        return default if self.mixing is None else self.mixing

    @property
    def rows(self) -> int:
        """Rows of the mesh: sets of devices that replicas have for themselves, or share."""
        return self.replicas // self.replicas_per_device

    @property
    def devices(self) -> int:
        """Data-parallel devices G, each with its own sequences (the shards of a copy share them).

        Replicas that share a device count as if each had its own.
        """
        return self.replicas * self.devices_per_replica

    @property
    def mesh_devices(self) -> int:
        """Devices with shards, as if each replica had its own."""
        return self.devices * self.shards

    @property
    def batch_tokens(self) -> int:
        """Global batch B over all replicas [tokens]."""
        return self.devices * self.sequences * self.sequence_length

    def on(self, platform: str) -> TrainConfig:
        """The same run with what suits a platform, where it was not given: precision, attention, and how it is run.

        Raises:
          InputError: the attention that was asked for does not run there, or there is nothing to spread a model over.
        """
        if self.fully_sharded and self.devices_per_replica == 1:
            raise InputError("fully_sharded: a replica has one device; leave it out, or write --devices-per-replica 2")
        fields = suited(self, platform)
        return self if all(getattr(self, name) == value for name, value in fields.items()) else self.replaced(**fields)


def read_config(path: Path, changes: Mapping[str, Any], model: Mapping[str, Any] | None = None) -> TrainConfig:
    """Reads a run's configuration from YAML; options override it.

    Args:
      path: the file, with the keys of `TrainConfig` and `overtraining`.
      changes: keys that replace those of the file.
      model: keys that replace those of the file's model, which must be a shape and not a name.

    Returns:
      The configuration, filled in.

    Raises:
      InputError: a key or value is wrong; the message names file, line and key, and says what to write.
    """
    data, text = read_mapping(path, "training configuration")
    if model and not isinstance(data.get("model"), dict):
        key = next(iter(model))
        raise InputError(f"--set model.{key}: {path} does not give the model as a shape; set the whole model")
    if model:
        changes = {**changes, "model": {**data["model"], **model}}
    if changes:
        return validate(TrainConfig, {**data, **changes}, source=f"{path} and options")
    return validate(TrainConfig, data, source=str(path), text=text)
