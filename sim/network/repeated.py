"""One exchange between sites at a time, on links that stay as they are: each is made once, and then only repeated."""

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
    """An exchange between sites by itself.

    Attributes:
      first_s, across_s, last_s: inside the sites, between them, and inside them again [s].
      links: what each link has carried then.
    """

    first_s: float
    across_s: float
    last_s: float
    links: tuple[LinkUse, ...]


class RepeatingCarrier:
    """A network at work on which exchanges between sites never overlap.

    Args:
      env: the clock.
      inside: carries what stays inside a site.
      once: how an exchange between sites goes by itself; asked once for each kind of it.
      crossing_bytes: what it sends out of all its sites together [byte].
      links: all links, having carried nothing.
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
            raise ReplayError("two exchanges between sites at once, on a network that was promised one at a time")
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
        """Nothing: all begin and end together."""

    def crossing_bytes(self, collective: Collective) -> float:
        """Bytes that the collective sends out of all its sites together [byte]."""
        return self._crossing_bytes(collective)

    def links(self) -> tuple[LinkUse, ...]:
        """What every link has carried so far."""
        uses = list(self._links)
        for key, times in self._times.items():
            uses = [total.plus(once, times) for total, once in zip(uses, self._known[key].links, strict=True)]
        return tuple(uses)

    def stalled(self) -> list[str]:
        """No link: they all stay as they are."""
        return []

    def credit_s(self) -> tuple[float, ...]:
        """Nothing: no link has a bucket."""
        return ()
