"""A published table or figure beside what we say, as a report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...questions.reproduce.model import Part, Reproduction, Unit
from ..model import Cell, Column, Records, Report, Row, Table, sentences
from ..quantities import COUNT, DURATION, GBIT_PER_S, LOSS, NUMBER, SHARE, Quantity

QUANTITIES: dict[Unit, Quantity] = {
    "bit/s": GBIT_PER_S,
    "s": DURATION,
    "nats per token": LOSS,
    "parameters": COUNT,
    "": NUMBER,
}
"""What the numbers of a part are, by their unit."""
_WORDS = "A difference is ours less theirs; the bias is the mean of all, signs kept."
_RECORD = ("name", "part", "what", "unit", "published", "ours", "as_printed", "difference", "kind")


def report(answer: Reproduction) -> Report:
    """Where it is from and how far ours is off on the whole, then every number."""
    return Report(
        title=f"{answer.name}: {answer.title[0].lower()}{answer.title[1:]}",
        blocks=(
            sentences([_summary(part) for part in answer.parts], "strong"),
            sentences([f"Published: {answer.source}. {_WORDS}"]),
            *(_table(part) for part in answer.parts),
            sentences(answer.notes, "quiet", "Notes"),
        ),
        document={
            "name": answer.name,
            "title": answer.title,
            "source": answer.source,
            "parts": [_flat(part) for part in answer.parts],
            "notes": answer.notes,
        },
        records=Records(
            _RECORD,
            [
                {"name": answer.name, "part": part.title, "unit": part.unit, "kind": part.kind} | pair
                for part in answer.parts
                for pair in _pairs(part)
            ],
        ),
    )


def _summary(part: Part) -> str:
    """A part in a sentence: how many numbers, the bias, and the one that is furthest off."""
    count = f"{len(part.pairs)} number{'' if len(part.pairs) == 1 else 's'}"
    off = "difference" if len(part.pairs) == 1 else "bias"
    whose = "" if part.theirs == "published" else f" (theirs {part.theirs})"
    words = f"{part.title}{whose}: {count}, {off} {_words(part, part.bias)}"
    if part.kind == "cells":
        words += f", {part.within(0)} exact, {part.within(1)} within one cell"
    if len(part.pairs) > 1:
        far = part.furthest
        words += f"; furthest off {_words(part, part.difference_of(far))} ({far.what})"
    return f"{words}."


def _words(part: Part, difference: float) -> str:
    if part.kind == "cells":
        return f"{difference:+.2g} cell{'' if abs(difference) == 1 else 's'}"
    if part.kind == "absolute":
        return f"{difference:+.2g}"
    return f"{difference:+.1%}" if abs(difference) >= 0.01 else f"{100 * difference:+.2g}%"


def _table(part: Part) -> Table:
    quantity, grid = QUANTITIES[part.unit], part.kind == "cells"
    theirs = part.theirs[0].upper() + part.theirs[1:]
    columns = [
        Column(""),
        Column(theirs, quantity, part.digits, family="value"),
        Column("Ours", quantity, part.digits, family="value"),
    ]
    columns += [Column("Ours on their grid", quantity, family="value")] if grid else []
    columns.append(_difference(part))
    rows = [
        Row((pair.what, pair.published, pair.ours, *([pair.as_printed] if grid else []), part.difference_of(pair)))
        for pair in part.pairs
    ]
    empty: list[Cell] = [""] * (len(columns) - 2)
    bias = Row(("Bias", *empty, f"{part.bias:+.2f}" if grid else part.bias), strong=True)
    return Table(tuple(columns), (*rows, *([bias] if len(rows) > 1 else [])), part.title, part.remark)


def _difference(part: Part) -> Column:
    if part.kind == "relative":
        return Column("Difference", SHARE, digits=2, signed=True)
    title = "Difference [cells]" if part.kind == "cells" else "Difference"
    return Column(title, NUMBER, digits=0 if part.kind == "cells" else 5, signed=True)


def _flat(part: Part) -> dict[str, Any]:
    return {
        "title": part.title,
        "theirs": part.theirs,
        "unit": part.unit,
        "kind": part.kind,
        "bias": part.bias,
        "mean_size": part.mean_size,
        "furthest": part.furthest.what,
        "remark": part.remark,
        "pairs": list(_pairs(part)),
    }


def _pairs(part: Part) -> Iterator[dict[str, Any]]:
    for pair in part.pairs:
        yield vars(pair) | {"difference": part.difference_of(pair)}
