"""A law of one's own: fitted to measured losses, tried on the largest size, and carried to a larger model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ArgumentError, InputError
from ...laws.fitting import HUBER_DELTA, Fitted, fit, refits
from ...laws.own import Constant, OwnLaw, constants_of
from .frontier import Frontier, frontiers
from .notes import notes_on
from .points import Point, read_points

FORMS: tuple[str, ...] = ("auto", "power", "floor", "chinchilla", "steps")
RESAMPLES = 100
_WARMING = 0.1
"""Share of the longest run of a size at whose start losses are not used: its learning rate is still rising there."""
_STARTS = 8
_CURVE = 10
"""Points of a predicted curve."""
_FEW_SIZES = 3
"""With no more of them a form with a floor is not taken by itself."""
_ALIKE = 1.05
"""Tokens a parameter that differ by no more than this factor are one budget."""


@dataclass(frozen=True)
class Ask:
    """The request for a fit.

    Attributes:
      files: traces or tables with losses.
      form: what is fitted; `auto`: by what varies in the data.
      delta: of the Huber loss; `math.inf` for least squares.
      resamples: refits for the bands.
      seed: of the draws.
      params, tokens, batch_tokens: a larger run, whose curve is predicted; None: none is [tokens].
    """

    files: tuple[Path, ...]
    form: str = "auto"
    delta: float = HUBER_DELTA
    resamples: int = RESAMPLES
    seed: int = 0
    params: float | None = None
    tokens: float | None = None
    batch_tokens: float | None = None


@dataclass(frozen=True)
class Compared:
    """A measured loss of the largest size beside its prediction from the smaller ones.

    Attributes:
      run, params, tokens, batch_tokens: which one.
      measured, predicted: losses [nats per token].
      low, high: the 95% band of the prediction [nats per token].
      inside: whether the measured loss lies in it.
    """

    run: str
    params: float
    tokens: float
    batch_tokens: float | None
    measured: float
    predicted: float
    low: float
    high: float
    inside: bool


@dataclass(frozen=True)
class Ahead:
    """A point of the predicted curve of a larger run."""

    tokens: float
    steps: float | None
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """The answer.

    Attributes:
      form, formula: what was fitted.
      constants: with their intervals.
      rms: root mean square of the residuals of log L [-].
      points, sizes, runs: how many losses, sizes and runs it was fitted to.
      held_out: the largest size from the smaller ones; empty where there are too few.
      frontiers: how the best N and D grow with compute, by the approaches that the data allows.
      curve: of the larger run that was asked for.
      law: as its file holds it.
      measured: the losses that were fitted.
      notes: what to know.
    """

    form: str
    formula: str
    constants: tuple[Constant, ...]
    rms: float
    points: int
    sizes: int
    runs: int
    held_out: tuple[Compared, ...]
    frontiers: tuple[Frontier, ...]
    curve: tuple[Ahead, ...]
    law: OwnLaw
    measured: tuple[Point, ...] = field(repr=False)
    notes: tuple[str, ...] = ()


def answer(ask: Ask) -> Fit:
    """Fits a law to measured losses.

    Raises:
      InputError: a file has no losses, or there are too few for the form.
    """
    everything = read_points(ask.files)
    form = chosen(everything) if ask.form == "auto" else ask.form
    points = taken(everything, form)
    law, fitted = law_of(form, points, ask)
    trained = points if form == "steps" else everything
    best = frontiers(trained) if form in ("chinchilla", "steps") else ()
    return Fit(
        form=law.form,
        formula=law.formula,
        constants=constants_of(law),
        rms=fitted.rms,
        points=len(points),
        sizes=len({point.params for point in points}),
        runs=len({point.run for point in points}),
        held_out=_held_out(form, points, ask),
        frontiers=(*best, *_of_the_form(law)),
        curve=_curve(law, ask),
        law=law,
        measured=tuple(points),
        notes=(*notes_on(form, points, everything, best), *_ahead_notes(law, ask)),
    )


def chosen(points: Sequence[Point]) -> str:
    """The form that what varies in the data allows."""
    ends = [point for point in points if point.final]
    sizes = {point.params for point in ends}
    batches = {(point.params, point.batch_tokens) for point in points}
    if len(batches) > len({point.params for point in points}) and all(batch for _, batch in batches):
        return "steps"
    ratios = [point.tokens / point.params for point in ends]
    varied = ratios and max(ratios) > _ALIKE * min(ratios)
    if varied and len(ends) > _coefficients("chinchilla") and len(sizes) > _FEW_SIZES:
        return "chinchilla"
    return "floor" if len(sizes) > _FEW_SIZES else "power"


def taken(points: Sequence[Point], form: str) -> list[Point]:
    """The losses that a form is fitted to: the ends of runs, or for steps whole curves without their warm-up."""
    if form == "chinchilla":
        return [point for point in points if point.final]
    if form != "steps":
        return _of_one_budget([point for point in points if point.final])
    longest: dict[str, float] = {}
    for point in points:
        longest[point.run] = max(point.tokens, longest.get(point.run, 0.0))
    found = [point for point in points if point.tokens >= _WARMING * longest[point.run]]
    if any(point.batch_tokens is None for point in found):
        raise ArgumentError("{form}: steps need a batch for every loss; give the tables a column batch_tokens")
    return found


def _of_one_budget(ends: Sequence[Point]) -> list[Point]:
    """The runs with the tokens a parameter that most runs have: a law of N alone holds for one of them."""
    ratios = [point.tokens / point.params for point in ends]
    alike = [[1 / _ALIKE <= other / ratio <= _ALIKE for other in ratios] for ratio in ratios]
    best = max(alike, key=sum, default=[])
    return [point for point, kept in zip(ends, best, strict=True) if kept]


def law_of(form: str, points: Sequence[Point], ask: Ask) -> tuple[OwnLaw, Fitted]:
    """A form fitted to some losses, with the refits behind its bands.

    Raises:
      InputError: there are too few losses.
    """
    name, columns = _columns(form, points)
    losses = [point.loss for point in points]
    try:
        fitted = fit(name, losses, delta=ask.delta, starts=_STARTS, seed=ask.seed, **columns)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{len({point.params for point in points})} sizes of model, as {form}: {error}") from None
    samples = refits(fitted, delta=ask.delta, resamples=ask.resamples, seed=ask.seed, **columns)
    batches = [point.batch_tokens for point in points if point.batch_tokens is not None]
    law = OwnLaw(
        schema="crosshaul-law",
        form=name,
        formula=fitted.form.formula,
        coefficients=fitted.coefficients,
        samples=tuple(tuple(float(value) for value in row) for row in samples),
        scatter=fitted.rms * math.sqrt(len(losses) / (len(losses) - len(fitted.coefficients))),
        freedom=len(losses) - len(fitted.coefficients),
        params=_ends([point.params for point in points]),
        tokens=_ends([point.tokens for point in points]),
        batch_tokens=_ends(batches) if batches else None,
        sources=tuple(path.name for path in ask.files),
    )
    return law, fitted


def _ends(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def _columns(form: str, points: Sequence[Point]) -> tuple[str, dict[str, list[float]]]:
    """The name of the form as it is fitted, and its columns: steps have a critical batch where batches differ."""
    size = {"N": [point.params for point in points]}
    if form == "chinchilla":
        return form, size | {"D": [point.tokens for point in points]}
    if form == "steps":
        batches = [float(point.batch_tokens or math.nan) for point in points]
        steps = size | {"S": [point.steps for point in points]}
        return ("steps-batch", steps | {"B": batches}) if len(set(batches)) > 1 else ("steps", steps)
    return form, size


def _held_out(form: str, points: Sequence[Point], ask: Ask) -> tuple[Compared, ...]:
    """The ends of the runs of the largest size, predicted from the smaller ones; empty where these are too few."""
    largest = max(point.params for point in points)
    smaller = [point for point in points if point.params < largest]
    name, columns = _columns(form, smaller or points)
    unknown = len(smaller) <= _coefficients(name) or len(set(columns["N"])) < 2
    if unknown:
        return ()
    law, _ = law_of(form, smaller, ask)
    found = []
    for point in (each for each in points if each.params == largest and each.final):
        loss, low, high = law.predict(point.params, point.tokens, point.batch_tokens)
        inside = low <= point.loss <= high
        found.append(
            Compared(point.run, point.params, point.tokens, point.batch_tokens, point.loss, loss, low, high, inside)
        )
    return tuple(found)


def _coefficients(name: str) -> int:
    from ...laws.forms import FORMS as KNOWN

    return len(KNOWN[name].coefficients)


def _of_the_form(law: OwnLaw) -> tuple[Frontier, ...]:
    """Chinchilla's third approach: the exponents that follow from the law."""
    if law.form != "chinchilla":
        return ()
    a, b = law.coefficients["a"], law.coefficients["b"]
    return (Frontier(3, b / (a + b), a / (a + b), 0, law.params),)


def _curve(law: OwnLaw, ask: Ask) -> tuple[Ahead, ...]:
    """The loss of the larger run after a tenth, two tenths, ... of its tokens."""
    if ask.params is None:
        if ask.tokens is not None or ask.batch_tokens is not None:
            raise ArgumentError("{params}: of which model is the curve? write {params:1B}, too")
        return ()
    tokens = ask.tokens or 20 * ask.params
    found = []
    for place in range(1, _CURVE + 1):
        at = tokens * place / _CURVE
        loss, low, high = law.predict(ask.params, at, ask.batch_tokens)
        found.append(Ahead(at, at / ask.batch_tokens if ask.batch_tokens else None, loss, low, high))
    return tuple(found) if law.form not in ("power", "floor") else tuple(found[-1:])


def _ahead_notes(law: OwnLaw, ask: Ask) -> tuple[str, ...]:
    if ask.params is None:
        return ()
    found = law.outside(ask.params, ask.tokens or 20 * ask.params, ask.batch_tokens)
    if law.form in ("power", "floor"):
        found = (*found, "tokens: have no effect on a law of N alone; it holds for the tokens a parameter of its runs")
    return found
