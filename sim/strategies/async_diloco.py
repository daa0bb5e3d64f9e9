"""Asynchronous DiLoCo: each replica exchanges with a server at its own pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Merge, Op, Start, Wait
from ..errors import InputError
from ..network.closed_forms import one_way_s
from ..own_pace import Pace, deal_steps, rounds_by_speed
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, gradients_across, of_one_replica, outer_step
from .shared.outer_steps import OuterStepStrategy
from .shared.schedule import Schedule, count_rounds
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import inner_steps, spanning_steps

Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]


class AsyncDiLoCo(OuterStepStrategy):
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
    local_steps: Literal["even", "by-speed"] | tuple[Steps, ...] = Field(default="even", examples=[[30, 20]])
    """Inner steps of a round.

    H of every replica; or by its speed v, floor(H v / max v) but 1 at least (DyLU); or a list, a number for each
    replica in the order of their datacenters, whose largest is H.
    """
    server: int = Field(default=0, ge=0, le=MOST_SITES, examples=[0])
    """The replica (from 0) in whose datacenter the server is."""
    name: ClassVar[str] = "Async DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2401.09135", "2311.08105")

    @model_validator(mode="before")
    @classmethod
    def _longest_round(cls, document: Any) -> Any:
        """With a list H is its largest number, unless it is given."""
        rounds = document.get("local_steps") if isinstance(document, dict) else None
        if isinstance(rounds, list | tuple) and rounds and all(type(each) is int for each in rounds):
            return {"sync_every": max(rounds)} | document
        return document

    @model_validator(mode="after")
    def _rounds_of_each(self) -> Self:
        if isinstance(self.local_steps, str):
            return self
        if len(self.local_steps) != self.replicas:
            raise InputError(
                f"local_steps: got {len(self.local_steps)} numbers, and there are {self.replicas} replicas; write one "
                "for each, in the order of their datacenters"
            )
        if max(self.local_steps) != self.sync_every:
            raise InputError(
                f"sync_every: got {self.sync_every}, and the longest round of local_steps has {max(self.local_steps)} "
                "steps; leave sync_every out, or change the list"
            )
        return self

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
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"}
        own |= {"by-speed": ""} if self.local_steps == "by-speed" else {}
        own |= {} if isinstance(self.local_steps, str) else {"H": "/".join(map(str, self.local_steps))}
        own |= {"server": f"{self.server}"} if self.server else {}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """Replicas never exchange with each other; a single one behaves as in DiLoCo."""
        return Meetings() if self.spans else Meetings(of_all=False, own_pace=True, opens=False)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas; a list says nothing of who is left."""
        if isinstance(self.local_steps, tuple) and replicas != self.replicas:
            raise InputError(
                "local_steps: a list does not say which replicas are left when some are away; write by-speed or even"
            )
        return self.replaced(replicas=replicas)

    def schedule(self, setting: Setting) -> Schedule:
        """Shares M T inner steps among the replicas by their pace."""
        steps, rounds = None, self.steps_of_rounds(setting)
        if not self.spans:
            paces = tuple(self._pace(each, setting, rounds[each]) for each in setting.everyone)
            steps = deal_steps(paces, setting.workers * setting.load.steps)
        return Schedule.among_all(
            setting, self.sync_every, closing=self.closing_exchange, steps=steps, own_every=rounds
        )

    def steps_of_rounds(self, setting: Setting) -> tuple[int, ...]:
        """Inner steps of each replica between two exchanges; a single one has the same in all its datacenters."""
        if self.spans or self.local_steps == "even":
            return (self.sync_every,) * setting.workers
        if not isinstance(self.local_steps, str):
            return self.local_steps
        return rounds_by_speed(tuple(self._step_s(each, setting) for each in setting.everyone), self.sync_every)

    def _step_s(self, worker: int, setting: Setting) -> float:
        """Time of an inner step of a replica, with what it waits for inside its datacenter [s]."""
        return setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker)

    def _pace(self, worker: int, setting: Setting, every: int) -> Pace:
        """The pace of a replica with rounds of so many steps, if no other uses the server."""
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
        return Pace(self._step_s(worker, setting), sync_s, every, self.closing_exchange)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats the inner steps of a round, a push, a merge and a pull."""
        size_bytes, server, merge = self.outer_bytes(setting), self.worker_of(self.server), Merge(setting.everyone)
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
        if self.spans:
            steps, outer_bytes = setting.load.steps, self.outer_bytes(setting)
            gradients_s = setting.sending_s(setting.load.gradient_bytes) * steps
            return gradients_s + setting.sending_s(outer_bytes) * self.outer_steps(steps)
        server, bits = self.worker_of(self.server), 8 * self.outer_bytes(setting)
        schedule = self.schedule(setting)
        return max(
            count_rounds(steps, schedule.every_of(worker), closing=self.closing_exchange)
            * sum(bits / setting.route(*ends).bandwidth_bits_per_s for ends in ((worker, server), (server, worker)))
            for worker, steps in enumerate(schedule.steps)
            if worker != server
        )
