"""What the wires of a network can carry at a moment, and when that changes for those who wait for it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from .max_min import Floats, Routes
from .repetition import Turn, turn_of
from .wire import Wire


class Capacities:
    """The capacity of every wire; each is read anew when it has changed, and somebody asks.

    Args:
      wires: L of them; the position L stands for no wire, which has no limit.
      now_s: the time at the start [s].
    """

    def __init__(self, wires: Sequence[Wire], now_s: float) -> None:
        count = len(wires)
        self._wires = wires
        self.bits_per_s: Floats = np.full(count + 1, math.inf)
        self.lost: NDArray[np.bool_] = np.zeros(count + 1, dtype=bool)
        """Which have no capacity any more, for ever."""
        self._change_s = np.full(count, math.inf)
        self.bits_per_s[:-1] = [wire.profile.bits_per_s[0] for wire in wires]
        self._changing = np.array([i for i, wire in enumerate(wires) if not wire.profile.constant], dtype=np.int64)
        self._change_s[self._changing] = -math.inf
        self.take(now_s)
        self._changing = np.flatnonzero(self._change_s < math.inf)

    def take(self, now_s: float) -> bool:
        """Reads the capacities of wires that have changed; returns whether there are any."""
        if not len(self._changing):
            return False
        due = self._changing[self._change_s[self._changing] <= now_s].tolist()
        for wire in due:
            profile = self._wires[wire].profile
            try:
                capacity, following_s = profile.capacity_at(now_s), profile.next_change_s(now_s)
            except InputError as error:
                raise InputError(f"link {self._wires[wire].name}: {error}") from None
            self.bits_per_s[wire] = capacity
            self._change_s[wire] = math.inf if following_s is None else following_s
            self.lost[wire] = capacity == 0 and following_s is None
        return bool(due)

    def awaited(self, routes: Routes) -> list[int]:
        """Wires whose next change matters: a flow crosses them, and nothing that is lost.

        Args:
          routes: wires of each flow, padded with L, shape (K, F).
        """
        if not len(self._changing):
            return []
        if self.lost.any():
            routes = routes[:, ~self.lost[routes].any(axis=0)]
        used = np.zeros(len(self.bits_per_s), dtype=bool)
        used[routes] = True
        return [int(wire) for wire in self._changing[used[self._changing]] if self._change_s[wire] < math.inf]

    def change_s(self, wires: Sequence[int]) -> float:
        """When the first of some wires changes; infinite: never [s]."""
        return min((float(self._change_s[wire]) for wire in wires), default=math.inf)

    def turn(self, wires: Sequence[int], now_s: float, most_pieces: int) -> Turn | None:
        """The repetition that some wires are in (see `turn_of`)."""
        return turn_of({wire: self._wires[wire].profile for wire in wires}, now_s, most_pieces)

    def stalled(self, routes: Routes) -> list[str]:
        """Names of wires that carry nothing although flows wait on them: those that never return, if there are any."""
        waiting = np.unique(routes)
        cut = waiting[self.lost[waiting]].tolist() or waiting[self.bits_per_s[waiting] == 0].tolist()
        return [self._wires[wire].name for wire in cut]

    def endless(self, wires: Sequence[int], changes: int) -> InputError:
        """What to say when wires have changed so often under the same flows that it cannot be meant."""
        names = ", ".join(self._wires[wire].name for wire in wires[:3])
        return InputError(
            f"the bandwidth of {names} changes {changes:,} times while the same bytes are under way; write a schedule "
            "that repeats less often (or its mean, as a constant bandwidth), or send less at once"
        )
