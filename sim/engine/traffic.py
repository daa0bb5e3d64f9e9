"""What meetings of workers share in one replay: the clock, the network at work, and the accounts of every worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import simpy

from .accounting import Tally
from .ops import Collective
from .ports import Network


@dataclass(slots=True)
class UnderWay:
    """An exchange, as somebody sees it who looks on at a replay.

    Attributes:
      collective: what is exchanged.
      workers: for whom it is under way.
      begin_s: when it could begin, as all were there who had to be [s].
      end_s: when these workers had the result; None: they do not have it yet [s].
    """

    collective: Collective
    workers: tuple[int, ...]
    begin_s: float
    end_s: float | None = None


class Traffic:
    """The clock, the network under it, and the accounts of so many workers.

    Args:
      network: what an exchange costs.
      workers: how many there are.
      shown: where every exchange is put down as it begins, for those who look on; None: nobody does.
    """

    def __init__(self, network: Network, workers: int, shown: list[UnderWay] | None = None) -> None:
        self._shown = shown
        self.merges_s: list[float] = []
        """When a worker merged, if anybody asks (`told`) [s]."""
        self.handed: list[tuple[float, int, float]] = []
        """When a site was given how many bytes to send, likewise: the moment [s], its worker, and the bytes."""
        self.told = False
        self.env = simpy.Environment()
        self.carrier = network.connect(self.env)
        self.tallies = [Tally(workers) for _ in range(workers)]
        self.shared: dict[tuple[int, ...], object] = {}
        """What the meetings of a group of workers have in common, where they go by more than one collective."""
        self._updates: dict[tuple[int, ...], int] = {}
        """Of the parameters that a group of workers shares, so far."""
        self._seen: dict[int, int] = {}
        """How many of them each worker knows."""

    def hand_over(self, worker: int, collective: Collective, size_bytes: float) -> None:
        """A site is given its share of an exchange to send: all of it where it goes one way."""
        sender, share = (worker, len(collective.members)) if collective.source is None else (collective.source, 1)
        if sender != worker:
            self.tallies[sender].count_until(self.env.now)
        self.tallies[sender].handed_over(size_bytes / share)
        if self.told and size_bytes:
            self.handed.append((float(self.env.now), sender, size_bytes / share))

    def transfer(self, collective: Collective, sender: int) -> simpy.Event:
        """Begins a transfer, and counts its bytes for a worker."""
        self.tallies[sender].crossing += self.carrier.crossing_bytes(collective)
        return self.carrier.transfer(collective)

    def show(self, collective: Collective, workers: Sequence[int]) -> UnderWay | None:
        """An exchange begins now; what is put down of it, if somebody looks on, and is told when it is over."""
        if self._shown is None:
            return None
        self._shown.append(UnderWay(collective, tuple(workers), float(self.env.now)))
        return self._shown[-1]

    def under_way(self, workers: Sequence[int], more: int) -> None:
        """One exchange more is under way for some workers now, or one less."""
        now = self.env.now
        for worker in workers:
            self.tallies[worker].at(now, under_way=more)

    def merge(self, together: Sequence[int], group: tuple[int, ...]) -> None:
        """Counts an update of the parameters that a group shares; who made it together knows all updates so far."""
        if self.told:
            self.merges_s += [float(self.env.now)] * len(together)
        updates = self._updates.get(group, 0)
        for worker in together:
            self.tallies[worker].merged(updates - self._seen.get(worker, 0))
            self._seen[worker] = updates + 1
        self._updates[group] = updates + 1

    @staticmethod
    def after(event: simpy.Event, callback: Callable[[simpy.Event], None]) -> None:
        """Calls a function when an event fires."""
        assert event.callbacks is not None, "an event has not fired when it is handed over"
        event.callbacks.append(callback)
