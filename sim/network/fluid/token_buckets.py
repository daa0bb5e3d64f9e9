"""Token buckets: what a link with a shaper or policer lets pass at once, and how its credit goes and comes.

A bucket begins full, fills at the capacity of its wire less what passes, and holds no more than its burst. While there
is credit in it the wire lets everything pass; when it is empty the wire has its capacity, as without a bucket. That is
the shaper itself (without a peak rate) with packets of no size, not an approximation of it.

Source: RFC 2697, section 3, and tc-tbf(8): bytes pass in any time t up to the burst plus t times the rate.
Limits: no packets, so a burst is never less than one; no peak rate; what waits for credit waits without a limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .max_min import Floats, Routes, load_of, max_min_rates
from .wire import Wire

_EMPTY = 1e-9
"""A bucket that is filled to this share of its burst or less is empty: rounding left it."""


class Buckets:
    """The credit of every wire of a network, all full in the beginning.

    Args:
      wires: L of them; those without a burst never have credit.
    """

    def __init__(self, wires: Sequence[Wire]) -> None:
        self._wires = wires
        self._burst = np.array([*(wire.burst_bits for wire in wires), 0.0])
        self._credit = self._burst.copy()
        self._next = np.zeros(0, dtype=np.intp)

    def credit_s(self, capacity: Floats) -> tuple[float, ...]:
        """What each bucket holds, as the seconds in which its wire would fill it so far: shape (buckets,) [s]."""
        some = self._burst > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return tuple((self._credit[some] / capacity[some]).tolist())

    def open(self, capacity: Floats) -> NDArray[np.bool_]:
        """Which wires let everything pass, shape (L + 1,); the last place, for no wire, does.

        A wire without any capacity is cut, and lets nothing pass whatever its bucket holds.
        """
        found: NDArray[np.bool_] = (self._credit > _EMPTY * self._burst) & (capacity > 0)
        found[-1] = True
        return found

    def pour(self, capacity: Floats, routes: Routes, weights: Floats, caps: Floats, left: Floats) -> Floats | None:
        """Takes out what passes in no time: of flows without a cap that cross nothing but open wires.

        Their rates have no bound but keep to their weights, until they are through or a bucket on the way is empty; so
        they divide the credit as flows divide capacity, each up to what it has left.

        Args:
          capacity: of each wire, shape (L + 1,) [bit/s].
          routes: wires of each flow, padded with L, shape (K, F).
          weights: shape (F,).
          caps: shape (F,) [bit/s].
          left: what each flow has still to send, shape (F,) [bit].

        Returns:
          What passes of each flow, shape (F,); None if nothing does [bit].
        """
        is_open = self.open(capacity)
        free = reduce(np.logical_and, [is_open[hop] for hop in routes], np.isinf(caps) & (left > 0))
        if not free.any():
            return None
        credit = self._credit.copy()
        credit[-1] = math.inf
        poured = np.zeros(len(weights))
        poured[free] = max_min_rates(credit, routes[:, free], weights[free], left[free])
        gone = load_of(routes, poured, len(credit))
        self._credit = np.where(gone >= self._credit * (1 - _EMPTY), 0.0, self._credit - gone)
        return poured

    def spend(self, capacity: Floats, load: Floats, full: NDArray[np.bool_], start_s: float, elapsed_s: float) -> None:
        """Brings the credit up to date with a time of constant load.

        Args:
          capacity: of each wire that carries anything, shape (L + 1,) [bit/s].
          load: what passed over each, shape (L + 1,) [bit/s].
          full: wires whose load is their capacity, whatever rounding says, shape (L + 1,).
          start_s: when the time began [s].
          elapsed_s: how long it was so [s].
        """
        gain = np.where(full, 0.0, capacity - load) * elapsed_s
        self._credit = np.where(load > 0, np.clip(self._credit + gain, 0.0, self._burst), self._credit)
        self._rest(np.flatnonzero((self._credit < self._burst) & (load == 0)), start_s, start_s + elapsed_s)

    def rest(self, start_s: float, end_s: float) -> None:
        """Brings the credit up to date with a time in which nothing was under way."""
        self._rest(np.flatnonzero(self._credit < self._burst), start_s, end_s)

    def _rest(self, which: NDArray[np.intp], start_s: float, end_s: float) -> None:
        for position in which.tolist():
            gain = self._wires[position].profile.bits_between(start_s, end_s)
            self._credit[position] = min(self._credit[position] + gain, self._burst[position])

    def lasts_s(self, capacity: Floats, load: Floats) -> float:
        """How long it takes at this load until a bucket is empty; infinite if none will be [s]."""
        over = np.flatnonzero(self.open(capacity)[:-1] & (load > capacity)[:-1])
        if not len(over):
            return math.inf
        lasts_s = self._credit[over] / (load - capacity)[over]
        soonest = float(lasts_s.min())
        self._next = over[lasts_s <= soonest * (1 + _EMPTY)]
        return soonest

    def run_dry(self) -> None:
        """The time that `lasts_s` told last is over."""
        self._credit[self._next] = 0.0
