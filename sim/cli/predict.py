"""`simulate predict`: its options, and how they become a question."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, Format, FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .options import (
    ReplicasOption,
    StepsOption,
    SyncEveryOption,
    TokensOption,
    UniqueTokensOption,
    count,
    count_if_given,
)

if TYPE_CHECKING:
    from ..questions.predict import LawAnswer
    from ..report.model import Report

ParamsOption = Annotated[str, typer.Option(help="Parameters N of the model, such as 30B.", metavar="COUNT")]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        help="data-parallel (the default) or diloco.",
        metavar="NAME",
        autocompletion=lambda: ["data-parallel", "diloco"],
    ),
]
BatchTokensOption = Annotated[
    str | None, typer.Option(help="Batch to predict the loss at. [default: the best one]", metavar="COUNT")
]


_STUDY = "diloco"
"""The law of arXiv 2503.09799, for all strategies that it fitted."""
LawOption = Annotated[
    str,
    typer.Option(
        help="Law: diloco (all the options), kaplan or c4 (loss after steps at a batch; kaplan also after tokens), "
        "chinchilla or epoch (after tokens), or a file of simulate fit.",
        metavar="NAME|FILE",
        autocompletion=lambda: [_STUDY, "kaplan", "c4", "chinchilla", "epoch"],
    ),
]


def predict(
    params: ParamsOption,
    law: LawOption = _STUDY,
    strategy: StrategyOption = None,
    replicas: ReplicasOption = None,
    tokens: TokensOption = None,
    sync_every: SyncEveryOption = None,
    steps: StepsOption = None,
    batch_tokens: BatchTokensOption = None,
    unique_tokens: UniqueTokensOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
    cite: CiteOption = False,
) -> None:
    """Loss, best batch and best learning rates of a model, from the scaling laws; nothing is replayed."""
    if output:
        check_writable(output)
    shape = chosen(format_, output, cite=cite)
    from ..questions.predict import answer
    from ..questions.predict_by import tokens_of
    from ..report.predict import report

    trained, batch = count_if_given("--tokens", tokens), count_if_given("--batch-tokens", batch_tokens)
    if law != _STUDY:
        others = (("strategy", strategy), ("replicas", replicas), ("sync-every", sync_every))
        _refuse(law, dict((*others, ("unique-tokens", unique_tokens))))
        _by_law(law, count("--params", params), trained, steps, batch, shape, output, cite=cite)
        return
    trained = tokens_of(trained, steps, batch)

    def ask(size: float) -> LawAnswer:
        return answer(
            size,
            strategy or "data-parallel",
            replicas=replicas,
            tokens=trained,
            sync_every=sync_every,
            batch_tokens=batch,
            unique_tokens=count_if_given("--unique-tokens", unique_tokens),
        )

    found = ask(count("--params", params))

    def illustrated(told: Report) -> Report:
        from ..questions.illustration import around
        from ..report.page.predict import page

        return page(told, found, around(ask, found.params))

    hand_over(report(found), shape, output, illustrated, cite=cite)


def _refuse(law: str, others: Mapping[str, object]) -> None:
    """Refuses what only the law diloco asks for."""
    if there := [f"--{name}" for name, value in others.items() if value is not None]:
        raise InputError(f"--law {law}: has no {' and no '.join(there)}; leave it out, or write --law diloco")


def _by_law(
    law: str,
    params: float,
    tokens: float | None,
    steps: int | None,
    batch_tokens: float | None,
    shape: Format,
    output: Path | None,
    *,
    cite: bool,
) -> None:
    """Answers by another law."""
    from ..questions.predict_by import answer
    from ..report.predict_by import report

    hand_over(
        report(answer(law, params, tokens=tokens, steps=steps, batch_tokens=batch_tokens)), shape, output, cite=cite
    )
