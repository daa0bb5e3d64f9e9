"""Exchanges that share no link with another one under way, on links that never change: each kind is simulated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import simpy

from ..engine.ops import Collective
from ..engine.ports import Carrier, Served
from ..engine.timeline import LinkUse
from ..errors import ReplayError
from .placement import turns
from .unchanging import UnchangingCarrier


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


class RepeatingCarrier(UnchangingCarrier):
    """A carrier for a network on which no two exchanges that are under way share a link.

    That is so where every exchange is among all sites, as the next one waits for it; and where every one goes one way,
    as those with a link in common go one after the other (see `turns`).

    Args:
      env: the clock.
      inside: the carrier of exchanges inside a site.
      once: simulates an exchange between sites; called once for each kind of exchange.
      hops: the links of a one-way transfer.
      crossing_bytes: bytes that all sites of an exchange send to other sites [byte].
      links: all links without any use.
    """

    def __init__(
        self,
        env: simpy.Environment,
        inside: Carrier,
        once: Callable[[Collective], Once],
        hops: Callable[[Collective], Sequence[Hashable]],
        crossing_bytes: Callable[[Collective], float],
        links: Iterable[LinkUse],
    ) -> None:
        self._env, self._inside = env, inside
        self._once, self._hops, self._crossing_bytes, self._links = once, hops, crossing_bytes, tuple(links)
        self._known: dict[tuple[object, ...], Once] = {}
        self._times: Counter[tuple[object, ...]] = Counter()
        self._members: tuple[int, ...] = ()
        self._free_s: dict[Hashable, float] = {}
        """Until when what exchanges wait for and take is taken [s]."""
        self._known_turns: dict[tuple[object, ...], tuple[list[Hashable], list[Hashable]]] = {}

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        if len(collective.touches) == 1:
            return self._inside.transfer(collective)
        way = collective.touches, collective.source is not None
        key = (*way, collective.payload_bytes, collective.behind_s, collective.parts_inside, collective.shape)
        if key not in self._known:
            self._known[key] = self._once(collective)
            self._known_turns[way] = self._turns(collective)
        one, (waits_for, takes) = self._known[key], self._known_turns[way]
        self._times[key] += collective.count
        now_s, free_s = float(self._env.now), self._free_s
        begin_s = max(now_s, *(free_s.get(each, 0.0) for each in waits_for))
        end_s = begin_s + collective.count * (one.first_s + one.across_s + one.last_s)
        for each in takes:
            free_s[each] = max(end_s, free_s.get(each, 0.0))
        return self._env.timeout(end_s - now_s, Served(begin_s, one.first_s, one.last_s))

    def inside_s(self, collective: Collective) -> float:
        """How long a worker stands still for an exchange among its own chips [s]."""
        return self._inside.inside_s(collective)

    def _turns(self, collective: Collective) -> tuple[list[Hashable], list[Hashable]]:
        if collective.source is None:
            if self._members not in ((), collective.members):
                raise ReplayError("exchanges among some sites on a network for exchanges among all of them")
            self._members = collective.members
        return turns(collective, self._hops(collective))

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""
        return self._crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        """The use of every link so far."""
        uses = list(self._links)
        for key, times in self._times.items():
            uses = [total.plus(once, times) for total, once in zip(uses, self._known[key].links, strict=True)]
        return tuple(uses)
