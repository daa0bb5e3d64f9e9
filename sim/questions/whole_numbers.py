"""The last whole number that fits a limit, and the first that reaches a goal, found with few trials."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

MOST = 2**40
"""Numbers below this are looked at."""
_BY_PROPORTION = 3
"""Trials that go by proportion, once it is known what is too many."""
_PATIENCE = 16
"""Trials after which n is doubled, as long as all of them fit."""
_HAIR = 1e-12
"""What misses a whole number by less than this share does so by rounding only."""


def last_that_fits(
    share: Callable[[int], float], guess: int, *, resolution: float = 0.0, near: float = math.inf
) -> int:
    """The most of something that a limit allows: n fits, n + 1 does not.

    A trial is dear (a replay), and what it takes is nearly in proportion to n: so proportion says where to try next.
    After three trials what is left is halved instead: that ends the search where the proportion does not.

    Args:
      share: what n of it take of the limit; up to 1 fits.
      guess: where to try first.
      resolution: how far n may stay below the last that fits, relative.
      near: a share of the limit that is enough, so that the search ends there.

    Returns:
      n, of which `share` was tried; 0 if not even one fits.
    """
    fits, too_many, trials = 0, MOST, 0
    n = max(1, guess)
    while too_many - fits > max(1, resolution * fits):
        taken = share(n)
        fits, too_many = (n, too_many) if taken <= 1 else (fits, n)
        if near <= taken <= 1:
            break
        trials += 1
        n = math.floor(n / taken * (1 + _HAIR))
        outside = resolution > 0 and not fits < n < too_many  # next to what is known is too near to be worth a trial
        if too_many < MOST and (trials > _BY_PROPORTION or outside):
            n = (fits + too_many) // 2
        elif trials > _PATIENCE:
            n = 2 * fits
        n = min(max(n, fits + 1), too_many - 1)
    return fits


def first_that_reaches(reached: Callable[[int], bool]) -> int | None:
    """The fewest of something that reach a goal; None if none below 2^40 does.

    Args:
      reached: whether n of it do; if so, all larger numbers do.
    """
    return bisect_left(range(1, MOST + 1), True, key=reached) + 1 if reached(MOST) else None
