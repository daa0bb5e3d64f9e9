"""Quantities with units: `"10 Gbit/s"` in, SI floats inside, readable text out.

People write a number and a unit; the models hold floats in SI base units (bit/s, s, byte, flop/s), named by
the suffix of the field. Bits, bytes, flops and tokens are dimensions of their own, so a mistaken unit is
refused rather than converted. The registry holds only what this field uses: a frequency ("10 GHz") or a
gilbert ("Gb") cannot slip in as a bandwidth.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from .errors import InputError

if TYPE_CHECKING:
    import pint

_DEFINITIONS = """
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
tebi- = 1099511627776 = Ti-
milli- = 1e-3 = m-
micro- = 1e-6 = u- = µ-
nano- = 1e-9 = n-
bit = [information] = b
byte = 8 * bit = B
second = [time] = s = sec
minute = 60 * second = min
hour = 3600 * second = h
day = 86400 * second = d
week = 604800 * second
year = 31557600 * second
flop = [computation] = FLOP
token = [token]
bps = bit / second
FLOPS = flop / second
"""


@dataclass(frozen=True)
class Unit:
    """One kind of quantity: its SI base unit and how a person writes it."""

    base: str
    noun: str
    example: str
    prefixes: tuple[str, ...] = ("", "k", "M", "G", "T", "P", "E")


BANDWIDTH = Unit("bit/s", "a bandwidth", "10 Gbit/s")
LATENCY = Unit("s", "a duration", "10 ms", ("", "m", "u", "n"))
DURATION = Unit("s", "a duration", "8 h", ("",))
CHIP_SPEED = Unit("flop/s", "a speed of computing", "300 Tflop/s")
SIZE = Unit("B", "a size", "64 MiB")
_HINT = "(bits are written bit, bytes B)"
_SCALE = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}


@cache
def _registry() -> pint.UnitRegistry[float]:
    import pint  # 0.2 s: only when a unit is parsed

    registry: pint.UnitRegistry[float] = pint.UnitRegistry(None)
    registry.load_definitions(_DEFINITIONS.strip().splitlines())
    return registry


@cache
def parse(text: str, unit: Unit, *, zero: bool = False) -> float:
    """Turns `"10 Gbit/s"` into a float in the unit's SI base.

    Args:
      text: a number and a unit.
      unit: which kind of quantity is meant.
      zero: whether 0 is a meaningful value.

    Returns:
      The value in `unit.base`.

    Raises:
      InputError: no unit, a unit of another kind, or a value that is negative, not finite, or a forbidden zero.
    """
    write = f'write {unit.noun} with its unit, such as "{unit.example}"'
    if not re.match(r"\s*[+-]?(\d|\.\d|inf|nan)", text, re.IGNORECASE):
        raise InputError(f"{text!r} does not begin with a number; {write} {_HINT}")
    registry = _registry()
    try:
        quantity: pint.Quantity[float] = registry.Quantity(text)
        if quantity.dimensionless:
            raise InputError(f"{text!r} has no unit; {write}")
        value = float(quantity.to(unit.base).magnitude)
    except InputError:
        raise
    except Exception as error:  # pint raises a dozen kinds, tokenizer errors among them
        raise InputError(f"{text!r} is not {unit.noun}; {write} {_HINT}") from error
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        wanted = "0 or more" if zero else "above 0"
        raise InputError(f"{text!r} must be finite and {wanted}; {write}")
    return value


def to_text(value: float, unit: Unit) -> str:
    """Writes a value so that `parse` reads the very same float back: the shortest prefix form that does."""
    texts = [f"{value / _SCALE[prefix]:.12g} {prefix}{unit.base}" for prefix in unit.prefixes]
    exact = [text for text in texts if parse(text, unit, zero=True) == value]
    return min(exact, key=len, default=f"{value!r} {unit.base}")


def _quantity(unit: Unit, *, zero: bool = False) -> tuple[BeforeValidator, PlainSerializer, WithJsonSchema]:
    def read(value: Any) -> float:
        if not isinstance(value, str):
            raise InputError(f'{value!r} has no unit; write {unit.noun} with its unit, such as "{unit.example}"')
        return parse(value, unit, zero=zero)

    def write(value: float) -> str:
        return to_text(value, unit)

    schema = {"type": "string", "examples": [unit.example], "description": f"{unit.noun} with its unit"}
    return BeforeValidator(read), PlainSerializer(write, return_type=str), WithJsonSchema(schema)


_SUFFIX = {"k": 1e3, "M": 1e6, "m": 1e6, "B": 1e9, "b": 1e9, "G": 1e9, "T": 1e12}


def read_count(value: Any) -> float:
    """A plain number of things, or one with a suffix as people write model sizes: `10B`, `350M`, `1.5T`.

    Raises:
      InputError: not a number, or not above 0.
    """
    number = value
    if isinstance(value, str) and (found := re.fullmatch(r"\s*([0-9.eE+-]+?)\s*([kMmBbGT])?\s*", value)):
        try:
            number = float(found[1]) * _SUFFIX.get(found[2], 1.0)
        except ValueError:
            number = value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InputError(f"{value!r} is not a number; write a plain number such as 10e9, or 10B")
    if not math.isfinite(number) or number <= 0:
        raise InputError(f"{value!r} must be finite and above 0; write a plain number such as 10e9, or 10B")
    return float(number)


Bandwidth = Annotated[float, *_quantity(BANDWIDTH)]
BandwidthOrNone = Annotated[float, *_quantity(BANDWIDTH, zero=True)]
"""A bandwidth that may be 0: nothing moves."""
Latency = Annotated[float, *_quantity(LATENCY, zero=True)]
Moment = Annotated[float, *_quantity(DURATION, zero=True)]
"""A time since the start of the run."""
Duration = Annotated[float, *_quantity(DURATION)]
Time = Annotated[float, *_quantity(LATENCY)]
"""A span of seconds or less, more than 0."""
Size = Annotated[float, *_quantity(SIZE)]
SizeOrNone = Annotated[float, *_quantity(SIZE, zero=True)]
"""A size that may be 0: nothing of the kind."""
ChipSpeed = Annotated[float, *_quantity(CHIP_SPEED)]
Count = Annotated[
    float,
    BeforeValidator(read_count),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "examples": ["10B"]}]}),
]


def _three_digits(number: float) -> str:
    digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    return f"{number:.{digits}f}"


def _largest(value: float, scales: dict[str, float]) -> tuple[float, str]:
    """The first of `scales` (falling) that rounding to three digits lets `value` reach, or the last."""
    name = next((name for name, scale in scales.items() if abs(value) >= 0.9995 * scale), list(scales)[-1])
    return scales[name], name


_TIMES = {"yr": 31557600.0, "days": 86400.0, "h": 3600.0, "min": 60.0}
_SHORT_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_BYTES = {"EB": 1e18, "PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0}
_COUNTS = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3, "": 1.0}


def human_seconds(value: float) -> str:
    """`754.0` -> `12.6 min`: a duration for people; a long unit is taken from twice its length up."""
    if value == 0:
        return "0 s"
    long_unit = next((name for name, scale in _TIMES.items() if value >= 2 * scale), None)
    scale, unit = (_TIMES[long_unit], long_unit) if long_unit else _largest(value, _SHORT_TIMES)
    return f"{_three_digits(value / scale)} {unit}"


def human_ratio(value: float) -> str:
    """`12.56` -> `12.6x`: how many times as much."""
    return f"{_three_digits(value)}x"


def human_bytes(value: float) -> str:
    """`1.43e8` -> `143 MB`: decimal prefixes."""
    scale, unit = _largest(value, _BYTES)
    return f"{_three_digits(value / scale)} {unit}" if value else "0 B"


def human_count(value: float) -> str:
    """`7e8` -> `700M`: parameters, tokens, steps; below ten thousand whole numbers stay as they are."""
    if value < 1e4 and value == int(value):
        return str(int(value))
    scale, unit = _largest(value, _COUNTS)
    return f"{value / scale:.3g}{unit}"


def human_quantity(value: float, unit: Unit) -> str:
    """`1.25e10`, BANDWIDTH -> `12.5 Gbit/s`: four digits of a quantity in its own unit."""
    scales = {
        f"{prefix}{unit.base}": _SCALE[prefix] for prefix in sorted(unit.prefixes, key=_SCALE.__getitem__, reverse=True)
    }
    scale, name = _largest(value, scales)
    return f"{value / scale:.4g} {name}"
