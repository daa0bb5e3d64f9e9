"""The loss of a student, and whether to distil or to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...errors import ArgumentError, brief
from ...laws import TOKENS_PER_PARAM
from ...laws.beyond import distillation
from ...units.in_words import human_count
from .fitted_range import outside

Word = Literal["distil", "train"]
MOST_LOSS = 12.0
"""More than the log of any vocabulary [nats per token]."""


@dataclass(frozen=True)
class Scenario:
    """What a distillation costs, by what of the teacher is paid for, and what as much training would reach.

    Attributes:
      counted: what is paid for beside the student's training.
      flop: of all of it.
      tokens: that the student could be trained on for as many flop [tokens].
      supervised_loss: that it would then reach [nats per token].
      better: whether to distil or to train.
    """

    counted: str
    flop: float
    tokens: float
    supervised_loss: float
    better: Word


@dataclass(frozen=True)
class DistilledLoss:
    """The answer for a student.

    Attributes:
      law: `distillation`.
      params, tokens: N and D of the student [tokens].
      teacher_loss: L_T [nats per token].
      teacher_params, teacher_tokens: of the teacher; None where only its loss is known [tokens].
      predicted_loss: of the student [nats per token].
      supervised_loss: of the same model, trained on as many tokens [nats per token].
      best_teacher_loss, best_loss: the teacher that this student learns most from, and what it then reaches [nats per
        token].
      ahead_until_tokens: D up to which this teacher's student is ahead of training on as many tokens; 0 where it is
        nowhere, None where it stays so [tokens].
      scenarios: by what is counted; the dearer ones only where the teacher's size is known.
      notes: what the law was not fitted for.
    """

    law: str
    params: float
    tokens: float
    teacher_loss: float
    teacher_params: float | None
    teacher_tokens: float | None
    predicted_loss: float
    supervised_loss: float
    best_teacher_loss: float
    best_loss: float
    ahead_until_tokens: float | None
    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]


def distilled(
    params: float,
    tokens: float | None = None,
    *,
    teacher_loss: float | None = None,
    teacher_params: float | None = None,
    teacher_tokens: float | None = None,
) -> DistilledLoss:
    """The loss of a student, beside that of the same model without a teacher.

    Args:
      params: N of the student.
      tokens: D that it is distilled on; None: 20 N [tokens].
      teacher_loss: L_T; None: from the teacher's size and tokens [nats per token].
      teacher_params: N_T.
      teacher_tokens: D_T; None: 20 N_T [tokens].

    Raises:
      InputError: the teacher's loss is given twice, or not at all.
    """
    trained = tokens or TOKENS_PER_PARAM * params
    if teacher_params is None:
        if teacher_tokens is not None:
            raise ArgumentError("{teacher_tokens}: of which teacher? write {teacher_params:7B}, too")
        if teacher_loss is None:
            raise ArgumentError(
                "{law}: distillation asks for a teacher; write {teacher_params:7B}, or {teacher_loss:2.2}"
            )
    elif teacher_loss is None or teacher_tokens is not None:
        if teacher_loss is not None:
            raise ArgumentError("{teacher_loss}: {teacher_tokens} says the same; leave out one of them")
        teacher_tokens = teacher_tokens or TOKENS_PER_PARAM * teacher_params
        teacher_loss = distillation.supervised_loss(teacher_params, teacher_tokens)
        if teacher_loss > MOST_LOSS:
            told = (
                "{teacher_params}: a teacher of loss {loss:.3g} knows less than chance; write more parameters or tokens"
            )
            raise ArgumentError(told, loss=teacher_loss)
    assert teacher_loss is not None
    if not 1 <= teacher_loss <= MOST_LOSS:
        told = "{teacher_loss}: got {got}; write nats per token from 1 to {most:g}"
        raise ArgumentError(told, got=brief(teacher_loss), most=MOST_LOSS)
    loss = distillation.student_loss(params, trained, teacher_loss)
    best = distillation.best_teacher_loss(params, trained)
    return DistilledLoss(
        law="distillation",
        params=params,
        tokens=trained,
        teacher_loss=teacher_loss,
        teacher_params=teacher_params,
        teacher_tokens=teacher_tokens,
        predicted_loss=loss,
        supervised_loss=distillation.supervised_loss(params, trained),
        best_teacher_loss=best,
        best_loss=distillation.student_loss(params, trained, best),
        ahead_until_tokens=distillation.tokens_while_ahead(params, teacher_loss),
        scenarios=_scenarios(params, trained, teacher_params, teacher_tokens, loss),
        notes=_distillation_notes(params, trained, teacher_params, teacher_loss),
    )


def _scenarios(
    params: float, tokens: float, teacher_params: float | None, teacher_tokens: float | None, loss: float
) -> tuple[Scenario, ...]:
    """The cases of Table 2 whose costs are known, the cheapest first."""
    cases = [("nothing of the teacher", False, False)]
    if teacher_params is not None:
        cases.append(("its inference", True, False))
        if teacher_tokens is not None:
            cases += [("its training", False, True), ("its inference and training", True, True)]
    found = []
    for counted, logits, training in cases:
        flop = distillation.flop(
            params, tokens, teacher_params or 0.0, teacher_tokens or 0.0, logits=logits, training=training
        )
        instead = flop / (6 * params)
        reached = distillation.supervised_loss(params, instead)
        found.append(Scenario(counted, flop, instead, reached, "distil" if loss < reached else "train"))
    return tuple(found)


def _distillation_notes(
    params: float, tokens: float, teacher_params: float | None, teacher_loss: float
) -> tuple[str, ...]:
    notes = [
        *outside("params", params, distillation.FITTED_PARAMS),
        *outside("tokens", tokens, distillation.FITTED_TOKENS),
    ]
    low, high = distillation.FITTED_TEACHER_LOSSES
    if not low <= teacher_loss <= high:
        notes.append(f"teacher_loss: {teacher_loss:.3f} is beyond the teachers of the study, {low:g} to {high:g}")
    if teacher_params is not None and teacher_params > distillation.MOST_TEACHER_PARAMS:
        notes.append(f"teacher_params: above the largest teacher, {human_count(distillation.MOST_TEACHER_PARAMS)}")
    return (
        *notes,
        "params: counted without embeddings; flop: 2 N a token forward, without attention",
        "loss: of C4 and its tokenizer, distilled from the whole distribution at temperature 1; the fit missed its "
        "runs by up to 1%",
    )
