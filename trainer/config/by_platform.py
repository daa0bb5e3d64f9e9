"""The fields of a run that its platform decides where they are not given."""

from __future__ import annotations

from typing import Any, Protocol

from sim.errors import InputError

from .model_shape import ModelConfig

CPU_MICROBATCH_TOKENS = 4_096
"""The most tokens of a microbatch by default on a CPU: two sequences of 2,048."""
MICROBATCH_TOKENS = 16_384
"""Likewise elsewhere: products are wide enough by then; less where the compiled run does not fit (`memory_advice`)."""
UNROLLED_LAYERS = 24
"""Depth up to which layers are written out on GPUs: a program of more takes minutes to compile, as any does on TPUs."""
_CUDNN_WIDTHS = 8
_CUDNN_MOST_WIDTH = 128
_SPLASH_TOKENS = 128
"""Lengths of sequences that splash takes: multiples of this, the lanes of a TPU's vector unit."""


class Run(Protocol):
    """The fields of a run on which the others depend."""

    @property
    def model(self) -> ModelConfig:
        """The shape."""

    @property
    def precision(self) -> str | None:
        """None if it is left to the platform."""

    @property
    def attention(self) -> str:
        """`auto` if it is left to the platform."""

    @property
    def unrolled(self) -> bool | None:
        """None if it is left to the platform."""

    @property
    def microbatches(self) -> int | None:
        """None if it is left to the platform."""

    @property
    def sequences(self) -> int:
        """Of a device."""

    @property
    def sequence_length(self) -> int:
        """Tokens L."""

    @property
    def shards(self) -> int:
        """Devices that share a copy of the model."""


def suited(config: Run, platform: str) -> dict[str, Any]:
    """The fields that a platform decides, for those that were left to it.

    Args:
      config: the run.
      platform: `cpu`, `tpu`, or a GPU's name in JAX.

    Raises:
      InputError: the attention that was asked for does not run there.
    """
    precision = config.precision or ("float32" if platform == "cpu" else "bfloat16")
    fused = _fused(config, platform, precision)
    if config.attention not in {"auto", "xla", fused}:
        raise InputError(
            f"attention: got {config.attention}; {_reason(config, platform, precision)}: write auto or xla"
        )
    tokens = CPU_MICROBATCH_TOKENS if platform == "cpu" else MICROBATCH_TOKENS
    return {
        "precision": precision,
        "attention": (fused or "xla") if config.attention == "auto" else config.attention,
        "unrolled": (
            _on_gpu(platform) and config.model.layers <= UNROLLED_LAYERS if config.unrolled is None else config.unrolled
        ),
        "microbatches": config.microbatches or _microbatches(config.sequences, config.sequence_length, tokens),
    }


def _fused(config: Run, platform: str, precision: str) -> str | None:
    """The fused attention that fits the platform and the run; None if none does."""
    width = config.model.head_width
    if config.shards > 1:  # the compiler cannot split a kernel along its heads
        return None
    if platform == "tpu":
        return "splash" if config.sequence_length % _SPLASH_TOKENS == 0 else None
    takes = precision == "bfloat16" and width % _CUDNN_WIDTHS == 0 and width <= _CUDNN_MOST_WIDTH
    return "cudnn" if _on_gpu(platform) and takes else None


def _on_gpu(platform: str) -> bool:
    return platform not in {"cpu", "tpu"}


def _reason(config: Run, platform: str, precision: str) -> str:
    if config.shards > 1:
        return "a sharded model has plain attention"
    if config.attention == "splash":
        return f"it takes sequences of a multiple of {_SPLASH_TOKENS} tokens" if platform == "tpu" else "it needs a TPU"
    if not _on_gpu(platform):
        return "it needs an NVIDIA GPU"
    if precision != "bfloat16":
        return "it computes in bfloat16"
    return f"it takes heads whose width is a multiple of {_CUDNN_WIDTHS} up to {_CUDNN_MOST_WIDTH}"


def _microbatches(sequences: int, length: int, most_tokens: int) -> int:
    """The smallest number of equal parts of a batch that hold up to `most_tokens` each, or a single sequence."""
    parts = (parts for parts in range(1, sequences + 1) if sequences % parts == 0)
    return next((count for count in parts if sequences // count * length <= most_tokens), sequences)
