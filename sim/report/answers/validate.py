"""What others measured beside what we say, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ...questions.validate.claims import Case, Claim, Validation
from ..model import Column, Records, Report, Row, Table, sentences

TOPICS = {
    "laws": "Scaling laws",
    "tables": "Published bandwidth tables [Gbit/s]",
    "wall-clock": "Wall-clock and budgets",
    "syncs": "Runs that others measured",
    "simgrid": "An independent simulator",
    "conformance": "The replay itself",
    "study": "A small real study",
    "real-runs": "Real runs over several sites, predicted blind",
    "wan": "Real training over shaped links",
    "failures": "Runs that fail",
    "chips": "A chip, measured",
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
_WHY = Column("Why", folds=True)


def report(answer: Validation, *, cases: bool = False) -> Report:
    """The verdict on all of them, then the claims by topic; beneath each that does not agree, why it does not.

    Args:
      answer: the claims.
      cases: also list every comparison behind a claim that sums many up.
    """
    summary, *remarks = _sentences(answer)
    return Report(
        title="What others measured, beside what we say",
        blocks=(
            sentences([summary], "strong"),
            sentences(remarks),
            *(
                _table(TOPICS.get(topic, topic), list(claims), cases)
                for topic, claims in groupby(answer.claims, key=lambda claim: claim.topic)
            ),
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


def _table(title: str, claims: Sequence[Claim], cases: bool) -> Table:
    """The claims of a topic, those that miss marked; a column of reasons where there are any."""
    told = any(_why(claim) for claim in claims)
    columns = (*_COLUMNS, _WHY) if told else _COLUMNS
    rows = []
    for claim in claims:
        behind = f"{claim.source}; {claim.statistic} of {claim.count}" if claim.statistic else claim.source
        cells = (claim.claim, behind, *shown(claim), _verdict(claim), _why(claim))
        rows.append(Row(cells[: len(columns)], strong=claim.verdict == "misses"))
        if cases and claim.statistic == "worst":
            for case in claim.cases:
                cells = (f"- {case.name}", "", *_shown_case(claim, case), _marked(claim.verdict_of(case)), "")
                rows.append(Row(cells[: len(columns)]))
    return Table(columns, tuple(rows), title)


def _why(claim: Claim) -> str:
    """Why a claim misses or cannot be judged, as a sentence; nothing where it agrees."""
    if claim.verdict == "agrees":
        return ""
    return f"Why: {claim.reason}." if claim.reason else "Why: nobody knows; this is a fault."


def _marked(verdict: str) -> str:
    """A verdict such that a miss meets the eye, without colours too."""
    return verdict.upper() if verdict == "misses" else verdict


def _verdict(claim: Claim) -> str:
    again = sum(case.rerun for case in claim.cases)
    word = _marked(claim.verdict)
    if not again:
        return word
    return f"{word}, " + ("run again" if again == len(claim.cases) else f"{again} run again")


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
    behind = sum(claim.count for claim in claims)
    yield _summary(answer, behind)
    yield "Where many are compared the worst of them is shown. Numbers such as 2503.09799 are papers on arXiv."
    if not answer.live:
        yield "From committed results; --live computes what takes seconds again, --cases lists every comparison."
    else:
        yield _run_again(claims, behind)


def _summary(answer: Validation, behind: int) -> str:
    """What to take home: whether anything is other than it is known to be, and how many agree."""
    words = [claim.verdict for claim in answer.claims]
    agree, miss, none = (words.count(word) for word in ("agrees", "misses", "no verdict"))
    faults, known = len(answer.faults), sum(claim.known for claim in answer.claims)
    total = f"{len(words)} claim{'' if len(words) == 1 else 's'}"
    parts = [f"{agree} of {total} agree{'s' if agree == 1 else ''}"]
    if miss:
        why = "for known reasons" if known == miss else f"({known} for known reasons)"
        verb = "misses" if miss == 1 else "miss"
        parts.append(f"{miss} {verb} {why}, given with each" if known else f"{miss} {verb}")
    if none:
        parts.append(f"{none} cannot be judged")
    lead = f"Not as it should be, {faults} fault{'' if faults == 1 else 's'} at the end" if faults else "As expected"
    return f"{lead}: {'; '.join(parts)}. {behind:,} comparison{'' if behind == 1 else 's'} in all."


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
