"""Two-level DiLoCo: parameters are averaged within regions every H steps; every K-th time an outer step is among all.

Between two outer steps the replicas of a region are averaged, as plain local SGD does, and neither theta nor the outer
momentum moves; the K-th exchange, and the last one of a run, is DiLoCo's outer step on the changes since the outer step
before. A replica sends its change, theta - theta_m, either way. With one region, or K = 1, every exchange is among all:
DiLoCo. With a region for each replica it is DiLoCo with K H steps between outer steps.

Source: after arXiv 2506.04531 (HALoS), which has momentum at both levels and waits at neither.
Limits: no momentum within a region. A last exchange that comes early ends a shorter round of K.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.defaults import ACROSS_EVERY, REGIONS
from sim.pairing import Groups, regions

from ..config.run import SYNC_EVERY, TrainConfig
from .outer.step import OuterStep, mean_step
from .outer.whole import InGroups


@dataclass(frozen=True)
class TwoLevelDiLoCo(InGroups):
    """Two-level DiLoCo with M replicas on one device."""

    def groups(self, number: int) -> Groups:
        """The regions, or all replicas after every K-th round and the last one."""
        config = self.config
        last = -(-config.steps // (config.sync_every or SYNC_EVERY)) - 1
        if number == last or (number + 1) % (config.across_every or ACROSS_EVERY) == 0:
            return (tuple(range(config.replicas)),)
        return regions(config.replicas, config.regions or REGIONS)

    def outer_step(self) -> OuterStep:
        """See `two_level_step`."""
        return two_level_step(self.config)


def two_level_step(config: TrainConfig) -> OuterStep:
    """DiLoCo's outer step among all replicas, and a mean within regions that leaves theta as it is."""
    plain = mean_step(config)
    return replace(plain, combine=lambda outer, came, kept: (came, outer.missing), grouped=True, theta_waits=True)
