"""Does the simulator say what others measured, printed or simulated? Claims, judged from committed numbers.

A claim compares numbers of others (`theirs`) with ours, either one pair or the worst or median of many (its cases), and
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
"""A number run again is the committed one within this share of it: committed numbers have six digits."""
_CELLS = 50


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
      name: what is compared.
      theirs, ours: the numbers, in the claim's unit.
      rerun: whether `ours` was computed just now.
      committed: what `ours` was when the evidence was written, where it was run again.
    """

    name: str
    theirs: float
    ours: float
    rerun: bool = False
    committed: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the number run again is not the committed one."""
        return self.committed is not None and abs(self.ours - self.committed) > SAME * abs(self.committed) + 1e-12


@dataclass(frozen=True)
class Claim:
    """What is claimed, and the comparisons behind it.

    Attributes:
      id, topic: short names.
      claim: what the numbers are, in words.
      kind: how they are compared: the error is ours over theirs less one (`relative`), ours less theirs (`absolute`),
        points of the published bandwidth grid apart (`cells`); `at-least` is relative and only falls short.
      unit: of theirs and ours.
      source: where theirs are from.
      statistic: which error of many cases counts: `worst` or `median`; empty where there is one.
      tolerance: largest error that agrees, in the unit of the error; None where nothing can be judged.
      made_by: the script that made ours.
      reason: why it misses, or why there is no verdict; a miss with a reason is a known one.
      cases: the comparisons, one at least.
      count: comparisons behind those that are kept here.
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
        """The case that decides: the only one, or the worst of many; a median has none."""
        if self.statistic == "median":
            return None
        return max(self.cases, key=lambda case: self._badness(self.error_of(case)))

    @property
    def error(self) -> float:
        """The error that counts: of the one case, or the worst or median of many."""
        if self.counting is not None:
            return self.error_of(self.counting)
        return median(abs(self.error_of(case)) for case in self.cases)

    @property
    def verdict(self) -> Word:
        """Agrees if the error that counts is within the tolerance."""
        return self._word(self.error)

    @property
    def known(self) -> bool:
        """Whether it misses, and the reason stands beside it."""
        return self.verdict == "misses" and bool(self.reason)

    def error_of(self, case: Case) -> float:
        """Error of one case: relative, absolute, or in cells of the grid."""
        if self.kind == "absolute":
            return case.ours - case.theirs
        if self.kind == "cells":
            return float(cells_apart(case.theirs, case.ours))
        return case.ours / case.theirs - 1

    def verdict_of(self, case: Case) -> Word:
        """The verdict that one case would have alone."""
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
      live: whether the cheap ones were run again.
    """

    claims: tuple[Claim, ...]
    live: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """What should not be: misses without a reason, and numbers that changed. Empty if all is as it was."""
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
      live: compute the cheap ones again, in seconds, and judge by the new numbers.
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
    """The claims with numbers that were computed again in the place of the committed ones.

    Args:
      claims: as committed.
      again: our numbers by claim and case; cases that are not in it stay as they are.
    """

    def fresh(claim: Claim, case: Case) -> Case:
        ours = again.get((claim.id, case.name))
        return case if ours is None else replace(case, ours=ours, rerun=True, committed=case.ours)

    return tuple(replace(claim, cases=tuple(fresh(claim, case) for case in claim.cases)) for claim in claims)


def committed() -> tuple[Claim, ...]:
    """All claims, as the evidence that ships with the package has them."""
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
    """Points of the published grid between a printed bandwidth and the first one that reaches ours.

    The grid has 50 points from 0.1 to 1,000 Gbit/s, evenly on a logarithmic scale; printed values are rounded points.
    What needs less than its first point is reached there.

    Args:
      theirs_gbit_per_s: as printed [Gbit/s].
      ours_gbit_per_s: the smallest bandwidth that reaches the target [Gbit/s].

    Source: arXiv 2501.18512, Table 4.
    """

    def point(gbit_per_s: float) -> float:
        return (math.log10(gbit_per_s) + 1) * (_CELLS - 1) / 4

    hair = 1e-6  # a hair's breadth above a point is rounding
    return max(0, math.ceil(point(ours_gbit_per_s) - hair)) - round(point(theirs_gbit_per_s))
