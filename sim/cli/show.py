"""`simulate list`, `simulate show` and `simulate schema`: what is known by name, and what files look like."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from ..shell.printing import print_out
from .handing_over import hand_over
from .names import topologies_from

if TYPE_CHECKING:
    from ..report.model import Report


class Kind(StrEnum):
    """What `simulate list` lists."""

    topologies = "topologies"
    workloads = "workloads"
    strategies = "strategies"
    chips = "chips"
    reproductions = "reproductions"


class Shown(StrEnum):
    """What `simulate show` shows."""

    topology = "topology"


class Document(StrEnum):
    """What `simulate schema` describes."""

    scenario = "scenario"
    trace = "trace"


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List the topologies, workloads, strategies, chips or published tables and figures that are known by name."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.catalog import rows
    from ..report.answers.listing import report

    hand_over(report(kind, rows(kind)), shape, output)


def show(
    kind: Annotated[Shown, typer.Argument(help="What to show.")],
    name: Annotated[
        str, typer.Argument(help="A name or a YAML file.", metavar="NAME|FILE", autocompletion=topologies_from)
    ],
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show a topology: sites, links, the bottleneck cut, the best ring, round-trip times."""
    if output:
        check_writable(output, name)
    shape = chosen(format_, output)
    from ..questions.topology import answer
    from ..report.answers.topology import report
    from ..topology.model import load_topology

    found = answer(load_topology(name))

    def illustrated(told: Report) -> Report:
        from ..report.page.topology import page

        return page(told, found)

    hand_over(report(found), shape, output, illustrated)


def schema(document: Annotated[Document, typer.Argument(help="Which file format to describe.")]) -> None:
    """Print the JSON schema of a file format, for editors and other programs."""
    import json

    from ..scenario import model as scenario
    from ..trace import file as trace

    schemas = {Document.scenario: scenario.schema, Document.trace: trace.schema}
    print_out(json.dumps(schemas[document](), indent=2) + "\n")
