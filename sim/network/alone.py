"""A kind of exchange that has its links to itself: how it goes, by when it begins, on links that may change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..engine.timeline import LinkUse
from ..topology.capacity import CapacityOverTime
from .fluid.leaping_capacity import LeapingCapacity
from .held_credit import HeldCredit

Profile = CapacityOverTime | LeapingCapacity
_DIGITS, _MOST_STATES = 12, 10_000
"""Digits of the share of a bucket that is full: the rest is what times were rounded by. States that are kept."""


class Trip(NamedTuple):
    """One exchange between sites.

    Attributes:
      across_s: how long it takes without its parts inside the sites; infinite: it never ends [s].
      links: the use of each link.
      stalled: links without capacity that it waits for, if it never ends.
      credit_s: what it leaves in every token bucket, as the time in which its link fills it so far [s].
    """

    across_s: float
    links: tuple[LinkUse, ...]
    stalled: tuple[str, ...] = ()
    credit_s: tuple[float, ...] = ()


class Alone:
    """A kind of exchange between sites, none of whose links carries anything else meanwhile.

    While none of its links changes it always goes the same way, so it is simulated once for each state of them; where
    one changes in the middle, that exchange is simulated by itself.

    Args:
      first_s, last_s: its parts inside the sites, in its beginning and in its end [s].
      wires: its links.
      profiles: the capacity over time of those of them that change.
      simulate: simulates its part across: on links that stay as they are said to be (those that change, in the order of
        `profiles`), or, where nobody says, as they are by the clock from a moment on [s].
    """

    def __init__(
        self,
        first_s: float,
        last_s: float,
        wires: frozenset[int],
        profiles: Mapping[int, Profile],
        simulate: Callable[[Mapping[int, float] | None, float], Trip],
    ) -> None:
        self.first_s, self.last_s, self.wires = first_s, last_s, wires
        self._profiles, self._simulate = profiles, simulate
        self._known: dict[tuple[float, ...], Trip] = {}
        self._times: dict[tuple[float, ...], int] = {}
        self._others: Sequence[LinkUse] = ()
        self._state: tuple[float, ...] = ()
        """What its links have that change [bit/s]."""
        self._from_s, self._until_s = math.inf, -math.inf
        """When they have had, and will have had that, as far as it is known [s]."""
        self.stalled: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether any of its links does."""
        return bool(self._profiles)

    def across_s(self, begin_s: float, count: int = 1) -> float:
        """Makes an exchange, or several of the same length, and tells how long one takes.

        Args:
          begin_s: when its part across begins, by the clock [s].
          count: how many; several only where no link changes.
        """
        trip = self._in_state(begin_s)
        if trip is not None:
            self._times[self._state] += count
            return trip.across_s
        return self._once(self._simulate(None, begin_s)).across_s

    def _once(self, trip: Trip) -> Trip:
        """Counts an exchange that is like no other."""
        before = self._others or [use._replace(carried_bytes=0.0, busy_s=0.0, full_s=0.0) for use in trip.links]
        self._others = [use.plus(more, 1) for use, more in zip(before, trip.links, strict=True)]
        self.stalled += trip.stalled
        return trip

    def _in_state(self, begin_s: float) -> Trip | None:
        """How it goes if no link changes before it is over; None: one does, or one has no capacity now."""
        if not self._from_s <= begin_s < self._until_s:
            self._look(begin_s)
        if not all(self._state):
            return None
        if self._state not in self._known:
            self._known[self._state] = self._simulate(dict(zip(self._profiles, self._state, strict=True)), 0.0)
            self._times[self._state] = 0
        trip = self._known[self._state]
        return trip if begin_s + trip.across_s < self._until_s else None

    def _look(self, moment_s: float) -> None:
        """Looks up what its links have at a moment, and until when."""
        self._state = tuple(profile.capacity_at(moment_s) for profile in self._profiles.values())
        changes = (profile.next_change_s(moment_s) for profile in self._profiles.values())
        self._from_s = moment_s
        self._until_s = min((change_s for change_s in changes if change_s is not None), default=math.inf)

    def clock_leapt(self) -> None:
        """The calendar has leapt: what comes next is looked up anew."""
        self._from_s, self._until_s = math.inf, -math.inf

    def uses(self) -> Iterator[tuple[Sequence[LinkUse], int]]:
        """What its exchanges so far have used, and how many times."""
        for state, times in self._times.items():
            if times:  # else a link changed before the only one was over, which was simulated by itself
                yield self._known[state].links, times
        if self._others:
            yield self._others, 1


class AloneWithBuckets(Alone):
    """The same on links that never change, some of which have token buckets.

    It goes by what its buckets hold, so it is simulated once for each state of them.

    Args:
      first_s, last_s, wires: as for `Alone`.
      held: what the buckets hold.
      simulate: simulates its part across, with what every bucket holds in its beginning [s].
    """

    changes = True

    def __init__(
        self,
        first_s: float,
        last_s: float,
        wires: frozenset[int],
        held: HeldCredit,
        simulate: Callable[[tuple[float, ...]], Trip],
    ) -> None:
        super().__init__(first_s, last_s, wires, {}, lambda _, __: simulate(held.full_s))
        self._held, self._with_credit, self._places = held, simulate, held.places(wires)

    def across_s(self, begin_s: float, count: int = 1) -> float:
        """Makes an exchange, one at a time, and tells how long it takes (see `Alone`) [s]."""
        held, full_s = self._held, self._held.full_s
        shares = tuple(round(held.at(begin_s, place) / full_s[place], _DIGITS) for place in self._places)
        trip = self._known.get(shares)
        if trip is None:
            credit_s = list(full_s)
            for place, share in zip(self._places, shares, strict=True):
                credit_s[place] *= share
            trip = self._with_credit(tuple(credit_s))
            if len(self._known) < _MOST_STATES:
                self._known[shares], self._times[shares] = trip, 0
            else:
                self._once(trip)
        if shares in self._times:
            self._times[shares] += 1
        for place in self._places:
            held.left(begin_s + trip.across_s, place, trip.credit_s[place])
        return trip.across_s
