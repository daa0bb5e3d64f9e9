"""`simulate explain`: its options, and how they become a scenario."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .names import strategies_from
from .options import (
    FileArgument,
    ScenarioOption,
    SetOption,
    TopologyOption,
    TraceOption,
    Words,
    WorkloadOption,
    placed,
)

if TYPE_CHECKING:
    from ..report.model import Report

EXPLAINED = "diloco"
StrategyOption = Annotated[
    str | None,
    typer.Option(
        help=f"Strategy to explain. [default: the scenario's, else {EXPLAINED}]",
        metavar="NAME",
        autocompletion=strategies_from,
    ),
]


def explain(
    *,
    file: FileArgument = None,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategyOption = None,
    words: Words,
    set_: SetOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Where every second of one run goes, the formula with the numbers in it, and what it is sensitive to."""
    if output:
        check_writable(output, file, scenario, topology, workload, trace)
    shape = chosen(format_, output)
    from ..questions.explain.explain import answer
    from ..report.explain import report
    from ..scenario.loading import load_scenario, naming
    from ..shell.progress import Progress

    source, replayed = placed(file, scenario, trace)
    asked = strategy or (None if source else EXPLAINED)
    loaded = load_scenario(
        source,
        topology=topology,
        workload=workload,
        trace=replayed,
        strategies=[asked] if asked else (),
        words=given(words),
        settings=set_ or (),
    )
    with naming(source), Progress() as watch:
        found = answer(loaded, watch)

    def illustrated(told: Report) -> Report:
        from ..questions.illustration import one_round
        from ..report.page.explain import page

        return page(told, found, *one_round(loaded))

    hand_over(report(found), shape, output, illustrated)
