"""What the token buckets of links hold between exchanges that have their links to themselves."""

from __future__ import annotations

from collections.abc import Sequence


class HeldCredit:
    """The credit of every bucket as the time in which its link, which never changes, fills it so far; all start full.

    Args:
      wires: the links with a bucket, by their number.
      full_s: the time in which an empty bucket fills, of each of them [s].
    """

    def __init__(self, wires: Sequence[int], full_s: Sequence[float]) -> None:
        self._place = {wire: place for place, wire in enumerate(wires)}
        self.full_s = tuple(full_s)
        self._held = [(0.0, full_s) for full_s in self.full_s]
        """Since when, and what [s]."""

    def places(self, wires: frozenset[int]) -> list[int]:
        """Where those of some links that have a bucket stand among the buckets."""
        return sorted(self._place[wire] for wire in wires & self._place.keys())

    def at(self, moment_s: float, place: int) -> float:
        """What a bucket holds at a moment [s]; within its last exchange, what it will hold less the time until then."""
        since_s, held_s = self._held[place]
        return min(self.full_s[place], held_s + (moment_s - since_s))

    def everywhere(self, moment_s: float) -> tuple[float, ...]:
        """What every bucket holds (see `at`) [s]."""
        return tuple(self.at(moment_s, place) for place in range(len(self.full_s)))

    def left(self, moment_s: float, place: int, held_s: float) -> None:
        """An exchange is over at a moment, and has left so much [s]."""
        self._held[place] = moment_s, held_s
