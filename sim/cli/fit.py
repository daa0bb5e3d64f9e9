"""`simulate fit`: its options, and how they become a question."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable, write_atomically
from ..shell.formats import Format, FormatOption, OutputOption, chosen
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
        help="Loss by N (power, floor), by N and D (chinchilla), by N, steps and batch (steps), by the mixture of the "
        "data (mixture: traces of mixtures, or one table with share_NAME and loss_NAME), or auto.",
        metavar="NAME",
        autocompletion=lambda: ["auto", "power", "floor", "chinchilla", "steps", _MIXTURE],
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
AtOption = Annotated[
    str | None, typer.Option("--at", help="Shares to predict at, for mixture.", metavar="NAME=SHARE,...")
]
WeightsOption = Annotated[
    str | None,
    typer.Option("--weights", help="Of losses, for the best mixture. [default: all alike]", metavar="NAME=NUMBER,..."),
]
PlotOption = Annotated[Path | None, typer.Option(help="Draw losses, law and curve (extra `plot`).", metavar="FILE.png")]
_MOST_RESAMPLES = 10_000
_MIXTURE = "mixture"
_HUBER, _RESAMPLES, _SEED = 1e-3, 100, 0


def fit(
    files: FilesArgument,
    form: FormOption = "auto",
    huber: HuberOption = _HUBER,
    resamples: ResamplesOption = _RESAMPLES,
    seed: SeedOption = _SEED,
    params: ParamsOption = None,
    tokens: TokensOption = None,
    batch_tokens: BatchOption = None,
    law_file: LawFileOption = None,
    at: AtOption = None,
    weights: WeightsOption = None,
    plot: PlotOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """A law of your own losses: constants with intervals, the largest size foretold, a larger model's whole curve."""
    for option, path in (("--output", output), ("--law-file", law_file), ("--plot", plot)):
        if path:
            check_writable(path, *files, option=option)
    shape = chosen(format_, output)
    from ..questions.fit.fit import FORMS, Ask, answer
    from ..report.answers.fit import report
    from ..report.render.png import check_drawable

    if plot:
        check_drawable(plot)
    if form == _MIXTURE:
        _refuse(params=params, tokens=tokens, batch_tokens=batch_tokens, law_file=law_file, huber=huber != _HUBER,
                resamples=resamples != _RESAMPLES, seed=seed != _SEED)  # fmt: skip
        _mixture(files, at, weights, plot, shape, output)
        return
    _refuse_shares(at, weights)
    if form not in FORMS:
        raise InputError(f"--form: there is none named {form!r}; write {', '.join((*FORMS, _MIXTURE))}")
    if not huber > 0:
        raise InputError(f"--huber: got {huber:g}; write a residual above 0, such as 0.001, or inf")
    if not 2 <= resamples <= _MOST_RESAMPLES:
        raise InputError(f"--resamples: got {resamples}; write a whole number from 2 to {_MOST_RESAMPLES:,}")
    if seed < 0:
        raise InputError(f"--seed: got {seed}; write a whole number from 0 up")
    if law_file and law_file.suffix != ".json":
        raise InputError(f"--law-file: got {law_file}; write a name that ends in .json")
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


def _refuse(**others: object) -> None:
    """Refuses what a law of mixtures has no use for."""
    if there := [f"--{name.replace('_', '-')}" for name, value in others.items() if value]:
        raise InputError(f"{there[0]}: has no effect with --form {_MIXTURE}; leave it out")


def _refuse_shares(at: str | None, weights: str | None) -> None:
    """Refuses what a law of sizes has no use for."""
    if at is not None or weights is not None:
        option = "--weights" if at is None else "--at"
        raise InputError(f"{option}: has no effect on a law of sizes; write --form {_MIXTURE}, too")


def _mixture(
    files: list[Path], at: str | None, weights: str | None, plot: Path | None, shape: Format, output: Path | None
) -> None:
    """A law of the mixture of the data."""
    from ..questions.fit.mixture import answer
    from ..report.answers.mixture import report

    found = answer(files, _named("--at", at), _named("--weights", weights))

    def illustrated(told: Report) -> Report:
        from ..report.page.mixture import page

        return page(told, found)

    told = report(found)
    if plot:
        from ..report.render.figure import drawn

        write_atomically(plot, drawn(illustrated(told), "png"), "--plot")
    hand_over(told, shape, output, illustrated)


def _named(option: str, text: str | None) -> dict[str, float] | None:
    """Numbers by name: `web=0.6,code=0.4`."""
    if text is None:
        return None
    found: dict[str, float] = {}
    for pair in text.split(","):
        name, equals, number = (part.strip() for part in pair.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (name and equals and math.isfinite(value)) or name in found:
            raise InputError(f"{option}: got {text!r}; write each name once, such as web=0.6,code=0.4")
        found[name] = value
    return found
