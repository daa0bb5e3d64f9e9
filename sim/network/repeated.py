"""Exchanges that share no link with another one under way: how each goes is known when it begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence

import simpy

from ..engine.ops import Collective
from ..engine.ports import Carrier, Served
from ..engine.timeline import LinkUse
from ..errors import ReplayError
from .alone import Alone, Profile
from .held_credit import HeldCredit
from .placement import turns
from .unchanging import UnchangingCarrier


class RepeatingCarrier(UnchangingCarrier):
    """A carrier for a network on which no two exchanges that are under way share a link.

    That is so where every exchange is among all sites, or among those of groups without a common link, as the next one
    waits for it; and where every one goes one way, as those with a link in common go one after the other (see `turns`).

    Args:
      env: the clock.
      inside: the carrier of exchanges inside a site.
      alone: the kind of an exchange between sites; called once for each.
      hops: the links of a one-way transfer.
      crossing_bytes: bytes that all sites of an exchange send to other sites [byte].
      links: all links without any use.
      profiles: the capacity over time of all links that change.
      opening_s: how much longer an exchange takes because it is the first of its kind [s].
      held: what the token buckets of links hold, if there are any.
    """

    def __init__(
        self,
        env: simpy.Environment,
        inside: Carrier,
        alone: Callable[[Collective], Alone],
        hops: Callable[[Collective], Sequence[Hashable]],
        crossing_bytes: Callable[[Collective], float],
        links: Iterable[LinkUse],
        profiles: Sequence[Profile] = (),
        opening_s: Callable[[Collective], float] = lambda _: 0.0,
        held: HeldCredit | None = None,
    ) -> None:
        self._env, self._inside, self._profiles, self._opening_s, self._held = env, inside, profiles, opening_s, held
        self._alone, self._hops, self._crossing_bytes, self._links = alone, hops, crossing_bytes, tuple(links)
        self._known: dict[tuple[object, ...], Alone] = {}
        self._groups: dict[tuple[int, ...], frozenset[int]] = {}
        """The links of exchanges among some workers."""
        self._free_s: dict[Hashable, float] = {}
        """Until when what exchanges wait for and take is taken [s]."""
        self._known_turns: dict[tuple[object, ...], tuple[list[Hashable], list[Hashable]]] = {}

    def transfer(self, collective: Collective) -> simpy.Event:
        """Begins a collective now; the event fires when every member has the result."""
        touches = collective.touches
        if len(touches) == 1:
            return self._inside.transfer(collective)
        way = touches, collective.source is not None
        key = (*way, collective.payload_bytes, collective.behind_s, collective.parts_inside, collective.shape)
        if key not in self._known:
            self._known[key] = self._alone(collective)
            self._known_turns[way] = turns(collective, self._hops(collective))
            self._check_apart(collective, self._known[key])
        one, (waits_for, takes) = self._known[key], self._known_turns[way]
        now_s, free_s = float(self._env.now), self._free_s
        begin_s = max(now_s, *[free_s.get(each, 0.0) for each in waits_for])
        end_s = self._end_s(one, begin_s + self._opening_s(collective), collective.count)
        for each in takes:
            free_s[each] = max(end_s, free_s.get(each, 0.0))
        if end_s == math.inf:
            return self._env.event()
        return self._env.timeout(end_s - now_s, Served(begin_s, one.first_s, one.last_s))

    @staticmethod
    def _end_s(one: Alone, begin_s: float, count: int) -> float:
        """When so many exchanges in a row are over [s]."""
        if begin_s == math.inf:
            return math.inf
        if not one.changes:
            return begin_s + count * (one.first_s + one.across_s(begin_s, count) + one.last_s)
        end_s = begin_s
        for _ in range(count):
            if end_s < math.inf:
                end_s += one.first_s + one.across_s(end_s + one.first_s) + one.last_s
        return end_s

    def inside_s(self, collective: Collective) -> float:
        """How long a worker stands still for an exchange among its own chips [s]."""
        return self._inside.inside_s(collective)

    def _check_apart(self, collective: Collective, one: Alone) -> None:
        """Demands that exchanges which do not wait for each other, as they have no member in common, share no link."""
        if collective.source is not None:
            return
        members = set(collective.members)
        for others, links in self._groups.items():
            if members.isdisjoint(others) and links & one.wires:
                raise ReplayError("exchanges of two groups share a link on a network for one exchange at a time")
        self._groups[collective.members] = self._groups.get(collective.members, frozenset()) | one.wires

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that all its sites send to other sites [byte]."""
        return self._crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        """The use of every link so far."""
        found = list(self._links)
        for one in self._known.values():
            for uses, times in one.uses():
                found = [total.plus(use, times) for total, use in zip(found, uses, strict=True)]
        return tuple(found)

    def stalled(self) -> list[str]:
        """Links that never return, for which an exchange waits."""
        return [name for one in self._known.values() for name in one.stalled]

    def credit_s(self) -> tuple[float, ...]:
        """What the bucket of every link that has one holds now (see `HeldCredit.at`) [s]."""
        return self._held.everywhere(float(self._env.now)) if self._held else ()

    def next_change_s(self) -> float:
        """When the bandwidth of any link changes next, by the clock; infinite: never [s]."""
        changes = (profile.next_change_s(float(self._env.now)) for profile in self._profiles)
        return min((change_s for change_s in changes if change_s is not None), default=math.inf)

    def decided_s(self) -> float:
        """When the last exchange will be over that has begun, or that waits for its turn [s]."""
        return max(self._free_s.values(), default=0.0)

    def clock_leapt(self) -> None:
        """The calendar has leapt: links have other times."""
        for one in self._known.values():
            one.clock_leapt()
