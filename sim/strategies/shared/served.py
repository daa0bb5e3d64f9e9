"""Strategies whose replicas never wait for each other: each exchanges with a server at its own pace."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ...engine.ops import Collective, Join, Worker
from ...network.closed_forms import one_way_s
from ...own_pace import Pace, deal_steps
from .local_steps import LocalStepsStrategy
from .schedule import Schedule, count_rounds
from .setting import Setting
from .stated import open_end


class ServedStrategy(LocalStepsStrategy, ABC):
    """A replica sends its change to its server after every round, and continues with the parameters that it gets back.

    All replicas together make as many inner steps as with the other strategies, and fast ones make more of them: steps
    are shared so that the last replica ends as early as possible, with its own path to its server.
    """

    @abstractmethod
    def server_of(self, worker: Worker, setting: Setting) -> Worker:
        """The worker in whose datacenter the server of a worker is."""

    def last_parameters(self) -> dict[str, str]:
        """The payload, and a run without its closing exchange, for `parameters`."""
        return self.payload_parameters() | open_end(self.closing_exchange)

    def schedule(self, setting: Setting) -> Schedule:
        """Shares M T inner steps among the replicas by their pace."""
        steps, rounds = None, self.steps_of_rounds(setting)
        if not self.spans:
            paces = tuple(self._pace(each, setting, rounds[each]) for each in setting.everyone)
            steps = deal_steps(paces, setting.workers * setting.load.steps)
        return Schedule.among_all(
            setting, self.sync_every, closing=self.closing_exchange, steps=steps, own_every=rounds
        )

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
        return Pace(self.own_step_s(worker, setting), sync_s, every, self.closing_exchange)

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
