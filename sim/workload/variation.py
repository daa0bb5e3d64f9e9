"""Steps that take longer and shorter at random: drawn once for each worker from a stated distribution, by a seed.

The drawn times are replayed like recorded ones, so the same seed gives the same bytes, and a band over draws is a sweep
over seeds.
"""

from __future__ import annotations

import math
import random
from array import array
from functools import lru_cache
from itertools import accumulate
from typing import Literal, Self

from pydantic import Field, model_validator

from ..documents.validation import Frozen
from ..errors import InputError
from ..trace.series import Series

Distribution = Literal["log-normal", "gamma"]


class Stragglers(Frozen):
    """Single steps that take many times as long as they would."""

    share: float = Field(gt=0, lt=1, strict=True, examples=[0.001])
    """Share of the steps of a worker that are slow, each by itself [-]."""
    times: float = Field(gt=1, le=1e6, strict=True, examples=[10])
    """How many times as long a slow step takes [-]."""


class Variation(Frozen):
    """How the times of steps vary around those that the workload says, for each worker (all chips of it together)."""

    spread: float = Field(default=0.0, ge=0, le=10, strict=True, examples=[0.05])
    """Standard deviation of the time of a step over its mean, which stays as the workload says [-]."""
    distribution: Distribution = "log-normal"
    """Of the times; `gamma` with a spread of 1 is the exponential distribution."""
    stragglers: Stragglers | None = Field(default=None, examples=["{share: 0.001, times: 10}"])
    """Steps that are slow in addition, which make the mean longer; null: none."""
    steps: int = Field(default=1_000, gt=1, le=100_000, strict=True, examples=[1_000])
    """Steps that are drawn for each worker; then its times begin again."""
    seed: int = Field(default=0, ge=0, le=2**63, strict=True, examples=[1])
    """Decides the times; each worker has its own."""

    @model_validator(mode="after")
    def _varies(self) -> Self:
        if not self.spread and self.stragglers is None:
            raise InputError("variation: nothing varies; write spread: 0.05, or stragglers: {share: 0.001, times: 10}")
        if not self.spread and self.distribution != "log-normal":
            raise InputError("variation: a distribution without a spread has no effect; write spread: 0.05, too")
        return self

    def series(self, worker: int) -> Series:
        """The times of a worker's steps, as multiples of the one that the workload says."""
        slow = (self.stragglers.share, self.stragglers.times) if self.stragglers else None
        return _drawn(self.spread, self.distribution, slow, self.steps, self.seed, worker)

    def note(self) -> str:
        """What is assumed, for the reader of a result."""
        told = [f"{self.distribution}, standard deviation {self.spread:.3g} of the mean"] if self.spread else []
        if self.stragglers:
            told.append(f"{self.stragglers.share:.3g} of them {self.stragglers.times:g} times as long")
        return (
            f"steps vary at random: {'; '.join(told)}; {self.steps:,} are drawn for each worker with seed {self.seed}, "
            "and repeat over the run"
        )


@lru_cache(maxsize=64)
def _drawn(
    spread: float, distribution: Distribution, slow: tuple[float, float] | None, steps: int, seed: int, worker: int
) -> Series:
    draw = random.Random(f"steps {seed} of {worker}")
    times = [1.0] * steps
    if spread:
        deviation, shape = math.sqrt(math.log1p(spread**2)), 1 / spread**2
        gamma = distribution == "gamma"
        times = [draw.gammavariate(shape, spread**2) if gamma else draw.lognormvariate(0, deviation) for _ in times]
        mean = math.fsum(times) / steps
        times = [each / mean for each in times]
    if slow:
        share, longer = slow
        times = [each * (longer if draw.random() < share else 1.0) for each in times]
    return Series(array("d", accumulate(times, initial=0.0)))
