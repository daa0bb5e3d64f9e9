"""The capacity of a link over the clock of a replay that leaps: what it has by the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ...engine.calendar import Calendar
from ...topology.capacity import CapacityOverTime


@dataclass(frozen=True)
class LeapingCapacity:
    """A profile by the calendar. Times that it is asked for, and that it tells, are those of the clock.

    In a leap the capacity does not change, so no change is ever lost in one.
    """

    base: CapacityOverTime
    calendar: Calendar

    @property
    def constant(self) -> bool:
        """Whether the capacity is always the same."""
        return self.base.constant

    @property
    def ends_cut(self) -> bool:
        """Whether from some time on it has no capacity for ever."""
        return self.base.ends_cut

    @property
    def times_s(self) -> tuple[float, ...]:
        """The begin of each piece of the schedule, from the begin of a repetition [s]."""
        return self.base.times_s

    @property
    def bits_per_s(self) -> tuple[float, ...]:
        """Capacity of each piece [bit/s]."""
        return self.base.bits_per_s

    @property
    def repeat_s(self) -> float | None:
        """The time after which the schedule begins again [s]."""
        return self.base.repeat_s

    def capacity_at(self, t_s: float) -> float:
        """Capacity at an instant [bit/s]."""
        return self.base.capacity_at(self.calendar.at(t_s))

    def next_change_s(self, t_s: float) -> float | None:
        """The first instant after `t_s` at which the capacity changes [s]; None: it stays for ever."""
        change_s = self.base.next_change_s(self.calendar.at(t_s))
        return None if change_s is None else self.calendar.clock(change_s)

    def bits_between(self, start_s: float, end_s: float) -> float:
        """The integral of the capacity from one instant to another, without what passes in leaps [bit]."""
        inner = [leap.at_s for leap in self.calendar.leaps if start_s < leap.at_s <= end_s]
        calendar_s = self.calendar.at(start_s)
        bits = 0.0
        for begin_s, stop_s in pairwise([start_s, *inner, end_s]):
            bits += self.base.bits_between(calendar_s, calendar_s + stop_s - begin_s)
            calendar_s = self.calendar.at(stop_s)
        return bits

    def alike_until_s(self, t_s: float) -> float:
        """The end of the time in which the capacity is constant or repeats the schedule; infinite: for ever [s]."""
        until_s = self.calendar.clock(self.base.alike_until_s(self.calendar.at(t_s)))
        return min(until_s, self.calendar.next_leap(t_s))

    def turn(self, t_s: float) -> list[tuple[float, float]]:
        """One whole repetition from an instant on (see `CapacityOverTime.turn`)."""
        return self.base.turn(self.calendar.at(t_s))
