"""Chinchilla's first two approaches: the best size for a compute budget, read off the losses themselves.

Approach 1: the lower envelope of the loss curves: for each budget the size of the lowest loss, and a power law through
those. Approach 2: for each budget a parabola in log N through the losses of all sizes, and a power law through its
minima. A loss at a budget is interpolated along the runs of a size, linearly in log D.

Source: arXiv 2203.15556, sections 3.1 and 3.2.
Limits: approach 1 takes losses from the middle of runs where there are such: they are too high, as the learning rate
had not fallen yet, and more so the longer the run.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .points import Point

FLOP = 6.0
_BUDGETS = 12
_LEAST_SIZES = 3


@dataclass(frozen=True)
class Frontier:
    """How the best N and D grow with compute.

    Attributes:
      approach: 1 or 2.
      params_exponent, tokens_exponent: of C.
      budgets: how many were used.
      sizes: least and largest best N.
    """

    approach: int
    params_exponent: float
    tokens_exponent: float
    budgets: int
    sizes: tuple[float, float]


def frontiers(points: Sequence[Point]) -> tuple[Frontier, ...]:
    """Both approaches, as far as the losses allow them.

    Args:
      points: losses of runs of several sizes, each with several tokens.
    """
    curves = {size: own for size, own in _by_size(points).items() if len(own) > 1}
    if len(curves) < _LEAST_SIZES:
        return ()
    found = []
    for approach, best in ((1, _lowest), (2, _parabola)):
        pairs = []
        for budget in _budgets(curves):
            losses = {size: loss for size, own in curves.items() if (loss := _at(own, budget / (FLOP * size)))}
            size = best(losses) if len(losses) >= _LEAST_SIZES else None
            if size is not None:
                pairs.append((budget, size))
        if len({size for _, size in pairs}) > 2:
            slope = _slope([(math.log(budget), math.log(size)) for budget, size in pairs])
            sizes = [size for _, size in pairs]
            found.append(Frontier(approach, slope, 1 - slope, len(pairs), (min(sizes), max(sizes))))
    return tuple(found)


def _by_size(points: Sequence[Point]) -> dict[float, list[tuple[float, float]]]:
    """Of each size: log D and the lowest loss there, by D."""
    found: dict[float, dict[float, float]] = defaultdict(dict)
    for point in points:
        own = found[point.params]
        own[point.tokens] = min(point.loss, own.get(point.tokens, math.inf))
    return {size: sorted((math.log(tokens), loss) for tokens, loss in own.items()) for size, own in found.items()}


def _budgets(curves: dict[float, list[tuple[float, float]]]) -> list[float]:
    """Budgets from the least to the most that any size was trained with, evenly in the logarithm [flop]."""
    ends = [math.log(FLOP * size) + own[place][0] for size, own in curves.items() for place in (0, -1)]
    low, high = min(ends), max(ends)
    return [math.exp(low + (high - low) * place / (_BUDGETS - 1)) for place in range(_BUDGETS)]


def _at(curve: Sequence[tuple[float, float]], tokens: float) -> float | None:
    """The loss of a size after so many tokens; None outside of its runs."""
    at = math.log(tokens)
    for (low, first), (high, second) in pairwise(curve):
        if low - 1e-9 <= at <= high + 1e-9:
            return float(first + (second - first) * (at - low) / (high - low))
    return None


def _lowest(losses: dict[float, float]) -> float | None:
    """The size of the lowest loss, if it is neither the smallest nor the largest."""
    best = min(losses, key=lambda size: losses[size])
    return best if min(losses) < best < max(losses) else None


def _parabola(losses: dict[float, float]) -> float | None:
    """The minimum of a parabola in log N, if it lies among the sizes."""
    import numpy as np

    logs = np.log(list(losses))
    bend, slope, _ = np.polyfit(logs - logs.mean(), list(losses.values()), 2)
    if bend <= 0:
        return None
    minimum = float(logs.mean() - slope / (2 * bend))
    return math.exp(minimum) if logs.min() <= minimum <= logs.max() else None


def _slope(pairs: Sequence[tuple[float, float]]) -> float:
    """Of a straight line by least squares."""
    mean_x, mean_y = (sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    rise = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    return float(rise / sum((x - mean_x) ** 2 for x, _ in pairs))
