"""Fits of scaling laws: Huber loss of the residuals of log L, from many starts, with bootstrap intervals.

  minimise over the coefficients  sum_i Huber_delta(log f(x_i) - log y_i)

The Huber loss is quadratic within delta and linear beyond, so that single failed runs have little influence; delta =
inf is least squares. Coefficients that must be positive are fitted as logarithms. Every start is drawn so that the law
passes the middle of the data, and the best result of all starts is taken.

Source: arXiv 2203.15556, section 3.3 (objective and delta); arXiv 2503.09799, section 6.5 (forms in N and M).
Limits: there must be more rows than coefficients. Sizes over less than a decade determine a floor poorly.
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
    """A fitted law.

    Attributes:
      form: its family.
      coefficients: by name.
      objective: the minimum, a sum of Huber losses.
      residuals: log f - log y, in the order of the data.
      intervals: bounds of each coefficient from `bootstrap`; empty without it.
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
      values: y, one for each row: losses, batches, learning rates.
      delta: the residual in log y beyond which the Huber loss is linear; `math.inf` for least squares.
      starts: number of random starts, at least 1; forms whose logarithm is linear in the coefficients take one start.
      seed: of the starts; the same seed gives the same fit.
      columns: the form's columns (`N`, `M`, `D`), one value for each row.

    Returns:
      The best law of all starts.

    Raises:
      InputError: the form is unknown, columns are missing or uneven, there are too few rows, or values are not
        positive.
    Source: arXiv 2203.15556, section 3.3; arXiv 2503.09799, section 6.5.
    """
    import numpy as np

    if name not in FORMS:
        raise InputError(f"no form '{name}' to fit; write {', '.join(FORMS)}")
    form = FORMS[name]
    x, y = _columns(form, columns), np.asarray(values, dtype=float)
    if y.ndim != 1 or any(column.shape != y.shape for column in x.values()):
        raise InputError(
            f"fitting {form.formula} needs {', '.join(form.columns)} for each value; give lists of one length"
        )
    if len(y) <= len(form.coefficients):
        raise InputError(
            f"{len(y)} rows are too few for the {len(form.coefficients)} coefficients of {form.formula}; give more rows"
        )
    if not np.all(y > 0) or not np.all(np.isfinite(y)):
        raise InputError("a value to fit is not a positive number; leave out the rows of runs that failed")
    begin = random_starts(name, x, y, 1 if name in LINEAR else starts, seed)
    if not math.isinf(delta):  # the result of least squares is the best start for the Huber loss
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
    """Fits A N^alpha, or with replicas A N^alpha M^beta, with or without an irreducible term C.

    Args:
      params: N, one for each row.
      values: losses, batches or learning rates, one for each row.
      replicas: M, one for each row, for the joint form.
      floor: whether to add C.
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
    """The coefficients of any model that minimise the sum of Huber losses of its log residuals.

    Args:
      log_model: log f of all rows, from the coefficients as fitted.
      starts: starts of the search, shape (starts, coefficients).
      log_values: log y, shape (rows,).
      delta: as in `fit`.

    Returns:
      The best coefficients of all starts, and the minimum.
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

    Each resample keeps the sizes and assigns the law's residuals to other rows (drawn with replacement, scaled by
    sqrt(n/(n - p)) for p fitted coefficients), so that every size is in each of them.

    Args:
      fitted: from `fit`.
      delta: that of the fit.
      resamples: number of refits.
      level: share of the refits within the interval.
      seed: of the draws.
      columns: those of the fit.

    Returns:
      The law with `intervals`.
    Limits: the intervals show the effect of the scatter of the data, and not whether the form is right.
    """
    import numpy as np

    form = fitted.form
    ends = refits(fitted, delta=delta, resamples=resamples, seed=seed, **columns)
    bounds = np.quantile(ends, [(1 - level) / 2, (1 + level) / 2], axis=0)
    low, high = (_coefficients(form, bound) for bound in bounds)
    intervals = {name: (low[name], high[name]) for name in form.coefficients}
    return Fitted(form, fitted.coefficients, fitted.objective, fitted.residuals, intervals)


def refits(
    fitted: Fitted, *, delta: float = HUBER_DELTA, resamples: int = 200, seed: int = 0, **columns: ArrayLike
) -> Array:
    """The coefficients, as fitted, of refits to resampled residuals: what `bootstrap` takes its intervals from.

    Args:
      fitted: from `fit`.
      delta: that of the fit.
      resamples: number of refits.
      seed: of the draws.
      columns: those of the fit.

    Returns:
      Shape (resamples, coefficients); those in `Form.positive` are logarithms.
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
    return ends


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
