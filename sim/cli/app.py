"""`simulate`: arguments and exit codes only; everything heavy is imported inside a command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.exit_codes import run_and_exit
from ..shell.formats import Format, FormatOption, OutputOption, chosen
from ..shell.printing import print_out
from ..shell.repeated_options import OnceCommand, OnceGroup
from .bandwidth import bandwidth
from .budget import budget, explain, predict
from .handing_over import hand_over
from .plan import plan
from .validate import validate

app = typer.Typer(
    cls=OnceGroup,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Detail(StrEnum):
    """What a report can go into."""

    sites = "sites"
    links = "links"


class Kind(StrEnum):
    """What `simulate list` lists."""

    topologies = "topologies"
    workloads = "workloads"
    strategies = "strategies"


class Shown(StrEnum):
    """What `simulate show` shows."""

    topology = "topology"


class Document(StrEnum):
    """What `simulate schema` describes."""

    scenario = "scenario"
    trace = "trace"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"crosshaul {version('crosshaul')}")
        raise typer.Exit


def _refuse_options_before(context: typer.Context) -> None:
    """Options of the main job in front of another command would have no effect there."""
    for parameter in context.command.params:
        if context.params.get(str(parameter.name)):
            name, command = parameter.opts[0], context.invoked_subcommand
            raise InputError(f"{name}: does not reach {command} from before it; write simulate {command} {name} ...")


@app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    scenario: Annotated[
        Path | None, typer.Option(help="Scenario YAML. [default: the one that ships]", metavar="FILE")
    ] = None,
    topology: Annotated[
        str | None,
        typer.Option(help="Topology: a name (see `simulate list topologies`) or a YAML file.", metavar="NAME|FILE"),
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(help="Workload: a name (see `simulate list workloads`) or a YAML file.", metavar="NAME|FILE"),
    ] = None,
    trace: Annotated[str | None, typer.Option(help="Replay a trace that record-trace wrote.", metavar="FILE")] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="Strategy to compare; repeat. `diloco:replicas=4,sync_every=100` sets its parameters.", metavar="NAME"
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change anything in the scenario, such as workload.steps=1000; repeat.",
            metavar="KEY.PATH=VALUE",
        ),
    ] = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    detail: Annotated[Detail | None, typer.Option(help="Add a table of sites or of links for every run.")] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """How long a training run takes over the links between datacenters.

    With no arguments: the recorded 35M-parameter run over low-bandwidth links, Data-Parallel against DiLoCo.
    """
    if context.invoked_subcommand:
        _refuse_options_before(context)
        return
    if output:
        check_writable(output, scenario, topology, workload, trace)
    shape = chosen(format_, output)
    if detail and shape is Format.csv:
        raise InputError(f"--detail: CSV has a line a run and no {detail}; write --format json, which has all of them")
    from ..questions.bottleneck import answer
    from ..report.run import report
    from ..scenario.loading import load_scenario, naming
    from ..simulation.run import run

    loaded = load_scenario(
        scenario, topology=topology, workload=workload, trace=trace, strategies=strategy or (), settings=set_ or ()
    )
    with naming(scenario):
        result = run(loaded) if shape is Format.csv else answer(loaded)  # CSV holds the runs alone
    hand_over(report(result, detail=detail), shape, output)


@app.command("list", cls=OnceCommand)
def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the topologies, workloads or strategies that are known by name."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.catalog import rows
    from ..report.listing import report

    hand_over(report(kind, rows(kind)), shape, output)


@app.command(cls=OnceCommand)
def show(
    kind: Annotated[Shown, typer.Argument(help="What to show.")],
    name: Annotated[str, typer.Argument(help="A name or a YAML file.", metavar="NAME|FILE")],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show a topology: sites, links, the bottleneck cut, the best ring, round-trip times."""
    if output:
        check_writable(output, name)
    shape = chosen(format_, output)
    from ..questions.topology import answer
    from ..report.topology import report
    from ..topology.model import load_topology

    hand_over(report(answer(load_topology(name))), shape, output)


@app.command(cls=OnceCommand)
def flows(
    file: Annotated[Path, typer.Argument(help="YAML: a topology, and the flows over it.", metavar="FILE")],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """The network alone: when given flows over a topology finish, and what the links carry (docs/network.md)."""
    if output:
        check_writable(output, file)
    shape = chosen(format_, output)
    from ..questions.flows import answer, load_flows
    from ..report.flows import report
    from ..scenario.loading import naming

    document = load_flows(file)
    with naming(file):
        found = answer(document)
    hand_over(report(found), shape, output)


app.command(cls=OnceCommand)(bandwidth)
app.command(cls=OnceCommand)(budget)
app.command(cls=OnceCommand)(explain)
app.command(cls=OnceCommand)(predict)
app.command(cls=OnceCommand)(plan)
app.command(cls=OnceCommand)(validate)


@app.command(cls=OnceCommand)
def schema(document: Annotated[Document, typer.Argument(help="Which file format to describe.")]) -> None:
    """Print the JSON schema of a file format, for editors and other programs."""
    import json

    from ..scenario import model as scenario
    from ..trace import file as trace

    schemas = {Document.scenario: scenario.schema, Document.trace: trace.schema}
    print_out(json.dumps(schemas[document](), indent=2) + "\n")


def main() -> NoReturn:
    """Runs the command and turns every outcome into an exit code."""
    run_and_exit(lambda: app(prog_name="simulate"))
