"""A network that also counts what each worker sends to which other: for prices by pair of sites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import simpy

from ..engine.calendar import Calendar
from ..engine.ops import Collective
from ..engine.ports import Carrier
from ..engine.timeline import LinkUse
from .over_links import LinkNetwork
from .published_cost import PublishedCostNetwork

Pair = tuple[int, int]
"""The worker that sends, and the one that receives."""


class CountingNetwork:
    """A network whose carriers count the exchanges on it.

    Args:
      network: what the exchanges cost.
    """

    def __init__(self, network: LinkNetwork | PublishedCostNetwork) -> None:
        self.network = network

    def collective(self, members: tuple[int, ...], payload_bytes: float) -> str:
        """How an exchange among some workers is done, by name."""
        return self.network.collective(members, payload_bytes)

    def connect(self, env: simpy.Environment) -> Carrier:
        """Puts the network to work under a clock, and begins to count."""
        return _CountingCarrier(self.network, self.network.connect(env))

    def leaping(self, calendar: Calendar) -> CountingNetwork:
        """The same network, whose links change by a calendar."""
        return CountingNetwork(self.network.leaping(calendar))


AnyNetwork = LinkNetwork | PublishedCostNetwork | CountingNetwork


def _transfers(network: LinkNetwork | PublishedCostNetwork, collective: Collective) -> Iterator[tuple[int, int, float]]:
    """What one exchange sends between sites: its transfers, or at the published cost its ring from site to site."""
    touches = collective.touches
    if len(touches) == 1:
        return
    if isinstance(network, LinkNetwork):
        for phase in network.phases(collective):
            yield from ((each.source, each.target, each.size_bytes) for each in phase.transfers)
    elif collective.source is not None and collective.target is not None:
        yield collective.source, collective.target, collective.payload_bytes
    else:
        each_bytes = network.cost(collective)[2] / len(touches)
        yield from ((one, other, each_bytes) for one, other in zip(touches, (*touches[1:], touches[0]), strict=True))


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

    def clock_leapt(self) -> None:
        self._carrier.clock_leapt()

    def sent(self) -> dict[Pair, float]:
        found: Counter[Pair] = Counter()
        for collective, times in self._counts.items():
            for source, target, size_bytes in _transfers(self._network, collective):
                found[source, target] += times * collective.count * size_bytes  # type: ignore[assignment]
        return dict(found)


def _alike(collective: Collective) -> Collective:
    """The same bytes between the same workers, without which exchange it is."""
    source, target = collective.source, collective.target
    return Collective(
        "", 0, collective.members, collective.payload_bytes, collective.count, source=source, target=target
    )
