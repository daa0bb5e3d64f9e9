"""Numbers for people: three digits, and a unit that fits."""

from __future__ import annotations

from .quantities import Unit
from .registry import SCALE


def _three_digits(number: float) -> str:
    digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    return f"{number:.{digits}f}"


def _largest(value: float, scales: dict[str, float]) -> tuple[float, str]:
    """The first of `scales` (falling) that `value`, rounded to three digits, reaches; else the last."""
    name = next((name for name, scale in scales.items() if abs(value) >= 0.9995 * scale), list(scales)[-1])
    return scales[name], name


_TIMES = {"yr": 31557600.0, "days": 86400.0, "h": 3600.0, "min": 60.0}


_SHORT_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


_BYTES = {"EB": 1e18, "PB": 1e15, "TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0}


_COUNTS = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3, "": 1.0}


def human_seconds(value: float) -> str:
    """`754.0` -> `12.6 min`: a duration; minutes and longer units are used from two of them up."""
    if value == 0:
        return "0 s"
    long_unit = next((name for name, scale in _TIMES.items() if value >= 2 * scale), None)
    scale, unit = (_TIMES[long_unit], long_unit) if long_unit else _largest(value, _SHORT_TIMES)
    return f"{_three_digits(value / scale)} {unit}"


def human_ratio(value: float) -> str:
    """`12.56` -> `12.6x`: a factor."""
    return f"{_three_digits(value)}x"


def human_bytes(value: float) -> str:
    """`1.43e8` -> `143 MB`: decimal prefixes."""
    scale, unit = _largest(value, _BYTES)
    return f"{_three_digits(value / scale)} {unit}" if value else "0 B"


def human_count(value: float) -> str:
    """`7e8` -> `700M`: a number of parameters, tokens or steps; whole numbers below ten thousand stay as they are."""
    if value < 1e4 and value == int(value):
        return str(int(value))
    scale, unit = _largest(value, _COUNTS)
    return f"{value / scale:.3g}{unit}"


def human_quantity(value: float, unit: Unit) -> str:
    """`1.25e10`, BANDWIDTH -> `12.5 Gbit/s`: a quantity with four digits and a prefix."""
    scales = {
        f"{prefix}{unit.base}": SCALE[prefix] for prefix in sorted(unit.prefixes, key=SCALE.__getitem__, reverse=True)
    }
    scale, name = _largest(value, scales)
    return f"{value / scale:.4g} {name}"
