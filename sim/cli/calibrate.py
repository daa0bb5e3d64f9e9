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

FileArgument = Annotated[
    Path,
    typer.Argument(help="Table (.csv): size (bytes, or with unit), seconds; members, streams.", metavar="SIZES.csv"),
]
GivenOption = Annotated[
    str,
    typer.Option(
        "--topology",
        help="Where it was measured, as you believe it to be: a name or a YAML file.",
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
    topology: GivenOption,
    size: SizesOption = None,
    resamples: ResamplesOption = 200,
    seed: SeedOption = 0,
    out: OutOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Overhead and bandwidth of a topology from your own measured exchanges (docs/calibrate.md)."""
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
    from ..questions.calibrate import Ask, answer
    from ..report.calibrate import report
    from ..topology.model import load_topology
    from ..units.quantities import SIZE, parse

    try:
        sizes = tuple(parse(each, SIZE) for each in size or ())
    except InputError as error:
        raise InputError(f"--size: {error}") from None
    found = answer(Ask(file, load_topology(topology), sizes, resamples, seed))
    if out:
        from ..documents.writing import as_yaml

        write_atomically(out, as_yaml(found.topology), "--out")

    def illustrated(told: Report) -> Report:
        from ..report.page.calibrate import page

        return page(told, found)

    hand_over(report(found, str(out) if out else None), shape, output, illustrated)
