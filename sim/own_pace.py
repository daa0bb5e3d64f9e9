"""Inner steps of replicas that never wait for each other: each makes as many as its pace allows."""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

_HALVINGS = 200
"""More halvings than a float has bits; the search ends when no number is left between the bounds."""
_ROUNDING = 1e-9
"""A share of a step by which rounding may miss a whole number of them."""


class Pace(NamedTuple):
    """The pace of a replica by itself.

    Attributes:
      step_s: time of an inner step [s].
      sync_s: time of an exchange with the server, both directions [s].
      sync_every: H, inner steps between two exchanges.
      closing: whether a last round of fewer than H steps ends with an exchange.
    """

    step_s: float
    sync_s: float
    sync_every: int
    closing: bool = True

    def seconds(self, steps: int) -> float:
        """Time of so many steps, with an exchange after every H of them and (if closing) after the last [s]."""
        syncs = -(-steps // self.sync_every) if self.closing else steps // self.sync_every
        return steps * self.step_s + syncs * self.sync_s

    def steps(self, seconds: float) -> int:
        """Number of steps that fit into a time, with the exchange after the last."""
        round_s = self.sync_every * self.step_s + self.sync_s
        rounds = math.floor(seconds / round_s)
        rest_s = seconds - rounds * round_s - (self.sync_s if self.closing else 0.0)
        begun = math.floor(rest_s / self.step_s) if rest_s > 0 and self.step_s else 0
        return rounds * self.sync_every + min(begun, self.sync_every - 1)


def rounds_by_speed(steps_s: tuple[float, ...], longest: int) -> tuple[int, ...]:
    """Inner steps of a round of each replica by its speed, so that all rounds take about the same time.

    A replica of speed v makes max(1, floor(H v / max v)) steps: DyLU, dynamic local updates.

    Args:
      steps_s: time of an inner step of each replica, 1/v [s].
      longest: H, the steps of the fastest one.

    Source: arXiv 2401.09135.
    """
    fastest_s = min(steps_s)

    def steps(step_s: float) -> int:
        if step_s <= fastest_s:
            return longest
        return max(1, math.floor(longest * fastest_s / step_s + _ROUNDING))

    return tuple(map(steps, steps_s))


def deal_steps(paces: tuple[Pace, ...], steps: int) -> tuple[int, ...]:
    """Shares steps so that the last replica ends as early as possible; ties go to the first.

    Args:
      paces: the pace of each replica.
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
