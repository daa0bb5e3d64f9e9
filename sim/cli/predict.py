"""`simulate predict`: its options, and how they become a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..shell.delivery import check_writable
from ..shell.formats import FormatOption, OutputOption, chosen
from .handing_over import hand_over
from .options import ReplicasOption, SyncEveryOption, TokensOption, UniqueTokensOption, count, count_if_given

if TYPE_CHECKING:
    from ..questions.predict import LawAnswer
    from ..report.model import Report

ParamsOption = Annotated[str, typer.Option(help="Parameters N of the model, such as 30B.", metavar="COUNT")]
StrategyOption = Annotated[
    str,
    typer.Option(help="data-parallel or diloco.", metavar="NAME", autocompletion=lambda: ["data-parallel", "diloco"]),
]
BatchTokensOption = Annotated[
    str | None, typer.Option(help="Batch to predict the loss at. [default: the best one]", metavar="COUNT")
]


def predict(
    params: ParamsOption,
    strategy: StrategyOption = "data-parallel",
    replicas: ReplicasOption = None,
    tokens: TokensOption = None,
    sync_every: SyncEveryOption = None,
    batch_tokens: BatchTokensOption = None,
    unique_tokens: UniqueTokensOption = None,
    format_: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Loss, best batch and best learning rates of a model, from the scaling laws; nothing is replayed."""
    if output:
        check_writable(output)
    shape = chosen(format_, output)
    from ..questions.predict import answer
    from ..report.predict import report

    def ask(size: float) -> LawAnswer:
        return answer(
            size,
            strategy,
            replicas=replicas,
            tokens=count_if_given("--tokens", tokens),
            sync_every=sync_every,
            batch_tokens=count_if_given("--batch-tokens", batch_tokens),
            unique_tokens=count_if_given("--unique-tokens", unique_tokens),
        )

    found = ask(count("--params", params))

    def illustrated(told: Report) -> Report:
        from ..questions.illustration import around
        from ..report.page.predict import page

        return page(told, found, around(ask, found.params))

    hand_over(report(found), shape, output, illustrated)
