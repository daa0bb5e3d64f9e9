"""Max-min fair rates from the solution before: if one of thousands of flows leaves, little changes.

The bottleneck of each flow (a full link, or its own cap) is remembered; the flow is said to be bound there. While the
bottlenecks stay the same, the levels of the full links solve a system of linear equations. On each full link the
capacity equals the weights bound there times its level, plus the weights bound elsewhere times the levels there.
Ordered by level this system is triangular, since a flow is bound by the link of lowest level that it crosses. So a
solution costs one substitution. It is then checked against the definition of max-min fairness; flows with another
bottleneck are moved there, and the system is solved again.

Source: the conditions are those of Bertsekas and Gallager, Data Networks, section 6.5.2; the iteration is Newton's
method for piecewise linear equations (policy iteration).
Limits: the matrix is dense in the links. Convergence is not guaranteed, so `max_min_rates` is used if it fails.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .max_min import Floats, load_of, max_min_rates

Whole = NDArray[np.int64]
MOST_LINKS = 512
"""The most links for which the matrix (8 bytes for each entry) is kept."""
_TRIES, _TOLERANCE = 6, 1e-11
_FROM_SCRATCH = 1024
"""After so many solutions in a row one is solved from scratch, so that rounding errors cannot add up."""


class Levels:
    """The levels of the links of a network, and the flows bound at each.

    Args:
      links: L, the number of links; position L means no link in a route, and the flow's own cap as a bottleneck.
    """

    def __init__(self, links: int) -> None:
        self._links = links
        self._level = np.full(links + 1, np.inf)
        self._on = np.zeros((0, 0))
        self._uses = 0

    def forget(self) -> None:
        """Lets the next solution start from scratch."""
        self._uses = 0

    def left(self, route: Whole, bound: int, weight: float, cap: float) -> None:
        """Removes a flow that has left from the equations."""
        if self._uses:
            self._on[route, bound] -= cap if bound == self._links else weight

    def rates(
        self, capacity: Floats, routes: Whole, weights: Floats, caps: Floats, bound: Whole
    ) -> tuple[Floats, Floats]:
        """Max-min fair rates of the flows.

        Args:
          capacity: of each link, shape (L + 1,), the last one infinite [bit/s].
          routes: links of each flow, padded with L, shape (K, F).
          weights: shape (F,).
          caps: shape (F,) [bit/s].
          bound: the last bottleneck of each flow, or -1 for a new one, shape (F,); updated.

        Returns:
          Rate of each flow [bit/s] and load of each link [bit/s].
        """
        cap_level = caps / weights
        if self._uses:
            self._uses -= 1
            self._move(np.flatnonzero(bound < 0), routes, weights, caps, cap_level, bound)
            for _ in range(_TRIES):
                load = self._substitute(capacity, bound)
                if load is None:
                    break
                lowest = reduce(np.minimum, [self._level[hop] for hop in routes], cap_level)
                own = np.where(bound == self._links, cap_level, self._level[bound])
                too_much = load > capacity * (1 + _TOLERANCE)
                if not too_much.any() and (own <= lowest * (1 + _TOLERANCE)).all():
                    return weights * lowest, load
                for link in np.flatnonzero(too_much & np.isinf(self._level)).tolist():
                    self._fill(link, capacity[link], routes, weights, lowest)
                self._move(None, routes, weights, caps, cap_level, bound)
        rates = max_min_rates(capacity, routes, weights, caps)
        load = load_of(routes, rates, len(capacity))
        self._adopt(capacity, routes, weights, caps, bound, rates, load)
        return rates, load

    def _substitute(self, capacity: Floats, bound: Whole) -> Floats | None:
        """Solves for the levels of the full links, lowest first; returns the loads, or None if there is no solution."""
        from scipy.linalg.lapack import dtrtrs  # importing scipy takes a quarter of a second

        last = self._links
        full = np.flatnonzero(np.bincount(bound, minlength=last + 1)[:-1])
        order = full[np.argsort(self._level[full], kind="stable")]
        matrix = self._on.take(order, 0).take(order, 1)
        solution, trouble = dtrtrs(matrix.T, capacity[order] - self._on[order, last], lower=0, trans=1)
        if trouble or (len(solution) and not solution.min() > 0):
            return None
        self._level = np.full(last + 1, np.inf)
        self._level[order] = solution
        load: Floats = self._on @ np.where(np.isinf(self._level), 0.0, self._level) + self._on[:, last]
        load[-1] = 0.0
        short = load[order] < capacity[order] * (1 - _TOLERANCE)
        if short.any():
            load[order[short]] = np.inf
        return load

    def _fill(self, link: int, capacity: float, routes: Whole, weights: Floats, levels: Floats) -> None:
        """Guesses the level of a link that has become full, as if the other links kept their levels."""
        on = np.flatnonzero(reduce(np.logical_or, [hop == link for hop in routes]))
        on = on[np.argsort(levels[on])]
        weight, level = weights[on], levels[on]
        below = np.concatenate([[0.0], np.cumsum(weight * level)[:-1]])
        above = np.cumsum(weight[::-1])[::-1]
        guess = (capacity - below) / above
        self._level[link] = guess[np.argmax(guess <= level)]

    def _move(
        self, which: Whole | None, routes: Whole, weights: Floats, caps: Floats, cap_level: Floats, bound: Whole
    ) -> None:
        """Binds flows (None: all) at their link of lowest level (the first of equal ones), or at their caps."""
        last = self._links
        order = np.argsort(self._level, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(last + 1)
        if which is not None:
            routes, cap_level = routes[:, which], cap_level[which]
        best = order[reduce(np.minimum, [rank[hop] for hop in routes])]
        best = np.where(cap_level < self._level[best], last, best)
        if which is None:
            which = np.flatnonzero(best != bound)
            routes, best = routes[:, which], best[which]
        old = bound[which]
        bound[which] = best
        for hop in routes:
            known = old >= 0
            amount = np.where(old == last, caps[which], weights[which])
            np.subtract.at(self._on, (hop[known], old[known]), amount[known])
            np.add.at(self._on, (hop, best), np.where(best == last, caps[which], weights[which]))

    def _adopt(
        self,
        capacity: Floats,
        routes: Whole,
        weights: Floats,
        caps: Floats,
        bound: Whole,
        rates: Floats,
        load: Floats,
    ) -> None:
        """Starts from a solution of `max_min_rates`."""
        last = self._links
        level = rates / weights
        highest = np.zeros(last + 1)
        for hop in routes:
            np.maximum.at(highest, hop, level)
        self._level = np.where(load >= capacity * (1 - 1e-9), highest, np.inf)
        self._level[last] = np.inf
        self._on = np.zeros((last + 1, last + 1))
        bound[:] = -1
        self._move(np.arange(len(bound)), routes, weights, caps, np.where(rates < caps, np.inf, 0.0), bound)
        self._uses = _FROM_SCRATCH if capacity[:-1].all() else 0
