"""Families of laws that can be fitted: the formula of each, its logarithm, and starts for a search.

Source: arXiv 2503.09799, Table 13 (forms in N and M); arXiv 2203.15556, section 3.3 (the form in N and D); arXiv
2001.08361, equations 1.6 and 5.4, and 2403.06563 (the forms in N, S and B).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Columns = Mapping[str, Array]

FormName = Literal[
    "power", "floor", "joint", "joint-floor", "exponent-floor", "sum-floor", "chinchilla", "steps", "steps-batch"
]
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class Form:
    """A family of laws: its formula, its columns of data, and its coefficients.

    Attributes:
      formula: for people.
      columns: its variables (`N` parameters, `M` replicas, `D` tokens, `S` steps, `B` tokens of a batch).
      coefficients: their names, in order.
      positive: the coefficients that are fitted as logarithms.
      log_value: log f from the coefficients as fitted and the columns.
    """

    formula: str
    columns: tuple[str, ...]
    coefficients: tuple[str, ...]
    positive: frozenset[str]
    log_value: Callable[[Array, Columns], Array]


def _power(theta: Array, x: Columns) -> Array:
    import numpy as np

    return np.asarray(theta[0] + theta[1] * np.log(x["N"]))


def _joint(theta: Array, x: Columns) -> Array:
    import numpy as np

    return np.asarray(_power(theta, x) + theta[2] * np.log(x["M"]))


def _exponent(theta: Array, x: Columns) -> Array:
    import numpy as np

    return np.asarray(theta[0] + (theta[1] + theta[2] * x["M"]) * np.log(x["N"]))


def _over_floor(inner: Callable[[Array, Columns], Array]) -> Callable[[Array, Columns], Array]:
    """The same law on top of a floor, whose logarithm is the last coefficient."""

    def law(theta: Array, x: Columns) -> Array:
        import numpy as np

        return np.asarray(np.logaddexp(inner(theta[:-1], x), theta[-1]))

    return law


def _sum(theta: Array, x: Columns) -> Array:
    import numpy as np

    a, alpha, b, beta = theta
    return np.asarray(np.logaddexp(a + alpha * np.log(x["N"]), b + beta * np.log(x["M"])))


def _chinchilla(theta: Array, x: Columns) -> Array:
    import numpy as np

    e, a, alpha, b, beta = theta
    return np.asarray(np.logaddexp(e, np.logaddexp(a - alpha * np.log(x["N"]), b - beta * np.log(x["D"]))))


def _steps(theta: Array, x: Columns) -> Array:
    import numpy as np

    a, alpha, c, sigma = theta
    return np.asarray(np.logaddexp(a - alpha * np.log(x["N"]), c - sigma * np.log(x["S"])))


def _steps_batch(theta: Array, x: Columns) -> Array:
    """The log of the loss L that solves L = A/N^a + C/S_min^s, S_min = S/(1 + B*/(L^k B)).

    In log L the right side falls and is convex, so Newton's steps from below never pass the solution.
    """
    import numpy as np

    a, alpha, c, sigma, critical, power = theta
    size, steps, batch = a - alpha * np.log(x["N"]), c - sigma * np.log(x["S"]), critical - np.log(x["B"])
    exponent = np.exp(min(power, 5.0))
    found = np.asarray(np.logaddexp(size, steps))
    for _ in range(_NEWTON_STEPS):
        over = np.clip(batch - exponent * found, -700.0, 700.0)
        second = steps + sigma * np.logaddexp(0.0, over)
        right = np.logaddexp(size, second)
        slope = np.exp(second - right) * sigma * exponent / (1 + np.exp(-over))
        found = found + (right - found) / (1 + np.maximum(slope, 0.0))
    return found


_A, _AC, _ABC = frozenset({"A"}), frozenset({"A", "C"}), frozenset({"A", "B", "C"})
_NM = ("N", "M")
FORMS: dict[str, Form] = {
    "power": Form("A N^alpha", ("N",), ("A", "alpha"), _A, _power),
    "floor": Form("A N^alpha + C", ("N",), ("A", "alpha", "C"), _AC, _over_floor(_power)),
    "joint": Form("A N^alpha M^beta", _NM, ("A", "alpha", "beta"), _A, _joint),
    "joint-floor": Form("A N^alpha M^beta + C", _NM, ("A", "alpha", "beta", "C"), _AC, _over_floor(_joint)),
    "exponent-floor": Form("A N^(alpha + beta M) + C", _NM, ("A", "alpha", "beta", "C"), _AC, _over_floor(_exponent)),
    "sum-floor": Form("A N^alpha + B M^beta + C", _NM, ("A", "alpha", "B", "beta", "C"), _ABC, _over_floor(_sum)),
    "steps": Form("A/N^a + C/S^s", ("N", "S"), ("A", "a", "C", "s"), _AC, _steps),
    "steps-batch": Form(
        "A/N^a + C/S_min^s, S_min = S/(1 + B*/(L^k B))",
        ("N", "S", "B"),
        ("A", "a", "C", "s", "B*", "k"),
        frozenset({"A", "C", "B*", "k"}),
        _steps_batch,
    ),
    "chinchilla": Form("E + A/N^a + B/D^b", ("N", "D"), ("E", "A", "a", "B", "b"), frozenset("EAB"), _chinchilla),
}
"""The forms with M are those of arXiv 2503.09799, Table 13, in its order; the last is that of arXiv 2203.15556."""
LINEAR = ("power", "joint")
"""Forms whose logarithm is linear in the coefficients: every search finds the same minimum."""


def starts(name: str, x: Columns, y: Array, count: int, seed: int) -> Array:
    """Starts of a search: random slopes and floors, with amplitudes for which the law passes the middle of the data.

    Args:
      name: a key of `FORMS`.
      x: the columns.
      y: the values, one for each row.
      count: number of starts.
      seed: of the draws.

    Returns:
      Coefficients as fitted, shape (count, coefficients).
    """
    import numpy as np

    random, rows = np.random.default_rng(seed), []
    middle, log_n = float(np.exp(np.log(y).mean())), float(np.log(x["N"]).mean())
    for _ in range(count):
        share, alpha, beta = random.uniform(0.02, 0.9), random.uniform(-0.6, 0.6), random.uniform(-0.05, 0.05)
        floor = share * float(y.min())
        above = math.log(middle - (floor if "floor" in name else 0.0))
        if name == "chinchilla":
            part, fall_n, fall_d = random.uniform(0.1, 0.9), random.uniform(0.1, 0.8), random.uniform(0.1, 0.8)
            size, data = math.log(part * (middle - floor)), math.log((1 - part) * (middle - floor))
            log_d = float(np.log(x["D"]).mean())
            rows.append([math.log(floor), size + fall_n * log_n, fall_n, data + fall_d * log_d, fall_d])
        elif name in ("steps", "steps-batch"):
            part, fall_n, fall_s = random.uniform(0.2, 0.95), random.uniform(0.03, 0.4), random.uniform(0.2, 1.0)
            size, step = math.log(part * middle), math.log((1 - part) * middle)
            log_s = float(np.log(x["S"]).mean())
            own = [size + fall_n * log_n, fall_n, step + fall_s * log_s, fall_s]
            if name == "steps-batch":
                own[2] -= fall_s * math.log(2)  # a batch in the middle of the data is about critical
                power = random.uniform(1.0, 8.0)
                own += [float(np.log(x["B"]).mean()) + power * math.log(middle), math.log(power)]
            rows.append(own)
        elif name == "exponent-floor":
            slope = alpha + beta * 0.01 * float(x["M"].mean())
            rows.append([above - slope * log_n, alpha, beta * 0.01, math.log(floor)])
        elif name == "sum-floor":
            rows.append([above - alpha * log_n, alpha, math.log(0.05 * middle), beta, math.log(floor)])
        else:
            slopes, floors = [beta] if "M" in x else [], [math.log(floor)] if "floor" in name else []
            rows.append([above - alpha * log_n, alpha, *slopes, *floors])
    return np.array(rows)
