"""How fast chips compute by the law of the chip: where a chip and a model of the family are named, and no speed is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..laws import chip_step
from ..laws.model_family import SEQUENCE_TOKENS, ModelShape
from ..topology.model import Datacenter
from ..units.chips import Chip, find_chip
from .extent import AbstractWorkload
from .load import Deal
from .memory import Memory

_ROUNDS = 8
"""Shares by speed move the tokens of a chip, and those its speed; they settle within a few rounds."""


def chips_by_law(workload: AbstractWorkload, sites: Sequence[Datacenter]) -> tuple[Chip | None, ...]:
    """The chip of each site whose speed the law says; None where a speed or a share is given, or another kind named.

    Args:
      workload: names the chip of sites that name none.
      sites: of the workers.
    """
    chips = []
    for site in sites:
        says: Datacenter | AbstractWorkload = site if site.chip or site.chip_flop_per_s else workload
        given = says.model_fields_set & {"chip_flop_per_s"} or says.mfu is not None
        chip = find_chip(says.chip) if says.chip and not given else None
        chips.append(chip if chip and chip_step.applies_to(chip) else None)
    return tuple(chips)


def sequence_of(memory: Memory | None) -> int:
    """Tokens of a sequence: those of the workload's `memory`, else those of the family [tokens]."""
    return memory.sequence_tokens if memory is not None else SEQUENCE_TOKENS


def dealt(
    deal: Deal, chips: Sequence[Chip | None], shape: ModelShape, sequence_tokens: int, batch_tokens: float
) -> Deal:
    """A deal with the speeds of the law, each at the tokens that the chips of its worker then compute.

    Args:
      deal: with assumed speeds.
      chips: from `chips_by_law`.
      shape: the model.
      sequence_tokens: of a sequence.
      batch_tokens: of all workers together.
    """
    for _ in range(_ROUNDS if deal.by_speed else 1):
        tokens = deal.flop_per_chip(batch_tokens)
        speeds = (
            6 * shape.params * own / chip_step.step_seconds(chip_step.step_of(shape, own, sequence_tokens), chip)
            if chip
            else speed
            for chip, own, speed in zip(chips, tokens, deal.speeds, strict=True)
        )
        deal = replace(deal, speeds=tuple(speeds))
    return deal


def note(deal: Deal, chips: Sequence[Chip | None], shape: ModelShape, sequence_tokens: int, batch_tokens: float) -> str:
    """What stands behind the speeds, in words.

    Args:
      deal: from `dealt`.
      chips: as there.
      shape: as there.
      sequence_tokens: as there.
      batch_tokens: as there.
    """
    tokens = deal.flop_per_chip(batch_tokens)
    said = (
        chip_step.outside(chip_step.step_of(shape, own, sequence_tokens), chip)
        for own, chip in zip(tokens, chips, strict=True)
        if chip
    )
    beyond = "; ".join(dict.fromkeys(filter(None, said)))
    return (
        "chips: by the law of the chip (23 steps measured on one H200; it misses sizes left out of its fit by "
        f"2% in the median, by 8% at most), sequences of {sequence_tokens:,} tokens; write mfu for a share of the peak"
        + (f"; beyond what was measured: {beyond}" if beyond else "")
    )
