"""The capacity of a link over time: exact, piecewise constant, with the instants of its changes; nothing is sampled."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..errors import InputError

_MOST_REPEATS = 2.0**40
"""So many repetitions after its start the clock (a float) can no longer tell the pieces of a schedule apart."""


@dataclass(frozen=True)
class CapacityOverTime:
    """The capacity of one direction of a link over time.

    Limits: piecewise constant; a ramp needs as many pieces as its accuracy asks for.
    """

    times_s: tuple[float, ...]
    """When each piece of the schedule begins [s]: 0 first, strictly increasing."""
    bits_per_s: tuple[float, ...]
    """Capacity from then on [bit/s]; 0 is a stall."""
    repeat_s: float | None = None
    """The schedule begins again after this long [s]; None: its last value stays."""
    outages_s: tuple[tuple[float, float], ...] = ()
    """Spans [start, end) without any capacity [s]: disjoint, in order, not repeating; an end may be infinite."""

    @classmethod
    def of(
        cls,
        times_s: Iterable[float],
        bits_per_s: Iterable[float],
        repeat_s: float | None = None,
        outages_s: Iterable[tuple[float, float]] = (),
    ) -> CapacityOverTime:
        """Builds a profile: neighbouring pieces of one value and outages that touch become one."""
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
        """Whether there comes a time from which on it never has any capacity again."""
        return (self.repeat_s is None and self.bits_per_s[-1] == 0) or any(
            end_s == math.inf for _, end_s in self.outages_s
        )

    def capacity_at(self, t_s: float) -> float:
        """Capacity at an instant; a change counts from its own instant on.

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
        """What the link could carry from one instant to another: the integral of the capacity [bit]."""
        lost = (
            self._scheduled_bits(max(start_s, begin_s), min(end_s, over_s))
            for begin_s, over_s in self.outages_s
            if begin_s < end_s and over_s > start_s
        )
        return self._scheduled_bits(start_s, end_s) - math.fsum(lost)

    def alike_until_s(self, t_s: float) -> float:
        """Until when the capacity stays as it is or does nothing but repeat the schedule; infinite: for ever [s]."""
        if self.repeat_s is None or self._outage_end_s(t_s):
            following = self.next_change_s(t_s)
            return math.inf if following is None else following
        position = bisect_right(self.outages_s, (t_s, math.inf))
        return self.outages_s[position][0] if position < len(self.outages_s) else math.inf

    def turn(self, t_s: float) -> list[tuple[float, float]]:
        """One whole repetition from an instant on: seconds since then, and the capacity from there on [bit/s].

        The times are those of the schedule less a remainder, which is exact: however late it is on the clock, a turn
        is no less accurate; an instant as near to a change as the clock can tell is that change. Empty in an outage,
        and where nothing repeats.
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
        """What the schedule has carried, outages aside, when each of its pieces begins [bit]."""
        spans = (later - earlier for earlier, later in itertools.pairwise(self.times_s))
        carried = (seconds * bits for seconds, bits in zip(spans, self.bits_per_s, strict=False))
        return [0.0, *itertools.accumulate(carried)]

    def _scheduled_bits(self, start_s: float, end_s: float) -> float:
        """The integral of the schedule, without outages: whole repetitions at once [bit]."""
        (turn, since_start), (last_turn, since_end) = self._since_turn(start_s), self._since_turn(end_s)
        if turn == last_turn:
            return since_end - since_start
        whole = self._carried_by(self.repeat_s or 0.0)
        return (last_turn - turn) * whole + since_end - since_start

    def _since_turn(self, t_s: float) -> tuple[int, float]:
        """Which repetition an instant is in, and what the schedule has carried in it until then [bit]."""
        count, _ = self._piece(t_s)
        return count, self._carried_by(t_s - count * (self.repeat_s or 0.0))

    def _carried_by(self, since_s: float) -> float:
        """What the schedule carries in so many seconds from its start [bit]."""
        piece = max(0, bisect_right(self.times_s, since_s) - 1)
        return self._bits_before[piece] + (since_s - self.times_s[piece]) * self.bits_per_s[piece]

    def _outage_end_s(self, t_s: float) -> float | None:
        position = bisect_right(self.outages_s, (t_s, math.inf)) - 1
        end_s = self.outages_s[position][1] if position >= 0 else 0.0
        return end_s if t_s < end_s else None

    def _piece(self, t_s: float) -> tuple[int, int]:
        """Which repetition `t_s` is in, and which piece of it.

        The edges are the very floats `count * repeat + time`, here and in `_next_edge_s`: found by a remainder
        instead, an edge could round to just before itself and come up again and again.
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
            return end_s  # whatever the schedule does meanwhile
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
            f"a schedule that repeats every {self.repeat_s:g} s cannot be followed as late as {t_s:g} s, where the "
            "clock is too coarse for it; let things begin earlier, or write its mean as a constant bandwidth"
        )
