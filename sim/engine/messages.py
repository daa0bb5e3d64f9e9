"""A join of two: a message that leaves when its sender comes to it, and for which only its receiver waits."""

from __future__ import annotations

from dataclasses import dataclass

import simpy

from .joins import Exchange, Meeting
from .ops import Collective
from .traffic import Traffic


@dataclass(frozen=True, slots=True)
class Message:
    """From the `source` of a collective to its `target`, which are its members.

    The sender goes on at once; when it waits for the message at last, it usually has arrived long since. Time in which
    the receiver waits before the message leaves counts as waiting for the sender.
    """

    def meeting(self, traffic: Traffic, collective: Collective) -> Meeting:
        """Where one message is handed over."""
        return _Handover(traffic, collective)


class _Handover(Meeting):
    def __init__(self, traffic: Traffic, collective: Collective) -> None:
        super().__init__(traffic, collective)
        assert collective.source is not None, "a message has a sender"
        self._source = collective.source
        self._shared = Exchange(traffic.env.event(), [self._source], sites=len(collective.touches))

    def enter(self, worker: int) -> None:
        if worker != self._source:
            return
        self.arrive(worker)
        self._shared.begin_s = float(self.traffic.env.now)
        transfer = self.traffic.transfer(self.collective, worker)
        self._shared.shown = self.traffic.show(self.collective, self.collective.members)
        self.traffic.under_way(self.collective.members, 1)
        self.traffic.after(transfer, self._arrived)

    def _arrived(self, event: simpy.Event) -> None:
        self._shared.over(float(self.traffic.env.now), event.value)
        self.traffic.under_way(self.collective.members, -1)
        if self._shared.done.callbacks:  # else who comes later sees that it is there
            self._shared.done.succeed()

    def exchange_of(self, worker: int) -> Exchange:
        return self._shared
