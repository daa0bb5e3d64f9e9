"""A law of the mixture of the data: fitted to runs of one's own, tried on each of them, and the best shares by it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...laws.beyond.mixing import MixingLaw, best_mixture, fit_mixing, left_out
from .mixture_runs import SUM, read_runs

FORMULA = "L = c + exp(sum t_j r_j), r_j: share of domain j"
_AT_FLOOR = 1e-6


@dataclass(frozen=True)
class LossLaw:
    """The law of one loss.

    Attributes:
      loss: its name.
      floor: c [nats per token].
      slopes: t by domain: the log of what is above the floor for that domain alone.
      rms: of the residuals of the fit [nats per token].
      left_out_error: mean distance of each loss from what the law of the others predicts, over it [-].
      worst_left_out: the largest [-].
      spread: the same as `left_out_error` with the mean of the other losses in place of the law [-].
      at: predicted at the shares asked for; None where none were [nats per token].
      at_best: predicted at the best ones [nats per token].
    """

    loss: str
    floor: float
    slopes: dict[str, float]
    rms: float
    left_out_error: float
    worst_left_out: float
    spread: float
    at: float | None
    at_best: float


@dataclass(frozen=True)
class Tried:
    """A run beside what the law of all the others predicts for it."""

    row: int
    loss: str
    measured: float
    predicted: float


@dataclass(frozen=True)
class BestShare:
    """A domain in the best mixture.

    Attributes:
      domain: its name.
      share: of it.
      low, high: its smallest and largest share among the runs, between which it was looked for.
    """

    domain: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Mixture:
    """The answer.

    Attributes:
      law: `data-mixing`.
      formula: what was fitted.
      runs: how many mixtures.
      losses: the law of each loss.
      best: the shares with the lowest weighted mean of the losses, within those of the runs.
      best_loss: that mean, predicted [nats per token].
      best_measured: the lowest that a run has [nats per token].
      at_loss: the mean at the shares asked for; None where none were [nats per token].
      left_out: every run and loss beside the prediction of the law of the others.
      notes: what to know.
    """

    law: str
    formula: str
    runs: int
    losses: tuple[LossLaw, ...]
    best: tuple[BestShare, ...]
    best_loss: float
    best_measured: float
    at_loss: float | None
    left_out: tuple[Tried, ...]
    notes: tuple[str, ...]


def answer(
    paths: Sequence[Path], at: Mapping[str, float] | None = None, weights: Mapping[str, float] | None = None
) -> Mixture:
    """Fits a law to each loss of runs on mixtures.

    Args:
      paths: a table with a column `share_NAME` for each domain, and `loss_NAME` for each loss; or traces.
      at: shares by domain at which the losses are predicted, too.
      weights: of the losses in their mean, by name; None: all alike.

    Raises:
      InputError: there is no such table, there are too few runs, or a name is not in them.
    """
    import numpy as np

    domains, names, shares, measured = read_runs(paths)
    r = np.array(shares)
    asked = None if at is None else _shares(at, domains)
    worth = _weights(weights, names)
    ends = [(float(r[:, place].min()), float(r[:, place].max())) for place in range(len(domains))]
    laws, predicted = [], []
    for name in names:
        laws.append(fit_mixing(r, measured[name]))
        predicted.append(left_out(r, measured[name]))
    best = best_mixture(laws, worth, [low for low, _ in ends], [high for _, high in ends])

    def mean(values: Sequence[float]) -> float:
        return float(np.average(values, weights=worth))

    found = tuple(
        _told(name, domains, law, r, measured[name], others, asked, best)
        for name, law, others in zip(names, laws, predicted, strict=True)
    )
    rows = [mean([measured[name][row] for name in names]) for row in range(len(r))]
    missed = [abs(mean([own[row] for own in predicted]) - rows[row]) for row in range(len(r))]
    best_loss, best_measured = mean([law.at_best for law in found]), min(rows)
    return Mixture(
        law="data-mixing",
        formula=FORMULA,
        runs=len(r),
        losses=found,
        best=tuple(BestShare(*each) for each in zip(domains, best, *zip(*ends, strict=True), strict=True)),
        best_loss=best_loss,
        best_measured=best_measured,
        at_loss=None if asked is None else mean([law.at or math.nan for law in found]),
        left_out=tuple(
            Tried(row + 1, name, measured[name][row], float(own[row]))
            for name, own in zip(names, predicted, strict=True)
            for row in range(len(r))
        ),
        notes=_notes(found, measured, asked, domains, ends, best_measured - best_loss, sum(missed) / len(missed)),
    )


def _told(
    name: str,
    domains: Sequence[str],
    law: MixingLaw,
    shares: object,
    losses: Sequence[float],
    others: object,
    asked: Sequence[float] | None,
    best: Sequence[float],
) -> LossLaw:
    import numpy as np

    y = np.array(losses)
    missed = np.abs(np.asarray(others) - y) / y
    without = np.abs((y.sum() - y) / (len(y) - 1) - y) / y
    return LossLaw(
        loss=name,
        floor=law.floor,
        slopes=dict(zip(domains, law.slopes, strict=True)),
        rms=float(np.sqrt(np.mean(np.square(law.at(shares) - y)))),  # type: ignore[arg-type]  # an array
        left_out_error=float(missed.mean()),
        worst_left_out=float(missed.max()),
        spread=float(without.mean()),
        at=None if asked is None else float(law.at(asked)),
        at_best=float(law.at(best)),
    )


def _notes(
    losses: Sequence[LossLaw],
    measured: Mapping[str, Sequence[float]],
    asked: Sequence[float] | None,
    domains: Sequence[str],
    ends: Sequence[tuple[float, float]],
    gain: float,
    error: float,
) -> tuple[str, ...]:
    found = []
    if useless := [each.loss for each in losses if each.left_out_error >= each.spread]:
        found.append(
            f"{', '.join(useless)}: the law predicts a run that was left out no better than the mean of the others"
        )
    if bound := [each.loss for each in losses if each.floor >= min(measured[each.loss]) * (1 - _AT_FLOOR)]:
        found.append(
            f"{', '.join(bound)}: the floor is as high as the lowest measured loss, and has no meaning of its own"
        )
    if gain < error:
        by = f"predicted to be {gain:.3f} below the best run" if gain > 0 else "not predicted to be below the best run"
        found.append(f"best: {by}, and the law misses runs by {error:.3f} in the mean; train it before you rely on it")
    beyond = [
        domain
        for domain, share, (low, high) in zip(domains, asked or (), ends, strict=False)
        if not low - SUM <= share <= high + SUM
    ]
    if beyond:
        found.append(f"at: {', '.join(beyond)} beyond the shares of the runs, which is extrapolated")
    return (
        *found,
        "size: the law holds for models and tokens of these runs; which mixture is best may change with both",
    )


def _shares(at: Mapping[str, float], domains: Sequence[str]) -> list[float]:
    if unknown := [name for name in at if name not in domains]:
        raise ArgumentError("{at}: no domain {got!r}; write some of {known}", got=unknown[0], known=", ".join(domains))
    found = [at.get(domain, 0.0) for domain in domains]
    if abs(sum(found) - 1) > SUM or min(found) < 0:
        raise ArgumentError("{at}: the shares sum to {total:.4g}; write shares from 0 that sum to 1", total=sum(found))
    return found


def _weights(weights: Mapping[str, float] | None, names: Sequence[str]) -> list[float]:
    if weights is None:
        return [1.0] * len(names)
    if unknown := [name for name in weights if name not in names]:
        raise ArgumentError("{weights}: no loss {got!r}; write some of {known}", got=unknown[0], known=", ".join(names))
    found = [weights.get(name, 0.0) for name in names]
    if min(found) < 0 or not sum(found) > 0:
        raise ArgumentError("{weights}: write numbers from 0 up, one of them above 0")
    return found
