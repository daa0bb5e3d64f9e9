"""`simulate` without a command: the main job, its options, and how they become a scenario."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, Format, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
from .handing_over import hand_over
from .options import (
    Prices,
    ScenarioOption,
    SetOption,
    StrategiesOption,
    TopologyOption,
    TraceOption,
    Words,
    WorkloadOption,
    placed,
)
from .timeline import Timeline

if TYPE_CHECKING:
    from ..report.model import Report


class Detail(StrEnum):
    """What a report can go into."""

    sites = "sites"
    links = "links"


DetailOption = Annotated[Detail | None, typer.Option(help="Add a table of sites or of links for every run.")]


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"crosshaul {version('crosshaul')}")
        raise typer.Exit


VersionOption = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)]


def simulate(
    context: typer.Context,
    *,
    scenario: ScenarioOption = None,
    topology: TopologyOption = None,
    workload: WorkloadOption = None,
    trace: TraceOption = None,
    strategy: StrategiesOption = None,
    words: Words,
    prices: Prices,
    set_: SetOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
    detail: DetailOption = None,
    moments: Timeline,
    version: VersionOption = False,
) -> None:
    """How long a training run takes over the links between datacenters.

    FILE is a scenario, a result in JSON, or a trace. With no arguments: the recorded 35M-parameter run over
    low-bandwidth links, Data-Parallel against DiLoCo.
    """
    if context.invoked_subcommand:
        _refuse_options_before(context)
        return
    if output:
        check_writable(output, scenario, topology, workload, trace)
    moments.check(output, scenario, topology, workload, trace)
    shape = chosen(format_, output, cite=cite)
    if detail and shape is Format.csv:
        raise InputError(f"--detail: CSV has a line a run and no {detail}; write --format json, which has all of them")
    from ..questions.bottleneck import answer
    from ..questions.recorded import with_recorded
    from ..report.answers.run import report
    from ..scenario.loading import load_scenario, naming
    from ..shell.progress import Progress
    from ..simulation.run import run

    source, replayed = placed(None, scenario, trace)
    loaded = load_scenario(
        source,
        topology=topology,
        workload=workload,
        trace=replayed,
        strategies=strategy or (),
        words=given(words) | given(prices),
        settings=set_ or (),
    )
    with naming(source), Progress() as watch:
        # CSV holds the runs alone
        result = with_recorded(run(loaded, watch)) if shape is Format.csv else answer(loaded, watch)
        drawn = moments.drawn(loaded)

    def illustrated(told: Report) -> Report:
        from ..questions.illustration import illustrate
        from ..report.page.run import page

        with Progress() as watch:
            return page(told, result, illustrate(result, watch))

    hand_over(report(result, detail=detail), shape, output, illustrated, cite=cite)
    moments.write(drawn)


def _refuse_options_before(context: typer.Context) -> None:
    """Options of the main job in front of another command would have no effect there."""
    for parameter in context.command.params:
        if context.params.get(str(parameter.name)):
            name, command = parameter.opts[0], context.invoked_subcommand
            raise InputError(f"{name}: does not reach {command} from before it; write simulate {command} {name} ...")
