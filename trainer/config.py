"""What a training run is made of: the model, its batch, its schedule, its algorithm and its text.

Source: arXiv 2503.09799, section 3 (optimizers, schedule, clipping, z-loss) and Figure 7 (outer learning rate).
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sim.document import Frozen, nearest
from sim.errors import InputError
from sim.models import FAMILY, VOCAB

BYTE_VOCAB = 257
"""256 byte values and the end-of-document token."""
SYNC_EVERY = 30
"""Inner steps between outer steps where nothing else is said."""


class ModelConfig(Frozen):
    """The shape of a decoder-only transformer."""

    name: str = "custom"
    """A name of the family, or `custom`."""
    layers: int = Field(gt=0, examples=[2])
    width: int = Field(gt=0, examples=[64])
    """Model dimension D, which is also the joint dimension of the heads."""
    heads: int = Field(gt=0, examples=[2])
    hidden: int = Field(gt=0, examples=[256])
    """Inner dimension F of the feed-forward block."""
    vocab: int = Field(gt=1, le=2**24, examples=[512])

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise InputError(
                f"width {self.width} gives {self.heads} heads no even dimension each, which rotary positions need; "
                f"write a width that is a multiple of {2 * self.heads}, or fewer heads"
            )
        return self

    @property
    def head_width(self) -> int:
        """Dimension K of one head."""
        return self.width // self.heads


class TrainConfig(Frozen):
    """One training run."""

    model: ModelConfig
    algorithm: Literal["data-parallel", "diloco"]
    replicas: int = Field(default=1, gt=0, examples=[2])
    """DiLoCo replicas M."""
    devices_per_replica: int = Field(default=1, gt=0, examples=[1])
    """Data-parallel devices inside a replica."""
    sync_every: int | None = Field(default=None, gt=0, examples=[SYNC_EVERY])
    """Inner steps H between outer steps; null for an algorithm without outer steps."""
    steps: int = Field(gt=0, examples=[60])
    """Inner steps to train."""
    warmup_steps: int = Field(default=2, ge=0, examples=[2])
    """Steps that warm the device up before the run and are thrown away."""
    sequence_length: int = Field(default=256, gt=0, examples=[256])
    """Tokens L in a sequence [tokens]."""
    sequences: int = Field(default=4, gt=0, examples=[4])
    """Sequences that a device processes in a step."""
    schedule_steps: int | None = Field(default=None, gt=0, examples=[1000])
    """Steps T that the learning-rate schedule and the weight decay are planned for; null for `steps`."""
    learning_rate: float = Field(default=4e-3, gt=0, examples=[4e-3])
    """Peak inner learning rate."""
    learning_rate_warmup_steps: int | None = Field(default=None, gt=0, examples=[100])
    """Steps of linear warm-up; null for a tenth of T, at most 1,000."""
    final_learning_rate: float = Field(default=0.05, ge=0, le=1)
    """Where the cosine ends, as a fraction of the peak."""
    outer_learning_rate: float = Field(default=0.6, gt=0, examples=[0.6])
    outer_momentum: float = Field(default=0.9, ge=0, lt=1, examples=[0.9])
    """Nesterov momentum of the outer optimizer."""
    clip_norm: float = Field(default=1.0, gt=0, examples=[1.0])
    """Global norm that the averaged gradient is clipped to."""
    z_loss: float = Field(default=1e-4, ge=0, examples=[1e-4])
    """Weight of the squared log-partition function in the loss."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    corpus: str = Field(default="auto", min_length=1)
    """`auto`, `packages`, `docstrings`, `c4`, `dolma` (or `c4:500000`, its first documents), or the path of a text."""
    tokenizer: str = Field(default="bpe", min_length=1)
    """`bpe` (trained on the text), `bytes`, or the path of a sentencepiece .model or a tokenizer.json."""
    held_out: float = Field(default=0.01, ge=0, lt=1)
    """Share of the documents that training never sees."""

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.algorithm == "data-parallel":
            if self.replicas != 1:
                raise InputError(
                    f"replicas: got {self.replicas}; data-parallel trains one replica: write --devices-per-replica "
                    f"{self.replicas} to spread it, or --algorithm diloco"
                )
            if self.sync_every is not None:
                raise InputError(
                    "sync_every: data-parallel has no outer steps; leave it out, or write --algorithm diloco"
                )
        elif self.sync_every is None:
            raise InputError(f"sync_every: diloco needs the inner steps between outer steps; write {SYNC_EVERY}")
        if self.tokenizer == "bytes" and self.model.vocab < BYTE_VOCAB:
            raise InputError(
                f"model.vocab: got {self.model.vocab}; bytes need {BYTE_VOCAB} tokens: write --vocab {BYTE_VOCAB}"
            )
        return self

    @property
    def planned_steps(self) -> int:
        """Steps T that the schedule is planned for."""
        return self.schedule_steps or self.steps

    @property
    def devices(self) -> int:
        """Devices in the mesh."""
        return self.replicas * self.devices_per_replica

    @property
    def batch_tokens(self) -> int:
        """Global batch B over all replicas [tokens]."""
        return self.devices * self.sequences * self.sequence_length


def family_model(name: str) -> ModelConfig:
    """The shape of a model of the family, with the family's vocabulary.

    Raises:
      InputError: no model has that name.
    """
    shape = FAMILY.get(name.lower())
    if shape is None:
        raise InputError(
            f"--model: got {name!r}; {nearest(name.lower(), list(FAMILY))}; or write --layers, --width and --heads"
        )
    return ModelConfig(
        name=shape.name, layers=shape.layers, width=shape.width, heads=shape.heads, hidden=shape.hidden, vocab=VOCAB
    )
