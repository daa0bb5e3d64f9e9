"""Asynchronous DiLoCo: replicas at their own pace, through a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Merge, Op, Start, Wait
from ..errors import InputError
from ..network.closed_forms import one_way_s
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, gradients_across, of_one_replica, outer_step
from .shared.outer_steps import OuterStepStrategy
from .shared.own_pace import Pace, deal_steps
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import inner_steps, spanning_steps


class AsyncDiLoCo(OuterStepStrategy):
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
    name: ClassVar[str] = "Async DiLoCo"

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.server >= self.replicas:
            raise InputError(
                f"server: got {self.server}; there are replicas 0 to {self.replicas - 1}; write one of them"
            )
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, where the server is, and the payload."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"}
        own |= {"server": f"{self.server}"} if self.server else {}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """Replicas never meet; a single one does what DiLoCo does."""
        return Meetings() if self.spans else Meetings(of_all=False, own_pace=True)

    def schedule(self, setting: Setting) -> Schedule:
        """Inner steps of each replica: of M T in all, those that it would finish before others could."""
        steps = None
        if not self.spans:
            paces = tuple(self._pace(each, setting) for each in setting.everyone)
            steps = deal_steps(paces, setting.workers * setting.load.steps)
        return Schedule.among_all(setting, self.sync_every, closing=self.closing_exchange, steps=steps)

    def _pace(self, worker: int, setting: Setting) -> Pace:
        """How fast a replica is with nobody else at the server."""
        size_bytes = self.outer_bytes(setting)
        sync_s = self.packing_s(setting)
        server = self.worker_of(self.server)
        if worker == server:
            sync_s += 2 * setting.scatter_s(worker, size_bytes)
        else:
            sync_s += one_way_s(size_bytes, *setting.route(worker, server)[:3])
            sync_s += one_way_s(size_bytes, *setting.route(server, worker)[:3])
            if setting.parts_inside:
                sync_s += 2 * setting.scatter_s(worker, size_bytes)
        step_s = setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker)
        return Pace(step_s, sync_s, self.sync_every, self.closing_exchange)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """H inner steps, a push, a merge, a pull, and so on."""
        size_bytes, server = self.outer_bytes(setting), self.worker_of(self.server)
        for each in schedule.rounds(worker):
            if self.spans:
                yield from spanning_steps(worker, setting, each.first, each.end - each.first)
            else:
                yield from inner_steps(worker, setting, each.first, each.end - each.first)
            if not each.members:
                return
            if self.spans:
                yield from self.exchange(setting, Collective("outer", each.number, each.members, size_bytes))
                continue
            push = Collective("push", each.number, (worker,), size_bytes, source=worker, target=server)
            pull = Collective("pull", each.number, (worker,), size_bytes, source=server, target=worker)
            yield from self.exchange(setting, push)
            yield Merge(setting.everyone)
            yield from (Start(pull), Wait(pull))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """That of DiLoCo for a single replica; else None: it depends on who meets whom at the server."""
        if not self.spans:
            return None
        size_bytes = setting.load.gradient_bytes
        gradients = gradients_across(setting, size_bytes, setting.spanning_exposed_s(size_bytes))
        outer = outer_step(setting, self.outer_bytes(setting))
        return of_one_replica(setting, self.sync_every, gradients, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """The pushes and pulls of the replica whose own way is busy for longest: 2 S/W x exchanges [s].

        A single replica: (2Nb/W1)(1 - 1/R) x (steps and outer steps).
        """
        if self.spans:
            steps, outer_bytes = setting.load.steps, self.outer_bytes(setting)
            gradients_s = setting.sending_s(setting.load.gradient_bytes) * steps
            return gradients_s + setting.sending_s(outer_bytes) * self.outer_steps(steps)
        server, bits = self.worker_of(self.server), 8 * self.outer_bytes(setting)
        return max(
            self.outer_steps(steps)
            * sum(bits / setting.route(*ends).bandwidth_bits_per_s for ends in ((worker, server), (server, worker)))
            for worker, steps in enumerate(self.schedule(setting).steps)
            if worker != server
        )
