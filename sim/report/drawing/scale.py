"""From the values of an axis to places on a drawing, and the values to mark."""

from __future__ import annotations

import math

_FACTORS = (1, 2, 5, 10)


class Scale:
    """An axis from one place of a drawing to another.

    Args:
      low, high: the values at its ends; where they are one, it stands in the middle.
      start, end: the places of its ends.
      log: whether it counts in powers of ten.
    """

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool = False) -> None:
        self._log = log
        self._low, self._high = self._position(low), self._position(high)
        if self._high <= self._low:
            self._low, self._high = self._low - 1, self._high + 1
        self._start, self._end = start, end

    def _position(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self._log else value

    def at(self, value: float) -> float:
        """Where a value lies, within the ends of the axis."""
        share = (self._position(value) - self._low) / (self._high - self._low)
        return self._start + (self._end - self._start) * min(max(share, 0.0), 1.0)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """About so many values to mark, with their texts: powers of ten, or steps of 1, 2 or 5 times one."""
        if self._log:
            return self._powers(count)
        rough = (self._high - self._low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        apart = next((factor * power for factor in _FACTORS if factor * power >= 0.9 * rough), 10 * power)
        first, last = math.ceil(self._low / apart - 1e-9), math.floor(self._high / apart + 1e-9)
        return [(number * apart, _number(number * apart)) for number in range(first, last + 1)]

    def _powers(self, count: int) -> list[tuple[float, str]]:
        first, last = math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9)
        if last - first < 2:  # too few of them to read a value by
            powers = range(math.floor(self._low) - 1, last + 1)
            found = [factor * 10.0**power for power in powers for factor in _FACTORS[:-1]]
            return [
                (each, _number(each)) for each in found if self._low - 1e-9 <= math.log10(each) <= self._high + 1e-9
            ]
        step = max(1, math.ceil((last - first) / (count + 2)))
        return [(10.0**power, _number(10.0**power)) for power in range(first, last + 1, step)]


def _number(value: float) -> str:
    """A value to mark, in digits where these are not too many."""
    return f"{value:,.10g}" if value == 0 or 1e-4 <= abs(value) < 1e7 else f"{value:.6g}"
