"""The loss by which plans are compared, and the notes on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import laws
from ...laws.communication import price_of
from ...simulation.predicted_loss import communication_of, loss_after
from ...workload.load import Load

if TYPE_CHECKING:
    from .options import Option

Array = NDArray[np.float64]


def best_batch_tokens(params: Array, algorithm: str, replicas: int) -> Array:
    """The law's best batch of an algorithm [tokens]."""
    return np.asarray(laws.batch_tokens(params, algorithm, replicas))


@dataclass(frozen=True)
class PlanLoss:
    """The loss of a plan.

    Attributes:
      predicted: None where nobody has measured what its way to communicate costs [nats per token].
      low, high: its ends [nats per token].
      compared: by which plans are compared: the predicted one, or without one the low end, as if that way were free;
        the high end where the plan is asked to be wary [nats per token].
      notes: on all of them.
    """

    predicted: float | None
    low: float
    high: float
    compared: float
    notes: tuple[str, ...]


def price_factor(option: Option, params: Array) -> Array:
    """What the loss of the laws is multiplied by for an option's way to communicate, as plans are compared.

    Args:
      option: strategy, datacenters and H.
      params: N, any shape.
    """
    bits = option.ask.payload_bits
    price = price_of(params, communication_of(option.strategy, bits, bits))
    taken = price.high if option.ask.risk else price.low if price.middle is None else price.middle
    return np.asarray(np.exp(taken))


def compared_loss(option: Option, load: Load) -> PlanLoss:
    """The loss of a plan, with its ends, and that by which it is compared."""
    found = loss_after(option.strategy, load, unique_tokens=option.ask.unique_tokens)
    assert found.low is not None
    assert found.high is not None  # a plan's model works on every token with all of its parameters
    taken = found.high if option.ask.risk else found.low if found.value is None else found.value
    notes = (*found.notes, *_uneven(option))
    if found.value is None:
        how = "the widest known price" if option.ask.risk else "as if that were free"
        notes = (*notes, f"loss: not its own; the plan is compared by that of DiLoCo, {how}")
    return PlanLoss(found.value, found.low, found.high, taken, notes)


def _uneven(option: Option) -> tuple[str, ...]:
    if len({site.chips for site in option.topology.datacenters}) > 1 and option.replicas > 1:
        return ("replicas: batches differ with the size of the sites; the laws were fitted with equal batches",)
    return ()
