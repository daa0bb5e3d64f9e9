"""What others measured beside what we say, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ..questions.validate.claims import Case, Claim, Validation
from .model import Column, Fact, Facts, Records, Report, Row, Table, sentences

_TOPICS = {
    "laws": "Scaling laws",
    "tables": "Published bandwidth tables [Gbit/s]",
    "wall-clock": "Wall-clock and budgets",
    "syncs": "Runs that others measured",
    "simgrid": "An independent simulator",
    "conformance": "The replay itself",
    "study": "A small real study",
    "wan": "Real training over shaped links",
}
_TINY = 5e-4
"""A relative error below which a percentage would read as zero."""
_COLUMNS = (
    Column("Claim"),
    Column("Where their number is from", folds=True),
    *(Column(head, align="right") for head in ("Theirs", "Ours", "Error", "Within")),
    Column("Verdict"),
)
"""Every claim has a unit and a tolerance of its own, so these are words."""


def report(answer: Validation, *, cases: bool = False) -> Report:
    """A sentence that sums up, the claims by topic, and why they miss or have no verdict.

    Args:
      answer: the claims.
      cases: also list every comparison behind a claim that sums many up.
    """
    summary, *remarks = _sentences(answer)
    reasons = _reasons(answer.claims)
    return Report(
        title="What others measured, beside what we say",
        blocks=(
            sentences([summary], "strong"),
            sentences(remarks),
            *(
                _table(_TOPICS.get(topic, topic), list(claims), cases)
                for topic, claims in groupby(answer.claims, key=lambda claim: claim.topic)
            ),
            *([Facts(reasons, "Why they miss, or cannot be judged")] if reasons else []),
            *([sentences([f"fault: {fault}" for fault in answer.faults], "strong")] if answer.faults else []),
        ),
        document={
            "live": answer.live,
            "claims": [
                _flat(claim) | {"cases": [_flat_case(claim, case) for case in claim.cases]} for claim in answer.claims
            ],
            "faults": answer.faults,
        },
        records=_records(answer.claims, cases),
    )


def _records(claims: Sequence[Claim], cases: bool) -> Records:
    """One line a claim; with `cases`, one line a comparison instead."""
    rows = [_flat(claim) for claim in claims]
    if cases:
        rows = [
            {"id": claim.id, "topic": claim.topic} | _flat_case(claim, case) for claim in claims for case in claim.cases
        ]
    return Records(list(rows[0]), rows)


def _reasons(claims: Sequence[Claim]) -> tuple[Fact, ...]:
    """Each reason once, behind the claims that it is the reason of."""
    reasons: dict[str, list[str]] = {}
    for claim in claims:
        if claim.reason and claim.verdict != "agrees":
            reasons.setdefault(claim.reason, []).append(claim.id)
    return tuple(Fact(", ".join(ids), (f"{reason}.",)) for reason, ids in reasons.items())


def _table(title: str, claims: Sequence[Claim], cases: bool) -> Table:
    rows = []
    for claim in claims:
        behind = f"{claim.source}; {claim.statistic} of {claim.count}" if claim.statistic else claim.source
        rows.append(Row((claim.claim, behind, *shown(claim), _verdict(claim))))
        if cases and claim.statistic == "worst":
            rows += [
                Row((f"- {case.name}", "", *_shown_case(claim, case), claim.verdict_of(case))) for case in claim.cases
            ]
    return Table(_COLUMNS, tuple(rows), title)


def _verdict(claim: Claim) -> str:
    again = sum(case.rerun for case in claim.cases)
    if not again:
        return claim.verdict
    return f"{claim.verdict}, " + ("run again" if again == len(claim.cases) else f"{again} run again")


def shown(claim: Claim) -> tuple[str, str, str, str]:
    """Theirs, ours, error and tolerance of a claim, as people read them.

    Where many are summed up, theirs and ours are those of the worst case; a median has neither.
    """
    case = claim.counting
    theirs, ours = ("", "") if case is None else (_value(claim, case.theirs), _value(claim, case.ours))
    return theirs, ours, _error(claim, claim.error), _tolerance(claim)


def _shown_case(claim: Claim, case: Case) -> tuple[str, str, str, str]:
    return _value(claim, case.theirs), _value(claim, case.ours), _error(claim, claim.error_of(case)), ""


def _value(claim: Claim, value: float) -> str:
    number = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.3g}"
    short = {"Gbit/s": "", "parameters": "", "tokens": "", "cells": "", "nats": "", "x": "x"}.get(
        claim.unit, f" {claim.unit}" if claim.unit else ""
    )
    return number.replace("e+0", "e").replace("e-0", "e-") + short


def _error(claim: Claim, error: float) -> str:
    if claim.kind == "cells":
        return f"{error:+.0f} cell{'' if abs(error) == 1 else 's'}" if error else "0 cells"
    sign = "" if claim.statistic == "median" else "+"
    if not error:
        return "0"
    if claim.kind == "absolute":
        return f"{error:{sign}.3g}".replace("e-0", "e-")
    return f"{error:{sign}.1%}" if abs(error) > _TINY else f"{error:{sign}.0e}".replace("e-0", "e-")


def _tolerance(claim: Claim) -> str:
    if claim.tolerance is None:
        return "-"
    if claim.kind == "cells":
        return f"{claim.tolerance:.0f} cell{'' if claim.tolerance == 1 else 's'}"
    if claim.kind == "at-least":
        return "not less"
    if claim.kind == "absolute" or claim.tolerance < 1e-6:
        return f"{claim.tolerance:g}".replace("e-0", "e-")
    return f"{100 * claim.tolerance:g}%"


def _sentences(answer: Validation) -> Iterator[str]:
    claims = answer.claims
    words = [claim.verdict for claim in claims]
    agree, miss, none = (words.count(word) for word in ("agrees", "misses", "no verdict"))
    known, behind = sum(claim.known for claim in claims), sum(claim.count for claim in claims)
    yield (
        f"{len(claims)} claim{'' if len(claims) == 1 else 's'} from {behind:,} comparisons: {agree} agree, {miss} miss "
        f"({known} known, with the reason), {none} without a verdict."
    )
    yield "Where many are compared the worst of them is shown. Numbers such as 2503.09799 are papers on arXiv."
    if not answer.live:
        yield "From committed results; --live computes what takes seconds again, --cases lists every comparison."
    else:
        yield _run_again(claims, behind)


def _run_again(claims: Sequence[Claim], behind: int) -> str:
    cases = [case for claim in claims for case in claim.cases]
    again, changed = sum(case.rerun for case in cases), sum(case.differs for case in cases)
    if not again:
        return "None of these can be computed again in seconds: they are from committed results."
    rest = "" if again == behind else " The others are from committed results."
    found = "all gave the committed numbers" if not changed else f"{changed} gave another number than the committed one"
    return f"Run again just now: {again} comparison{'' if again == 1 else 's'}; {found}.{rest}"


def _flat(claim: Claim) -> dict[str, Any]:
    case = claim.counting
    return {
        "id": claim.id,
        "topic": claim.topic,
        "claim": claim.claim,
        "source": claim.source,
        "kind": claim.kind,
        "unit": claim.unit,
        "statistic": claim.statistic or None,
        "theirs": case and case.theirs,
        "ours": case and case.ours,
        "error": claim.error,
        "tolerance": claim.tolerance,
        "verdict": claim.verdict,
        "known": claim.known,
        "reason": claim.reason if claim.verdict != "agrees" else "",
        "worst_case": case.name if case and claim.statistic else None,
        "count": claim.count,
        "rerun": sum(one.rerun for one in claim.cases),
        "made_by": claim.made_by,
    }


def _flat_case(claim: Claim, case: Case) -> dict[str, Any]:
    return {
        "case": case.name,
        "theirs": case.theirs,
        "ours": case.ours,
        "error": claim.error_of(case),
        "verdict": claim.verdict_of(case),
        "rerun": case.rerun,
        "differs": case.differs,
    }
