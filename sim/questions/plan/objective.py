"""The loss by which plans are compared, and the notes on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import laws
from ...simulation.predicted_loss import loss_after
from ...strategies import STRATEGIES
from ...workload.load import Load

if TYPE_CHECKING:
    from .options import Option

Array = NDArray[np.float64]


def best_batch_tokens(params: Array, algorithm: str, replicas: int) -> Array:
    """The law's best batch of an algorithm [tokens]."""
    return np.asarray(laws.batch_tokens(params, algorithm, replicas))


def compared_loss(option: Option, load: Load) -> tuple[float | None, float, tuple[str, ...]]:
    """The predicted loss of a plan, the loss by which it is compared, and notes on both.

    Without a law for the strategy the predicted loss is None. The plan is then compared by the loss of the nearest
    algorithm that has a law, with full payloads: DiLoCo for its descendants.
    """
    tokens, unique = load.steps * load.batch_tokens, option.ask.unique_tokens
    found = loss_after(option.strategy, load, unique_tokens=unique)
    if found.value is not None:
        return found.value, found.value, (*found.notes, *_uneven(option))
    law = option.strategy.law
    taken = laws.predict(
        load.params,
        tokens,
        law.algorithm,
        law.replicas,
        batch_tokens=load.batch_tokens,
        sync_every=law.sync_every,
        unique_tokens=unique,
    )
    whose = STRATEGIES[law.algorithm].name
    without = (f"{note}; the plan is compared by the loss of {whose}, as if both were equal" for note in found.notes)
    return None, taken.loss, (*without, *taken.notes, *_uneven(option))


def _uneven(option: Option) -> tuple[str, ...]:
    if len({site.chips for site in option.topology.datacenters}) > 1 and option.replicas > 1:
        return ("replicas: batches differ with the size of the sites; the laws were fitted with equal batches",)
    return ()
