"""Fitting scaling laws: Huber loss on the residuals of log L, from many starts, with bootstrap intervals.

  minimise over the coefficients  sum_i Huber_delta(log f(x_i) - log y_i)

Huber is quadratic within delta and linear beyond, so that single runs that went wrong do not bend a law; delta = inf is
least squares. Coefficients that must be positive are sought as logarithms. Every start is drawn so that it passes
through the middle of the data, and the best end of all starts is taken.

Source: arXiv 2203.15556, section 3.3 (objective and delta); arXiv 2503.09799, section 6.5 (forms in N and M).
Limits: rows must be more than coefficients; with a floor, sizes that span less than a decade say little about it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import InputError
from .forms import FORMS, LINEAR, Form, FormName
from .forms import starts as random_starts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

HUBER_DELTA = 1e-3
STARTS = 16


@dataclass(frozen=True)
class Fitted:
    """A law that was fitted.

    Attributes:
      form: its family.
      coefficients: by name.
      objective: the sum of Huber losses at the end.
      residuals: log f - log y, in the order of the data.
      intervals: by coefficient, the bounds that `bootstrap` gave; empty without it.
    """

    form: Form
    coefficients: dict[str, float]
    objective: float
    residuals: tuple[float, ...]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def predict(self, **columns: ArrayLike) -> Array:
        """The law at new sizes, by the names of the form's columns (an array of their common shape)."""
        import numpy as np

        return np.asarray(np.exp(self.form.log_value(self._sought(), _columns(self.form, columns))))

    @property
    def rms(self) -> float:
        """Root mean square of the residuals of the logarithm: a relative error."""
        return math.sqrt(sum(r * r for r in self.residuals) / len(self.residuals))

    def _sought(self) -> Array:
        import numpy as np

        pairs = self.coefficients.items()
        return np.array([math.log(value) if name in self.form.positive else value for name, value in pairs])


def fit(
    name: FormName,
    values: ArrayLike,
    *,
    delta: float = HUBER_DELTA,
    starts: int = STARTS,
    seed: int = 0,
    **columns: ArrayLike,
) -> Fitted:
    """Fits one of the forms.

    Args:
      name: a key of `FORMS`.
      values: y, one a row: losses, batches, learning rates.
      delta: where Huber turns linear, in log y; `math.inf` for least squares.
      starts: random starts, 1 or more; forms whose logarithm is linear in the coefficients have one end and take one.
      seed: of the starts; the same seed gives the same fit.
      columns: the form's columns (`N`, `M`, `D`), one value a row.

    Returns:
      The best law of all starts.

    Raises:
      InputError: unknown form, missing or uneven columns, too few rows, or values that are not positive.
    Source: arXiv 2203.15556, section 3.3; arXiv 2503.09799, section 6.5.
    """
    import numpy as np

    if name not in FORMS:
        raise InputError(f"no form '{name}' to fit; write {', '.join(FORMS)}")
    form = FORMS[name]
    x, y = _columns(form, columns), np.asarray(values, dtype=float)
    if y.ndim != 1 or any(column.shape != y.shape for column in x.values()):
        raise InputError(
            f"fitting {form.formula} needs one {', '.join(form.columns)} a value; give lists of one length"
        )
    if len(y) <= len(form.coefficients):
        raise InputError(
            f"{len(y)} rows are too few for the {len(form.coefficients)} coefficients of {form.formula}; give more rows"
        )
    if not np.all(y > 0) or not np.all(np.isfinite(y)):
        raise InputError("a value to fit is not a positive number; leave out the rows of runs that failed")
    begin = random_starts(name, x, y, 1 if name in LINEAR else starts, seed)
    if not math.isinf(delta):  # the end of least squares is where Huber's search is surest to arrive
        squares, _ = minimise(lambda t: form.log_value(t, x), begin, np.log(y), math.inf)
        begin = squares[None] if name in LINEAR else np.concatenate([squares[None], begin])
    theta, objective = minimise(lambda t: form.log_value(t, x), begin, np.log(y), delta)
    residuals = form.log_value(theta, x) - np.log(y)
    return Fitted(form, _coefficients(form, theta), objective, tuple(float(r) for r in residuals))


def fit_power_law(
    params: ArrayLike,
    values: ArrayLike,
    replicas: ArrayLike | None = None,
    *,
    floor: bool = False,
    delta: float = HUBER_DELTA,
) -> Fitted:
    """A N^alpha, or with replicas A N^alpha M^beta, and on request with an irreducible term C.

    Args:
      params: N, one a row.
      values: losses, batches or learning rates, one a row.
      replicas: M, one a row, for the joint form.
      floor: add C.
      delta: as in `fit`.

    Raises:
      InputError: as `fit`.
    """
    if replicas is None:
        return fit("floor" if floor else "power", values, delta=delta, N=params)
    return fit("joint-floor" if floor else "joint", values, delta=delta, N=params, M=replicas)


def minimise(
    log_model: Callable[[Array], Array], starts: Array, log_values: Array, delta: float = HUBER_DELTA
) -> tuple[Array, float]:
    """The coefficients of any model with the least sum of Huber losses of its log residuals.

    Args:
      log_model: log f of all rows, from the coefficients as sought.
      starts: where to begin, shape (starts, coefficients).
      log_values: log y, shape (rows,).
      delta: as in `fit`.

    Returns:
      The best coefficients of all starts, and the objective there.
    """
    import numpy as np
    from scipy.optimize import least_squares

    least = math.isinf(delta)

    def residuals(theta: Array) -> Array:
        return log_model(theta) - log_values

    best: tuple[Array, float] | None = None
    for start in starts:
        end = least_squares(
            residuals,
            start,
            loss="linear" if least else "huber",
            f_scale=1.0 if least else delta,
            x_scale="jac",
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
            max_nfev=500,
        )
        if best is None or end.cost < best[1]:
            best = np.asarray(end.x), float(end.cost)
    assert best is not None
    return best


def bootstrap(
    fitted: Fitted,
    *,
    delta: float = HUBER_DELTA,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
    **columns: ArrayLike,
) -> Fitted:
    """The same law with an interval for each coefficient, from refits to resampled residuals.

    Each resample keeps the sizes and puts the law's residuals on other rows (drawn with replacement, scaled by
    sqrt(n/(n - p)) for the p coefficients that they were fitted with), so that no size is missing in any of them.

    Args:
      fitted: what `fit` gave.
      delta: the one it was fitted with.
      resamples: how many refits.
      level: share of the refits within the interval.
      seed: of the draws.
      columns: the columns it was fitted on.

    Returns:
      The law with `intervals`.
    Limits: says how the scatter of the data moves the coefficients, not whether the form is right.
    """
    import numpy as np

    form, x = fitted.form, _columns(fitted.form, columns)
    random, start = np.random.default_rng(seed), fitted._sought()
    residuals = np.array(fitted.residuals)
    spread = math.sqrt(len(residuals) / (len(residuals) - len(start)))
    law = form.log_value(start, x)
    ends = np.empty((resamples, len(start)))
    for row in range(resamples):
        resampled = law - spread * random.choice(residuals - residuals.mean(), size=len(residuals))
        ends[row], _ = minimise(lambda t: form.log_value(t, x), start[None], resampled, delta)
    bounds = np.quantile(ends, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = (_coefficients(form, bound) for bound in bounds)
    intervals = {name: (low[name], high[name]) for name in form.coefficients}
    return Fitted(form, fitted.coefficients, fitted.objective, fitted.residuals, intervals)


def _columns(form: Form, given: Mapping[str, ArrayLike]) -> dict[str, Array]:
    import numpy as np

    if set(given) != set(form.columns):
        raise InputError(f"{form.formula} is a function of {', '.join(form.columns)}; give these and no others")
    x = {name: np.asarray(value, dtype=float) for name, value in given.items()}
    for name, value in x.items():
        if not np.all(value > 0):
            raise InputError(f"{name} is not positive everywhere; write numbers above 0")
    return x


def _coefficients(form: Form, theta: Array) -> dict[str, float]:
    return {
        name: float(math.exp(value) if name in form.positive else value)
        for name, value in zip(form.coefficients, theta, strict=True)
    }
