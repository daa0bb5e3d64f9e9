"""The mean error over tasks, from parameters and tokens."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ArgumentError
from ...laws import TOKENS_PER_PARAM
from ...laws.beyond import tasks
from ...units.in_words import human_count


@dataclass(frozen=True)
class TaskError:
    """The answer for tasks.

    Attributes:
      law: `over-training`.
      data: what was trained on.
      params, tokens: N, D [tokens].
      predicted_loss: on C4 [nats per token].
      mean_error: top-1, mean over 17 tasks [-].
      mean_error_low, mean_error_high: its ends, by the largest published miss [-].
      notes: what the law was not fitted for.
    """

    law: str
    data: str
    params: float
    tokens: float
    predicted_loss: float
    mean_error: float
    mean_error_low: float
    mean_error_high: float
    notes: tuple[str, ...]


def on_tasks(params: float, tokens: float | None = None, *, data: str | None = None) -> TaskError:
    """The mean error over tasks of a model that may be trained far past its optimum.

    Args:
      params: N.
      tokens: D; None: 20 N [tokens].
      data: what it is trained on, a key of `tasks.TRAINED`; None: `redpajama`.

    Raises:
      InputError: there is no such data.
    """
    name = data or "redpajama"
    if name not in tasks.TRAINED:
        known = ", ".join(tasks.TRAINED)
        raise ArgumentError("{data}: there is no law of {got!r}; write one of {known}", got=name, known=known)
    trained = tokens or TOKENS_PER_PARAM * params
    loss = tasks.loss(params, trained, name)
    error, scatter = tasks.mean_error(loss, name), tasks.TRAINED[name].scatter
    notes = []
    low, high = tasks.FITTED_PARAMS[0], tasks.TESTED_PARAMS
    if not low <= params <= high:
        notes.append(f"params: beyond the models of the study, {human_count(low)} to {human_count(high)}")
    if not tasks.FITTED_RATIOS[0] <= trained / params <= tasks.FITTED_RATIOS[1]:
        few, many = tasks.FITTED_RATIOS
        notes.append(f"tokens: {trained / params:.3g} a parameter, beyond the {few:g} to {many:g} of the study")
    notes += [
        f"mean_error: its ends are the largest miss at 1.4B and 6.9B parameters, {scatter:.1%} of it; single tasks "
        "were missed by 2% to 82%",
        "loss: on C4 by the tokenizer of GPT-NeoX; a loss on other data has another error",
    ]
    return TaskError(
        law="over-training",
        data=name,
        params=params,
        tokens=trained,
        predicted_loss=loss,
        mean_error=error,
        mean_error_low=error / (1 + scatter),
        mean_error_high=error / (1 - scatter),
        notes=tuple(notes),
    )
