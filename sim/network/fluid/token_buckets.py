"""Token buckets: the bursts that links with a shaper or policer let pass, and the credit for them.

A bucket starts full. It fills at the capacity of its wire minus the traffic, and holds at most its burst. While it has
credit the wire has no limit; when it is empty the wire has its capacity, as without a bucket. This is exactly a shaper
without a peak rate, in the limit of small packets.

Source: RFC 2697, section 3, and tc-tbf(8): in any time t up to burst + t x rate bytes pass.
Limits: no packets, so a burst may be smaller than one; no peak rate; the queue that waits for credit has no limit.
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
"""A bucket with at most this share of its burst counts as empty: the rest is a rounding error."""


class Buckets:
    """The credit of every wire of a network.

    Args:
      wires: L wires; those without a burst never have credit.
      credit_s: the credit of each bucket in the beginning, as the time in which its wire, which never changes then,
        fills it so far, shape (buckets,); empty: all are full [s].
    """

    def __init__(self, wires: Sequence[Wire], credit_s: Sequence[float] = ()) -> None:
        self._wires = wires
        self._burst = np.array([*(wire.burst_bits for wire in wires), 0.0])
        self._credit = self._burst.copy()
        for position, held_s in zip(np.flatnonzero(self._burst).tolist(), credit_s, strict=False):
            capacity = self._wires[position].profile.capacity_at(0.0)
            self._credit[position] = min(held_s * capacity, self._burst[position])
        self._next = np.zeros(0, dtype=np.intp)

    def credit_s(self, capacity: Floats) -> tuple[float, ...]:
        """The credit of each bucket as the time in which its wire would fill it so far, shape (buckets,) [s]."""
        some = self._burst > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return tuple((self._credit[some] / capacity[some]).tolist())

    def open(self, capacity: Floats) -> NDArray[np.bool_]:
        """Whether each wire has no limit now, shape (L + 1,); true for the last place, which means no wire.

        A wire without capacity is cut: it lets nothing pass, whatever the credit of its bucket.
        """
        found: NDArray[np.bool_] = (self._credit > _EMPTY * self._burst) & (capacity > 0)
        found[-1] = True
        return found

    def pour(self, capacity: Floats, routes: Routes, weights: Floats, caps: Floats, left: Floats) -> Floats | None:
        """Spends credit on the bits that pass in no time: those of flows without a cap that cross only open wires.

        Such flows have unlimited rates in proportion to their weights, until they end or a bucket on their route is
        empty. So they divide the credit by max-min fair share, as flows divide capacity, each up to its bits left.

        Args:
          capacity: of each wire, shape (L + 1,) [bit/s].
          routes: wires of each flow, padded with L, shape (K, F).
          weights: shape (F,).
          caps: shape (F,) [bit/s].
          left: bits that each flow has still to send, shape (F,) [bit].

        Returns:
          Bits of each flow that pass, shape (F,); None if none do [bit].
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
        """Updates the credit after a time of constant load.

        Args:
          capacity: of each wire with traffic, shape (L + 1,) [bit/s].
          load: traffic of each wire, shape (L + 1,) [bit/s].
          full: whether the load of a wire equals its capacity up to rounding, shape (L + 1,).
          start_s: the begin of that time [s].
          elapsed_s: its duration [s].
        """
        gain = np.where(full, 0.0, capacity - load) * elapsed_s
        self._credit = np.where(load > 0, np.clip(self._credit + gain, 0.0, self._burst), self._credit)
        self._rest(np.flatnonzero((self._credit < self._burst) & (load == 0)), start_s, start_s + elapsed_s)

    def rest(self, start_s: float, end_s: float) -> None:
        """Updates the credit after a time without traffic."""
        self._rest(np.flatnonzero(self._credit < self._burst), start_s, end_s)

    def _rest(self, which: NDArray[np.intp], start_s: float, end_s: float) -> None:
        for position in which.tolist():
            gain = self._wires[position].profile.bits_between(start_s, end_s)
            self._credit[position] = min(self._credit[position] + gain, self._burst[position])

    @staticmethod
    def share(capacity: Floats, load: Floats) -> Floats:
        """The share of the capacity of each wire that its load is; 1 where more passes, shape (L + 1,)."""
        return np.minimum(np.divide(load, capacity, out=np.zeros_like(load), where=load > 0), 1.0)

    def lasts_s(self, capacity: Floats, load: Floats) -> float:
        """The time at this load until the first bucket is empty; infinite if none will be [s]."""
        over = np.flatnonzero(self.open(capacity)[:-1] & (load > capacity)[:-1])
        if not len(over):
            return math.inf
        lasts_s = self._credit[over] / (load - capacity)[over]
        soonest = float(lasts_s.min())
        self._next = over[lasts_s <= soonest * (1 + _EMPTY)]
        return soonest

    def run_dry(self) -> None:
        """Empties the buckets that the last call of `lasts_s` found to be the first."""
        self._credit[self._next] = 0.0
