"""`simulate goodput`: its options, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .options import (
    FileArgument,
    RepairOption,
    ScenarioOption,
    SetOption,
    StrategiesOption,
    TopologyOption,
    TraceOption,
    Words,
    WorkloadOption,
    placed,
)

if TYPE_CHECKING:
    from ..report.model import Report

_QUICK = "in place of the scenario's failures"
MtbfOption = Annotated[
    str | None, typer.Option(help=f"Mean time between failures of a chip, {_QUICK}.", metavar="DURATION")
]
SiteMtbfOption = Annotated[
    str | None, typer.Option(help=f"Mean time between failures of a whole site, {_QUICK}.", metavar="DURATION")
]
ForOption = Annotated[
    str | None,
    typer.Option("--for", help="Train so long, rather than until the tokens are done.", metavar="DURATION"),
]
HistoriesOption = Annotated[
    int | None,
    typer.Option(help="Histories of each case. [default: 100 to 1,000, until the median is known to 0.1 points]"),
]


def goodput(
    *,
    file: FileArgument = None,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategiesOption = None,
    words: Words,
    mtbf: MtbfOption = None,
    site_mtbf: SiteMtbfOption = None,
    repair: RepairOption = None,
    for_: ForOption = None,
    histories: HistoriesOption = None,
    set_: SetOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
) -> None:
    """What is left of a run where chips, sites and links fail: goodput, wall-clock, tokens and loss, as bands.

    Every strategy goes through the same seeded histories with each thing that it can do: restart from a checkpoint, go
    on with fewer, leave out the replica that is away. What breaks stands in the section `failures` of the scenario.
    """
    if output:
        check_writable(output, file, scenario, topology, workload, trace)
    shape = chosen(format_, output, cite=cite)
    from ..questions.goodput.assumed import quick
    from ..questions.goodput.goodput import answer
    from ..report.answers.goodput import report
    from ..scenario.loading import load_scenario, naming
    from ..shell.progress import Progress
    from .options import duration_if_given

    source, replayed = placed(file, scenario, trace)
    loaded = load_scenario(
        source,
        topology=topology,
        workload=workload,
        trace=replayed,
        strategies=strategy or (),
        words=given(words),
        settings=set_ or (),
    )
    loaded = quick(
        loaded,
        mtbf_s=duration_if_given("--mtbf", mtbf),
        site_mtbf_s=duration_if_given("--site-mtbf", site_mtbf),
        repair_s=duration_if_given("--repair", repair),
    )
    for_s = duration_if_given("--for", for_)
    with naming(source), Progress() as watch:
        found = answer(loaded, for_s=for_s, histories=histories, watch=watch)

    def illustrated(told: Report) -> Report:
        from ..report.page.goodput import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated, cite=cite)
