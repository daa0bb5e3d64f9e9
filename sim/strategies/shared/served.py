"""Strategies whose replicas never wait for each other: each exchanges with a server at its own pace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ...engine.ops import Collective, Join, Worker
from ...errors import InputError
from ...network.closed_forms import one_way_s
from ...own_pace import Pace, deal_steps, rounds_by_speed
from ...units.quantities import MOST_STEPS
from .outer_steps import OuterStepStrategy
from .schedule import Schedule, count_rounds
from .setting import Setting
from .stated import open_end

Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]


class ServedStrategy(OuterStepStrategy, ABC):
    """A replica sends its change to its server after every round, and continues with the parameters that it gets back.

    All replicas together make as many inner steps as with the other strategies, and fast ones make more of them: steps
    are shared so that the last replica ends as early as possible, with its own path to its server.
    """

    local_steps: Literal["even", "by-speed"] | tuple[Steps, ...] = Field(default="even", examples=[[30, 20]])
    """Inner steps of a round.

    H of every replica; or by its speed v, floor(H v / max v) but 1 at least (DyLU); or a list, a number for each
    replica in the order of their datacenters, whose largest is H.
    """

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

    @abstractmethod
    def server_of(self, worker: Worker, setting: Setting) -> Worker:
        """The worker in whose datacenter the server of a worker is."""

    def round_parameters(self) -> dict[str, str]:
        """H, and whether rounds go by speed, for `parameters`."""
        if isinstance(self.local_steps, str):
            return {"H": f"{self.sync_every}"} | ({"by-speed": ""} if self.local_steps == "by-speed" else {})
        return {"H": "/".join(map(str, self.local_steps))}

    def last_parameters(self) -> dict[str, str]:
        """The payload, and a run without its closing exchange, for `parameters`."""
        return self.payload_parameters() | open_end(self.closing_exchange)

    def check_rounds_of(self, replicas: int) -> None:
        """Refuses a list of rounds for another number of replicas: it says nothing of who is left."""
        if isinstance(self.local_steps, tuple) and replicas != self.replicas:
            raise InputError(
                "local_steps: a list does not say which replicas are left when some are away; write by-speed or even"
            )

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

    def _step_s(self, worker: Worker, setting: Setting) -> float:
        """Time of an inner step of a replica, with what it waits for inside its datacenter [s]."""
        return setting.load.mean_step_s[worker] + setting.inside_exposed_s(worker)

    def _pace(self, worker: Worker, setting: Setting, every: int) -> Pace:
        """The pace of a replica with rounds of so many steps, if no other uses the server."""
        size_bytes = self.outer_bytes(setting)
        sync_s = self.packing_s(setting)
        server = self.server_of(worker, setting)
        if worker == server:
            sync_s += 2 * setting.scatter_s(worker, size_bytes)
        else:
            sync_s += one_way_s(size_bytes, *setting.route(worker, server)[:3])
            sync_s += one_way_s(size_bytes, *setting.route(server, worker)[:3])
            if setting.parts_inside:
                sync_s += 2 * setting.scatter_s(worker, size_bytes)
        return Pace(self._step_s(worker, setting), sync_s, every, self.closing_exchange)

    def push_and_pull(
        self, worker: Worker, number: int, setting: Setting, join: Join | None = None
    ) -> tuple[Collective, Collective]:
        """A replica's change to its server after a round, and the parameters from it; `join` is that of the first."""
        size_bytes, server = self.outer_bytes(setting), self.server_of(worker, setting)
        push = Collective("push", number, (worker,), size_bytes, source=worker, target=server, join=join)
        pull = Collective("pull", number, (worker,), size_bytes, source=server, target=worker)
        return push, pull

    def served_s(self, setting: Setting) -> float:
        """The pushes and pulls of the replica whose path is busy for longest: 2 S/W x exchanges [s]."""
        bits, schedule = 8 * self.outer_bytes(setting), self.schedule(setting)
        servers = {worker: self.server_of(worker, setting) for worker in setting.everyone}
        busy_s = (
            count_rounds(steps, schedule.every_of(worker), closing=self.closing_exchange)
            * sum(bits / setting.route(*ends).bandwidth_bits_per_s for ends in ((worker, server), (server, worker)))
            for (worker, server), steps in zip(servers.items(), schedule.steps, strict=True)
            if worker != server
        )
        return max(busy_s, default=0.0)
