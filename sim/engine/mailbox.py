"""A join through a mailbox: each member leaves its payload in a store, and later fetches those of the others.

A member begins to upload when it comes, and waits for nobody to do so. The *window* of the exchange closes when enough
uploads have arrived (all, unless a smaller number is given), or when its deadline is over: so long after the first
member came. What has arrived by then counts; a member whose upload comes later is left out, though it fetches what the
others left, and goes on with it. A member that has not even come yet has nothing to upload any more.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import simpy

from .joins import Exchange, Meeting
from .ops import STORE, Collective
from .traffic import Traffic

_BATCH = "mailbox"
"""Uploads and downloads wait for no others: they share the links."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Members exchange through a store.

    Attributes:
      most: payloads after which the window closes; None: those of all members.
      deadline_s: how long after the first member came it closes in any case [s].
    """

    most: int | None = None
    deadline_s: float = math.inf

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one collective comes together."""
        return _Window(traffic, collective, self)


class _Window(Meeting):
    """One exchange through a store."""

    def __init__(self, traffic: Traffic, collective: Collective, mailbox: Mailbox) -> None:
        self.traffic, self.collective = traffic, collective
        self.joined, self.left = [], 0
        self._most = mailbox.most or len(collective.members)
        self._deadline_s = mailbox.deadline_s
        self._own: dict[int, Exchange] = {}
        self._there: list[int] = []
        """Whose uploads count, in the order in which they arrived."""
        self._closed = traffic.env.event()
        self._last_s = 0.0
        """When the last member came before the window closed [s]."""

    def enter(self, worker: int) -> None:
        now_s, late = float(self.traffic.env.now), self._closed.triggered
        own = Exchange(self.traffic.env.event(), [worker] if late else self.joined, sites=2)
        self._own[worker] = own
        own.shown = self.traffic.show(self.collective, (worker,))
        self.traffic.under_way((worker,), 1)
        if late:
            own.begin_s = now_s
            self.traffic.tallies[worker].late += 1
        else:
            if not self.joined and self._deadline_s < math.inf:
                self.traffic.after(self.traffic.env.timeout(self._deadline_s), lambda _: self._close())
            self._last_s = now_s
            self.joined.append(worker)
        self.traffic.env.process(self._visit(worker, own, uploads=not late))

    def exchange_of(self, worker: int) -> Exchange:
        return self._own[worker]

    def _visit(self, worker: int, own: Exchange, *, uploads: bool) -> Generator[simpy.Event, object, None]:
        if uploads:
            push = self._one_way(worker, self.collective.payload_bytes, source=worker, target=STORE)
            self.traffic.hand_over(worker, push, self.traffic.carrier.crossing_bytes(push))
            yield self.traffic.transfer(push, worker)
            self._arrived(worker)
        if not self._closed.processed:
            yield self._closed
        others = len(self._there) - (worker in self._there)
        if others:
            size_bytes = others * self.collective.payload_bytes
            yield self.traffic.transfer(self._one_way(worker, size_bytes, source=STORE, target=worker), worker)
        own.over(float(self.traffic.env.now), None)
        self.traffic.under_way((worker,), -1)
        if own.done.callbacks:  # else it does not wait yet, and will see that it is over
            own.done.succeed()

    def _one_way(self, worker: int, size_bytes: float, *, source: int, target: int) -> Collective:
        return replace(
            self.collective,
            members=(worker,),
            payload_bytes=size_bytes,
            source=source,
            target=target,
            join=None,
            shape="all-gather",
            batch=_BATCH,
        )

    def _arrived(self, worker: int) -> None:
        if self._closed.triggered:
            return
        self._there.append(worker)
        if len(self._there) == self._most:
            self._close()

    def _close(self) -> None:
        """What has arrived counts; who has come begins, at the latest, with the last of those who did."""
        if self._closed.triggered:
            return
        for member in self.joined:
            self._own[member].begin_s = self._last_s
            self.traffic.tallies[member].late += member not in self._there
        self._closed.succeed()
