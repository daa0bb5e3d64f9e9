"""Quantities with units: `"10 Gbit/s"` as input, SI floats inside, readable text as output.

Users write a number and a unit; the models hold floats in SI base units (bit/s, s, byte, flop/s), which the suffix of a
field names. Bits, bytes, flops and tokens are separate dimensions, so a wrong unit is refused and never converted. A
quantity is one number and one unit by a grammar: nothing is evaluated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from typing import Annotated, Any, SupportsFloat

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema

from ..errors import InputError, brief
from .chips import UTILIZATION, chip_names, find_chip
from .registry import SCALE, factor_of, slip_in


@dataclass(frozen=True)
class Unit:
    """One kind of quantity: its SI base unit, how a user writes it, and its range.

    Attributes:
      base: its SI base unit.
      noun: its name in messages.
      example: an example of its input.
      prefixes: the prefixes of its output.
      least, most: the accepted range [base]: wide enough for "practically none" and "practically unlimited", and narrow
        enough that nothing overflows.
    """

    base: str
    noun: str
    example: str
    prefixes: tuple[str, ...] = ("", "k", "M", "G", "T", "P", "E")
    least: float = 1.0
    most: float = 1e30

    def span(self, *, zero: bool = False) -> str:
        """The range in words; with `zero`, a time has no least value above 0."""
        least = "0" if zero and self.base == "s" else f"{'0, or ' if zero else ''}{self.least:g}"
        return f"{least} to {self.most:g} {self.base}"

    def accepts(self, value: float, *, zero: bool = False) -> bool:
        """Whether a value is in the range [base]."""
        if zero and (value == 0 or self.base == "s"):
            return 0 <= value <= self.most
        return self.least <= value <= self.most

    def within(self, value: float) -> float:
        """A value clipped to the range, for quantities that a question varies; 0 stays 0 [base]."""
        return min(value if value == 0 or self.base == "s" else max(value, self.least), self.most)


BANDWIDTH = Unit("bit/s", "a bandwidth", "10 Gbit/s")
LATENCY = Unit("s", "a duration", "10 ms", ("", "m", "u", "n"), least=1e-12, most=1e12)
DURATION = Unit("s", "a duration", "8 h", ("",), least=1e-12, most=1e12)
CHIP_SPEED = Unit("flop/s", "a speed of computing", "300 Tflop/s", most=1e24)
SIZE = Unit("B", "a size", "64 MiB", least=0.125, most=1e24)
POWER = Unit("W", "a power", "700 W", ("", "k", "M"), least=1e-3, most=1e12)
CARBON = Unit("g/kWh", "a carbon intensity", "400 g/kWh", ("",), least=1e-3, most=1e6)
_HINT = "(bits are written bit, bytes B)"
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_UNIT = r"[A-Za-z\u00b5\u03bc]{1,30}(?: ?(?:/| per ) ?[A-Za-z]{1,30})?"
_QUANTITY = re.compile(rf"({_NUMBER}|[+-]?inf|[+-]?nan)[ \t]*({_UNIT})?", re.ASCII | re.IGNORECASE)
"""One number and one unit; nothing is evaluated, so a typing error cannot become another number."""


@lru_cache(maxsize=4096)
def parse(text: str, unit: Unit, *, zero: bool = False) -> float:
    """Turns `"10 Gbit/s"` into a float in the unit's SI base.

    Args:
      text: a number and a unit.
      unit: the kind of quantity.
      zero: whether 0 is allowed.

    Returns:
      The value in `unit.base`.

    Raises:
      InputError: it is not one number and one unit, the unit is of another kind, or the value is out of range.
    """
    write = f'write {unit.noun} with its unit, such as "{unit.example}"'
    shown = brief(text)
    found = _QUANTITY.fullmatch(text.strip())
    if found is None:
        form = "one number and one unit (a point for decimals, nothing between thousands, no arithmetic)"
        raise InputError(f"{shown} is not {form}; {write} {_HINT}")
    number, name = float(found[1]), (found[2] or "").replace("\u03bc", "\u00b5").replace(" per ", "/")
    if not name:
        raise InputError(f"{shown} has no unit; {write}")
    slip = slip_in(name, unit.base)
    factor = None if slip else factor_of(name, unit.base)
    if factor is None:
        raise InputError(f"{shown} is not {unit.noun}{': ' if slip else ''}{slip}; {write} {_HINT}")
    return _accepted(number * factor, unit, shown, write, zero=zero)


def from_si(value: SupportsFloat, unit: Unit, *, zero: bool = False) -> float:
    """A number in the unit's SI base, as a program gives it; the range is the same as for text.

    Raises:
      InputError: the number is out of range.
    """
    write = f'write {unit.noun} in {unit.base}, or with its unit, such as "{unit.example}"'
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return _accepted(number, unit, f"{brief(value)} {unit.base}", write, zero=zero)


def _accepted(value: float, unit: Unit, shown: str, write: str, *, zero: bool) -> float:
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        wanted = "0 or more" if zero else "above 0"
        raise InputError(f"{shown} must be finite and {wanted}; {write}")
    if not unit.accepts(value, zero=zero):
        raise InputError(f"{shown} is outside of the accepted range; write {unit.noun} of {unit.span(zero=zero)}")
    return value


@lru_cache(maxsize=4096)
def to_text(value: float, unit: Unit) -> str:
    """Writes a value as the shortest text with a prefix that `parse` reads back to the same float."""
    texts = [(f"{value / SCALE[prefix]:.12g}", f"{prefix}{unit.base}") for prefix in unit.prefixes]
    exact = [f"{number} {name}" for number, name in texts if float(number) * (factor_of(name, unit.base) or 0) == value]
    return min(exact, key=len, default=f"{value!r} {unit.base}")


IN_SI = object()
"""Context of a validation in which a bare number is a quantity in its SI base unit; else its unit is missing."""


def read_chip_speed(text: str) -> float:
    """Useful flop/s from text, `"300 Tflop/s"`, or from the name of a chip, `h100` [flop/s].

    Raises:
      InputError: it is neither a speed nor the name of a chip.
    """
    named = find_chip(text)
    if named is not None:
        return named.useful_flop_per_s()
    try:
        return parse(text, CHIP_SPEED)
    except InputError as error:
        raise InputError(f"{error}; or the name of a chip: {', '.join(chip_names())}") from None


@dataclass(frozen=True, eq=False)
class _OrAChip:
    """The schema of a quantity or of a chip's name; the catalogue is read when somebody asks for it."""

    quantity: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = f"A chip, at {UTILIZATION:.0%} of its published peak."
        return {"type": "string", "anyOf": [self.quantity, {"enum": chip_names(), "description": described}]}


def _quantity(
    unit: Unit, *, zero: bool = False, words: Callable[[str], float] | None = None
) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema | _OrAChip]:
    def read(value: Any, info: ValidationInfo) -> float:
        if info.context is IN_SI and isinstance(value, Real) and not isinstance(value, bool):
            return from_si(value, unit, zero=zero)
        if not isinstance(value, str):
            raise InputError(f'{brief(value)} has no unit; write {unit.noun} with its unit, such as "{unit.example}"')
        return words(value) if words else parse(value, unit, zero=zero)

    def write(value: float) -> str:
        return to_text(value, unit)

    schema: dict[str, Any] = {
        "type": "string",
        "pattern": rf"^\s*{_NUMBER}\s*{_UNIT}\s*$",
        "examples": [unit.example],
        "$comment": f"{unit.noun} with its unit: {unit.span(zero=zero)}",
    }
    shape = _OrAChip(schema) if words else WithJsonSchema(schema)
    return BeforeValidator(read), PlainSerializer(write, return_type=str), shape


_SUFFIX = {"k": 1e3, "M": 1e6, "m": 1e6, "B": 1e9, "b": 1e9, "G": 1e9, "T": 1e12}
_COUNT = re.compile(rf"\s*({_NUMBER})\s*([kMmBbGT])?\s*")


def read_count(value: Any, least: float = 1e-30, most: float = 1e30) -> float:
    """A plain number, or one with the suffix of a model size: `10B`, `350M`, `1.5T`.

    Args:
      value: the number or text.
      least: the least accepted number.
      most: the largest accepted number.

    Raises:
      InputError: it is not a number, or out of range.
    """
    number = value
    if isinstance(value, str) and (found := _COUNT.fullmatch(value)):
        number = float(found[1]) * _SUFFIX.get(found[2], 1.0)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InputError(f"{brief(value)} is not a number; write a plain number such as 10e9, or 10B")
    if not number > 0 or number == math.inf:  # false for NaN, too; true for integers beyond every float
        raise InputError(f"{brief(value)} must be finite and above 0; write a plain number such as 10e9, or 10B")
    if not least <= number <= most:
        raise InputError(f"{brief(value)} is outside of the accepted range; write a number from {least:g} to {most:g}")
    return float(number)


def _count(least: float, most: float) -> tuple[BeforeValidator, WithJsonSchema]:
    number = {"type": "number", "minimum": least, "maximum": most}
    text = {"type": "string", "pattern": f"^{_COUNT.pattern}$", "examples": ["10B"]}
    return BeforeValidator(lambda value: read_count(value, least, most)), WithJsonSchema({"anyOf": [number, text]})


Quantity = str | float
"""A quantity from a program: a number in the SI base, or text with a unit."""
Bandwidth = Annotated[float, *_quantity(BANDWIDTH)]
BandwidthOrNone = Annotated[float, *_quantity(BANDWIDTH, zero=True)]
"""A bandwidth that may be 0."""
Latency = Annotated[float, *_quantity(LATENCY, zero=True)]
Moment = Annotated[float, *_quantity(DURATION, zero=True)]
"""A time since the start of the run."""
Duration = Annotated[float, *_quantity(DURATION)]
Time = Annotated[float, *_quantity(LATENCY)]
"""A duration above 0."""
Size = Annotated[float, *_quantity(SIZE)]
SizeOrNone = Annotated[float, *_quantity(SIZE, zero=True)]
"""A size that may be 0."""
PowerDraw = Annotated[float, *_quantity(POWER)]
PowerOrNone = Annotated[float, *_quantity(POWER, zero=True)]
"""A power that may be 0."""
CarbonIntensity = Annotated[float, *_quantity(CARBON, zero=True)]
ChipSpeed = Annotated[float, *_quantity(CHIP_SPEED, words=read_chip_speed)]
"""A speed, or the name of a chip."""
Count = Annotated[float, *_count(1e-6, 1e24)]
"""A number of tokens: of a run, a batch, or a chip's share of a batch."""
Params = Annotated[float, *_count(1e-3, 1e18)]
"""Parameters of a model; today's largest have some 1e13."""
Bits = Annotated[float, *_count(1e-6, 1e6)]
"""Bits of one exchanged parameter."""
Factor = Annotated[float, *_count(1e-6, 1e6)]
"""A factor."""
Weight = Annotated[float, *_count(1e-12, 1e18)]
"""A size of which only the share of the total matters."""


MOST_STEPS = 10**15
"""The most steps of a run."""
MOST_CHIPS = 10**9
"""The most chips of a run."""
MOST_LAYERS = 10_000
"""The most layers of a model, each of which may be exchanged by itself in each step."""
MOST_SITES = 1_024
"""The most datacenters of a topology, and replicas: all routes fit into memory and are found in seconds."""
MOST_STREAMS = 10**6
"""The most streams of a flow."""
MOST_MESSAGES = 10**6
"""The most messages of an exchange."""
Steps = Annotated[int, Field(gt=0, le=MOST_STEPS)]
Chips = Annotated[int, Field(gt=0, le=MOST_CHIPS)]
Layers = Annotated[int, Field(gt=0, le=MOST_LAYERS)]
Streams = Annotated[int, Field(gt=0, le=MOST_STREAMS)]
Messages = Annotated[int, Field(gt=0, le=MOST_MESSAGES)]
LayerSizes = Annotated[tuple[Weight, ...], Field(min_length=1, max_length=MOST_LAYERS)]
