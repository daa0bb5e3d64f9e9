"""What others measured beside what we say: as text for people, as data for programs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..questions.validate.claims import Case, Claim, Validation
from .plain import as_csv, as_json, plain, text_console

SCHEMA_VERSION = 1
_WIDTHS = (80, 120)
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


def validate_json(answer: Validation, cases: bool = False) -> str:
    """The whole answer, each comparison included whether asked for or not; keys are stable within a schema version."""
    document = {
        "live": answer.live,
        "claims": [
            _flat(claim) | {"cases": [_flat_case(claim, case) for case in claim.cases]} for claim in answer.claims
        ],
        "faults": list(answer.faults),
    }
    return as_json(SCHEMA_VERSION, document)


def validate_csv(answer: Validation, cases: bool = False) -> str:
    """One line a claim under a header line; with `cases`, one line a comparison instead."""
    rows = [_flat(claim) for claim in answer.claims]
    if cases:
        rows = [
            {"id": claim.id, "topic": claim.topic} | _flat_case(claim, case)
            for claim in answer.claims
            for case in claim.cases
        ]
    return as_csv(rows, list(rows[0]))


def validate_text(answer: Validation, cases: bool = False, width: int | None = None) -> str:
    """The table, why claims miss or have no verdict, and a sentence that sums up.

    Args:
      answer: the claims.
      cases: also list every comparison behind a claim that sums many up.
      width: columns; that of the terminal, between 80 and 120, unless given.
    """
    columns = width or min(max(shutil.get_terminal_size((_WIDTHS[0], 24)).columns, _WIDTHS[0]), _WIDTHS[1])
    console = text_console(columns)
    with console.capture() as captured:
        console.print(_table(answer, cases))
        reasons: dict[str, list[str]] = {}
        for claim in answer.claims:
            if claim.reason and claim.verdict != "agrees":
                reasons.setdefault(claim.reason, []).append(claim.id)
        if reasons:
            console.print()
            console.print(Text("Why they miss, or cannot be judged", style="bold"))
        for reason, ids in reasons.items():
            console.print(Text(f"{', '.join(ids)}: {reason}."))
        console.print()
        for sentence in _sentences(answer):
            console.print(Text(sentence))
    return plain(captured.get())


def _table(answer: Validation, cases: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("claim\n  where their number is from", overflow="fold")
    for head in ("theirs", "ours", "error", "within"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for position, (topic, claims) in enumerate(groupby(answer.claims, key=lambda claim: claim.topic)):
        if position:
            table.add_row()
        table.add_row(Text(_TOPICS.get(topic, topic), style="bold"))
        for claim in claims:
            table.add_row(_words(claim), *shown(claim), _verdict(claim))
            for case in claim.cases if cases and claim.statistic == "worst" else ():
                table.add_row(Text(f"    {case.name}", style="dim"), *_shown_case(claim, case), claim.verdict_of(case))
    return table


def _words(claim: Claim) -> Group:
    behind = claim.source
    if claim.statistic:
        behind += f"; {claim.statistic} of {claim.count}"
    return Group(Text(claim.claim), Padding(Text(behind, style="dim"), (0, 0, 0, 2)))


def _verdict(claim: Claim) -> str:
    again = sum(case.rerun for case in claim.cases)
    if not again:
        return claim.verdict
    return f"{claim.verdict}\n" + ("run again" if again == len(claim.cases) else f"{again} run again")


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
    yield from (f"fault: {fault}" for fault in answer.faults)


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


VALIDATE_RENDERERS: dict[str, Callable[[Validation, bool], str]] = {
    "table": validate_text,
    "json": validate_json,
    "csv": validate_csv,
}
"""By the name of a format; the second argument: whether to list every comparison."""
