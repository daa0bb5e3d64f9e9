"""The loss of a mixture of experts, beside that of dense models."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import ArgumentError, brief
from ...laws import TOKENS_PER_PARAM
from ...laws.beyond import many_experts
from .fitted_range import outside

MOST_EXPERTS = 1_000_000


@dataclass(frozen=True)
class ExpertsLoss:
    """The answer for a mixture of experts.

    Attributes:
      law: its name.
      params, active_params: all of them, and those that work on a token.
      experts, granularity: E, and G where the law has it.
      tokens: D [tokens].
      flop: 6 times active parameters times tokens.
      predicted_loss: [nats per token].
      dense_loss: of a dense model of the active parameters on as many tokens [nats per token].
      dense_params: of the dense model that reaches the same loss on as many tokens; None where none does.
      best_active_params, best_tokens: of the lowest loss for as many flop and experts; None where the law does not say.
      notes: what the law was not fitted for.
    """

    law: str
    params: float
    active_params: float
    experts: float
    granularity: float
    tokens: float
    flop: float
    predicted_loss: float
    dense_loss: float
    dense_params: float | None
    best_active_params: float | None
    best_tokens: float | None
    notes: tuple[str, ...]


def granular(params: float, tokens: float | None = None, *, granularity: float | None = None) -> ExpertsLoss:
    """The loss of a mixture of experts of some granularity.

    Args:
      params: N, all of them.
      tokens: D; None: 20 of each active parameter [tokens].
      granularity: G; None: 1, experts as wide as a dense layer.

    Raises:
      InputError: granularity is out of range.
    """
    fine = 1.0 if granularity is None else granularity
    if not 1 <= fine <= MOST_EXPERTS:
        raise ArgumentError("{granularity}: got {got}; write a number from 1 up, such as 8", got=brief(fine))
    active = many_experts.granular_active_params(params)
    trained = tokens or TOKENS_PER_PARAM * active
    loss = many_experts.granular_loss(params, trained, fine)
    notes = [
        *outside("params", params, many_experts.GRANULAR_PARAMS),
        *outside("tokens", trained, many_experts.GRANULAR_TOKENS),
        *outside("granularity", fine, many_experts.GRANULAR_RANGE),
        f"experts: {many_experts.EXPANSION} times the parameters of a dense layer, in every model of the study",
        "params: counted without embeddings; flop: routing is not counted, which grows with the granularity",
        "loss: of C4; constants are printed with two to three digits, and miss the paper's own losses by up to 0.9%",
    ]
    dense = many_experts.DENSE
    rest = loss - dense["c"] - dense["b"] / trained ** dense["beta"]
    return ExpertsLoss(
        law="granular-experts",
        params=params,
        active_params=active,
        experts=many_experts.EXPANSION,
        granularity=fine,
        tokens=trained,
        flop=6 * active * trained,
        predicted_loss=loss,
        dense_loss=many_experts.granular_dense_loss(active, trained),
        dense_params=_power(dense["a"] / rest, 1 / dense["alpha"]) if rest > 0 else None,
        best_active_params=None,
        best_tokens=None,
        notes=tuple(notes),
    )


def joint(params: float, tokens: float | None = None, *, experts: float | None = None) -> ExpertsLoss:
    """The loss of a mixture of some experts, and how its flops would be divided best.

    Args:
      params: N, all of them, with embeddings.
      tokens: D; None: 20 of each active parameter [tokens].
      experts: E; None: 8.

    Raises:
      InputError: experts are out of range.
    """
    many = 8.0 if experts is None else experts
    if not 1 <= many <= MOST_EXPERTS:
        raise ArgumentError("{experts}: got {got}; write a number from 1 (dense) up, such as 8", got=brief(many))
    active = many_experts.active_params(params, many)
    trained = tokens or TOKENS_PER_PARAM * active
    loss = many_experts.joint_loss(active, trained, many)
    flop = 6 * active * trained
    best_params, best_tokens = many_experts.joint_optimal(flop, many)
    m, mu, n, nu = many_experts.reduced(1.0)
    rest = loss - many_experts.JOINT["c"] - n * trained**nu
    notes = [
        *outside("active_params", active, many_experts.JOINT_ACTIVE),
        *outside("tokens", trained, many_experts.JOINT_TOKENS),
        *outside("experts", many, many_experts.JOINT_EXPERTS),
        "active_params: of the shapes of the study, where one expert works on a token; params: counted with embeddings",
        "loss: of the study's data and tokenizer; losses by other laws are of other data",
    ]
    return ExpertsLoss(
        law="joint-experts",
        params=params,
        active_params=active,
        experts=many,
        granularity=1.0,
        tokens=trained,
        flop=flop,
        predicted_loss=loss,
        dense_loss=many_experts.joint_loss(active, trained, 1.0),
        dense_params=_power(rest / m, 1 / mu) if rest > 0 else None,
        best_active_params=best_params,
        best_tokens=best_tokens,
        notes=tuple(notes),
    )


def _power(base: float, exponent: float) -> float | None:
    """A power, or None where it is no number of parameters any more."""
    found = exponent * math.log(base)
    return math.exp(found) if found < 100 else None
