"""The answer to a state, part by part, so that numbers are there before curves are; it runs in a worker process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape

from ..questions.bottleneck import answer, bottlenecks
from ..questions.illustration import illustrate
from ..questions.verdict import fastest, time_lost
from ..report.answers.run import report
from ..report.drawing.cells import written_columns
from ..report.drawing.screen import of_file
from ..report.model import Block, Facts, Records, Report, Sentences, Table, sentences
from ..report.page.run import page
from ..report.page.shared import with_command
from ..report.render import RENDERERS
from ..report.render.html import fragment
from ..simulation.results import Result, Run
from ..simulation.run import run
from .asked import ask, python
from .curves import curves, pictures
from .state import State
from .yaml import as_yaml

Part = dict[str, str]
"""Elements of the page by their id, as HTML; a name that ends in `-text` is plain text."""
_SHARE = 0.7
"""Of the time limit, by which the last point of a curve is begun."""


@dataclass(frozen=True)
class Task:
    """What a worker is asked for.

    Attributes:
      state: what was chosen.
      shape: `parts` for the page, or a download: `html`, `json` or `yaml`.
      limit_s: when it is ended; curves that would not be ready by then are left out [s].
    """

    state: State
    shape: str = "parts"
    limit_s: float = 10.0


def parts(task: Task) -> Iterator[Part]:
    """The parts of an answer as they get ready; a download is one part, `text`.

    Raises:
      InputError: what was chosen does not fit together.
    """
    asked, began_s = ask(task.state), time.monotonic()
    scenario = asked.scenario()
    if task.shape == "yaml":
        yield {"text": as_yaml(scenario)}
        return
    if task.shape != "parts":
        result = answer(scenario)
        made = report(result)
        if task.shape == "html":
            made = with_command(page(made, result, illustrate(result)), asked.arguments())
        yield {"text": RENDERERS[task.shape](made, of_file())}
        return
    yield {"command-text": asked.command(), "python-text": python(task.state, scenario)}
    run_s = time.monotonic()
    result = run(scenario)
    took_s = time.monotonic() - run_s
    yield numbers(result)
    result = replace(result, bottlenecks=tuple(bottlenecks(result, fastest(result.runs))))
    yield {"notes": _notes(report(result))}
    left_s = _SHARE * task.limit_s - (time.monotonic() - began_s)
    yield _curves(task.state, result, took_s, left_s)


def numbers(result: Result) -> Part:
    """Verdict, the fastest run in large digits, tables, and where the time goes."""
    made = report(result)
    strong = [block for block in made.blocks if isinstance(block, Sentences) and block.tone == "strong"]
    tables = [block for block in made.blocks if isinstance(block, Table)]
    verdict = [text for block in strong for text in block.texts]
    return {
        "verdict": "".join(f"<p>{escape(text)}</p>" for text in verdict),
        "tiles": tiles(tables[0], result),
        "brief-text": _brief(tables[0], result),
        "tables": _section("Strategy by strategy", tuple(tables)),
        "shares": shares(result.runs),
    }


def _of_fastest(table: Table, result: Result) -> list[tuple[str, str]]:
    """Heads and texts of the row of the fastest run, just as the table has them."""
    row = result.runs.index(fastest(result.runs))
    return [
        (column.title, f"{written.texts[row]} {written.unit}".strip())
        for column, written in zip(table.columns, written_columns(table), strict=True)
        if column.numeric
    ]


def _brief(table: Table, result: Result) -> str:
    """The same in a line: the strategy, and the first three figures."""
    figures = [f"{head.lower()} {text}" for head, text in _of_fastest(table, result)[:3]]
    return f"{fastest(result.runs).label}: {', '.join(figures)}"


def tiles(table: Table, result: Result) -> str:
    """What the fastest run comes to, to be read at a glance."""
    known = [(head, text) for head, text in _of_fastest(table, result) if text != "-"]
    named = [("Fastest", fastest(result.runs).label), *known]
    return "".join(f"<div><dt>{escape(head)}</dt><dd>{escape(text)}</dd></div>" for head, text in named)


def shares(runs: tuple[Run, ...]) -> str:
    """A bar for each run: how its wall-clock divides into computing and what it waits for."""
    causes = ["computing", *time_lost(runs[0])]
    rows, seen = [], set()
    for each in runs:
        own = {"computing": each.compute_s, **time_lost(each)}
        pieces = []
        for number, cause in enumerate(causes):
            share = own[cause] / each.wall_clock_s
            if share < 5e-4:
                continue
            seen.add(number)
            pieces.append(
                f'<span class="part part{number}" style="width:{100 * share:.2f}%" title="{escape(cause)}: '
                f'{share:.1%}">{f"{share:.1%}" if share > 0.12 else ""}</span>'
            )
        said = ", ".join(f"{cause} {own[cause] / each.wall_clock_s:.1%}" for cause in causes if own[cause])
        rows.append(
            f'<div class="share"><span class="name">{escape(each.label)}</span>'
            f'<span class="bar" role="img" aria-label="{escape(f"{each.label}: {said}")}">{"".join(pieces)}</span>'
            "</div>"
        )
    keys = "".join(
        f'<li><span class="key part{number}"></span>{escape(causes[number])}</li>' for number in sorted(seen)
    )
    return f'{"".join(rows)}<ul class="keys">{keys}</ul>'


def _curves(state: State, result: Result, took_s: float, left_s: float) -> Part:
    found = curves(state, result, took_s, left_s)
    if found is None:
        return {"curves": "<p>There are no links between datacenters, so no bandwidth to vary.</p>"}
    drawn = [_section("", (picture,)) for picture in (pictures(found) if found.lines else ())]
    return {"curves": f'<div class="pair">{"".join(drawn)}</div>{_section("", (sentences(found.missing, "quiet"),))}'}


def _notes(made: Report) -> str:
    """What is no verdict and no table: remarks first, then what was asked and is assumed."""
    remarks = [block for block in made.blocks if isinstance(block, Sentences) and block.tone != "strong"]
    facts = [block for block in made.blocks if isinstance(block, Facts)]
    return _section("What to know", (*remarks, *facts))


def _section(title: str, blocks: tuple[Block, ...]) -> str:
    return fragment(Report(title, blocks, document={}, records=Records((), ())))
