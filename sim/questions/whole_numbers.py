"""The last whole number that fits a limit, and the first that reaches a goal, found with few trials."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

MOST = 2**40
"""Numbers beyond this are not searched."""
_BY_PROPORTION = 3
"""Trials by proportion, once a number that is too large is known; then the range is halved."""
_PATIENCE = 16
"""Trials after which n is doubled, as long as all of them fit."""
_ROUNDING = 1e-12
"""A number below a whole one by less than this share counts as whole: the difference is floating-point rounding."""


def last_that_fits(
    share: Callable[[int], float], guess: int, *, resolution: float = 0.0, near: float = math.inf
) -> int:
    """The largest n that a limit allows: n fits, and n + 1 does not.

    A trial is expensive (a replay), and the share is nearly proportional to n, so the next n is chosen by proportion.
    After three trials the remaining range is halved instead, which always ends the search.

    Args:
      share: the share of the limit that n takes; up to 1 fits.
      guess: the first n to try.
      resolution: by how much n may be below the last that fits, relative.
      near: a share of the limit at which the search ends.

    Returns:
      n, for which `share` was called; 0 if not even 1 fits.
    """
    fits, too_many, trials = 0, MOST, 0
    n = max(1, guess)
    while too_many - fits > max(1, resolution * fits):
        taken = share(n)
        fits, too_many = (n, too_many) if taken <= 1 else (fits, n)
        if near <= taken <= 1:
            break
        trials += 1
        n = math.floor(n / taken * (1 + _ROUNDING))
        outside = resolution > 0 and not fits < n < too_many  # a trial next to a known number would gain too little
        if too_many < MOST and (trials > _BY_PROPORTION or outside):
            n = (fits + too_many) // 2
        elif trials > _PATIENCE:
            n = 2 * fits
        n = min(max(n, fits + 1), too_many - 1)
    return fits


def first_that_reaches(reached: Callable[[int], bool]) -> int | None:
    """The smallest n that reaches a goal; None if none up to 2^40 does.

    Args:
      reached: whether n reaches it; if so, all larger numbers do, too.
    """
    return bisect_left(range(1, MOST + 1), True, key=reached) + 1 if reached(MOST) else None
