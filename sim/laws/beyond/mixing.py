"""Mixtures of data: the loss on something against the shares of what was trained on.

L(r) = c + exp(sum_j t_j r_j) for shares r that sum to 1: the published c + k exp(sum_j t_j r_j), whose k says the
same as a common part of all t.

Source: arXiv 2403.16952 (Ye et al., "Data Mixing Laws"), equations 7 and 8. The law has no published constants: it is
fitted to small runs of one's own.
Limits: one size of model, one number of tokens, no repeats; shares of the runs and between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

_FLOORS = 48
"""Shares of the smallest loss at which a search for c begins."""


@dataclass(frozen=True)
class MixingLaw:
    """A fitted law of one loss.

    Attributes:
      floor: c [nats per token].
      slopes: t_j + ln k, one for each domain [-].
    """

    floor: float
    slopes: tuple[float, ...]

    def at(self, shares: ArrayLike) -> Array:
        """Losses at mixtures of shape (..., domains) [nats per token]."""
        import numpy as np

        return np.asarray(self.floor + np.exp(np.asarray(shares, dtype=float) @ np.asarray(self.slopes)))


def least_rows(domains: int) -> int:
    """Mixtures that a fit needs to be checked by leaving one out: one more than its coefficients, and that one."""
    return domains + 3


def fit_mixing(shares: ArrayLike, losses: ArrayLike) -> MixingLaw:
    """The law with the least squared error of the losses.

    For each c the slopes follow from a line through ln(L - c), weighted as errors of L; the best of many c is where a
    search over all coefficients starts.

    Args:
      shares: of shape (mixtures, domains), rows that sum to 1.
      losses: one for each mixture [nats per token].

    Raises:
      InputError: fewer mixtures than coefficients, or mixtures that do not tell the domains apart.
    """
    import numpy as np
    from scipy.optimize import least_squares

    r, y = np.asarray(shares, dtype=float), np.asarray(losses, dtype=float)
    count, domains = r.shape
    if count < domains + 1:
        raise InputError(f"{count} mixtures are too few for the {domains + 1} coefficients of a loss; give more rows")
    if np.linalg.matrix_rank(r) < domains:
        raise InputError(
            "the mixtures do not tell the domains apart: some shares rise and fall together; vary each of them"
        )
    best: tuple[float, Array] | None = None
    for share in np.linspace(0.0, 0.98, _FLOORS):
        over = y - share * y.min()
        slopes, *_ = np.linalg.lstsq(r * over[:, None], np.log(over) * over, rcond=None)
        error = float(np.square(share * y.min() + np.exp(r @ slopes) - y).sum())
        if best is None or error < best[0]:
            best = error, np.concatenate([[share * y.min()], slopes])
    assert best is not None

    def residuals(theta: Array) -> Array:
        return np.asarray(theta[0] + np.exp(np.clip(r @ theta[1:], -700.0, 50.0)) - y)

    low = np.concatenate([[0.0], np.full(domains, -np.inf)])
    high = np.concatenate([[float(y.min())], np.full(domains, np.inf)])
    found = least_squares(residuals, best[1], bounds=(low, high), x_scale="jac", xtol=1e-12, ftol=1e-14, max_nfev=2_000)
    floor, *rest = (float(value) for value in found.x)
    return MixingLaw(floor, tuple(rest))


def left_out(shares: ArrayLike, losses: ArrayLike) -> Array:
    """The loss of every mixture as the law of all the others predicts it [nats per token].

    Raises:
      InputError: as `fit_mixing`, of the others.
    """
    import numpy as np

    r, y = np.asarray(shares, dtype=float), np.asarray(losses, dtype=float)
    kept = [np.arange(len(y)) != row for row in range(len(y))]
    return np.array([float(fit_mixing(r[own], y[own]).at(r[row])) for row, own in enumerate(kept)])


def best_mixture(
    laws: Sequence[MixingLaw], weights: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> tuple[float, ...]:
    """The shares with the lowest weighted sum of losses, each within its ends.

    Each loss is convex in the shares, so that the minimum that is found is the only one.

    Args:
      laws: one for each loss.
      weights: likewise, at least 0.
      low: the least of each share.
      high: the most; they must leave room for a sum of 1.

    Returns:
      Shares that sum to 1.
    """
    import numpy as np
    from scipy.optimize import LinearConstraint, minimize

    slopes, worth = np.array([law.slopes for law in laws]), np.asarray(weights, dtype=float) / sum(weights)
    least, most = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    room = most - least
    start = least + room * (1 - least.sum()) / max(float(room.sum()), 1e-300)
    found = minimize(  # type: ignore[call-overload]  # the stubs know no options of SLSQP
        lambda r: float(worth @ np.exp(slopes @ r)),
        start,
        jac=lambda r: (worth * np.exp(slopes @ r)) @ slopes,
        bounds=list(zip(least, most, strict=True)),
        constraints=LinearConstraint(np.ones(len(start)), 1, 1),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1_000},
    )
    shares = np.clip(found.x, least, most)
    return tuple(float(share) for share in shares / shares.sum())
