"""A workload spread over the sites of a run, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deal:
    """What each worker has, and what it gets of every batch.

    Attributes:
      worker_chips: chips of each worker.
      speeds: useful flop/s of a chip of each worker [flop/s].
      by_speed: whether tokens are dealt in proportion to chips times speed, rather than the same to each.
    """

    worker_chips: tuple[float, ...]
    speeds: tuple[float, ...]
    by_speed: bool

    @property
    def chips(self) -> int:
        """Chips in all."""
        return round(sum(self.worker_chips))

    @property
    def tokens_share(self) -> tuple[float, ...]:
        """Share of a batch that each worker processes."""
        if not self.by_speed:
            return (1 / len(self.speeds),) * len(self.speeds)
        power = [chips * speed for chips, speed in zip(self.worker_chips, self.speeds, strict=True)]
        return tuple(each / sum(power) for each in power)

    def flop_per_chip(self, flop: float) -> tuple[float, ...]:
        """What one chip of each worker does of a batch's flops (or tokens)."""
        return tuple(flop * share / chips for share, chips in zip(self.tokens_share, self.worker_chips, strict=True))


@dataclass(frozen=True)
class Load:
    """A workload spread over sites: what every strategy and the engine need to know of it.

    Attributes:
      params: N, parameters exchanged.
      batch_tokens: B, global batch [tokens].
      deal: chips and share of the batch of each worker.
      steps: T, inner steps: D / B, rounded up to whole steps.
      gradient_bytes, outer_bytes: payload of an exchange of gradients, of parameter changes [byte].
      mean_step_s: mean compute of a step for each worker [s].
      cycle_steps: steps after which the seconds of all workers repeat (1: every step costs the same).
      compute_s: seconds that a worker computes for `count` steps from step `first` [s].
      notes: assumptions that a reader of the result should know.
      layers: share of the parameters (and of the compute) in each layer; empty where nobody knows.
      forward_share: share of a step that is its forward pass.
      inside_included: whether the seconds of a step hold its exchange of gradients inside a datacenter already, as
        they do where they were measured.
    """

    params: float
    batch_tokens: float
    deal: Deal
    steps: int
    gradient_bytes: float
    outer_bytes: float
    mean_step_s: tuple[float, ...]
    cycle_steps: int
    compute_s: Callable[[int, int, int], float]
    notes: tuple[str, ...]
    layers: tuple[float, ...] = ()
    forward_share: float = 1 / 3
    inside_included: bool = False

    @property
    def chips(self) -> int:
        """R, chips in all."""
        return self.deal.chips
