"""The values of a varied key as people write them: `10,30,100`, `1:100:log:20`, or a distribution to draw from."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ...documents.settings import read_value, split_at_commas
from ...documents.validation import parse_yaml
from ...errors import ArgumentError, InputError
from ...scenario.overrides import parse_strategy
from ...strategies import STRATEGIES
from ...units.quantities import parse
from .fields import UNITS, Kind, kind_of
from .space import Group

STRATEGY = "strategy"
MOST_VALUES = 1_000_000
_LIKE_RANGE = re.compile(r":(log|lin)\b")
_RANGE = re.compile(r"(?P<start>[^:]+):(?P<stop>[^:]+):(?P<way>log|lin):(?P<count>[0-9]{1,9})")


def split_entry(entry: str, option: str) -> tuple[str, str]:
    """`sync_every=10,30` -> its key and what stands behind it.

    Raises:
      InputError: it has no key, or no value.
    """
    key, equals, rest = entry.partition("=")
    if not (equals and key.strip() and rest.strip()):
        told = f"{{{option}}} {{entry}}: has no key or no values; write {{{option}}} KEY=VALUE,VALUE"
        raise ArgumentError(told, entry=entry)
    return key.strip(), rest.strip()


def values_of(key: str, given: Any, *, twice: bool = False) -> tuple[Any, ...]:
    """All values of a key.

    Args:
      key: the key.
      given: a list of values; or a text: values with commas between them, or `start:stop:log|lin:count`.
      twice: whether a value may be there twice, as it goes with values of other keys.

    Raises:
      InputError: it is no such thing, or a value is there twice.
    """
    if isinstance(given, str):
        found = _range(key, given) if _LIKE_RANGE.search(given) else _listed(key, given)
    elif isinstance(given, list | tuple):
        found = tuple(given)
    else:
        found = (given,)
    if key == STRATEGY:
        for each in found:
            if not isinstance(each, str):
                raise ArgumentError("{vary} strategy: got {got!r}; write a name such as diloco", got=each)
            parse_strategy(each)
    if not found:
        raise ArgumentError("{vary} {key}: there are no values; write {vary} {key}=VALUE,VALUE", key=key)
    if not twice:
        _refuse_twice(key, found)
    return found


def _refuse_twice(key: str, found: Sequence[Any]) -> None:
    seen: set[str] = set()
    for each in found:
        if repr(each) in seen:
            raise ArgumentError("{vary} {key}: {value!r} is there twice; keep one of them", key=key, value=each)
        seen.add(repr(each))


def _listed(key: str, text: str) -> tuple[Any, ...]:
    """Values with commas between them; a strategy keeps the commas between its own parameters."""
    if key == STRATEGY:
        return tuple(_strategies(text))
    parts = [part.strip() for part in split_at_commas(text)]
    listed = parse_yaml(text, f"{key}: ") if text.startswith("[") and len(parts) == 1 else None
    if isinstance(listed, list):
        return tuple(listed)
    if not all(parts):
        raise ArgumentError("{vary} {key}={text}: a value is missing beside a comma; write it", key=key, text=text)
    return tuple(read_value(part, "{vary} {entry}", f"{key}={text}") for part in parts)


def _strategies(text: str) -> list[str]:
    found: list[str] = []
    for part in split_at_commas(text):
        begins = part.partition(":")[0].strip() in STRATEGIES or "=" not in part
        if begins or not found:
            found.append(part.strip())
        else:
            found[-1] += f",{part.strip()}"
    return found


def _range(key: str, text: str) -> tuple[Any, ...]:
    """The values of `start:stop:log:count`: both ends, and between them equal ratios (`log`) or differences (`lin`)."""
    told = "{vary} {key}={text}: {why}; write start:stop:log:count, such as 1:100:log:20"
    part = _RANGE.fullmatch(text)
    if part is None:
        raise ArgumentError(told, key=key, text=text, why="is no range")
    count, kind = int(part["count"]), kind_of(key)
    if not 2 <= count <= MOST_VALUES:
        raise ArgumentError(told, key=key, text=text, why=f"a range has from 2 to {MOST_VALUES:,} values")
    start, unit = number_and_unit(part["start"], kind)
    stop, other = number_and_unit(part["stop"], kind)
    if unit != other:
        raise ArgumentError(told, key=key, text=text, why="one end has a unit, or another one")
    if part["way"] == "log" and not (start > 0 and stop > 0):
        raise ArgumentError(told, key=key, text=text, why="equal ratios need ends above 0")
    shares = [step / (count - 1) for step in range(count)]
    if part["way"] == "log":
        inner = [start * (stop / start) ** share for share in shares]
    else:
        inner = [start + (stop - start) * share for share in shares]
    numbers = [start, *inner[1:-1], stop]
    return tuple(dict.fromkeys(with_unit(number, unit, kind) for number in numbers))


def number_and_unit(text: Any, kind: Kind) -> tuple[float, str]:
    """`10 Gbit/s` -> 1e10 and `bit/s`; a number without a unit has none.

    Raises:
      InputError: it is no finite number, or its unit is unknown.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _finite(float(text)), ""
    plain = str(text).strip()
    try:
        return _finite(float(plain)), ""
    except ValueError:
        pass
    if not kind.unit:
        try:
            return kind.number(plain), ""
        except InputError:
            pass
    for unit in [UNITS[kind.unit]] if kind.unit else UNITS.values():
        try:
            return parse(plain, unit, zero=True), unit.base
        except InputError as error:
            wrong = error
    raise ArgumentError("{vary} {reason}", reason=wrong)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ArgumentError("{vary} {number}: is no finite number; write one", number=number)
    return number


def with_unit(number: float, unit: str, kind: Kind) -> Any:
    """A number as the key takes it: with its unit, or whole."""
    if unit:
        return f"{number!r} {unit}"
    return round(number) if kind.whole else number


def grid(entries: Sequence[tuple[str, Any]]) -> list[Group]:
    """A group for each key, so that all combinations of their values are points."""
    return [Group((key,), tuple((value,) for value in values_of(key, given))) for key, given in entries]


def paired(entries: Sequence[tuple[str, Any]]) -> list[Group]:
    """One group of several keys: the first values of all are a point, the second ones are the next.

    Raises:
      InputError: they have not equally many values.
    """
    if not entries:
        return []
    lists = [values_of(key, given, twice=True) for key, given in entries]
    counts = {key: len(values) for (key, _), values in zip(entries, lists, strict=True)}
    if len(set(counts.values())) > 1:
        told = "{zip}: {counts}; give each key equally many values, or vary them by {vary}"
        raise ArgumentError(told, counts=", ".join(f"{key} has {count}" for key, count in counts.items()))
    return [Group(tuple(key for key, _ in entries), tuple(zip(*lists, strict=True)))]
