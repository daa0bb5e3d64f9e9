"""The columns of a sweep: the values that are varied, each with its unit in its name, and those of the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ...errors import InputError
from ...scenario.variation import FACTORS
from .fields import Kind, kind_of
from .space import Space

Type = Literal["int64", "double", "string", "bool"]
POINT, ERROR, IGNORED = "point", "error", "without_effect"
VARIED = "vary_"
_LEFT_OUT = ("sites", "links")
"""Fields of a run that are tables of their own."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
      name: with the unit of its numbers.
      type: as Parquet calls it.
    """

    name: str
    type: Type


@dataclass(frozen=True)
class Axis:
    """A key that is varied, and its column.

    Attributes:
      key: the key.
      column: where its values stand.
      kind: what it measures; None where the values stand as they are.
    """

    key: str
    column: Column
    kind: Kind | None = None

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.column.type in ("int64", "double")

    def value(self, given: Any) -> Any:
        """A value as it stands in the column; None: the key does not belong to this point."""
        if given is None:
            return None
        if self.kind is not None:
            return float(self.kind.number(given)) if self.column.type == "double" else given
        return given if self.column.type == "bool" or isinstance(given, str) else json.dumps(given, default=str)


def axes(space: Space) -> list[Axis]:
    """The varied keys with their columns, in their order."""
    found = [_axis(key, space.values(key)) for key in space.keys]
    names = [axis.column.name for axis in found]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"vary: two keys would share the column {twice}; vary one of them in another way")
    return found


def _axis(key: str, values: Sequence[Any]) -> Axis:
    stem = VARIED + re.sub(r"[^0-9A-Za-z]+", "_", key).strip("_")
    given = [value for value in values if value is not None]
    if given and all(isinstance(value, bool) for value in given):
        return Axis(key, Column(stem, "bool"))
    if key in FACTORS:
        return Axis(key, Column(f"{stem}_factor", "double"), Kind())
    kind = kind_of(key)
    if not given or not all(_is_number(value, kind) for value in given):
        return Axis(key, Column(stem, "string"))
    whole = not kind.unit and all(isinstance(value, int) for value in given)
    return Axis(key, Column(stem + kind.unit, "int64" if whole else "double"), kind)


def _is_number(value: Any, kind: Kind) -> bool:
    try:
        kind.number(value)
    except InputError:
        return False
    return True


@dataclass(frozen=True)
class Answered:
    """The columns of an answer.

    Attributes:
      columns: one for each field of its rows.
      plain: what makes the values of the columns of a row of it.
    """

    columns: tuple[Column, ...]
    plain: Callable[[Any], tuple[Any, ...]]


def columns_of(row: type[Any]) -> Answered:
    """The columns of an answer whose rows are such dataclasses: a list becomes a text."""
    hints = get_type_hints(row)
    names = [field.name for field in fields(row) if field.name not in _LEFT_OUT]
    columns = tuple(Column(name, _type(hints[name])) for name in names)

    def plain(found: Any) -> tuple[Any, ...]:
        return tuple(_plain(getattr(found, column.name), column.type) for column in columns)

    return Answered(columns, plain)


def _type(hint: Any) -> Type:
    if isinstance(hint, UnionType):
        (hint,) = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) is not None:
        return "string"
    return {int: "int64", float: "double"}.get(hint, "string")  # type: ignore[return-value]


def _plain(value: Any, kind: Type) -> Any:
    if value is None:
        return None
    match kind:
        case "double":
            return float(value)
        case "int64":
            return int(value)
    return value if isinstance(value, str) else "; ".join(map(str, value))
