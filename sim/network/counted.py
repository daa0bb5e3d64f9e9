"""A network that also counts what each worker sends to which other: for prices by pair of sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import simpy

from ..engine.calendar import Calendar
from ..engine.ops import Collective, Shape
from ..engine.ports import Carrier
from ..engine.timeline import LinkUse
from .published_cost import PublishedCostNetwork

if TYPE_CHECKING:  # flows load numpy, which a run at published costs does without
    from .over_links import LinkNetwork

    AnyNetwork: TypeAlias = "LinkNetwork | PublishedCostNetwork | CountingNetwork"

Pair = tuple[int, int]
"""The worker that sends, and the one that receives."""


class CountingNetwork:
    """A network whose carriers count the exchanges on it.

    Args:
      network: what the exchanges cost.
    """

    def __init__(self, network: LinkNetwork | PublishedCostNetwork) -> None:
        self.network = network

    def collective(self, members: tuple[int, ...], payload_bytes: float, shape: Shape = "all-reduce") -> str:
        """How an exchange among some workers is done, by name."""
        return self.network.collective(members, payload_bytes, shape)

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock, and begins to count."""
        return _CountingCarrier(self.network, self.network.connect(env))

    def leaping(self, calendar: Calendar) -> CountingNetwork:
        """The same network, whose links change by a calendar."""
        return CountingNetwork(self.network.leaping(calendar))


class _CountingCarrier:
    def __init__(self, network: LinkNetwork | PublishedCostNetwork, carrier: Carrier) -> None:
        self._network, self._carrier = network, carrier
        self._counts: Counter[Collective] = Counter()

    def _count(self, collective: Collective) -> None:
        if len(collective.touches) > 1:
            self._counts[_alike(collective)] += 1

    def transfer(self, collective: Collective) -> simpy.Event:
        self._count(collective)
        return self._carrier.transfer(collective)

    def inside_s(self, collective: Collective) -> float:
        return self._carrier.inside_s(collective)

    def apart(self, collective: Collective) -> Callable[[int], simpy.Event] | None:
        begin = self._carrier.apart(collective)
        if begin is not None:
            self._count(collective)
        return begin

    def crossing_bytes(self, collective: Collective) -> float:
        return self._carrier.crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        return self._carrier.links()

    def stalled(self) -> list[str]:
        return self._carrier.stalled()

    def credit_s(self) -> tuple[float, ...]:
        return self._carrier.credit_s()

    def next_change_s(self) -> float:
        return self._carrier.next_change_s()

    def decided_s(self) -> float:
        return self._carrier.decided_s()

    def clock_leapt(self) -> None:
        self._carrier.clock_leapt()

    def sent(self) -> dict[Pair, float]:
        found: Counter[Pair] = Counter()
        for collective, times in self._counts.items():
            for each in self._network.transfers(collective):
                found[each.source, each.target] += times * collective.count * each.size_bytes  # type: ignore[assignment]
        return dict(found)


def _alike(collective: Collective) -> Collective:
    """The same bytes between the same workers, without which exchange it is."""
    source, target, shape = collective.source, collective.target, collective.shape
    return Collective(
        "", 0, collective.members, collective.payload_bytes, collective.count, source=source, target=target, shape=shape
    )
