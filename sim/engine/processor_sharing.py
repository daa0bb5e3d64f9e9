"""Workers that share a host's compute: the more of them compute at once, the longer each of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import simpy

from ..topology.hosts import Host, Place


class Processor:
    """Processor sharing on one host: n workers that compute at once get 1/slowdown(n) of their pace each.

    All who are there get the same, so the state is one sum: what a worker has got that was there all along. Each is
    done when that sum reaches what it was on its arrival plus its own work. Every arrival and departure sets a new
    timer and makes the one before it void; so does a change of pace of the machine that the host is a part of.

    Args:
      env: the clock.
      host: how much its workers slow each other down.
      machine: what the host is a part of; None if of nothing.
    """

    def __init__(self, env: simpy.Environment, host: Host, machine: Machine | None) -> None:
        self._env, self._host, self._machine = env, host, machine
        self._given_s = 0.0
        """Work that a worker has got that has computed since the host was last idle [s]."""
        self._known_s = 0.0
        """When that was [s]."""
        self._slowdown = 1.0
        """How many times as long everybody here takes since then [-]."""
        self._present: list[tuple[float, int, simpy.Event]] = []
        """A heap: the sum at which a worker is done, the number of its arrival, the event that tells it so."""
        self._arrivals = 0
        self._timer = 0

    def compute(self, seconds: float) -> simpy.Event:
        """A worker computes from now on for what takes so many seconds with the host to itself.

        Returns:
          An event that fires when it is done.
        """
        begins = not self._present
        if begins:
            self._given_s, self._known_s = 0.0, self._env.now  # small numbers are exact for longer
        else:
            self._catch_up()
        done = self._env.event()
        self._arrivals += 1
        heappush(self._present, (self._given_s + seconds, self._arrivals, done))
        if begins and self._machine:
            self._machine.begins(self)
        self._set_timer()
        return done

    def change_pace(self) -> None:
        """Another part of the machine began or ended computing."""
        self._catch_up()
        self._set_timer()

    def _catch_up(self) -> None:
        now_s = self._env.now
        self._given_s += (now_s - self._known_s) / self._slowdown
        self._known_s = now_s

    def _set_timer(self) -> None:
        """Until the next worker is done, should nobody come before."""
        self._slowdown = self._host.slowdown_with(len(self._present))
        if self._machine:
            self._slowdown *= self._machine.slowdown
        self._timer += 1
        number = self._timer

        def fire(_: simpy.Event) -> None:
            if number == self._timer:
                self._leave()

        left_s = max(0.0, self._present[0][0] - self._given_s)  # rounding may leave a little less than nothing
        timer = self._env.timeout(left_s * self._slowdown)
        assert timer.callbacks is not None, "an event has not fired when it is made"
        timer.callbacks.append(fire)

    def _leave(self) -> None:
        self._given_s, _, done = heappop(self._present)
        self._known_s = self._env.now
        done.succeed()
        if self._present:
            self._set_timer()
        elif self._machine:
            self._machine.ends(self)


class Machine:
    """A host with parts: how much those of them slow each other down in which anybody computes.

    Args:
      host: the slowdown for each number of them.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._busy: dict[Processor, None] = {}

    @property
    def slowdown(self) -> float:
        """How many times as long everybody on the machine takes just now [-]."""
        return self._host.slowdown_with(len(self._busy))

    def begins(self, part: Processor) -> None:
        """Somebody computes on a part that was idle."""
        others = list(self._busy)
        self._busy[part] = None
        for other in others:
            other.change_pace()

    def ends(self, part: Processor) -> None:
        """Nobody computes on a part any more."""
        del self._busy[part]
        for other in self._busy:
            other.change_pace()


def processors(env: simpy.Environment, places: Sequence[Place | None]) -> list[Processor | None]:
    """The processor of each worker's host, the same for all workers of a host; None for a host of its own."""
    machines = {place.machine: Machine(place.machine) for place in places if place and place.machine}
    made = {
        place: Processor(env, place.host, machines[place.machine] if place.machine else None)
        for place in places
        if place
    }
    return [made[place] if place else None for place in places]
