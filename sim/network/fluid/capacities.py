"""The capacities of the wires of a network at a moment, and the times of their next changes."""

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
    """The capacity of every wire; a capacity that has changed is updated by `take`.

    Args:
      wires: L wires; position L means no wire, and has no limit.
      now_s: the time at the start [s].
    """

    def __init__(self, wires: Sequence[Wire], now_s: float) -> None:
        count = len(wires)
        self._wires = wires
        self.bits_per_s: Floats = np.full(count + 1, math.inf)
        self.lost: NDArray[np.bool_] = np.zeros(count + 1, dtype=bool)
        """Whether a wire has no capacity any more, for ever."""
        self._change_s = np.full(count, math.inf)
        self.bits_per_s[:-1] = [wire.profile.bits_per_s[0] for wire in wires]
        self._changing = np.array([i for i, wire in enumerate(wires) if not wire.profile.constant], dtype=np.int64)
        self._change_s[self._changing] = -math.inf
        self.take(now_s)
        self._changing = np.flatnonzero(self._change_s < math.inf)

    def take(self, now_s: float) -> bool:
        """Updates the capacities that have changed; returns whether any has."""
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

    def look_again(self, now_s: float) -> None:
        """Looks up the capacity and the next change of every wire that changes."""
        self._change_s[self._changing] = -math.inf
        self.take(now_s)

    def following_s(self, now_s: float) -> float:
        """The first change of any wire after a moment; infinite: never [s]."""
        found = (self._wires[wire].profile.next_change_s(now_s) for wire in self._changing.tolist())
        return min((change_s for change_s in found if change_s is not None), default=math.inf)

    def awaited(self, routes: Routes) -> list[int]:
        """Wires whose next change matters: a flow crosses them that crosses no wire cut for ever.

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
        """The time of the first change of some wires; infinite: never [s]."""
        return min((float(self._change_s[wire]) for wire in wires), default=math.inf)

    def turn(self, wires: Sequence[int], now_s: float, most_pieces: int) -> Turn | None:
        """The repetition of some wires (see `turn_of`)."""
        return turn_of({wire: self._wires[wire].profile for wire in wires}, now_s, most_pieces)

    def stalled(self, routes: Routes) -> list[str]:
        """Names of wires without capacity on which flows wait; only those cut for ever, if there are any."""
        waiting = np.unique(routes)
        cut = waiting[self.lost[waiting]].tolist() or waiting[self.bits_per_s[waiting] == 0].tolist()
        return [self._wires[wire].name for wire in cut]

    def endless(self, wires: Sequence[int], changes: int) -> InputError:
        """The error for wires that change too often while the same flows are under way."""
        names = ", ".join(self._wires[wire].name for wire in wires[:3])
        return InputError(
            f"the bandwidth of {names} changes {changes:,} times while the same bytes are under way; write a schedule "
            "that repeats less often (or its mean, as a constant bandwidth), or send less at once"
        )
