"""The prediction of the scaling laws for a run: its loss, its best batch and learning rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..defaults import REPLICAS
from ..errors import ArgumentError, brief
from ..laws import (
    FITTED_ALGORITHMS,
    FITTED_SYNC_EVERY,
    TOKENS_PER_PARAM,
    diloco,
    learning_rate_notes,
)
from ..simulation.predicted_loss import loss_of
from ..strategies import STRATEGIES
from ..strategies.shared.stated import Law
from ..units.quantities import MOST_SITES, MOST_STEPS


@dataclass(frozen=True)
class LawAnswer:
    """The prediction for one model and algorithm.

    Attributes:
      strategy, replicas: algorithm and M.
      params, tokens: N, D [tokens].
      sync_every: H; None for Data-Parallel.
      predicted_loss: on the data of the fits, with `batch_tokens` [nats per token].
      predicted_loss_low, predicted_loss_high: its ends, by what is known of the price of H [nats per token].
      batch_tokens: best global batch [tokens].
      inner_learning_rate: best peak rate of the inner optimizer.
      outer_learning_rate: best rate of the outer optimizer; None for Data-Parallel, which has no outer optimizer.
      notes: which numbers are interpolated or extrapolated.
    """

    strategy: str
    replicas: int
    params: float
    tokens: float
    sync_every: int | None
    predicted_loss: float | None
    predicted_loss_low: float | None
    predicted_loss_high: float | None
    batch_tokens: float
    inner_learning_rate: float
    outer_learning_rate: float | None
    notes: tuple[str, ...]


def answer(
    params: float,
    strategy: str = "data-parallel",
    *,
    replicas: int | None = None,
    tokens: float | None = None,
    sync_every: int | None = None,
    batch_tokens: float | None = None,
    unique_tokens: float | None = None,
) -> LawAnswer:
    """Loss, batch and learning rates of a model, from the laws alone: nothing is replayed.

    Args:
      params: N.
      strategy: `data-parallel` or `diloco`, which have laws.
      replicas: M; None: 1 for Data-Parallel, else 2.
      tokens: D; None: 20 N [tokens].
      sync_every: H; None: 30, at which the laws were fitted.
      batch_tokens: global batch at which the loss is predicted; None: the best one [tokens].
      unique_tokens: tokens of data without repeats; None: no repeats [tokens].

    Raises:
      InputError: the strategy has no law, or a number is out of range.

    Limits: those of `sim.laws`: data, tokenizer and recipe of the fits. `notes` names the numbers outside of them.
    """
    if strategy not in FITTED_ALGORITHMS:
        known = " or ".join(FITTED_ALGORITHMS)
        told = "{strategy}: there are no published laws for {got!r}; write {known}"
        raise ArgumentError(told, got=strategy, known=known)
    kind = STRATEGIES[strategy]
    keys = kind.model_fields
    if "replicas" not in keys and (replicas or 1) > 1:
        told = "{replicas}: got {got}, and {name} trains one model; write {strategy:diloco}"
        raise ArgumentError(told, got=replicas, name=kind.name)
    if "sync_every" not in keys and sync_every:
        told = "{sync_every}: {name} synchronises at every step; leave it out, or {strategy:diloco}"
        raise ArgumentError(told, name=kind.name)
    for argument, got, most in (("replicas", replicas, MOST_SITES), ("sync_every", sync_every, MOST_STEPS)):
        if got is not None and not 1 <= got <= most:
            told = f"{{{argument}}}: got {{got}}; write a whole number from 1 to {most:,}"
            raise ArgumentError(told, got=brief(got))
    asked = {"replicas": replicas or REPLICAS, "sync_every": sync_every or FITTED_SYNC_EVERY}
    run = kind.model_validate({key: value for key, value in asked.items() if key in keys})
    law = run.law
    budget = tokens or TOKENS_PER_PARAM * params
    found = loss_of(run, params, budget, batch_tokens, unique_tokens=unique_tokens)
    doubt = learning_rate_notes(law.algorithm, law.replicas)
    form: Literal["joint", "independent"] = "joint" if doubt else "independent"
    return LawAnswer(
        strategy=strategy,
        replicas=law.replicas,
        params=params,
        tokens=budget,
        sync_every=law.sync_every,
        predicted_loss=found.value,
        predicted_loss_low=found.low,
        predicted_loss_high=found.high,
        batch_tokens=best_batch(params, law),
        inner_learning_rate=float(diloco.inner_learning_rate(params, law.algorithm, law.replicas, form)),
        outer_learning_rate=float(diloco.outer_learning_rate(params, law.replicas)) if run.has_outer_steps else None,
        notes=(*found.notes, *(f"{note}, as this answer does" for note in doubt)),
    )


def best_batch(params: float, law: Law) -> float:
    """The best global batch by a law; descendants of DiLoCo are assumed to have that of DiLoCo [tokens]."""
    return float(diloco.batch_tokens(params, law.algorithm, law.replicas))
