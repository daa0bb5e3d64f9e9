"""How many inner steps each of several replicas makes that never meet: as many as it can while others make theirs."""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

_HALVINGS = 200
"""More than a float has bits: the search ends where nothing lies between the bounds."""


class Pace(NamedTuple):
    """How fast a replica is by itself.

    Attributes:
      step_s: an inner step [s].
      sync_s: its exchange with the server, there and back [s].
      sync_every: H, inner steps between two of them.
      closing: whether fewer than H steps in the end are followed by one, too.
    """

    step_s: float
    sync_s: float
    sync_every: int
    closing: bool = True

    def seconds(self, steps: int) -> float:
        """How long so many steps take, with an exchange after every H of them and after the last [s]."""
        syncs = -(-steps // self.sync_every) if self.closing else steps // self.sync_every
        return steps * self.step_s + syncs * self.sync_s

    def steps(self, seconds: float) -> int:
        """How many steps fit into a time, the exchange after the last included."""
        round_s = self.sync_every * self.step_s + self.sync_s
        rounds = math.floor(seconds / round_s)
        rest_s = seconds - rounds * round_s - (self.sync_s if self.closing else 0.0)
        begun = math.floor(rest_s / self.step_s) if rest_s > 0 and self.step_s else 0
        return rounds * self.sync_every + min(begun, self.sync_every - 1)


def deal_steps(paces: tuple[Pace, ...], steps: int) -> tuple[int, ...]:
    """Deals steps so that the last replica to end does so as soon as can be; ties go to the first.

    Args:
      paces: how fast each replica is.
      steps: of all replicas together.

    Returns:
      Steps of each; they add up to `steps`.
    """
    low_s, high_s = 0.0, min(pace.seconds(steps) for pace in paces)
    for _ in range(_HALVINGS):
        middle_s = (low_s + high_s) / 2
        if not low_s < middle_s < high_s:
            break
        if sum(pace.steps(middle_s) for pace in paces) < steps:
            low_s = middle_s
        else:
            high_s = middle_s
    dealt = [pace.steps(low_s) for pace in paces]
    left = steps - sum(dealt)
    ends = [(pace.seconds(count + 1), worker) for worker, (pace, count) in enumerate(zip(paces, dealt, strict=True))]
    heapq.heapify(ends)
    for _ in range(left):
        _, worker = ends[0]
        dealt[worker] += 1
        heapq.heapreplace(ends, (paces[worker].seconds(dealt[worker] + 1), worker))
    return tuple(dealt)
