"""The flows under way as columns of numbers: one slot for each flow, without gaps, for arithmetic on whole arrays."""

from __future__ import annotations

import numpy as np
import simpy


class Slots:
    """Columns whose first `n` entries are in use; a flow that leaves is replaced by the last one.

    Args:
      wires: L, the number of wires; position L in a route means no wire.
    """

    def __init__(self, wires: int) -> None:
        self._wires = wires
        self.n = 0
        self.routes = np.full((1, 16), wires, dtype=np.int64)
        """Wires of each flow, padded with L, shape (K, slots)."""
        self.left, self.size, self.rates, self.weights, self.caps, self.begin_s = (np.zeros(16) for _ in range(6))
        """Of each flow: bits left, size [bit]; rate (infinite: unknown yet), weight, cap [bit/s]; begin [s]."""
        self.kinds, self.bound = np.zeros(16, dtype=np.int64), np.zeros(16, dtype=np.int64)
        """Of each flow: a number for its route, weight and cap; its last bottleneck (see `max_min_incremental`)."""
        self.sent: list[simpy.Event] = []
        """Of each flow: the event that fires when its last bit has left."""
        self._kind_of: dict[tuple[tuple[int, ...], float, float], int] = {}

    def add(
        self,
        route: tuple[int, ...],
        bits: float,
        weight: float,
        cap_bits_per_s: float,
        begin_s: float,
        sent: simpy.Event,
    ) -> None:
        """Adds a flow."""
        self._grow(len(route))
        slot = self.n
        self.n += 1
        self.routes[:, slot] = self._wires
        self.routes[: len(route), slot] = route
        self.left[slot] = self.size[slot] = bits
        self.rates[slot], self.bound[slot], self.begin_s[slot] = np.inf, -1, begin_s
        self.weights[slot], self.caps[slot] = weight, cap_bits_per_s
        self.kinds[slot] = self._kind_of.setdefault((route, weight, cap_bits_per_s), len(self._kind_of))
        self.sent.append(sent)

    def remove(self, slot: int) -> simpy.Event:
        """Removes a flow; returns its event."""
        sent, last = self.sent[slot], self.n - 1
        if slot != last:
            self.sent[slot] = self.sent[last]
            self.routes[:, slot] = self.routes[:, last]
            for array in (self.left, self.size, self.rates, self.weights, self.caps, self.begin_s):
                array[slot] = array[last]
            self.kinds[slot], self.bound[slot] = self.kinds[last], self.bound[last]
        self.sent.pop()
        self.n = last
        return sent

    def _grow(self, hops: int) -> None:
        width, slots = self.routes.shape
        if self.n < slots and hops <= width:
            return
        wider = np.full((max(width, hops), max(slots, 2 * self.n)), self._wires, dtype=np.int64)
        wider[:width, :slots] = self.routes
        self.routes = wider
        more = wider.shape[1] - slots
        self.left, self.size, self.rates, self.weights, self.caps, self.begin_s = (
            np.concatenate([a, np.zeros(more)])
            for a in (self.left, self.size, self.rates, self.weights, self.caps, self.begin_s)
        )
        self.kinds, self.bound = (np.concatenate([a, np.zeros(more, dtype=np.int64)]) for a in (self.kinds, self.bound))
