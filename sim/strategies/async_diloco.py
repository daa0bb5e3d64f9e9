"""Asynchronous DiLoCo: replicas at their own pace, through a server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from ..collectives import ideal_scatter_s, one_way_s
from ..defaults import REPLICAS, SYNC_EVERY
from ..errors import InputError
from ..ops import Collective, Merge, Op, Start, Wait
from .base import AbstractStrategy, Setting, inner_steps, spanning_steps


class AsyncDiLoCo(AbstractStrategy):
    """Asynchronous DiLoCo: a replica sends its change to a server when it has one, and goes on from what it gets back.

    Nobody waits for anybody. The inner steps of all replicas together are those of the other strategies, and a fast
    one makes more of them: steps are dealt in proportion to the pace of a round. The server stands in the datacenter
    of one of them, and merges a change when it has come; *staleness* is how many changes of others it merged since
    the replica last fetched the parameters.

    Source: arXiv 2401.09135 (asynchronous local SGD), 2311.08105 (DiLoCo).
    Limits: replay only; what staleness does to the loss is not predicted. A single replica has nobody to run ahead
      of, and is DiLoCo with M = 1.
    """

    kind: Literal["async-diloco"] = "async-diloco"
    replicas: int = Field(default=REPLICAS, gt=0, examples=[2])
    """Replicas M; two or more take a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, examples=[30])
    """Inner steps H between a replica's exchanges with the server."""
    server: int = Field(default=0, ge=0, examples=[0])
    """The replica (from 0) in whose datacenter the server stands."""

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.server >= self.replicas:
            raise InputError(
                f"server: got {self.server}; there are replicas 0 to {self.replicas - 1}; write one of them"
            )
        return self

    @property
    def label(self) -> str:
        """The strategy with its parameters, for people."""
        server = f" server={self.server}" if self.server else ""
        return f"Async DiLoCo M={self.replicas} H={self.sync_every}{server}{self.payload_label()}"

    @property
    def replica_count(self) -> int:
        """Replicas M."""
        return self.replicas

    @property
    def steps_per_sync(self) -> int:
        """A replica meets the server after so many steps."""
        return self.sync_every

    @property
    def drains(self) -> bool:
        """Replicas never meet; a single one does what DiLoCo does."""
        return self.replicas == 1

    @property
    def repeats(self) -> bool:
        """Replicas of different pace never come back to the same places."""
        return self.replicas == 1

    def workers(self, datacenters: int) -> int:
        """A datacenter for each replica; all of them for a single one."""
        return self.replicas if self.replicas > 1 else datacenters

    def outer_steps(self, steps: int) -> int:
        """T/H, rounded up: merges of a replica of mean pace."""
        return -(-steps // self.sync_every)

    def worker_steps(self, worker: int, setting: Setting) -> int:
        """Inner steps of a replica: M T, dealt in proportion to its pace, the largest remainders first."""
        load = setting.load
        if self.replicas == 1:
            return load.steps
        pace = [1 / self._round_s(each, setting) for each in setting.everyone]
        exact = [setting.workers * load.steps * each / math.fsum(pace) for each in pace]
        whole = [int(each + 1e-9) for each in exact]
        left = setting.workers * load.steps - sum(whole)
        first = sorted(range(len(exact)), key=lambda w: (whole[w] - exact[w], w))[:left]
        return whole[worker] + (worker in first)

    def _round_s(self, worker: int, setting: Setting) -> float:
        """H inner steps, a push and a pull, with nobody else at the server [s]."""
        load, size_bytes = setting.load, self.outer_bytes(setting)
        one_way = one_way_s(size_bytes, *setting.across)
        if worker == self.server:
            one_way = ideal_scatter_s(size_bytes, load.deal.worker_chips[worker], *setting.inside[worker])
        step_s = load.mean_step_s[worker] + setting.inside_s(worker)
        return self.sync_every * step_s + 2 * one_way + self.packing_s(setting)

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """H inner steps, a push, a merge, a pull, and so on."""
        if self.replicas == 1:
            yield from self._spanning(worker, setting)
            return
        steps, size_bytes = self.worker_steps(worker, setting), self.outer_bytes(setting)
        for index, first in enumerate(range(0, steps, self.sync_every)):
            yield from inner_steps(worker, setting, first, min(self.sync_every, steps - first))
            push = Collective("push", index, (worker,), size_bytes, source=worker, target=self.server)
            pull = Collective("pull", index, (worker,), size_bytes, source=self.server, target=worker)
            yield from self.start(setting, push)
            yield Wait(push)
            yield Merge(setting.everyone)
            yield from (Start(pull), Wait(pull))

    def _spanning(self, worker: int, setting: Setting) -> Iterator[Op]:
        """A single replica over all datacenters."""
        for index, first in enumerate(range(0, setting.load.steps, self.sync_every)):
            yield from spanning_steps(worker, setting, first, min(self.sync_every, setting.load.steps - first))
            yield from self.exchange(setting, Collective("outer", index, setting.everyone, self.outer_bytes(setting)))

    def ideal_s(self, setting: Setting) -> float | None:
        """That of DiLoCo for a single replica; else None: it depends on who meets whom at the server."""
        if self.replicas > 1:
            return None
        load = setting.load
        step_s = max(load.mean_step_s) + setting.across_s(load.gradient_bytes)
        outer_s = setting.across_s(self.outer_bytes(setting)) + self.packing_s(setting)
        return (step_s + outer_s / self.sync_every) * load.steps

    def link_s(self, setting: Setting) -> float:
        """The server receives (S/W1) x exchanges of all replicas elsewhere, one after the other [s].

        A single replica: (2Nb/W1)(1 - 1/R) x (steps and outer steps).
        """
        if self.replicas == 1:
            steps, outer_bytes = setting.load.steps, self.outer_bytes(setting)
            gradients_s = setting.sending_s(setting.load.gradient_bytes) * steps
            return gradients_s + setting.sending_s(outer_bytes) * self.outer_steps(steps)
        others = (worker for worker in setting.everyone if worker != self.server)
        pushes = sum(self.outer_steps(self.worker_steps(worker, setting)) for worker in others)
        return pushes * 8 * self.outer_bytes(setting) / setting.across.bandwidth_bits_per_s
