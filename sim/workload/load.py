"""The load of the sites of a run by a workload, as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import InputError
from ..units.quantities import LATENCY, MOST_CHIPS, MOST_STEPS

_LEAST_S = 1e-15
"""The shortest compute time of a step that is accepted [s]."""


@dataclass(frozen=True)
class Deal:
    """The chips of each worker, and its share of every batch.

    Attributes:
      worker_chips: chips of each worker.
      speeds: useful flop/s of a chip of each worker [flop/s].
      by_speed: whether tokens are shared in proportion to chips times speed; else equally.
    """

    worker_chips: tuple[float, ...]
    speeds: tuple[float, ...]
    by_speed: bool

    @property
    def chips(self) -> int:
        """Chips of all workers together."""
        return round(sum(self.worker_chips))

    @property
    def tokens_share(self) -> tuple[float, ...]:
        """Share of a batch that each worker processes."""
        if not self.by_speed:
            return (1 / len(self.speeds),) * len(self.speeds)
        power = [chips * speed for chips, speed in zip(self.worker_chips, self.speeds, strict=True)]
        return tuple(each / sum(power) for each in power)

    def flop_per_chip(self, flop: float) -> tuple[float, ...]:
        """The part of a batch's flops (or tokens) of one chip of each worker."""
        return tuple(flop * share / chips for share, chips in zip(self.tokens_share, self.worker_chips, strict=True))


@dataclass(frozen=True)
class Load:
    """The load of the sites: all that strategies and the engine need to know about a workload.

    Attributes:
      params: N, parameters exchanged.
      batch_tokens: B, global batch [tokens].
      deal: chips and share of the batch of each worker.
      steps: T, inner steps: D / B, rounded up to whole steps.
      gradient_bytes, outer_bytes: payload of an exchange of gradients, of parameter changes [byte].
      mean_step_s: mean compute time of a step for each worker [s].
      cycle_steps: steps after which the compute times of all workers repeat (1: all steps take the same time).
      compute_s: compute time of a worker for `count` steps from step `first` [s].
      outer_step_s: measured arithmetic of the outer optimizer for one exchange of the whole model; counts if a strategy
        has outer steps and no `compression_time` [s].
      notes: assumptions, for the reader of a result.
      layers: share of the parameters (and of the compute) in each layer; empty if the layers are unknown.
      forward_share: share of the forward pass in a step.
      inside_included: whether the time of a step contains its exchange of gradients inside a datacenter, as a measured
        time does.
      active_params: parameters that are active for a token; None: all.
      width: d, numbers that pass from a layer to the next for each token; None: nobody knows.
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
    outer_step_s: float = 0.0
    active_params: float | None = None
    width: float | None = None

    def __post_init__(self) -> None:
        """Checks the time of a step, the steps and the chips: each key may be in its range, and these not.

        Raises:
          InputError: one of them is out of range; the message names the keys that decide it.
        """
        longest_s, shortest_s = max(self.mean_step_s), min(self.mean_step_s)
        if not _LEAST_S <= shortest_s <= longest_s <= LATENCY.most:
            raise InputError(
                f"workload: a step computes for {shortest_s:.3g} to {longest_s:.3g} s; make that {_LEAST_S:g} to "
                f"{LATENCY.most:g} s: change params (active_params), batch_tokens, chips or the chips' speed"
            )
        if self.steps > MOST_STEPS:
            raise InputError(
                f"workload: a run of {float(self.steps):.3g} steps; make it {MOST_STEPS:g} at most: train on fewer "
                "tokens, or in larger batches (batch_tokens)"
            )
        if self.chips > MOST_CHIPS:
            raise InputError(
                f"workload: {float(self.chips):.3g} chips; make it {MOST_CHIPS:g} at most: give chips, more "
                "tokens_per_chip, or a smaller batch (batch_tokens)"
            )

    @property
    def chips(self) -> int:
        """R, chips of all workers together."""
        return self.deal.chips

    def scaled(
        self, *, params: float = 1.0, batch: float = 1.0, chips: float = 1.0, chip_speed: float = 1.0, bits: float = 1.0
    ) -> Load:
        """The load with some numbers scaled; the shares and the steps stay.

        The time of a step is multiplied by params x batch / (chips x chip_speed), the payload of an exchange by params
        x bits. Chips need not be whole, and recorded times are scaled, too.

        Args:
          params: factor of N.
          batch: factor of B.
          chips: factor of the chips of every worker.
          chip_speed: factor of their speed.
          bits: factor of the bits per exchanged parameter.
        """
        seconds, carried = params * batch / (chips * chip_speed), params * bits
        compute_s = self.compute_s
        return replace(
            self,
            params=self.params * params,
            batch_tokens=self.batch_tokens * batch,
            deal=replace(self.deal, worker_chips=tuple(each * chips for each in self.deal.worker_chips)),
            gradient_bytes=self.gradient_bytes * carried,
            outer_bytes=self.outer_bytes * carried,
            mean_step_s=tuple(each_s * seconds for each_s in self.mean_step_s),
            compute_s=lambda worker, first, count: compute_s(worker, first, count) * seconds,
        )


def rounded_up(chips: float, split: int) -> int:
    """A number of chips, rounded up to a multiple of `split`; at least `split`."""
    return split * max(1, math.ceil(chips / split * (1 - 1e-12)))
