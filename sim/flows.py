"""Flows on links under contention, in simulated time.

A flow has a size, a route and a sender's cap. While flows run their rates are max-min fair (`fairshare`), solved anew
when flows come or go or a link changes its capacity, and constant in between; so finish times are exact and there is
no time step. Rate and latency are kept apart: a flow occupies its links until its last bit has left, and is delivered
one latency of its route later. Flows that come at the same instant are solved for together. A wire with a bucket holds
nobody back while there is credit in it (`buckets`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import simpy

from .buckets import Buckets
from .fairshare import Floats, level_of_arrivals, load_of, refreshed_rates
from .levels import MOST_LINKS, Levels
from .wires import Wire, WireUse

_TIE = 1e-12
"""Flows whose finish times differ by less than this share of the time to them finish together."""
_FULL = 1 - 1e-9
"""A wire that is used to this share of its capacity has flows that would send more."""
_SMALL, _MEMO = 64, 4096
"""Rates of up to that many sets of at most so many flows are remembered: collectives bring the same ones again."""


class _Division:
    """How the flows of the moment divide the wires: rates, loads, and for how long it has been so [s]."""

    __slots__ = ("full", "held_s", "kept", "load", "moving", "rates")

    def __init__(self, rates: Floats, load: Floats, share: Floats, *, kept: bool) -> None:
        self.rates, self.load, self.kept = rates, load, kept
        self.full = share > _FULL
        self.moving = bool(rates.all())
        self.held_s = 0.0


class FlowNetwork:
    """The links of a run and the flows on them.

    Args:
      env: the clock.
      wires: the links; a route is a tuple of positions in this sequence.
    """

    def __init__(self, env: simpy.Environment, wires: Sequence[Wire]) -> None:
        self._env = env
        self._wires = tuple(wires)
        count = len(self._wires)
        self._capacity = self._limit = np.full(count + 1, math.inf)
        self._states: dict[bytes, int] = {}
        self._change_s = math.inf
        self._n = 0
        self._routes = np.full((1, 16), count, dtype=np.int64)
        self._left, self._rates, self._weights, self._caps = (np.zeros(16) for _ in range(4))
        self._kinds, self._bound = np.zeros(16, dtype=np.int64), np.zeros(16, dtype=np.int64)
        self._buckets = Buckets(self._wires) if any(wire.burst_bits for wire in self._wires) else None
        self._levels = Levels(count) if count <= MOST_LINKS and not self._buckets else None
        self._sent: list[simpy.Event] = []
        self._kind_of: dict[tuple[tuple[int, ...], float, float], int] = {}
        self._memo: dict[tuple[int, bytes], _Division] = {}
        self._division = _Division(np.zeros(0), np.zeros(count + 1), np.zeros(count + 1), kept=False)
        self._bits, self._busy_s, self._full_s, self._peak = (np.zeros(count + 1) for _ in range(4))
        self._settled_s = env.now
        self._level = 0.0
        self._solving = False
        self._timer = 0
        self._take_capacity()

    @property
    def active(self) -> int:
        """Flows under way."""
        return self._n

    def send(
        self,
        route: tuple[int, ...],
        size_bytes: float,
        *,
        streams: float = 1.0,
        cap_bits_per_s: float = math.inf,
    ) -> simpy.Event:
        """Starts a flow now.

        Args:
          route: positions of the wires that it crosses; an empty one is crossed at once.
          size_bytes: what is sent [byte].
          streams: weight in the fair share.
          cap_bits_per_s: what the sender can do at most [bit/s].

        Returns:
          An event that fires when the last bit has left the sender.
        """
        done = self._env.event()
        if not route or size_bytes <= 0:
            return done.succeed()
        self._settle()
        self._grow(len(route))
        slot = self._n
        self._n += 1
        self._routes[:, slot] = len(self._wires)
        self._routes[: len(route), slot] = route
        self._left[slot], self._rates[slot] = 8.0 * size_bytes, math.inf
        self._weights[slot], self._caps[slot], self._bound[slot] = streams, cap_bits_per_s, -1
        kind = (route, streams, cap_bits_per_s)
        self._kinds[slot] = self._kind_of.setdefault(kind, len(self._kind_of))
        self._sent.append(done)
        self._changed(math.inf)
        return done

    def use(self) -> list[WireUse]:
        """What each wire has carried so far."""
        self._settle()
        for division in (self._division, *self._memo.values()):
            self._book(division)
        columns = (column[:-1].tolist() for column in (self._bits, self._busy_s, self._full_s, self._peak))
        return [WireUse(*row) for row in zip(*columns, strict=True)]

    def stalled(self) -> list[str]:
        """Names of wires that carry nothing although flows are waiting on them."""
        waiting = {int(w) for w in np.unique(self._routes[:, : self._n]) if w < len(self._wires)}
        return [self._wires[w].name for w in sorted(waiting) if self._capacity[w] == 0]

    def _grow(self, hops: int) -> None:
        width, slots = self._routes.shape
        if self._n == slots or hops > width:
            wider = np.full((max(width, hops), max(slots, 2 * self._n)), len(self._wires), dtype=np.int64)
            wider[:width, :slots] = self._routes
            self._routes = wider
            more = wider.shape[1] - slots
            self._left, self._rates, self._weights, self._caps = (
                np.concatenate([a, np.zeros(more)]) for a in (self._left, self._rates, self._weights, self._caps)
            )
            self._kinds, self._bound = (
                np.concatenate([a, np.zeros(more, dtype=np.int64)]) for a in (self._kinds, self._bound)
            )

    def _settle(self) -> None:
        """Books what was sent since the rates last changed."""
        elapsed_s = self._env.now - self._settled_s
        self._settled_s = self._env.now
        if elapsed_s > 0 and self._n:
            self._left[: self._n] -= self._division.rates * elapsed_s
            self._division.held_s += elapsed_s
            if self._buckets:
                self._buckets.spend(self._capacity, self._division.load, self._division.full, elapsed_s)
        elif elapsed_s > 0 and self._buckets:
            self._buckets.rest(self._env.now - elapsed_s, self._env.now)

    def _book(self, division: _Division) -> None:
        """Adds what the wires carried while they were divided so."""
        self._bits += division.load * division.held_s
        self._busy_s += np.where(division.load > 0, division.held_s, 0.0)
        self._full_s += np.where(division.full, division.held_s, 0.0)
        division.held_s = 0.0

    def _changed(self, level: float) -> None:
        """Asks for new rates at the end of this instant, for the flows of at least a level."""
        self._level = min(self._level, level)
        if not self._solving:
            self._solving = True
            self._env.timeout(0.0).callbacks.append(self._solve)

    def _solve(self, _: simpy.Event) -> None:
        """Gives all flows their rates from here on, and sets the clock for the next change."""
        self._solving = False
        if self._change_s <= self._env.now:  # nothing was under way when it happened
            self._take_capacity()
        if not self._division.kept:
            self._book(self._division)
        if self._buckets:
            self._pour(self._buckets)
        n = self._n
        key = (self._state, self._kinds[:n].tobytes())
        division = self._memo.get(key) if n <= _SMALL else None
        if division is None:
            division = self._divided(n)
            if division.kept:
                self._memo[key] = division
        elif self._levels:
            self._levels.forget()
        self._division = division
        self._rates[:n] = division.rates
        self._level = math.inf
        self._set_timer()

    def _pour(self, buckets: Buckets) -> None:
        """Sends at once what buckets have credit for; wires that then have some left hold nobody back."""
        routes, left = self._routes[:, : self._n], self._left[: self._n]
        poured = buckets.pour(self._capacity, routes, self._weights[: self._n], self._caps[: self._n], left)
        if poured is not None:
            left -= poured
            load = load_of(routes, poured, len(self._capacity))
            self._bits += load
            self._peak[load > 0] = 1.0
            self._drop(np.flatnonzero((poured > 0) & (left <= _TIE * poured)))
        self._limit = np.where(buckets.open(self._capacity), math.inf, self._capacity)
        self._state = self._states.setdefault(self._limit.tobytes(), len(self._states))
        self._level = 0.0

    def _divided(self, n: int) -> _Division:
        """Max-min fair rates for the flows of now."""
        routes, weights, caps = self._routes[:, :n], self._weights[:n], self._caps[:n]
        if self._levels and n > _SMALL:
            rates, load = self._levels.rates(self._limit, routes, weights, caps, self._bound[:n])
        else:
            if self._levels:
                self._levels.forget()
            fresh = np.isinf(self._rates[:n])
            level = min(self._level, level_of_arrivals(self._limit, routes, weights, caps, fresh))
            rates = refreshed_rates(self._limit, routes, weights, caps, self._rates[:n], level)
            load = load_of(routes, rates, len(self._capacity))
        share = np.divide(load, self._limit, out=np.zeros_like(load), where=load > 0)
        np.maximum(self._peak, share, out=self._peak)
        if self._buckets:  # wires with credit hold nobody back, and are used all the same
            used = np.divide(load, self._capacity, out=np.zeros_like(load), where=load > 0)
            np.maximum(self._peak, np.minimum(used, 1.0), out=self._peak)
        return _Division(rates, load, share, kept=n <= _SMALL and len(self._memo) < _MEMO)

    def _set_timer(self) -> None:
        self._timer += 1
        n, now = self._n, self._env.now
        if not n:
            return
        left, rates = self._left[:n], self._division.rates
        if self._division.moving:
            to_go = left / rates
        else:
            to_go = np.divide(left, rates, out=np.full(n, math.inf), where=rates > 0)
        soonest = max(float(to_go.min()), 0.0)
        to_change, change = self._change_s - now, self._new_capacity
        if self._buckets:
            to_empty = self._buckets.lasts_s(self._capacity, self._division.load)
            if to_empty < to_change:
                to_change, change = to_empty, self._run_dry
        timer = self._timer
        if soonest < math.inf and soonest <= to_change:
            (done,) = (to_go <= soonest * (1 + _TIE)).nonzero()
            self._after(soonest, lambda: self._finish(done), timer)
        elif to_change < math.inf:
            self._after(max(to_change, 0.0), change, timer)

    def _after(self, delay_s: float, action: object, timer: int) -> None:
        def fire(_: simpy.Event) -> None:
            if timer == self._timer:
                action()  # type: ignore[operator]

        self._env.timeout(delay_s).callbacks.append(fire)

    def _finish(self, done: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        self._settle()
        level = float((self._rates[done] / self._weights[done]).min()) if self._n > _SMALL else 0.0
        self._drop(done)
        self._changed(level)

    def _drop(self, done: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Takes flows out whose last bit has left."""
        for slot in done[::-1].tolist():
            self._sent[slot].succeed()
            last = self._n - 1
            if self._levels:
                bound, weight, cap = int(self._bound[slot]), float(self._weights[slot]), float(self._caps[slot])
                self._levels.left(self._routes[:, slot], bound, weight, cap)
            if slot != last:
                self._sent[slot] = self._sent[last]
                self._routes[:, slot] = self._routes[:, last]
                for array in (self._left, self._rates, self._weights, self._caps, self._kinds, self._bound):
                    array[slot] = array[last]
            self._sent.pop()
            self._n = last

    def _run_dry(self) -> None:
        self._settle()
        if self._buckets:
            self._buckets.run_dry()
        self._changed(0.0)

    def _new_capacity(self) -> None:
        self._settle()
        self._take_capacity()
        self._changed(0.0)

    def _take_capacity(self) -> None:
        """Reads the capacities of now (or of the change that is due, should rounding have come a moment early)."""
        now = max(self._env.now, self._change_s) if self._change_s < math.inf else self._env.now
        self._capacity[:-1] = [wire.profile.capacity_at(now) for wire in self._wires]
        changes = (wire.profile.next_change_s(now) for wire in self._wires)
        self._change_s = min((s for s in changes if s is not None), default=math.inf)
        self._state = self._states.setdefault(self._capacity.tobytes(), len(self._states))
        self._level = 0.0
