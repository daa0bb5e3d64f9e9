"""What a column of numbers measures, and how its numbers are written: all in one unit, with the same digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..units import quantities as units
from ..units.registry import SCALE

_SIGNIFICANT = 3
"""Digits that the smallest number of a column keeps."""
_DECIMALS = 4
"""Digits behind the point up to which the unit of the largest number serves for all; beyond, a smaller unit does."""
_WHOLE, _DIGITS = 6, 8
"""Digits before the point up to which a smaller unit serves; digits in all."""
_EXACT = 1e-12
"""A relative difference that only rounding makes."""


@dataclass(frozen=True)
class Scale:
    """A unit that a quantity is written in.

    Attributes:
      unit: its symbol.
      factor: what one of it is in the base unit.
      least: the smallest value that is written in it [base unit].
    """

    unit: str
    factor: float
    least: float


@dataclass(frozen=True)
class Quantity:
    """What a column measures.

    Attributes:
      scales: the units that it may be written in, the largest first; none for words.
      digits: digits behind the point; None: as many as the numbers need.
      attached: whether the unit stands behind every number (`12%`) instead of in the head of the column.
    """

    scales: tuple[Scale, ...] = ()
    digits: int | None = None
    attached: bool = False


def _prefixed(unit: units.Unit) -> tuple[Scale, ...]:
    largest_first = sorted(unit.prefixes, key=SCALE.__getitem__, reverse=True)
    return tuple(Scale(f"{prefix}{unit.base}", SCALE[prefix], SCALE[prefix]) for prefix in largest_first)


_LONG_TIMES = tuple(
    Scale(unit, seconds, 2 * seconds)  # a long unit is taken from twice its length up
    for unit, seconds in (("yr", 31557600.0), ("days", 86400.0), ("h", 3600.0), ("min", 60.0))
)

TEXT = Quantity()
NUMBER = Quantity((Scale("", 1.0, 0.0),))
DURATION = Quantity(_LONG_TIMES + _prefixed(units.LATENCY))
SECONDS = Quantity((Scale("s", 1.0, 0.0),))
BYTES = Quantity(_prefixed(units.SIZE))
BANDWIDTH = Quantity(_prefixed(units.BANDWIDTH))
GBIT_PER_S = Quantity((Scale("Gbit/s", 1e9, 0.0),))
COUNT = Quantity(
    (
        *(Scale(unit, factor, factor) for unit, factor in (("T", 1e12), ("B", 1e9), ("M", 1e6))),
        Scale("k", 1e3, 1e4),  # below ten thousand numbers stay as they are
        Scale("", 1.0, 0.0),
    ),
    attached=True,
)
SHARE = Quantity((Scale("%", 0.01, 0.0),), digits=1, attached=True)
PERCENT = Quantity((Scale("", 0.01, 0.0),), digits=1)
RATIO = Quantity((Scale("x", 1.0, 0.0),), digits=2, attached=True)
MONEY = Quantity((Scale("bn", 1e9, 1e9), Scale("m", 1e6, 1e7), Scale("", 1.0, 0.0)))
ENERGY = Quantity(tuple(Scale(f"{unit}Wh", factor, factor) for unit, factor in (("G", 1e6), ("M", 1e3), ("k", 1.0))))
"""In kWh."""
MASS = Quantity((Scale("kt", 1e6, 1e7), Scale("t", 1e3, 1e3), Scale("kg", 1.0, 0.0)))
"""In kg."""
POWER = Quantity((Scale("MW", 1e6, 1e5), Scale("kW", 1e3, 1e3), Scale("W", 1.0, 0.0)))
FLOP = Quantity(
    tuple(Scale(f"{unit}flop", factor, factor) for unit, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("", 1.0)))
)
LOSS = Quantity((Scale("", 1.0, 0.0),), digits=3)


@dataclass(frozen=True)
class Written:
    """The numbers of a column as text.

    Attributes:
      unit: for the head of the column; empty where there is none, or it stands behind the numbers.
      texts: in the order of the values.
    """

    unit: str
    texts: tuple[str, ...]


def written(
    values: Sequence[str | float | None],
    quantity: Quantity,
    *,
    scale: Scale | None = None,
    digits: int | None = None,
    signed: bool = False,
) -> Written:
    """Writes a column: words as they are, `-` for nothing, numbers in one unit with the same digits.

    Args:
      values: the cells [base unit of the quantity].
      quantity: what they measure.
      scale: their unit; the one that suits them best unless given.
      digits: behind the point; those of the quantity, else as many as the numbers need, unless given.
      signed: whether a `+` stands before what is more.
    """
    numbers = [value for value in values if isinstance(value, int | float)]
    unit = scale or common_scale(numbers, quantity)
    form = _form([number / unit.factor for number in numbers], quantity.digits if digits is None else digits)
    sign = "+" if signed else ""
    behind = unit.unit if quantity.attached else ""

    def text(value: str | float | None) -> str:
        if value is None or isinstance(value, str):
            return "-" if value is None else value
        number = f"{value / unit.factor:{sign}{form}}"
        gone = not any(digit in number for digit in "123456789") and "n" not in number  # nothing has no sign
        return f"{f'{0.0:{form}}' if gone else number}{behind}"

    return Written("" if quantity.attached else unit.unit, tuple(map(text, values)))


def common_scale(numbers: Sequence[float], quantity: Quantity) -> Scale:
    """The unit that the largest number is written in, or a smaller one where the smallest number would vanish in it."""
    sizes = [abs(number) for number in numbers if number and math.isfinite(number)]
    if not sizes:
        return next((scale for scale in quantity.scales if scale.factor == 1), quantity.scales[-1])
    # Rounding to three digits may lift a number into the next unit.
    fitting = [scale for scale in quantity.scales if max(sizes) >= 0.9995 * scale.least] or [quantity.scales[-1]]
    if quantity.digits is not None:
        return fitting[0]
    readable = [scale for scale in fitting if max(sizes) / scale.factor < 10**_WHOLE] or fitting[:1]
    return next((scale for scale in readable if _needed(sizes, scale) <= _DECIMALS), readable[-1])


def _needed(sizes: Sequence[float], scale: Scale) -> int:
    """Digits behind the point that the smallest number needs, or fewer where these say all that there is."""
    scaled = [scaled for size in sizes if (scaled := size / scale.factor)] or [1.0]  # nothing is left of the tiniest
    needed = max(0, _SIGNIFICANT - 1 - math.floor(math.log10(min(scaled))))
    return next((few for few in range(min(needed, _DIGITS)) if _is_exact(scaled, few)), needed)


def _form(numbers: Sequence[float], digits: int | None) -> str:
    """The format of the numbers of a column: so many digits behind the point, or powers of ten where none suffice."""
    if digits is not None:
        return f",.{digits}f"
    sizes = [abs(number) for number in numbers if number and math.isfinite(number)]
    if not sizes:
        return ",.0f"
    needed = _needed(sizes, Scale("", 1.0, 0.0))
    room = _DIGITS - max(1, math.floor(math.log10(max(sizes))) + 1)
    if room < 0 or (needed > room and min(sizes) < 10.0 ** (1 - room)):  # two digits of the smallest, at least
        return f".{_SIGNIFICANT - 1}e"
    return f",.{min(room, needed)}f"


def _is_exact(sizes: Iterable[float], digits: int) -> bool:
    return all(abs(round(size, digits) - size) <= _EXACT * size for size in sizes)
