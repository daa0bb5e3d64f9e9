"""The points of a sweep: which values each varied key has at each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import ArgumentError
from ...scenario.sweep import MOST_POINTS


@dataclass(frozen=True)
class Group:
    """Keys whose values go together.

    Attributes:
      keys: the keys.
      rows: their values, one after the other.
      drawn: whether they were drawn, so that each key is looked at by itself.
    """

    keys: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    drawn: bool = False


@dataclass(frozen=True)
class Space:
    """All combinations of the rows of some groups; the last group varies fastest.

    Raises:
      InputError: there is nothing to vary, a key is there twice, or there are too many points.
    """

    groups: tuple[Group, ...]

    def __post_init__(self) -> None:
        """Demands different keys, and a number of points that can be computed."""
        if not self.groups:
            raise ArgumentError(
                "{vary}: nothing is varied; write {vary} KEY=VALUE,VALUE, such as {vary} sync_every=10,30,100"
            )
        twice = next((key for place, key in enumerate(self.keys) if key in self.keys[:place]), None)
        if twice is not None:
            raise ArgumentError("{vary} {key}: the key is varied twice; keep one of them", key=twice)
        if self.count > MOST_POINTS:
            told = "{vary}: there are {count:,} points, {most:,} at most; take fewer values"
            raise ArgumentError(told, count=self.count, most=MOST_POINTS)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """All varied keys, in their order."""
        return tuple(key for group in self.groups for key in group.keys)

    @cached_property
    def count(self) -> int:
        """How many points there are."""
        return math.prod(len(group.rows) for group in self.groups)

    def point(self, number: int) -> dict[str, Any]:
        """The values of a point, by key."""
        found: list[tuple[tuple[str, ...], tuple[Any, ...]]] = []
        for group in reversed(self.groups):
            number, place = divmod(number, len(group.rows))
            found.append((group.keys, group.rows[place]))
        return {key: value for keys, values in reversed(found) for key, value in zip(keys, values, strict=True)}

    def values(self, key: str) -> list[Any]:
        """The different values of a key, in their order."""
        group = next(each for each in self.groups if key in each.keys)
        place = group.keys.index(key)
        found: list[Any] = []
        seen: set[str] = set()
        for row in group.rows:
            if (name := repr(row[place])) not in seen:
                seen.add(name)
                found.append(row[place])
        return found

    def settings(self) -> Mapping[str, Sequence[Any]]:
        """All values of every key, for who has to tell one sweep from another."""
        return {
            key: [row[place] for row in group.rows] for group in self.groups for place, key in enumerate(group.keys)
        }
