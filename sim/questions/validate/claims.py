"""Claims of agreement with what others measured, printed or simulated, judged from committed numbers.

A claim compares numbers of others (`theirs`) with `ours`: one pair, or the worst or the median of many (its cases). It
has a tolerance. Verdicts are computed here from the numbers and the tolerance; none is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal, get_args

from ...errors import ArgumentError
from ...shell.progress import UNWATCHED, Watch
from .evidence_files import Key, read

Kind = Literal["relative", "absolute", "cells", "at-least"]
Word = Literal["agrees", "misses", "no verdict"]
SAME = 1e-5
"""A number that is computed again equals the committed one up to this share: committed numbers have six digits."""
_CELLS = 50


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
      name: what is compared.
      theirs, ours: the numbers, in the claim's unit.
      rerun: whether `ours` was computed again.
      committed: the committed value of `ours` if it was computed again, else None.
    """

    name: str
    theirs: float
    ours: float
    rerun: bool = False
    committed: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the number that was computed again differs from the committed one."""
        return self.committed is not None and abs(self.ours - self.committed) > SAME * abs(self.committed) + 1e-12


@dataclass(frozen=True)
class Claim:
    """A claim, and the comparisons behind it.

    Attributes:
      id, topic: short names.
      claim: what the numbers are, in words.
      kind: how the error is computed: ours / theirs - 1 (`relative`), ours - theirs (`absolute`), the distance in
        points of the published bandwidth grid (`cells`), or as `relative`, where only too small a number misses
        (`at-least`).
      unit: of theirs and ours.
      source: the source of theirs.
      statistic: the error that counts of many cases, `worst` or `median`; empty for a single case.
      tolerance: largest error that agrees, in the unit of the error; None where no verdict is possible.
      made_by: the script that made ours.
      reason: the reason for a miss or for no verdict; a miss with a reason is a known one.
      cases: the comparisons, at least one.
      count: number of comparisons made, of which `cases` may hold only some.
    """

    id: str
    topic: str
    claim: str
    kind: Kind
    unit: str
    source: str
    statistic: str
    tolerance: float | None
    made_by: str
    reason: str
    cases: tuple[Case, ...]
    count: int

    @property
    def counting(self) -> Case | None:
        """The case that decides: the only one, or the worst of many; None for a median."""
        if self.statistic == "median":
            return None
        return max(self.cases, key=lambda case: self._badness(self.error_of(case)))

    @property
    def error(self) -> float:
        """The error that counts: of the single case, or the worst or the median of many."""
        if self.counting is not None:
            return self.error_of(self.counting)
        return median(abs(self.error_of(case)) for case in self.cases)

    @property
    def verdict(self) -> Word:
        """Agrees if the error that counts is within the tolerance."""
        return self._word(self.error)

    @property
    def known(self) -> bool:
        """Whether it misses and has a reason."""
        return self.verdict == "misses" and bool(self.reason)

    def error_of(self, case: Case) -> float:
        """Error of one case: relative, absolute, or in cells of the grid."""
        if self.kind == "absolute":
            return case.ours - case.theirs
        if self.kind == "cells":
            return float(cells_apart(case.theirs, case.ours))
        return case.ours / case.theirs - 1

    def verdict_of(self, case: Case) -> Word:
        """The verdict on one case by itself."""
        return self._word(self.error_of(case))

    def _word(self, error: float) -> Word:
        if self.tolerance is None:
            return "no verdict"
        return "agrees" if self._badness(error) <= self.tolerance * (1 + 1e-9) else "misses"

    def _badness(self, error: float) -> float:
        return -error if self.kind == "at-least" else abs(error)


@dataclass(frozen=True)
class Validation:
    """The claims asked for, judged.

    Attributes:
      claims: in the order of the evidence.
      live: whether the numbers that take seconds were computed again.
    """

    claims: tuple[Claim, ...]
    live: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """Misses without a reason, and numbers that changed; empty if there are none."""
        missed = [
            f"{claim.id}: misses, and no reason is known"
            for claim in self.claims
            if claim.verdict == "misses" and not claim.known
        ]
        changed = [
            f"{claim.id}{f' ({case.name})' if case.name else ''}: now {case.ours:.9g}, committed {case.committed:.9g}"
            for claim in self.claims
            for case in claim.cases
            if case.differs
        ]
        return (*missed, *dict.fromkeys(changed))


def answer(only: str | None = None, *, live: bool = False, watch: Watch = UNWATCHED) -> Validation:
    """The claims, judged.

    Args:
      only: a verdict (`misses`, `agrees`, `no verdict`), or text that a claim's id, topic, words or source must
        contain; capitals do not matter. None: all.
      live: compute the numbers that take seconds again, and judge by the new ones.
      watch: is told how far that is.

    Raises:
      InputError: no claim has the verdict, or contains the text.
    """
    wanted = (only or "").casefold()
    by_verdict = wanted in get_args(Word)
    claims = committed() if by_verdict else tuple(claim for claim in committed() if wanted in _text(claim))
    if live and claims:
        from .live import rerun  # heavy: the simulator itself

        claims = refreshed(claims, rerun({claim.topic for claim in claims}, watch))
    if by_verdict:  # as it is now, where numbers were computed again
        claims = tuple(claim for claim in claims if claim.verdict == wanted)
    if not claims:
        topics = ", ".join(dict.fromkeys(claim.topic for claim in committed()))
        raise ArgumentError(
            "{only}: no claim has {got!r} in it; write misses, or one of the topics: {topics}", got=only, topics=topics
        )
    return Validation(claims, live)


def _text(claim: Claim) -> str:
    return " ".join((claim.id, claim.topic, claim.claim, claim.source)).casefold()


def refreshed(claims: Sequence[Claim], again: Mapping[Key, float]) -> tuple[Claim, ...]:
    """The claims with the numbers that were computed again in place of the committed ones.

    Args:
      claims: as committed.
      again: our numbers by claim and case; other cases keep their numbers.
    """

    def fresh(claim: Claim, case: Case) -> Case:
        ours = again.get((claim.id, case.name))
        return case if ours is None else replace(case, ours=ours, rerun=True, committed=case.ours)

    return tuple(replace(claim, cases=tuple(fresh(claim, case) for case in claim.cases)) for claim in claims)


def committed() -> tuple[Claim, ...]:
    """All claims of the evidence that ships with the package."""
    cases: dict[str, list[Case]] = {}
    for row in read("cases.csv"):
        cases.setdefault(row["cases"], []).append(Case(row["case"], float(row["theirs"]), float(row["ours"])))
    return tuple(_claim(row, cases) for row in read("claims.csv"))


def _claim(row: Mapping[str, str], cases: Mapping[str, Sequence[Case]]) -> Claim:
    own = tuple(cases[row["cases"]]) if row["cases"] else (Case("", float(row["theirs"]), float(row["ours"])),)
    kinds: dict[str, Kind] = {"relative": "relative", "absolute": "absolute", "cells": "cells", "at-least": "at-least"}
    return Claim(
        id=row["id"],
        topic=row["topic"],
        claim=row["claim"],
        kind=kinds[row["kind"]],
        unit=row["unit"],
        source=row["source"],
        statistic=row["statistic"],
        tolerance=float(row["tolerance"]) if row["tolerance"] else None,
        made_by=row["made_by"],
        reason=row["reason"],
        cases=own,
        count=int(row["count"] or len(own)),
    )


def cells_apart(theirs_gbit_per_s: float, ours_gbit_per_s: float) -> int:
    """Points of the published grid between a printed bandwidth and the first point that reaches ours.

    The grid has 50 points from 0.1 to 1,000 Gbit/s, evenly on a logarithmic scale; printed values are rounded points.
    A smaller bandwidth counts as the first point.

    Args:
      theirs_gbit_per_s: as printed [Gbit/s].
      ours_gbit_per_s: the smallest bandwidth that reaches the target [Gbit/s].

    Source: arXiv 2501.18512, Table 4.
    """

    def point(gbit_per_s: float) -> float:
        return (math.log10(gbit_per_s) + 1) * (_CELLS - 1) / 4

    rounding = 1e-6  # a smaller distance above a point is floating-point rounding
    return max(0, math.ceil(point(ours_gbit_per_s) - rounding)) - round(point(theirs_gbit_per_s))
