"""How fast chips compute by the law of the chip: where a chip and a model's shape are known, and no speed is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..laws.chip_step import Step, applies_to, outside, step_of, step_seconds
from ..laws.model_family import SEQUENCE_TOKENS, ModelShape
from ..topology.model import Datacenter
from ..trace.series import Recording
from ..units.chips import Chip, chip_of_kind, find_chip
from .attention import Attention
from .extent import AbstractWorkload
from .load import Deal
from .memory import Memory

_ROUNDS = 8
"""Shares by speed move the tokens of a chip, and those its speed; they settle within a few rounds."""
_GOOD = (
    "fitted to 23 steps measured on one H200; it misses sizes left out of its fit by 2% in the median, by 8% at most"
)


@dataclass(frozen=True)
class Pace:
    """The seconds of a step of one model, by chip and tokens.

    Attributes:
      step: the model's shape and sequences; its tokens do not matter.
      measured: seconds of a step that was recorded, its tokens on a chip, and that chip; the law then gives the ratio
        to other tokens and chips. None: the law alone [s], [tokens].
    """

    step: Step
    measured: tuple[float, float, Chip] | None = None

    def seconds(self, chip: Chip, tokens: float) -> float:
        """Seconds of a step of so many tokens on a chip [s]."""
        law_s = step_seconds(replace(self.step, tokens=tokens), chip)
        if self.measured is None:
            return law_s
        recorded_s, recorded_tokens, recorded_chip = self.measured
        return law_s / step_seconds(replace(self.step, tokens=recorded_tokens), recorded_chip) * recorded_s

    def note(self, chips: Sequence[Chip | None], tokens: Sequence[float]) -> str:
        """What stands behind the seconds, in words.

        Args:
          chips: of each worker; None where a speed was given.
          tokens: of a step on each of its chips.
        """
        said = (outside(replace(self.step, tokens=own), chip) for own, chip in zip(tokens, chips, strict=True) if chip)
        beyond = "; ".join(dict.fromkeys(filter(None, said)))
        how = f"chips: by the law of the chip ({_GOOD}), sequences of {self.step.sequence_tokens:,.0f} tokens"
        if self.measured is not None:
            how = (
                f"chips: the recorded seconds, times what other tokens and chips cost by the law of the chip ({_GOOD})"
            )
        return f"{how}; write mfu for a share of the peak" + (f"; beyond what was measured: {beyond}" if beyond else "")


def chips_by_law(
    workload: AbstractWorkload, sites: Sequence[Datacenter], unless_named: Chip | None = None
) -> tuple[Chip | None, ...]:
    """The chip of each site whose speed the law says; None where a speed or a share is given, or another kind named.

    Args:
      workload: names the chip of sites that name none.
      sites: of the workers.
      unless_named: the chip where nobody names one, and no speed.
    """
    found = []
    for site in sites:
        says: Datacenter | AbstractWorkload = site if site.chip or site.chip_flop_per_s else workload
        given = "chip_flop_per_s" in says.model_fields_set or says.mfu is not None
        chip = (find_chip(says.chip) if says.chip else unless_named) if not given else None
        found.append(chip if chip and applies_to(chip) else None)
    return tuple(found)


def of_family(shape: ModelShape, attention: Attention | None, memory: Memory | None) -> Pace:
    """The pace of a model of the family.

    Args:
      shape: the model.
      attention: says how many tokens a sequence has; else `memory` does, else they are those of the family.
      memory: says whether layers are computed again in the backward pass; None: they are not.
    """
    says = attention or memory
    step = step_of(shape, 0, says.sequence_tokens if says else SEQUENCE_TOKENS)
    return Pace(replace(step, rematerialised=memory is not None and memory.rematerialise == "layer"))


def of_recording(recording: Recording) -> tuple[Pace, Chip] | None:
    """The pace of a recorded model, and the chip that it was recorded on.

    None if the law does not know that chip, or the trace does not say the model's shape.
    """
    header = recording.header
    chip = chip_of_kind(header.device.kind)
    if recording.given or chip is None or not applies_to(chip) or header.model.active_params is not None:
        return None
    if header.model.sizes is None or header.sequence_length is None:
        return None
    layers, _, width, hidden, vocab = header.model.sizes
    again = header.execution is not None and header.execution.remat == "layer"
    step = Step(layers, width, hidden, 0, vocab, header.sequence_length, again)
    return Pace(step, (recording.mean_s, recording.tokens_per_chip, chip)), chip


def dealt(deal: Deal, by_law: Sequence[Chip | None], pace: Pace, flop_per_token: float, batch_tokens: float) -> Deal:
    """A deal with the speeds of the law, each at the tokens that the chips of its worker then compute.

    Args:
      deal: with assumed speeds.
      by_law: from `chips_by_law`.
      pace: of the model.
      flop_per_token: by which seconds become a speed [flop].
      batch_tokens: of all workers together.
    """
    for _ in range(_ROUNDS if deal.by_speed else 1):
        tokens = deal.flop_per_chip(batch_tokens)
        speeds = (
            flop_per_token * own / pace.seconds(chip, own) if chip else speed
            for chip, own, speed in zip(by_law, tokens, deal.speeds, strict=True)
        )
        deal = replace(deal, speeds=tuple(speeds))
    return deal
