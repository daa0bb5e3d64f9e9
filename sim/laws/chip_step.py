"""The law of the chip: seconds of a training step of a transformer on one GPU, by its shape and the chip's data sheet.

A step multiplies matrices, passes over activations, attends, makes logits, moves parameters, and starts kernels:

    t = a 6 (N_layers + V D) T / P + b 2 T n D / W + c 6 n L D T / P + d 2 T V / W
      + N (28 + 16 m) / (s W) + m (n e + f)

with T tokens of a step on the chip in m microbatches and sequences of L tokens; n layers of width D, of N_layers
parameters; V the vocabulary; N all parameters; P the chip's published bfloat16 peak and W its published memory
bandwidth; s the share of W that a copy reached. Terms that are products of tokens grow with D^2, passes with D: so a
narrow model is slow, and no single share of the peak fits all.

Source: six constants fitted to 23 steps that were measured on one H200 (`experiments/accelerators/law.py`).
Limits: one chip, AdamW, bfloat16, fused attention, layers written out, no rematerialisation unless told. Other chips
  are carried over by P and W alone; only NVIDIA GPUs with such memory are.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..units.chips import Chip
from .flops import FLOP_PER_WEIGHT, attention_flop_per_token
from .model_family import SEQUENCE_TOKENS, VOCAB, ModelShape

MEASURED_ON = "h200"
MICROBATCH_TOKENS = 16_384
"""Most tokens of a microbatch on an accelerator, as the trainer takes them by itself."""
COPY_SHARE = 0.800
"""s: share of the published bandwidth that a copy of 1 GiB reached."""
FEWEST_TOKENS, MOST_TOKENS = 2_048, 131_072
"""Tokens of a step on one chip within which the law was fitted."""
NARROWEST, WIDEST = 512, 4_096
"""Widths within which it was."""
_KINDS = ("a100", "h100", "h200", "b200")
_UPDATE_BYTES = 28
"""A parameter's update: AdamW reads and writes it and two moments in float32, and reads the gradient."""
_MICROBATCH_BYTES = 16
"""A parameter's microbatch: read twice in bfloat16, its gradient written, read, and added in float32."""


@dataclass(frozen=True)
class Constants:
    """What is fitted.

    Attributes:
      products: a, of the time at the peak.
      passes: b, bfloat16 reads and writes of every activation in a layer.
      attention: c, of the time of causal attention at the peak.
      logits: d, reads and writes of every logit.
      layer_s: e, of a layer and microbatch [s].
      microbatch_s: f, of a microbatch [s].
    """

    products: float
    passes: float
    attention: float
    logits: float
    layer_s: float
    microbatch_s: float


FITTED = Constants(1.32553, 163.181, 2.45733, 7.43578, 1.42689e-4, 1.57229e-3)


@dataclass(frozen=True)
class Step:
    """The work of one step on one chip.

    Attributes:
      layers, width, hidden, vocab: the model's shape.
      tokens: of the step on this chip.
      sequence_tokens: of a sequence.
      rematerialised: whether every layer is computed again in the backward pass.
    """

    layers: int
    width: int
    hidden: int
    tokens: float
    vocab: int = VOCAB
    sequence_tokens: float = SEQUENCE_TOKENS
    rematerialised: bool = False

    @property
    def microbatches(self) -> int:
        """m: the fewest of `MICROBATCH_TOKENS` at most."""
        return max(1, -int(-self.tokens // MICROBATCH_TOKENS))


Terms = tuple[float, float, float, float, float, float]


def applies_to(chip: Chip) -> bool:
    """Whether the law is carried over to a chip."""
    return chip.name.split("-")[0] in _KINDS


def terms(step: Step, chip: Chip) -> tuple[Terms, float]:
    """What the six constants are multiplied by, and the seconds that need none [s].

    Args:
      step: the work.
      chip: where it is done.
    """
    again = 4 / 3 if step.rematerialised else 1.0
    peak, bandwidth, count = chip.peak_flop_per_s, chip.memory_bytes_per_s, step.microbatches
    head = step.vocab * step.width
    body = step.layers * (4 * step.width**2 + 2 * step.width * step.hidden)
    moved = (head + body) * (_UPDATE_BYTES + _MICROBATCH_BYTES * count)
    attention = attention_flop_per_token(step.layers, step.width, step.sequence_tokens)
    return (
        FLOP_PER_WEIGHT * (again * body + head) * step.tokens / peak,
        again * 2 * step.tokens * step.layers * step.width / bandwidth,
        again * attention * step.tokens / peak,
        2 * step.tokens * step.vocab / bandwidth,
        again * count * step.layers,
        float(count),
    ), moved / (COPY_SHARE * bandwidth)


def step_seconds(step: Step, chip: Chip, constants: Constants = FITTED) -> float:
    """Seconds of a step [s].

    Args:
      step: the work.
      chip: where it is done.
      constants: those of the fit, unless given.
    """
    (products, passes, attention, logits, layers, microbatches), moved_s = terms(step, chip)
    return (
        constants.products * products
        + constants.passes * passes
        + constants.attention * attention
        + constants.logits * logits
        + constants.layer_s * layers
        + constants.microbatch_s * microbatches
        + moved_s
    )


def step_of(shape: ModelShape, tokens: float, sequence_tokens: float = SEQUENCE_TOKENS) -> Step:
    """The step of a model of the family.

    Args:
      shape: the model.
      tokens: of the step on one chip.
      sequence_tokens: of a sequence.
    """
    return Step(shape.layers, shape.width, shape.hidden, tokens, sequence_tokens=sequence_tokens)


def outside(step: Step, chip: Chip) -> str:
    """What of a step lies outside that which the law was fitted to, in words; empty if nothing does."""
    said = []
    if not FEWEST_TOKENS <= step.tokens <= MOST_TOKENS:
        said.append(f"{step.tokens:,.0f} tokens a chip (fitted: {FEWEST_TOKENS:,} to {MOST_TOKENS:,})")
    if not NARROWEST <= step.width <= WIDEST:
        said.append(f"width {step.width:,} (fitted: {NARROWEST:,} to {WIDEST:,})")
    if chip.name != MEASURED_ON:
        said.append(f"{chip.name} by its peak and bandwidth (measured: {MEASURED_ON})")
    return "; ".join(said)
