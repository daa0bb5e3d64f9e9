"""Asynchronous DiLoCo: replicas at their own pace, through a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Merge, Op, Start, Wait
from ..errors import InputError
from ..network.closed_forms import one_way_s
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.own_pace import Pace, deal_steps
from .shared.setting import Setting
from .shared.strategy import AbstractStrategy, count_rounds, inner_steps, open_end, rounds_of, spanning_steps


class AsyncDiLoCo(AbstractStrategy):
    """Asynchronous DiLoCo: a replica sends its change to a server when it has one, and goes on from what it gets back.

    Nobody waits for anybody. The inner steps of all replicas together are those of the other strategies, and a fast
    one makes more of them: steps are dealt so that the last replica to end, each by its own way to the server, ends as
    soon as can be. The server stands in the datacenter
    of one of them, and merges a change when it has come; *staleness* is how many changes of others it merged since
    the replica last fetched the parameters.

    Source: arXiv 2401.09135 (asynchronous local SGD), 2311.08105 (DiLoCo).
    Limits: replay only; what staleness does to the loss is not predicted. A single replica has nobody to run ahead
      of, and is DiLoCo with M = 1.
    """

    kind: Literal["async-diloco"] = "async-diloco"
    replicas: int = Field(default=REPLICAS, gt=0, le=MOST_SITES, examples=[2])
    """Replicas M; two or more take a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between a replica's exchanges with the server."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without."""
    server: int = Field(default=0, ge=0, le=MOST_SITES, examples=[0])
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
        return f"Async DiLoCo M={self.replicas} H={self.sync_every}{server}{self.payload_label()}" + open_end(
            self.closing_exchange
        )

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
        """T/H, rounded up (down without the closing exchange): merges of a replica that makes T steps."""
        return count_rounds(steps, self.sync_every, closing=self.closing_exchange)

    def worker_steps(self, worker: int, setting: Setting) -> int:
        """Inner steps of a replica: of M T in all, those that it would finish before others could."""
        if self.replicas == 1:
            return setting.load.steps
        paces = tuple(self._pace(each, setting) for each in setting.everyone)
        return deal_steps(paces, setting.workers * setting.load.steps)[worker]

    def _pace(self, worker: int, setting: Setting) -> Pace:
        """How fast a replica is with nobody else at the server."""
        size_bytes = self.outer_bytes(setting)
        sync_s = self.packing_s(setting)
        if worker == self.server:
            sync_s += 2 * setting.scatter_s(worker, size_bytes)
        else:
            sync_s += one_way_s(size_bytes, *setting.route(worker, self.server)[:3])
            sync_s += one_way_s(size_bytes, *setting.route(self.server, worker)[:3])
            if setting.parts_inside:
                sync_s += 2 * setting.scatter_s(worker, size_bytes)
        step_s = setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker)
        return Pace(step_s, sync_s, self.sync_every, self.closing_exchange)

    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """H inner steps, a push, a merge, a pull, and so on."""
        if self.replicas == 1:
            yield from self._spanning(worker, setting)
            return
        steps, size_bytes = self.worker_steps(worker, setting), self.outer_bytes(setting)
        for index, first, end, exchanged in rounds_of(steps, self.sync_every, closing=self.closing_exchange):
            yield from inner_steps(worker, setting, first, end - first)
            if not exchanged:
                return
            push = Collective("push", index, (worker,), size_bytes, source=worker, target=self.server)
            pull = Collective("pull", index, (worker,), size_bytes, source=self.server, target=worker)
            yield from self.start(setting, push)
            yield Wait(push)
            yield Merge(setting.everyone)
            yield from (Start(pull), Wait(pull))

    def _spanning(self, worker: int, setting: Setting) -> Iterator[Op]:
        """A single replica over all datacenters."""
        steps, size_bytes = setting.load.steps, self.outer_bytes(setting)
        for index, first, end, exchanged in rounds_of(steps, self.sync_every, closing=self.closing_exchange):
            yield from spanning_steps(worker, setting, first, end - first)
            if exchanged:
                yield from self.exchange(setting, Collective("outer", index, setting.everyone, size_bytes))

    def ideal_s(self, setting: Setting) -> float | None:
        """That of DiLoCo for a single replica; else None: it depends on who meets whom at the server."""
        if self.replicas > 1:
            return None
        load = setting.load
        step_s = max(load.mean_step_s) + setting.spanning_exposed_s(load.gradient_bytes)
        outer_s = setting.across_s(self.outer_bytes(setting)) + self.packing_s(setting)
        return (step_s + outer_s / self.sync_every) * load.steps

    def link_s(self, setting: Setting) -> float:
        """The pushes and pulls of the replica whose own way is busy for longest: 2 S/W x exchanges [s].

        A single replica: (2Nb/W1)(1 - 1/R) x (steps and outer steps).
        """
        if self.replicas == 1:
            steps, outer_bytes = setting.load.steps, self.outer_bytes(setting)
            gradients_s = setting.sending_s(setting.load.gradient_bytes) * steps
            return gradients_s + setting.sending_s(outer_bytes) * self.outer_steps(steps)
        others = (worker for worker in setting.everyone if worker != self.server)
        bits = 8 * self.outer_bytes(setting)
        return max(
            self.outer_steps(self.worker_steps(worker, setting))
            * sum(
                bits / setting.route(*ends).bandwidth_bits_per_s
                for ends in ((worker, self.server), (self.server, worker))
            )
            for worker in others
        )
