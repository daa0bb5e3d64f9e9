"""The division of the wires among the flows of a moment: solved for, or taken from a cache."""

from __future__ import annotations

import numpy as np

from .flow_table import Slots
from .max_min import Floats, level_of_arrivals, load_of, refreshed_rates
from .max_min_incremental import MOST_LINKS, Levels

_FULL = 1 - 1e-9
"""A wire is full if this share of its capacity is used: its flows would send more."""
_SMALL, _MEMO = 64, 4096
"""The cache holds rates of up to `_MEMO` sets of up to `_SMALL` flows: collectives repeat the same sets."""


class Division:
    """The rates and loads of the flows of a moment, and for how long they have held since they were booked last [s]."""

    __slots__ = ("full", "held_s", "kept", "load", "moving", "rates", "share")

    def __init__(self, rates: Floats, load: Floats, share: Floats, *, kept: bool) -> None:
        self.rates, self.load, self.share, self.kept = rates, load, share, kept
        self.full = share > _FULL
        self.moving = bool(rates.all())
        self.held_s = 0.0

    def book(self, busy_s: Floats, full_s: Floats, peak: Floats) -> None:
        """Adds the time for which it has held to the busy and full time of each wire, and updates the peaks."""
        if not self.held_s:
            return
        np.maximum(peak, self.share, out=peak)
        busy_s += np.where(self.load > 0, self.held_s, 0.0)
        full_s += np.where(self.full, self.held_s, 0.0)
        self.held_s = 0.0


class Divider:
    """Solves for the rates of the flows under way.

    Args:
      slots: the flows.
      wires: L, the number of wires.
      leveled: whether large sets of flows are solved incrementally (see `max_min_incremental`).
    """

    def __init__(self, slots: Slots, wires: int, *, leveled: bool) -> None:
        self._slots = slots
        self._levels = Levels(wires) if leveled and wires <= MOST_LINKS else None
        self._states: dict[bytes, int] = {}
        self._memo: dict[tuple[int, bytes], Division] = {}
        self.idle = Division(np.zeros(0), np.zeros(wires + 1), np.zeros(wires + 1), kept=True)
        """The division without any flow."""
        self.limit(np.zeros(0))

    @property
    def remembered(self) -> list[Division]:
        """The divisions in the cache."""
        return list(self._memo.values())

    def limit(self, capacity: Floats) -> None:
        """Sets the limits of the wires, shape (L + 1,) [bit/s]."""
        self._limit = capacity
        self._state = self._states.setdefault(capacity.tobytes(), len(self._states))

    def divide(self, level: float) -> Division:
        """Max-min fair rates for the flows under way.

        Args:
          level: the lowest level (rate over weight) of a flow that left; 0: solve for all flows [bit/s].
        """
        n = self._slots.n
        key = (self._state, self._slots.kinds[:n].tobytes())
        division = self._memo.get(key) if n <= _SMALL else None
        if division is None:
            division = self._solved(n, level)
            if division.kept:
                self._memo[key] = division
        elif self._levels:
            self._levels.forget()
        self._slots.rates[:n] = division.rates
        return division

    def _solved(self, n: int, level: float) -> Division:
        slots, wires = self._slots, len(self._limit)
        routes, weights, caps = slots.routes[:, :n], slots.weights[:n], slots.caps[:n]
        if self._levels and n > _SMALL:
            rates, load = self._levels.rates(self._limit, routes, weights, caps, slots.bound[:n])
        else:
            if self._levels:
                self._levels.forget()
            fresh = np.isinf(slots.rates[:n])
            level = min(level, level_of_arrivals(self._limit, routes, weights, caps, fresh))
            rates = refreshed_rates(self._limit, routes, weights, caps, slots.rates[:n], level)
            load = load_of(routes, rates, wires)
        share = np.divide(load, self._limit, out=np.zeros_like(load), where=load > 0)
        return Division(rates, load, share, kept=n <= _SMALL and len(self._memo) < _MEMO)

    def level_of(self, leaving: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
        """The lowest level of some flows; 0 if few flows are under way, since all are then solved for [bit/s]."""
        slots = self._slots
        return float((slots.rates[leaving] / slots.weights[leaving]).min()) if slots.n > _SMALL else 0.0

    def leaves(self, slot: int) -> None:
        """Takes note of a flow that is about to leave."""
        if self._levels:
            slots = self._slots
            bound, weight, cap = int(slots.bound[slot]), float(slots.weights[slot]), float(slots.caps[slot])
            self._levels.left(slots.routes[:, slot], bound, weight, cap)
