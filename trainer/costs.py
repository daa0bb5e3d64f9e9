"""What the moves of the training loop cost in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class InnerCost:
    """What an inner step cost.

    Attributes:
      compute_s: gradients and update of each replica [s].
      exchange_s: the slowest lane's exchange of gradients [s]; None where there is none.
      losses: cross-entropy of each replica before the step [nats per token].
      whole_s: the whole step of each replica on one clock, its exchange included [s]; None where nothing ran.
    """

    compute_s: list[float]
    exchange_s: float | None
    losses: list[float]
    whole_s: Sequence[float | None]


@dataclass(frozen=True)
class OuterCost:
    """What a fragment's outer step, or a half of it, cost.

    Attributes:
      fragment: its number.
      sent: whether its exchange is in this part.
      compute_s: its own arithmetic, the change and the update [s].
      exchange_s: the exchange between replicas [s]; None where there is none.
      whole_s: the whole of this part on one clock [s].
    """

    fragment: int
    sent: bool
    compute_s: float
    exchange_s: float | None
    whole_s: float


def paired(costs: list[OuterCost]) -> list[OuterCost]:
    """Joins a fragment's exchange and the use of its result where one follows the other at once."""
    joined: list[OuterCost] = []
    for cost in costs:
        before = joined[-1] if joined else None
        if before and before.sent and not cost.sent and before.fragment == cost.fragment:
            joined[-1] = OuterCost(
                cost.fragment,
                True,
                before.compute_s + cost.compute_s,
                before.exchange_s,
                before.whole_s + cost.whole_s,
            )
        else:
            joined.append(cost)
    return joined
