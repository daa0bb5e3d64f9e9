"""Elastic DiLoCo: an outer step goes ahead when K of the M replicas are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from ..defaults import SYNC_EVERY
from ..engine.joins import Quorum
from ..engine.ops import Collective, Op
from ..errors import InputError
from ..units.quantities import MOST_SITES, MOST_STEPS, Latency
from .shared.setting import Setting
from .shared.strategy import AbstractStrategy, count_rounds, inner_steps, open_end, rounds_of


class ElasticDiLoCo(AbstractStrategy):
    """DiLoCo that does not wait for all: an outer step begins with a quorum of K replicas, after a window of grace.

    A replica that comes later hands its change to one that was there, gets the parameters from it, and goes on. Every
    replica makes all its inner steps, so a replica that is slow for good ends later than the others.

    Source: the quorum of torchft's LocalSGD and DiLoCo; arXiv 2311.08105 (the algorithm).
    Limits: replay only; what a late change does to the loss is not predicted.
    """

    kind: Literal["elastic-diloco"] = "elastic-diloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, in a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between outer steps."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without."""
    quorum: int = Field(default=3, gt=0, le=MOST_SITES, examples=[3])
    """Replicas K that an outer step needs."""
    grace_s: Latency = Field(default=0.0, alias="grace", examples=["2 s"])
    """How long the quorum still waits for the others [s]."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.quorum > self.replicas:
            raise InputError(f"quorum: got {self.quorum} of {self.replicas} replicas; write {self.replicas} or less")
        return self

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        grace = f" grace={self.grace_s:g}s" if self.grace_s else ""
        return (
            f"Elastic DiLoCo M={self.replicas} K={self.quorum} H={self.sync_every}{grace}{self.payload_label()}"
            + open_end(self.closing_exchange)
        )

    @property
    def replica_count(self) -> int:
        """Replicas M."""
        return self.replicas

    @property
    def steps_per_sync(self) -> int:
        """An outer step after so many inner ones."""
        return self.sync_every

    @property
    def drains(self) -> bool:
        """With K = M all meet; else somebody may be late."""
        return self.quorum == self.replicas

    def workers(self, datacenters: int) -> int:
        """A datacenter for each replica."""
        return self.replicas

    def outer_steps(self, steps: int) -> int:
        """T/H, rounded up where the last, shorter round is exchanged as well."""
        return count_rounds(steps, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """H inner steps, an outer exchange with whoever is there, and so on."""
        steps, size_bytes = setting.load.steps, self.outer_bytes(setting)
        join = Quorum(self.quorum, self.grace_s) if self.quorum < self.replicas else None
        for index, first, end, exchanged in rounds_of(steps, self.sync_every, closing=self.closing_exchange):
            yield from inner_steps(worker, setting, first, end - first)
            if exchanged:
                outer = Collective("outer", index, setting.everyone, size_bytes, join=join)
                yield from self.exchange(setting, outer)

    def ideal_s(self, setting: Setting) -> float | None:
        """That of DiLoCo where the whole group meets at every outer step; else None [s]."""
        inner_s = [setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker) for worker in setting.everyone]
        if self.quorum < self.replicas and min(inner_s) < max(inner_s):
            return None
        outer_s = setting.across_s(self.outer_bytes(setting)) + self.packing_s(setting)
        return (max(inner_s) + outer_s / self.sync_every) * setting.load.steps

    def link_s(self, setting: Setting) -> float:
        """0: how many take part in an exchange is not known beforehand [s]."""
        return 0.0
