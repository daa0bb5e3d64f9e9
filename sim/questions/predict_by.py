"""The loss of a model by one law alone, other than DiLoCo's: Kaplan's, Chinchilla's, and their refits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ArgumentError
from ..laws import TOKENS_PER_PARAM, chinchilla, kaplan
from ..laws.chinchilla import chinchilla_loss
from ..laws.own import read_law
from ..units.in_words import human_count
from ..units.quantities import MOST_STEPS

OWN = "diloco"
"""The law of `sim.questions.predict`, which is the default."""
BY_STEPS = {"kaplan": "kaplan", "c4": "c4"}
"""Laws of the loss after S steps at batch B, and their keys in `kaplan.STEP_LAWS`."""
BY_TOKENS = {"chinchilla": "hoffmann", "epoch": "epoch"}
"""Laws of the loss after D tokens, and their keys in `chinchilla.CONSTANTS`."""
BEYOND = ("distillation", "granular-experts", "joint-experts", "over-training")
"""The laws of `sim.questions.beyond`."""
LAWS = (OWN, *BY_STEPS, *BY_TOKENS, *BEYOND)
_KAPLAN_PARAMS = (768.0, 1.5e9)


FILES = (".json", ".yaml", ".yml")
"""Endings of the file of a fitted law, which may stand in the place of a name."""


@dataclass(frozen=True)
class LawLoss:
    """The loss by one law.

    Attributes:
      law: its name.
      form: its formula.
      params, tokens: N, D [tokens].
      steps, batch_tokens: S, and B [tokens]; None where the law does not ask for them.
      critical_batch_tokens: at the predicted loss; None where the law has none [tokens].
      predicted_loss: [nats per token].
      notes: what the law was not fitted for.
      predicted_loss_low, predicted_loss_high: the 95% band of a law of one's own; None for published ones [nats per
        token].
    """

    law: str
    form: str
    params: float
    tokens: float
    steps: float | None
    batch_tokens: float | None
    critical_batch_tokens: float | None
    predicted_loss: float
    notes: tuple[str, ...]
    predicted_loss_low: float | None = None
    predicted_loss_high: float | None = None


def tokens_of(tokens: float | None, steps: int | None, batch_tokens: float | None) -> float | None:
    """D of a run, from tokens or from steps at a batch; None where neither is given.

    Raises:
      InputError: both are given, steps have no batch, or are out of range.
    """
    if steps is None:
        return tokens
    if tokens is not None:
        raise ArgumentError("{steps}: {tokens} says the same; leave out one of them")
    if not 1 <= steps <= MOST_STEPS:
        raise ArgumentError("{steps}: got {got}; write a whole number from 1 to {most:,}", got=steps, most=MOST_STEPS)
    if batch_tokens is None:
        raise ArgumentError("{steps}: of which batch? write {batch_tokens:524288}, too")
    return steps * batch_tokens


def answer(
    law: str,
    params: float,
    *,
    tokens: float | None = None,
    steps: int | None = None,
    batch_tokens: float | None = None,
) -> LawLoss:
    """The loss of a model of N parameters by a law: after D tokens, or after S steps at batch B.

    Args:
      law: `kaplan` or `c4` (by steps; `kaplan` also by tokens), `chinchilla` or `epoch` (by tokens), or a file that
        `simulate fit` wrote.
      params: N.
      tokens: D; None: from steps and batch, else 20 N [tokens].
      steps: S.
      batch_tokens: B [tokens].

    Raises:
      InputError: the law is unknown, or an argument has no effect on it.
    """
    if law.endswith(FILES):
        return _by_file(law, params, tokens_of(tokens, steps, batch_tokens), batch_tokens)
    if law not in (*BY_STEPS, *BY_TOKENS):
        raise ArgumentError("{law}: there is none named {got!r}; write {known}", got=law, known=", ".join(LAWS))
    given = tokens_of(tokens, steps, batch_tokens)
    trained = given or TOKENS_PER_PARAM * params
    if law in BY_TOKENS:
        if batch_tokens is not None and steps is None:
            raise ArgumentError("{batch_tokens}: has no effect on the law {got}; leave it out", got=law)
        return _by_tokens(law, params, trained, batch_tokens, steps)
    if batch_tokens is None:
        if law != "kaplan":
            raise ArgumentError("{law}: {got} asks for steps at a batch; write {batch_tokens:524288}", got=law)
        loss = kaplan.kaplan_loss(params, trained)
        form = "[(Nc/N)^(aN/aD) + Dc/D]^aD, with early stopping"
        return LawLoss(law, form, params, trained, None, None, None, loss, _kaplan_notes(params))
    own = kaplan.STEP_LAWS[BY_STEPS[law]]
    count = trained / batch_tokens
    loss = float(kaplan.loss_after_steps(params, count, batch_tokens, law))  # type: ignore[arg-type]
    form = "(Nc/N)^aN + (Sc/S_min)^aS, S_min = S/(1 + Bcrit(L)/B)"
    notes = _kaplan_notes(params) if law == "kaplan" else ("constants: no second source confirms them",)
    return LawLoss(law, form, params, trained, count, batch_tokens, own.batch.at(loss), loss, notes)


def _by_file(law: str, params: float, given: float | None, batch_tokens: float | None) -> LawLoss:
    """The loss by a law that `simulate fit` wrote."""
    own = read_law(Path(law))
    tokens = given or TOKENS_PER_PARAM * params
    stepped = "S" in own.family.columns
    if batch_tokens is not None and not stepped and given is None:
        raise ArgumentError("{batch_tokens}: has no effect on this law of {form}; leave it out", form=own.form)
    if batch_tokens is None and stepped:
        raise ArgumentError("{law}: {form} asks for a batch; write {batch_tokens:524288}", form=own.form)
    loss, low, high = own.predict(params, tokens, batch_tokens)
    notes = [*own.outside(params, tokens, batch_tokens), *own.notes]
    if own.form in ("power", "floor"):
        notes.append("tokens: have no effect on a law of N alone; it holds for the tokens a parameter of its runs")
    critical = None
    if own.form == "steps-batch":
        critical = own.coefficients["B*"] / loss ** own.coefficients["k"]
    steps = tokens / batch_tokens if batch_tokens is not None else None
    return LawLoss(own.form, own.formula, params, tokens, steps, batch_tokens, critical, loss, tuple(notes), low, high)


def _by_tokens(law: str, params: float, tokens: float, batch_tokens: float | None, steps: int | None) -> LawLoss:
    loss = chinchilla_loss(params, tokens, BY_TOKENS[law])  # type: ignore[arg-type]
    low, high = chinchilla.FITTED_PARAMS
    notes = []
    if not low <= params <= high:
        notes.append(f"params: extrapolated beyond the fitted {human_count(low)} to {human_count(high)}")
    notes.append("loss: of MassiveText and its tokenizer; losses by other laws are of other data")
    return LawLoss(law, "E + A/N^a + B/D^b", params, tokens, steps, batch_tokens, None, loss, tuple(notes))


def _kaplan_notes(params: float) -> tuple[str, ...]:
    low, high = _KAPLAN_PARAMS
    notes = ["params: counted without embeddings"]
    if not low <= params <= high:
        notes.append(f"params: extrapolated beyond the fitted {low:g} to {human_count(high)}")
    return (*notes, "loss: of WebText2 and its tokenizer; losses by other laws are of other data")
