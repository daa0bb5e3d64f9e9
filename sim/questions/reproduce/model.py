"""A published table or figure, computed again: pairs of numbers, how far they are apart, and which way on the whole."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from ..validate.claims import cells_apart

Kind = Literal["relative", "absolute", "cells"]
Unit = Literal["bit/s", "s", "nats per token", "parameters", ""]


@dataclass(frozen=True)
class Pair:
    """A published number and ours.

    Attributes:
      what: what both are of.
      published: as printed, in the unit of the part.
      ours: computed just now, in the same unit.
      as_printed: ours as the publication would print it, where it prints points of a grid.
    """

    what: str
    published: float
    ours: float
    as_printed: float | None = None


@dataclass(frozen=True)
class Part:
    """Numbers of one kind.

    Attributes:
      title: what they are.
      unit: of all of them.
      kind: what a difference is: ours over theirs less one (`relative`), ours less theirs (`absolute`), points of the
        published grid of bandwidths apart (`cells`).
      pairs: one at least.
      theirs: what the other number is, where it is not a published one.
      remark: what a reader has to know of them.
      digits: behind the point in print; None: whatever the numbers need.
    """

    title: str
    unit: Unit
    kind: Kind
    pairs: tuple[Pair, ...]
    theirs: str = "published"
    remark: str = ""
    digits: int | None = None

    def difference_of(self, pair: Pair) -> float:
        """How far ours is from theirs, more with a plus."""
        if self.kind == "cells":
            return float(cells_apart(pair.published / 1e9, pair.ours / 1e9))
        return pair.ours / pair.published - 1 if self.kind == "relative" else pair.ours - pair.published

    @property
    def bias(self) -> float:
        """Mean difference, signs kept: 0 where ours is as often above theirs as below, by as much."""
        return fmean(map(self.difference_of, self.pairs))

    @property
    def mean_size(self) -> float:
        """Mean difference, signs dropped."""
        return fmean(abs(self.difference_of(pair)) for pair in self.pairs)

    @property
    def furthest(self) -> Pair:
        """The pair that is furthest apart."""
        return max(self.pairs, key=lambda pair: abs(self.difference_of(pair)))

    def within(self, distance: float) -> int:
        """Pairs that are no further apart."""
        return sum(abs(self.difference_of(pair)) <= distance for pair in self.pairs)


@dataclass(frozen=True)
class Reproduction:
    """A published table or figure, computed again.

    Attributes:
      name, title, source: what it is called here, what it shows, where it was published.
      parts: its numbers.
      notes: how ours were computed, and what is known of differences.
    """

    name: str
    title: str
    source: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
