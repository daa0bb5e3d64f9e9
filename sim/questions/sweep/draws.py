"""Values drawn from stated distributions: at random, or by a sequence that covers them evenly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ...documents.nearest import nearest
from ...errors import ArgumentError
from ...scenario.sweep import MOST_POINTS, Method
from .fields import Kind, kind_of
from .space import Group
from .values import number_and_unit, values_of, with_unit

METHODS: tuple[Method, ...] = get_args(Method)
_MOST_KEYS = {"sobol": 21_201, "halton": 1_000, "random": 21_201}
_LEAST = 2.0**-53
"""The least share that is drawn: a normal distribution has no value at 0."""


@dataclass(frozen=True)
class Distribution:
    """What is drawn of a key.

    Attributes:
      text: as people write it: `log-uniform:1:100`, `normal:1:0.1`, `choice:8,16`.
      value: the value at a share of the distribution, between 0 and 1.
    """

    text: str
    value: Callable[[float], Any]


def _uniform(low: float, high: float) -> Callable[[float], float]:
    return lambda share: low + (high - low) * share


def _log_uniform(low: float, high: float) -> Callable[[float], float]:
    return lambda share: low * (high / low) ** share


def _normal(mean: float, deviation: float) -> Callable[[float], float]:
    return NormalDist(mean, deviation).inv_cdf


def _lognormal(median: float, sigma: float) -> Callable[[float], float]:
    standard = NormalDist()
    return lambda share: median * math.exp(sigma * standard.inv_cdf(share))


def _integers(low: float, high: float) -> Callable[[float], int]:
    return lambda share: min(int(low) + math.floor((int(high) - int(low) + 1) * share), int(high))


_NUMBERS = {
    "uniform": (_uniform, "LOW:HIGH", "low below high"),
    "log-uniform": (_log_uniform, "LOW:HIGH", "0 below low below high"),
    "normal": (_normal, "MEAN:DEVIATION", "a deviation above 0"),
    "lognormal": (_lognormal, "MEDIAN:SIGMA", "both above 0; sigma is the deviation of the logarithm, without a unit"),
    "integers": (_integers, "LOW:HIGH", "two whole numbers, low below high"),
}
DISTRIBUTIONS = (*_NUMBERS, "choice")


def distribution(key: str, given: Any) -> Distribution:
    """What is drawn of a key, from `log-uniform:1:100` or from `{log-uniform: [1, 100]}`.

    Raises:
      InputError: there is no such distribution, or its numbers make none.
    """
    name, rest = _named(key, given)
    if name not in DISTRIBUTIONS:
        known = nearest(name, DISTRIBUTIONS)
        raise ArgumentError("{draw} {key}: there is no distribution {name!r}; {known}", key=key, name=name, known=known)
    if name == "choice":
        values = values_of(key, rest)
        shown = ",".join(map(str, values))
        return Distribution(f"choice:{shown}", lambda share: values[min(int(share * len(values)), len(values) - 1)])
    make, form, wanted = _NUMBERS[name]
    parts = rest.split(":") if isinstance(rest, str) else rest
    told = "{draw} {key}={name}: {why}; write {draw} {key}={name}:{form}, {wanted}"
    if not isinstance(parts, list | tuple) or len(parts) != 2:
        raise ArgumentError(told, key=key, name=name, form=form, wanted=wanted, why="it takes two numbers")
    kind = kind_of(key)
    (first, unit), (second, other) = _two(name, parts, kind)
    shown = f"{name}:{parts[0]}:{parts[1]}"
    if not _possible(name, first, second) or (other != unit and name != "lognormal"):
        raise ArgumentError(told, key=key, name=name, form=form, wanted=wanted, why=f"got {parts[0]} and {parts[1]}")
    at = make(first, second)
    return Distribution(shown, lambda share: with_unit(at(share), unit, Kind() if name == "integers" else kind))


def _named(key: str, given: Any) -> tuple[str, Any]:
    if isinstance(given, str):
        name, _, rest = given.partition(":")
        return name.strip(), rest
    if isinstance(given, Mapping) and len(given) == 1:
        return next((str(name), rest) for name, rest in given.items())
    told = "{draw} {key}: got {given!r}; write a distribution, such as log-uniform:1:100"
    raise ArgumentError(told, key=key, given=given)


def _two(name: str, parts: Sequence[Any], kind: Kind) -> tuple[tuple[float, str], tuple[float, str]]:
    second = Kind() if name == "lognormal" else kind
    return number_and_unit(parts[0], kind), number_and_unit(parts[1], second)


def _possible(name: str, first: float, second: float) -> bool:
    match name:
        case "normal":
            return second > 0
        case "lognormal":
            return first > 0 and second > 0
        case "log-uniform":
            return 0 < first < second
        case "integers":
            return first == int(first) and second == int(second) and first < second
    return first < second


def drawn(entries: Sequence[tuple[str, Any]], count: int | None, seed: int, method: str) -> list[Group]:
    """One group of all keys that are drawn, a row for each draw.

    Args:
      entries: keys and their distributions.
      count: how many draws.
      seed: of the draws; the same one gives the same values.
      method: `random`; or `sobol` or `halton`, scrambled sequences that leave no gaps.

    Raises:
      InputError: a distribution is wrong, or one of the others.
    """
    if not entries:
        return []
    if count is None:
        raise ArgumentError("{draw}: how many points? write {count:1000}")
    if not 1 <= count <= MOST_POINTS:
        raise ArgumentError("{count:...}: got {got}; write 1 to {most:,}", got=count, most=MOST_POINTS)
    if seed < 0:
        raise ArgumentError("{seed}: got {got}; write 0 or more", got=seed)
    if method not in METHODS:
        raise ArgumentError("{method}: got {got!r}; {known}", got=method, known=nearest(method, METHODS))
    if len(entries) > _MOST_KEYS[method]:
        raise ArgumentError("{draw}: {method} draws {most:,} keys at most", method=method, most=_MOST_KEYS[method])
    found = [distribution(key, given) for key, given in entries]
    shares = _shares(len(entries), count, seed, method)
    rows = tuple(tuple(each.value(float(share)) for each, share in zip(found, row, strict=True)) for row in shares)
    return [Group(tuple(key for key, _ in entries), rows, drawn=True)]


def _shares(keys: int, count: int, seed: int, method: str) -> NDArray[np.float64]:
    """Draws from the unit cube, a row each."""
    if method == "random":
        found = np.random.default_rng(seed).random((count, keys))
    else:
        from scipy.stats import qmc

        if method == "sobol":  # its first 2^m points are balanced, so that many are made, and the first ones taken
            found = qmc.Sobol(keys, rng=seed).random_base2(max(0, math.ceil(math.log2(count))))[:count]
        else:
            found = qmc.Halton(keys, rng=seed).random(count)
    return np.clip(found, _LEAST, 1 - _LEAST)
