"""`simulate calibrate`: its options, and how they become a question."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable, write_atomically
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .names import topologies_from

if TYPE_CHECKING:
    from ..report.model import Report
    from ..topology.model import Topology
    from .handing_over import Illustrated

FileArgument = Annotated[
    Path,
    typer.Argument(
        help="Table of exchanges (size, seconds; members, streams), of pairs of sites (from, to, rtt_ms, streams, "
        "bandwidth; or ping, iperf3: files), or a trace.",
        metavar="MEASURED",
    ),
]
GivenOption = Annotated[
    str | None,
    typer.Option(
        "--topology",
        help="Where exchanges were measured, as you believe it to be: a name or a YAML file; pairs make one.",
        metavar="NAME|FILE",
        autocompletion=topologies_from,
    ),
]
SizesOption = Annotated[
    list[str] | None, typer.Option("--size", help="Predict an all-reduce of this size; repeat.", metavar="SIZE")
]
ResamplesOption = Annotated[int, typer.Option("--resamples", help="Refits behind the intervals.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the refits.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the calibrated topology there.", metavar="FILE.yaml")
]
_MOST_RESAMPLES = 10_000
_LEAST_RESAMPLES = 20


def calibrate(
    file: FileArgument,
    topology: GivenOption = None,
    size: SizesOption = None,
    resamples: ResamplesOption = 200,
    seed: SeedOption = 0,
    out: OutOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """A topology from your own measured exchanges, or from ping and iperf between sites (docs/calibrate.md)."""
    for option, path in (("--output", output), ("--out", out)):
        if path:
            check_writable(path, file, topology, option=option)
    if out and out.suffix not in (".yaml", ".yml"):
        raise InputError(f"--out {out}: is for the topology; write a name that ends in .yaml")
    if out and out.exists():
        raise InputError(f"--out {out}: is there already; write another name, or take the file away")
    if not _LEAST_RESAMPLES <= resamples <= _MOST_RESAMPLES:
        raise InputError(
            f"--resamples: got {resamples}; write a whole number from {_LEAST_RESAMPLES} to {_MOST_RESAMPLES:,}"
        )
    if seed < 0:
        raise InputError(f"--seed: got {seed}; write a whole number from 0 up")
    shape = chosen(format_, output)
    from ..units.quantities import SIZE, parse

    try:
        sizes = tuple(parse(each, SIZE) for each in size or ())
    except InputError as error:
        raise InputError(f"--size: {error}") from None
    made, told, illustrated = _answered(file, topology, sizes, resamples, seed, out)
    if out:
        from ..documents.writing import as_yaml

        write_atomically(out, as_yaml(made), "--out")
    hand_over(told, shape, output, illustrated)


def _answered(
    file: Path, topology: str | None, sizes: tuple[float, ...], resamples: int, seed: int, out: Path | None
) -> tuple[Topology, Report, Illustrated]:
    """The topology, the report on it, and what gives the report its drawings: by what the file holds."""
    from ..questions.calibrate.pairs import holds_pairs
    from ..report.page import calibrate as pages
    from ..scenario.files import is_trace
    from ..topology.model import load_topology

    into = str(out) if out else None
    if not is_trace(file) and holds_pairs(file):
        from ..questions.calibrate.links import LinksAsk
        from ..questions.calibrate.links import answer as links
        from ..report.answers.calibrate_links import report as links_report

        if topology:
            raise InputError(f"--topology {topology}: {file} has pairs of sites, which make one; leave it out")
        made = links(LinksAsk(file, sizes, resamples, seed))
        return made.topology, links_report(made, into), lambda told: pages.page_of_links(told, made)
    from ..questions.calibrate.exchanges import Ask, answer
    from ..report.answers.calibrate import report

    if topology is None:
        raise InputError(f"--topology: {file} has exchanges and no pairs of sites (from, to); say where they were made")
    found = answer(Ask(file, load_topology(topology), sizes, resamples, seed))
    return found.topology, report(found, into), lambda told: pages.page(told, found)
