"""Asynchronous DiLoCo: each replica exchanges with a server at its own pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Merge, Op, Start, Wait, Worker
from ..errors import InputError
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, gradients_across, of_one_replica, outer_step
from .shared.schedule import Schedule
from .shared.served import ServedStrategy
from .shared.setting import Setting
from .shared.stated import Meetings
from .shared.steps import inner_steps, spanning_steps


class AsyncDiLoCo(ServedStrategy):
    """Asynchronous DiLoCo: a replica sends its change to a server, and continues with the parameters that it gets back.

    Replicas never wait for each other. All replicas together make as many inner steps as with the other strategies, and
    fast replicas make more of them: steps are shared so that the last replica ends as early as possible, with its own
    path to the server. The server is in the datacenter of one replica, and merges a change when it arrives; *staleness*
    is the number of changes of others that it merged since the replica last fetched the parameters. With rounds by
    speed (DyLU, dynamic local updates) a slower replica makes fewer steps between two exchanges, so that the rounds of
    all take about as long: no change is much staler than another, while the mean stays M - 1.

    Source: arXiv 2401.09135 (asynchronous local SGD, DyLU), 2311.08105 (DiLoCo).
    Limits: replay only; the effect of staleness on the loss is not predicted. A single replica is DiLoCo with M = 1.
    """

    kind: Literal["async-diloco"] = "async-diloco"
    replicas: int = Field(default=REPLICAS, gt=0, le=MOST_SITES, examples=[2])
    """Replicas M; two or more have a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges of a replica with the server."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    server: int = Field(default=0, ge=0, le=MOST_SITES, examples=[0])
    """The replica (from 0) in whose datacenter the server is."""
    name: ClassVar[str] = "Async DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2401.09135", "2311.08105")

    @model_validator(mode="after")
    def _server_is_a_replica(self) -> Self:
        if self.server >= self.replicas:
            raise InputError(
                f"server: got {self.server}, and the replicas are 0 to {self.replicas - 1}; write one of them"
            )
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, whether rounds go by speed, the server, and the payload."""
        own = {"M": f"{self.replicas}"} | self.rounds_in_words()
        own |= {"server": f"{self.server}"} if self.server else {}
        return own | self.last_parameters()

    @property
    def meetings(self) -> Meetings:
        """Replicas never exchange with each other; a single one behaves as in DiLoCo."""
        return Meetings() if self.spans else Meetings(of_all=False, own_pace=True, opens=False)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas; a list says nothing of who is left."""
        self.check_fewer(replicas)
        return self.replaced(replicas=replicas)

    def server_of(self, worker: Worker, setting: Setting) -> Worker:
        """The same for all."""
        return self.worker_of(self.server)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats the inner steps of a round, a push, a merge and a pull."""
        size_bytes, merge = self.outer_bytes(setting), Merge(setting.everyone)
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
            push, pull = self.push_and_pull(worker, each.number, setting)
            yield from self.exchange(setting, push)
            yield merge
            yield from (Start(pull), Wait(pull))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """For a single replica that of DiLoCo; else None, as it depends on which replicas meet at the server."""
        if not self.spans:
            return None
        size_bytes = setting.load.gradient_bytes
        gradients = gradients_across(setting, size_bytes, setting.spanning_exposed_s(size_bytes))
        outer = outer_step(setting, self.outer_bytes(setting))
        return of_one_replica(setting, self.sync_every, gradients, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """The pushes and pulls of the replica whose path is busy for longest: 2 S/W x exchanges [s].

        A single replica: (2Nb/W1)(1 - 1/R) x (steps and outer steps).
        """
        if not self.spans:
            return self.served_s(setting)
        steps, outer_bytes = setting.load.steps, self.outer_bytes(setting)
        gradients_s = setting.sending_s(setting.load.gradient_bytes) * steps
        return gradients_s + setting.sending_s(outer_bytes) * self.outer_steps(steps)
