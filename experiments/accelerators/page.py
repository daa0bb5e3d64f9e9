"""Writes the tables of what was compiled into the page of this folder, from the committed CSV files.

Run: python -m experiments.accelerators.page
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sim.laws.model_family import FAMILY
from sim.shell.delivery import write_atomically

from .cases import LISTS, Training
from .sizes import FORMS, TARGETS

FOLDER = Path(__file__).parent
Row = Mapping[str, str]


def read(name: str) -> list[dict[str, str]]:
    """The rows of a table of this folder."""
    return list(csv.DictReader((FOLDER / name).read_text(encoding="utf-8").splitlines()))


def compiled_cases(rows: Sequence[Row]) -> Iterator[str]:
    """The lines about the cases compiled for one GPU, and those that are missing."""
    yield "| case | programs | parameters | tokens a step | memory | roofline | MFU | MFU of 6 N |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        cells = [f"`{row['case']}`", row["part"], _millions(row["parameters"]), _count(row["tokens_a_step"])]
        yield _line([*cells, f"{float(row['memory_gb']):.1f} GB", *_speeds(row)])
    there = {(row["case"], row["part"]) for row in rows}
    missing = [
        f"`{case.name}`" + (" (fused)" if part == "fused" else "")
        for case in LISTS["gpu"]
        for part in _parts(case)
        if (case.name, part) not in there
    ]
    if missing:
        yield ""
        yield f"Not compiled yet, for want of processor time: {', '.join(missing)}."


def compiled_sizes(rows: Sequence[Row]) -> Iterator[str]:
    """The lines about the nine sizes on all chips."""
    yield (
        "| chip | model | form | chips | spread over | tokens a step | microbatches | remat | attention | memory "
        "| exchanged | roofline | MFU | MFU of 6 N |"
    )
    yield "|" + "---|" * 14
    for row in rows:
        cells = [row["chip"], f"`{row['model']}`", row["form"], row["chips"], row["spread"]]
        cells += [_count(row["tokens_a_step"]), row["microbatches"], row["remat"], row["attention"]]
        if row["problem"]:
            yield _line([*cells, row["problem"], "", "", "", ""])
            continue
        exchanged = f"{float(row['exchanged_gb']):.1f} GB" if float(row["exchanged_gb"]) else ""
        yield _line([*cells, f"{float(row['memory_gb']):.1f} GB", exchanged, *_speeds(row)])
    there = {(row["chip"], row["model"], row["form"]) for row in rows}
    for chip in TARGETS:
        missing = [f"`{size}` {form}" for size in FAMILY for form in FORMS if (chip, size, form) not in there]
        if missing:
            yield ""
            yield f"Not compiled for {chip} yet, for want of processor time: {', '.join(missing)}."


def with_tables(page: str) -> str:
    """The page with both tables as they are now, between their markers."""
    for name, lines in (
        ("compiled", compiled_cases(read("compiled.csv"))),
        ("sizes", compiled_sizes(read("sizes.csv"))),
    ):
        first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(first)
        page = before + first + "".join(f"{line}\n" for line in lines) + last + rest.partition(last)[2]
    return page


def _parts(case: object) -> tuple[str, ...]:
    if not isinstance(case, Training):
        return ("loop",)
    return ("split", "fused") if case.clock == "both" else ("split",)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _speeds(row: Row) -> list[str]:
    shares = [f"{float(row[name]):.1%}" if row[name] else "" for name in ("mfu", "mfu_of_6n")]
    return [f"{1e3 * float(row['roofline_s']):,.1f} ms", *shares]


def _millions(count: str) -> str:
    return f"{float(count) / 1e6:,.0f}M" if count else ""


def _count(number: str) -> str:
    return f"{int(number):,}" if number else ""


if __name__ == "__main__":
    page = FOLDER / "README.md"
    write_atomically(page, with_tables(page.read_text(encoding="utf-8")))
