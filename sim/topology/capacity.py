"""The capacity of a link over time: piecewise constant, with exact instants of its changes; nothing is sampled."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..errors import InputError

_MOST_REPEATS = 2.0**40
"""The most repetitions of a schedule: later the clock (a float) cannot resolve its pieces."""


@dataclass(frozen=True)
class CapacityOverTime:
    """The capacity of one direction of a link over time.

    Limits: piecewise constant; a ramp has to be written as many pieces.
    """

    times_s: tuple[float, ...]
    """The begin of each piece of the schedule [s]: the first is 0, strictly increasing."""
    bits_per_s: tuple[float, ...]
    """Capacity of each piece [bit/s]; with 0 nothing moves."""
    repeat_s: float | None = None
    """The time after which the schedule begins again [s]; None: its last value stays."""
    outages_s: tuple[tuple[float, float], ...] = ()
    """Intervals [start, end) without capacity [s]: disjoint, in order, not repeated; an end may be infinite."""

    @classmethod
    def of(
        cls,
        times_s: Iterable[float],
        bits_per_s: Iterable[float],
        repeat_s: float | None = None,
        outages_s: Iterable[tuple[float, float]] = (),
    ) -> CapacityOverTime:
        """Builds a profile; neighbouring pieces of equal capacity, and outages that touch, are joined."""
        pieces: list[tuple[float, float]] = []
        for piece in zip(times_s, bits_per_s, strict=True):
            if not pieces or pieces[-1][1] != piece[1]:
                pieces.append(piece)
        spans: list[tuple[float, float]] = []
        for start, end in sorted(outages_s):
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((start, end))
        repeat = repeat_s if len(pieces) > 1 else None
        return cls(tuple(t for t, _ in pieces), tuple(b for _, b in pieces), repeat, tuple(spans))

    @property
    def constant(self) -> bool:
        """Whether the capacity is always the same."""
        return len(self.times_s) == 1 and not self.outages_s

    @property
    def ends_cut(self) -> bool:
        """Whether from some time on it has no capacity for ever."""
        return (self.repeat_s is None and self.bits_per_s[-1] == 0) or any(
            end_s == math.inf for _, end_s in self.outages_s
        )

    def capacity_at(self, t_s: float) -> float:
        """Capacity at an instant; at the instant of a change it is the new one.

        Args:
          t_s: time since the start of the run, 0 or more [s].

        Returns:
          The capacity [bit/s].
        """
        return 0.0 if self._outage_end_s(t_s) else self.bits_per_s[self._piece(t_s)[1]]

    def next_change_s(self, t_s: float) -> float | None:
        """The first instant after `t_s` at which the capacity changes [s]; None: it stays for ever."""
        now = self.capacity_at(t_s)
        while (t_s := self._next_edge_s(t_s)) < math.inf:
            if self.capacity_at(t_s) != now:
                return t_s
        return None

    def bits_between(self, start_s: float, end_s: float) -> float:
        """The integral of the capacity from one instant to another [bit]."""
        lost = (
            self._scheduled_bits(max(start_s, begin_s), min(end_s, over_s))
            for begin_s, over_s in self.outages_s
            if begin_s < end_s and over_s > start_s
        )
        return self._scheduled_bits(start_s, end_s) - math.fsum(lost)

    def alike_until_s(self, t_s: float) -> float:
        """The end of the time in which the capacity is constant or repeats the schedule; infinite: for ever [s]."""
        if self.repeat_s is None or self._outage_end_s(t_s):
            following = self.next_change_s(t_s)
            return math.inf if following is None else following
        position = bisect_right(self.outages_s, (t_s, math.inf))
        return self.outages_s[position][0] if position < len(self.outages_s) else math.inf

    def turn(self, t_s: float) -> list[tuple[float, float]]:
        """One whole repetition from an instant on: pairs of the time since then [s] and the capacity from it [bit/s].

        The times are those of the schedule minus an exact remainder, so they are as accurate late on the clock as
        early. An instant as close to a change as the clock can resolve counts as that change. Empty in an outage, and
        if the schedule does not repeat.
        """
        if self.repeat_s is None or self._outage_end_s(t_s):
            return []
        phase_s = math.fmod(t_s, self.repeat_s)
        near_s = max(2 * math.ulp(t_s), 1e-13 * self.repeat_s)
        if phase_s + near_s >= self.repeat_s:
            phase_s = 0.0
        now = bisect_right(self.times_s, phase_s + near_s) - 1
        if phase_s - self.times_s[now] <= near_s:
            phase_s = self.times_s[now]
        pieces = list(zip(self.times_s, self.bits_per_s, strict=True))
        rest = [(at_s - phase_s, bits_per_s) for at_s, bits_per_s in pieces[now + 1 :]]
        again = [(self.repeat_s - phase_s + at_s, bits_per_s) for at_s, bits_per_s in pieces[: now + 1]]
        return [(0.0, self.bits_per_s[now]), *rest, *again]

    @cached_property
    def _bits_before(self) -> list[float]:
        """The integral of the schedule, without outages, up to the begin of each piece [bit]."""
        spans = (later - earlier for earlier, later in itertools.pairwise(self.times_s))
        carried = (seconds * bits for seconds, bits in zip(spans, self.bits_per_s, strict=False))
        return [0.0, *itertools.accumulate(carried)]

    def _scheduled_bits(self, start_s: float, end_s: float) -> float:
        """The integral of the schedule, without outages; whole repetitions are counted at once [bit]."""
        (turn, since_start), (last_turn, since_end) = self._since_turn(start_s), self._since_turn(end_s)
        if turn == last_turn:
            return since_end - since_start
        whole = self._carried_by(self.repeat_s or 0.0)
        return (last_turn - turn) * whole + since_end - since_start

    def _since_turn(self, t_s: float) -> tuple[int, float]:
        """The number of the repetition of an instant, and the integral of the schedule in it until then [bit]."""
        count, _ = self._piece(t_s)
        return count, self._carried_by(t_s - count * (self.repeat_s or 0.0))

    def _carried_by(self, since_s: float) -> float:
        """The integral of the schedule over so many seconds from its start [bit]."""
        piece = max(0, bisect_right(self.times_s, since_s) - 1)
        return self._bits_before[piece] + (since_s - self.times_s[piece]) * self.bits_per_s[piece]

    def _outage_end_s(self, t_s: float) -> float | None:
        position = bisect_right(self.outages_s, (t_s, math.inf)) - 1
        end_s = self.outages_s[position][1] if position >= 0 else 0.0
        return end_s if t_s < end_s else None

    def _piece(self, t_s: float) -> tuple[int, int]:
        """The number of the repetition at `t_s`, and that of the piece in it.

        The edges are the floats `count * repeat + time`, here and in `_next_edge_s`. If they were found by a remainder,
        an edge could be rounded to just before itself and be found again for ever.
        """
        repeat_s, count = self.repeat_s or 0.0, 0
        if repeat_s:
            if t_s >= repeat_s * _MOST_REPEATS:
                raise self._too_late(t_s)
            count = math.floor(t_s / repeat_s)
            while count * repeat_s > t_s:
                count -= 1
            while (count + 1) * repeat_s <= t_s:
                count += 1
        if not count:
            return 0, bisect_right(self.times_s, t_s) - 1
        return count, bisect_right(self.times_s, t_s, key=lambda time_s: count * repeat_s + time_s) - 1

    def _next_edge_s(self, t_s: float) -> float:
        """The next instant at which a piece or an outage begins or ends; infinite if there is none."""
        if end_s := self._outage_end_s(t_s):
            return end_s  # changes of the schedule during an outage do not count
        count, piece = self._piece(t_s)
        edge_s = math.inf
        if piece + 1 < len(self.times_s):
            edge_s = count * (self.repeat_s or 0.0) + self.times_s[piece + 1]
        elif self.repeat_s is not None:
            edge_s = (count + 1) * self.repeat_s
        if edge_s <= t_s:
            raise self._too_late(t_s)
        position = bisect_right(self.outages_s, (t_s, math.inf))
        return min(edge_s, self.outages_s[position][0] if position < len(self.outages_s) else math.inf)

    def _too_late(self, t_s: float) -> InputError:
        return InputError(
            f"a schedule that repeats every {self.repeat_s:g} s cannot be resolved at {t_s:g} s, where the clock is "
            "too coarse; let flows begin earlier, or write its mean as a constant bandwidth"
        )
