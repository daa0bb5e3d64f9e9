"""`simulate fit`: its options, and how they become a question."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable, write_atomically
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .options import ParamsOption, TokensOption, count_if_given

if TYPE_CHECKING:
    from ..report.model import Report

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Traces (.jsonl), or tables (.csv): params, tokens, loss, and if known batch_tokens and run.",
        metavar="FILE...",
    ),
]
FormOption = Annotated[
    str,
    typer.Option(
        help="Loss by N (power, floor), by N and D (chinchilla), by N, steps and batch (steps), or auto.",
        metavar="NAME",
        autocompletion=lambda: ["auto", "power", "floor", "chinchilla", "steps"],
    ),
]
HuberOption = Annotated[
    float, typer.Option("--huber", help="Residual of log L beyond which an error counts linearly; inf: least squares.")
]
ResamplesOption = Annotated[int, typer.Option("--resamples", help="Refits behind the bands.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the refits.")]
BatchOption = Annotated[
    str | None, typer.Option("--batch-tokens", help="Batch of the larger model, for a law of steps.", metavar="COUNT")
]
LawFileOption = Annotated[
    Path | None,
    typer.Option("--law-file", help="Write the law there, for simulate predict --law.", metavar="FILE.json"),
]
PlotOption = Annotated[Path | None, typer.Option(help="Draw losses, law and curve (extra `plot`).", metavar="FILE.png")]
_MOST_RESAMPLES = 10_000


def fit(
    files: FilesArgument,
    form: FormOption = "auto",
    huber: HuberOption = 1e-3,
    resamples: ResamplesOption = 100,
    seed: SeedOption = 0,
    params: ParamsOption = None,
    tokens: TokensOption = None,
    batch_tokens: BatchOption = None,
    law_file: LawFileOption = None,
    plot: PlotOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """A law of your own losses: constants with intervals, the largest size foretold, a larger model's whole curve."""
    for option, path in (("--output", output), ("--law-file", law_file), ("--plot", plot)):
        if path:
            check_writable(path, *files, option=option)
    shape = chosen(format_, output)
    from ..questions.fit import FORMS, Ask, answer
    from ..report.fit import report
    from ..report.render.png import check_drawable

    if form not in FORMS:
        raise InputError(f"--form: there is none named {form!r}; write {', '.join(FORMS)}")
    if not huber > 0:
        raise InputError(f"--huber: got {huber:g}; write a residual above 0, such as 0.001, or inf")
    if not 2 <= resamples <= _MOST_RESAMPLES:
        raise InputError(f"--resamples: got {resamples}; write a whole number from 2 to {_MOST_RESAMPLES:,}")
    if seed < 0:
        raise InputError(f"--seed: got {seed}; write a whole number from 0 up")
    if law_file and law_file.suffix != ".json":
        raise InputError(f"--law-file: got {law_file}; write a name that ends in .json")
    if plot:
        check_drawable(plot)
    found = answer(
        Ask(
            files=tuple(files),
            form=form,
            delta=huber if math.isfinite(huber) else math.inf,
            resamples=resamples,
            seed=seed,
            params=count_if_given("--params", params),
            tokens=count_if_given("--tokens", tokens),
            batch_tokens=count_if_given("--batch-tokens", batch_tokens),
        )
    )

    def illustrated(told: Report) -> Report:
        from ..report.page.fit import page

        return page(told, found)

    told = report(found)
    if law_file:
        write_atomically(law_file, found.law.model_dump_json(by_alias=True, indent=1) + "\n", "--law-file")
    if plot:
        from ..report.render.figure import drawn

        write_atomically(plot, drawn(illustrated(told), "png"), "--plot")
    hand_over(told, shape, output, illustrated)
