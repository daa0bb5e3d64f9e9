"""Decoupled DiLoCo: learners hand in fragments at their own pace; a syncer merges those of whoever is there.

The syncer has theta and the outer momentum. A merge of fragment p, of the learners S that are in it, is

    theta <- SGD(theta, sum_S w_m (theta - theta_m) / sum_S w_m);  w_m: tokens of m since it last took p over

and every learner takes theta over, whether it is in the merge or not: theta_m <- a theta_m + (1 - a) theta, with a = 0
by default; so a learner that was left out loses what it did to p since. After its last step a learner hands in all
fragments. Each has its learning-rate schedule, and weight decay, over the steps that it makes itself. When what happens
is in `outer/own_paces.py`. With learners that are alike and one fragment it is DiLoCo for tau = 0, and with P fragments
Streaming DiLoCo.

Source: arXiv 2604.21428 (merges with a quorum and grace, weights by tokens, fragments overwritten as they come).
Limits: all learners share a device, and take turns. A merge reads what its members are when it begins, and takes no
time. Means are of numbers (no radial-directional averaging), fragments of whole layers. The grace is all of tau steps
(margin 1). Learners do not fail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from jax.sharding import Mesh

from ..config.run import SYNC_EVERY, TrainConfig
from .outer.fragments import Fragment, fragments_of
from .outer.own_paces import MergeSchedule
from .outer.programs import OuterPrograms, compile_outer
from .outer.step import mean_step, rounded


@dataclass(frozen=True)
class DecoupledDiLoCo:
    """Decoupled DiLoCo with M learners on one device."""

    config: TrainConfig

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments, in the order of their exchanges."""
        return fragments_of(self.config.model.layers, self.config.fragments or 1, self.config.pattern)

    @property
    def schedule(self) -> MergeSchedule:
        """The merges, by the paces of the learners."""
        config = self.config
        return MergeSchedule(
            config.steps,
            config.sync_every or SYNC_EVERY,
            tuple(Fraction(repr(pace)) for pace in config.paces or (1.0,) * config.replicas),
            config.fragments or 1,
            config.overlap_steps,
            config.quorum or 1,
            config.local_share,
        )

    def compile_outer(self, mesh: Mesh) -> tuple[OuterPrograms, ...]:
        """Compiles merge and take of each fragment for the whole mesh."""
        coding = replace(rounded(self.config.exchange_bits), gathers=False)
        step = replace(mean_step(self.config, coding), merged=True)
        return tuple(compile_outer(self.config, mesh, fragment, step) for fragment in self.fragments)
