"""Exchanges between sites, one at a time, on links that never change: each kind is simulated once and then repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

import simpy

from ..engine.ops import Collective
from ..engine.ports import Carrier, Served
from ..engine.timeline import LinkUse
from ..errors import ReplayError


class Once(NamedTuple):
    """The result of simulating one exchange between sites.

    Attributes:
      first_s, across_s, last_s: times inside the sites, between them, and inside them again [s].
      links: the use of each link.
    """

    first_s: float
    across_s: float
    last_s: float
    links: tuple[LinkUse, ...]


class RepeatingCarrier:
    """A carrier for a network on which exchanges between sites never overlap.

    Args:
      env: the clock.
      inside: the carrier of exchanges inside a site.
      once: simulates an exchange between sites; called once for each kind of exchange.
      crossing_bytes: bytes that all sites of an exchange send to other sites [byte].
      links: all links without any use.
    """

    def __init__(
        self,
        env: simpy.Environment,
        inside: Carrier,
        once: Callable[[Collective], Once],
        crossing_bytes: Callable[[Collective], float],
        links: Iterable[LinkUse],
    ) -> None:
        self._env, self._inside = env, inside
        self._once, self._crossing_bytes, self._links = once, crossing_bytes, tuple(links)
        self._known: dict[tuple[object, ...], Once] = {}
        self._times: Counter[tuple[object, ...]] = Counter()
        self._under_way = 0

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        if len(collective.touches) == 1:
            return self._inside.transfer(collective)
        if self._under_way:
            raise ReplayError("two exchanges between sites overlap on a network that is for one at a time")
        key = collective.members, collective.payload_bytes, collective.behind_s, collective.parts_inside
        if key not in self._known:
            self._known[key] = self._once(collective)
        one = self._known[key]
        self._times[key] += collective.count
        self._under_way += 1
        taken_s = collective.count * (one.first_s + one.across_s + one.last_s)
        done = self._env.timeout(taken_s, Served(float(self._env.now), one.first_s, one.last_s))
        assert done.callbacks is not None, "the event has not fired yet"
        done.callbacks.append(self._over)
        return done

    def _over(self, _: simpy.Event) -> None:
        self._under_way -= 1

    def apart(self, collective: Collective) -> None:
        """None, as all members begin and end together."""

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""
        return self._crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        """The use of every link so far."""
        uses = list(self._links)
        for key, times in self._times.items():
            uses = [total.plus(once, times) for total, once in zip(uses, self._known[key].links, strict=True)]
        return tuple(uses)

    def stalled(self) -> list[str]:
        """Empty, as links never change."""
        return []

    def credit_s(self) -> tuple[float, ...]:
        """Empty, as no link has a token bucket."""
        return ()
