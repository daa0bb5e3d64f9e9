"""Placements: which datacenters the workers of a strategy are at, and in which order, to choose from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

Placed = tuple[str, ...]
"""Datacenters in the order of the workers."""


@dataclass(frozen=True)
class Placements:
    """All ways to give each worker of D groups of p a datacenter of its own; the groups are interchangeable.

    Attributes:
      names: of the datacenters, n of them.
      groups: D.
      size: workers p of a group.
    """

    names: Placed
    groups: int
    size: int

    @property
    def count(self) -> int:
        """How many there are: n! / ((n - D p)! D!)."""
        return math.perm(len(self.names), self.groups * self.size) // math.factorial(self.groups)

    @property
    def first(self) -> Placed:
        """The first datacenters, in their order."""
        return self.names[: self.groups * self.size]

    def everyone(self) -> Iterator[Placed]:
        """All of them, `first` first."""
        place = {name: number for number, name in enumerate(self.names)}
        for order in permutations(self.names, self.groups * self.size):
            heads = [place[name] for name in order[:: self.size]]
            if heads == sorted(heads):
                yield order

    def neighbours(self, order: Placed) -> Iterator[Placed]:
        """Those that differ by two datacenters that change places, or by one in place of one that is left out."""
        for one, name in enumerate(order):
            for other in range(one + 1, len(order)):
                yield _changed(order, {one: order[other], other: name})
            for unused in self.names:
                if unused not in order:
                    yield _changed(order, {one: unused})
        for one in range(len(order)):  # a site moves to another stage, and those between make room
            for other in range(len(order)):
                if abs(one - other) > 1:
                    rest = [*order[:one], *order[one + 1 :]]
                    yield (*rest[:other], order[one], *rest[other:])


def _changed(order: Sequence[str], new: dict[int, str]) -> Placed:
    return tuple(new.get(place, name) for place, name in enumerate(order))
