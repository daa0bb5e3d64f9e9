"""`simulate import`: its options, and how they become a question."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable, deliver_file
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .options import count_if_given

if TYPE_CHECKING:
    from ..report.model import Report

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
FilesArgument = Annotated[
    list[Path], typer.Argument(help="Logs; each with steps is a replica.", metavar="FILE...", show_default=False)
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write the trace here. [default: only say what there is]", metavar="TRACE")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="Format of the logs. [default: by their content]", metavar="FORMAT"),
]
WarmupOption = Annotated[int, typer.Option(help="Steps at the begin of each log that are not replayed.", min=0)]


@dataclass(frozen=True)
class About:
    """What a log may not say of its run."""

    params: Annotated[str | None, typer.Option(help="Parameters N of the model.", metavar="COUNT")] = None
    active_params: Annotated[
        str | None, typer.Option(help="Parameters that are active for a token. [default: all]", metavar="COUNT")
    ] = None
    tokens_per_step: Annotated[
        str | None, typer.Option(help="Tokens of a step, over all replicas of the logs.", metavar="COUNT")
    ] = None
    chips: Annotated[int | None, typer.Option(help="Chips that computed them.")] = None
    chip: Annotated[str | None, typer.Option(help="Kind of chip, by its name, such as h100.", metavar="NAME")] = None
    payload_bits: Annotated[float | None, typer.Option(help="Bits of an exchanged parameter.")] = None
    algorithm: Annotated[
        str | None, typer.Option(help="What it was trained with: a name of a strategy.", metavar="NAME")
    ] = None
    sync_every: Annotated[int | None, typer.Option(help="Inner steps between its outer steps.")] = None


@dataclass(frozen=True)
class Columns:
    """Which columns of a table say what."""

    seconds_column: Annotated[
        str | None, typer.Option(help="Column with the time of a step. [default: by its name]", metavar="NAME")
    ] = None
    clock_column: Annotated[
        str | None, typer.Option(help="Column with a time of day, or since a begin.", metavar="NAME")
    ] = None
    exchange_column: Annotated[
        str | None, typer.Option(help="Column with the time of a step that it waited for exchanges.", metavar="NAME")
    ] = None
    step_column: Annotated[str | None, typer.Option(help="Column with the number of the step.", metavar="NAME")] = None
    loss_column: Annotated[str | None, typer.Option(help="Column with the training loss.", metavar="NAME")] = None
    replica_column: Annotated[str | None, typer.Option(help="Column that says whose step it is.", metavar="NAME")] = (
        None
    )
    unit: Annotated[str | None, typer.Option(help="Of the times: s, ms or us. [default: by the name]")] = None


def import_(
    files: FilesArgument,
    out: OutOption = None,
    from_: FromOption = None,
    *,
    about: About,
    columns: Columns,
    warmup: WarmupOption = 0,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """A trace from logs of your own training: what is taken, guessed, missing (docs/your-runs.md)."""
    for place, option in ((out, "--out"), (output, "--output")):
        if place:
            check_writable(place, *files, option=option)
    _check(out, output, from_, columns.unit)
    shape = chosen(format_, output)
    from ..questions.importing.answer import answer, read
    from ..questions.importing.numbers import Said, check
    from ..questions.importing.trace import trace_lines
    from ..report.answers.importing import report
    from ..trace.imports.log import Asked

    said = Said(
        params=count_if_given("--params", about.params),
        active_params=count_if_given("--active-params", about.active_params),
        tokens_per_step=count_if_given("--tokens-per-step", about.tokens_per_step),
        chips=about.chips,
        chip=about.chip,
        payload_bits=about.payload_bits,
        algorithm=about.algorithm,
        sync_every=about.sync_every,
    )
    check(said)
    asked = Asked(
        seconds=columns.seconds_column,
        clock=columns.clock_column,
        step=columns.step_column,
        loss=columns.loss_column,
        exchange=columns.exchange_column,
        replica=columns.replica_column,
        unit_s=_UNITS[columns.unit] if columns.unit else None,
        tokens_per_step=said.tokens_per_step,
        chips=said.chips,
    )
    logs = read(files, asked, from_)
    found = answer(logs, said, warmup)
    if out:
        content = "".join(trace_lines(logs, found, said)).encode()
        deliver_file(gzip.compress(content, mtime=0) if out.suffix == ".gz" else content, out, "--out")

    def illustrated(told: Report) -> Report:
        from ..report.page.importing import page

        return page(told, found)

    hand_over(report(found, str(out) if out else None), shape, output, illustrated)


def _check(out: Path | None, output: Path | None, name: str | None, unit: str | None) -> None:
    """Refuses names that are none, and a trace where the report goes.

    Raises:
      InputError: there is such a name.
    """
    from ..documents.nearest import nearest
    from ..errors import InputError
    from ..trace.imports.formats import BY_NAME

    if name is not None and name not in BY_NAME:
        raise InputError(f"--from {name}: there is no such format; {nearest(name, list(BY_NAME))}")
    if unit is not None and unit not in _UNITS:
        raise InputError(f"--unit {unit}: write {', '.join(_UNITS)}")
    if output and output.name.endswith((".jsonl", ".jsonl.gz")):
        raise InputError(f"--output {output}: is for the report; write --out {output} for the trace")
    if out and not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise InputError(f"--out {out}: a trace's name ends in .jsonl or .jsonl.gz; write --out run.jsonl")
