"""What the keys of a scenario measure: the unit of a value that is varied, and whether it is a whole number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from ...errors import InputError
from ...scenario.model import Scenario
from ...topology.shapes import SHAPES
from ...units.quantities import BANDWIDTH, CHIP_SPEED, LATENCY, SIZE, Unit, parse, read_chip_speed, read_count

UNITS: dict[str, Unit] = {"_bits_per_s": BANDWIDTH, "_flop_per_s": CHIP_SPEED, "_bytes": SIZE, "_s": LATENCY}
"""The unit of a number by the end of its field's name."""


class Kind(NamedTuple):
    """What a key measures.

    Attributes:
      unit: the end of the name of its field, a key of `UNITS`; empty where it counts, or is no number.
      whole: whether it takes whole numbers alone.
    """

    unit: str = ""
    whole: bool = False

    def number(self, value: Any) -> float:
        """A value as a number in the base unit.

        Raises:
          InputError: it is none.
        """
        if isinstance(value, str) and self.unit:
            unit = UNITS[self.unit]
            return read_chip_speed(value) if unit is CHIP_SPEED else parse(value, unit, zero=True)
        if isinstance(value, str):
            return read_count(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise InputError("no number")


def kind_of(key: str) -> Kind:
    """What a key measures, by its last part: `topology.links[0].bandwidth` is a bandwidth in bit/s."""
    last = [part for part in re.findall(r"[^.\[\]]+", key) if not part.isdigit()][-1:]
    found = _fields().get(last[0] if last else "", [])
    units = {next((end for end in UNITS if name.endswith(end)), "") for name, _ in found}
    return Kind(units.pop() if len(units) == 1 else "", bool(found) and all(whole for _, whole in found))


@cache
def _fields() -> dict[str, list[tuple[str, bool]]]:
    """Of each key of a scenario the fields behind it: the name in the code, and whether it is a whole number."""
    known: dict[str, list[tuple[str, bool]]] = {}
    seen: set[type[BaseModel]] = set()
    left: list[type[BaseModel]] = [Scenario, *SHAPES.values()]
    while left:
        model = left.pop()
        if model in seen:
            continue
        seen.add(model)
        for name, field in model.model_fields.items():
            inner = set(_parts(field.annotation))
            known.setdefault(field.alias or name, []).append((name, int in inner and float not in inner))
            left += [each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)]
    return known


def _parts(annotation: Any) -> Iterator[Any]:
    """The types inside a type."""
    yield annotation
    for part in get_args(annotation):
        with suppress(TypeError):
            yield from _parts(part)
