"""Links that vary and fail at random: one history each, drawn from a stated process by a seed.

A history is points of a schedule or outages, as somebody might have written them, so replays stay exact and the same
seed gives the same bytes. A band over histories is a sweep over seeds.
"""

from __future__ import annotations

import math
import random
from typing import Literal, Self

from pydantic import Field, model_validator

from ..documents.validation import Frozen
from ..errors import InputError
from ..units.quantities import BANDWIDTH, Bandwidth, Duration


class RandomBandwidth(Frozen):
    """Bandwidth that changes at fixed intervals: log-normal, each value correlated with the one before.

    log x_k is normal with variance ln(1 + spread^2), centred so that x has the mean asked for; it is a first-order
    autoregression, so neighbours have the correlation asked for in their logarithms.
    """

    mean_bits_per_s: Bandwidth = Field(alias="mean", examples=["8 Gbit/s"])
    """Mean of the process, of which a history is one sample [bit/s]."""
    spread: float = Field(gt=0, le=10, strict=True, examples=[0.3])
    """Standard deviation over mean [-]."""
    every_s: Duration = Field(alias="every", examples=["10 min"])
    """Time between two changes [s]."""
    correlation: float = Field(default=0.0, ge=0, lt=1, strict=True, examples=[0.9])
    """Correlation of the logarithms of neighbouring values [-]; 0: independent ones."""
    changes: int = Field(default=1_000, gt=1, le=100_000, examples=[1_000])
    """Values that are drawn; then the history begins again, unless the schedule says after how long."""
    seed: int = Field(default=0, ge=0, le=2**63, examples=[1])
    """Decides the history; links with the same seed and process have the same."""

    def drawn(self) -> list[tuple[float, float]]:
        """The history: when each value begins [s], and the value [bit/s].

        Raises:
          InputError: a value is out of the range of bandwidths.
        """
        draw = random.Random(f"bandwidth {self.seed}")
        variance = math.log1p(self.spread**2)
        deviation, centre = math.sqrt(variance), math.log(self.mean_bits_per_s) - variance / 2
        fresh = math.sqrt(1 - self.correlation**2)
        values, state = [], draw.gauss(0, 1)
        for number in range(self.changes):
            value = math.exp(centre + deviation * state)
            if not BANDWIDTH.accepts(value):
                raise InputError(f"random: a value of {value:.3g} bit/s is drawn; write a smaller spread")
            values.append((number * self.every_s, value))
            state = self.correlation * state + fresh * draw.gauss(0, 1)
        return values


class RandomOutages(Frozen):
    """Outages at random: exponential times between them, and a repair after each."""

    mtbf_s: Duration = Field(alias="mtbf", examples=["30 days"])
    """Mean time from the end of an outage to the next one [s]."""
    repair_s: Duration = Field(alias="repair", examples=["2 h"])
    """Mean time until the link works again [s]."""
    repair_spread: Literal["fixed", "exponential"] = "fixed"
    """Whether every repair takes that time, or it is drawn."""
    until_s: Duration = Field(alias="until", examples=["180 days"])
    """No outage begins after this time of the run [s]."""
    seed: int = Field(default=0, ge=0, le=2**63, examples=[1])
    """Decides the history; links with the same seed and process have the same."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.until_s > _MOST_OUTAGES * self.mtbf_s:
            raise InputError(
                f"outages: some {self.until_s / self.mtbf_s:,.0f} outages until then; write at most {_MOST_OUTAGES:,} "
                "times mtbf for until"
            )
        return self

    def drawn(self) -> list[tuple[float, float]]:
        """The history: the begin and the duration of each outage [s]."""
        draw = random.Random(f"outages {self.seed}")
        outages, now_s = [], draw.expovariate(1 / self.mtbf_s)
        while now_s <= self.until_s:
            fixed = self.repair_spread == "fixed"
            repair_s = self.repair_s if fixed else draw.expovariate(1 / self.repair_s)
            outages.append((now_s, repair_s))
            now_s += repair_s + draw.expovariate(1 / self.mtbf_s)
        return outages


_MOST_OUTAGES = 10_000
