"""What plans are compared by, and what to say about it."""

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
    """The predicted loss of a plan, what it is compared by, and what to know about both.

    Where there is no law, the plan is compared by the loss that its algorithm would have with full payloads,
    descendants of DiLoCo by DiLoCo's; its predicted loss is None, as everywhere else.
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
    without = (f"{note}; compared by {whose}'s, as if the difference cost nothing" for note in found.notes)
    return None, taken.loss, (*without, *taken.notes, *_uneven(option))


def _uneven(option: Option) -> tuple[str, ...]:
    if len({site.chips for site in option.topology.datacenters}) > 1 and option.replicas > 1:
        return ("replicas: their batches differ with the size of their sites; the laws were fitted on equal ones",)
    return ()
