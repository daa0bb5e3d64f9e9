"""`simulate predict`: its options, and how they become a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from ..shell.delivery import check_writable
from ..shell.formats import CiteOption, Format, FormatOption, OutputOption, chosen
from ..shell.option_groups import given
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
        help="Law: diloco (its options are --strategy to --unique-tokens), kaplan or c4 (loss after steps at a batch; "
        "kaplan also after tokens), chinchilla or epoch (after tokens), distillation (a student), granular-experts or "
        "joint-experts (mixtures of experts), over-training (error on tasks), or a file of simulate fit.",
        metavar="NAME|FILE",
        autocompletion=lambda: [_STUDY, "kaplan", "c4", "chinchilla", "epoch", *TAKES],
    ),
]


@dataclass(frozen=True)
class BeyondOptions:
    """What the laws of a student, of experts and of tasks ask for."""

    teacher_loss: Annotated[
        float | None, typer.Option(help="Loss of the teacher [nats per token], for distillation.")
    ] = None
    teacher_params: Annotated[
        str | None, typer.Option(help="Parameters of the teacher: its loss, and its costs.", metavar="COUNT")
    ] = None
    teacher_tokens: Annotated[
        str | None, typer.Option(help="Tokens it was trained on. [default: 20 a parameter]", metavar="COUNT")
    ] = None
    experts: Annotated[
        float | None, typer.Option(help="Experts E, for joint-experts; one works on a token. [default: 8]")
    ] = None
    granularity: Annotated[
        float | None, typer.Option(help="A dense layer over an expert in width, for granular-experts. [default: 1]")
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            help="c4, redpajama (the default) or refinedweb: what is trained on, for over-training.",
            metavar="NAME",
            autocompletion=lambda: ["c4", "redpajama", "refinedweb"],
        ),
    ] = None


TAKES: dict[str, tuple[str, ...]] = {
    "distillation": ("teacher_loss", "teacher_params", "teacher_tokens"),
    "granular-experts": ("granularity",),
    "joint-experts": ("experts",),
    "over-training": ("data",),
}
"""The options of each of these laws beside parameters and tokens."""


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
    beyond: BeyondOptions = BeyondOptions(),
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
    from ..report.answers.predict import report

    for name in given(beyond):
        if name not in TAKES.get(law, ()):
            (fit,) = (own for own, names in TAKES.items() if name in names)
            raise InputError(f"--{name.replace('_', '-')}: has no effect on the law {law}; write --law {fit}, too")
    trained, batch = count_if_given("--tokens", tokens), count_if_given("--batch-tokens", batch_tokens)
    others = {"strategy": strategy, "replicas": replicas, "sync-every": sync_every, "unique-tokens": unique_tokens}
    if law in TAKES:
        _refuse(law, others | {"steps": steps, "batch-tokens": batch})
        _beyond(law, count("--params", params), trained, beyond, shape, output, cite=cite)
        return
    if law != _STUDY:
        _refuse(law, others)
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
    from ..report.answers.predict_by import report

    hand_over(
        report(answer(law, params, tokens=tokens, steps=steps, batch_tokens=batch_tokens)), shape, output, cite=cite
    )


def _beyond(
    law: str,
    params: float,
    tokens: float | None,
    asked: BeyondOptions,
    shape: Format,
    output: Path | None,
    *,
    cite: bool,
) -> None:
    """Answers for a student, for experts, or for tasks."""
    from ..questions.beyond.ask import ask
    from ..report.answers.predict_beyond import report

    others = given(asked)
    for name in ("teacher_params", "teacher_tokens"):
        if name in others:
            others[name] = count(f"--{name.replace('_', '-')}", others[name])
    found = ask(law, params, tokens, **others)

    def illustrated(told: Report) -> Report:
        from ..questions.beyond.ask import BY_TOKENS
        from ..report.page.predict_beyond import page

        return page(told, found, [ask(law, params, found.tokens * more, **others) for more in BY_TOKENS])

    hand_over(report(found), shape, output, illustrated, cite=cite)
