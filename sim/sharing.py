"""Workers that share a host's compute: the more of them compute at once, the longer each of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import simpy

from .hosts import Host


class Processor:
    """Processor sharing on one host: n workers that compute at once get 1/slowdown(n) of their pace each.

    All who are there get the same, so the state is one sum: what a worker has got that was there all along. Each is
    done when that sum reaches what it was on its arrival plus its own work. Every arrival and departure sets a new
    timer and makes the one before it void.

    Args:
      env: the clock.
      host: how much its workers slow each other down.
    """

    def __init__(self, env: simpy.Environment, host: Host) -> None:
        self._env, self._host = env, host
        self._given_s = 0.0
        """Work that a worker has got that has computed since the host was last idle [s]."""
        self._known_s = 0.0
        """When that was [s]."""
        self._present: list[tuple[float, int, simpy.Event]] = []
        """A heap: the sum at which a worker is done, the number of its arrival, the event that tells it so."""
        self._arrivals = 0
        self._timer = 0

    def compute(self, seconds: float) -> simpy.Event:
        """A worker computes from now on for what takes so many seconds with the host to itself.

        Returns:
          An event that fires when it is done.
        """
        now_s = self._env.now
        if self._present:
            self._given_s += (now_s - self._known_s) / self._slowdown
        else:
            self._given_s = 0.0  # small numbers are exact for longer
        self._known_s = now_s
        done = self._env.event()
        self._arrivals += 1
        heappush(self._present, (self._given_s + seconds, self._arrivals, done))
        self._set_timer()
        return done

    @property
    def _slowdown(self) -> float:
        return self._host.slowdown_with(len(self._present))

    def _set_timer(self) -> None:
        """Until the next worker is done, should nobody come before."""
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


def processors(env: simpy.Environment, hosts: Sequence[Host | None]) -> list[Processor | None]:
    """The processor of each worker's host, the same for all workers of a host; None for a host of its own."""
    made = {host.name: Processor(env, host) for host in hosts if host}
    return [made[host.name] if host else None for host in hosts]
