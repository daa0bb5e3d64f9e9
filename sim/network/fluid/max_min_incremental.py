"""Fair levels carried from one set of flows to the next: when one flow leaves thousands, little changes.

Where each flow is bound (by which full link, or by its own cap) is remembered. While that stays right, the levels of
the full links are the solution of linear equations: on each of them, the weights bound there times its level, plus
those bound elsewhere times theirs, make its capacity. Ordered by level these equations are triangular, because a flow
is bound by the lowest link that it crosses. So a solution costs a substitution; it is then checked against the
definition of max-min fairness, flows that turn out to be bound elsewhere are moved, and it is solved again.

Source: the conditions are those of Bertsekas and Gallager, Data Networks, section 6.5.2; the iteration is Newton's
method for equations that are linear in pieces (policy iteration).
Limits: dense in the links; nothing promises that it converges, so `max_min_rates` must stand behind it.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .max_min import Floats, load_of, max_min_rates

Whole = NDArray[np.int64]
MOST_LINKS = 512
"""Up to so many links the matrix (8 bytes an entry) is worth having."""
_TRIES, _TOLERANCE = 6, 1e-11
_FROM_SCRATCH = 1024
"""After so many solutions in a row all is solved from scratch, so that rounding cannot add up."""


class Levels:
    """The levels of the links of a network, and the flows bound at each.

    Args:
      links: L, how many there are; the position L stands for no link in a route, and for a flow's own cap as its bound.
    """

    def __init__(self, links: int) -> None:
        self._links = links
        self._level = np.full(links + 1, np.inf)
        self._on = np.zeros((0, 0))
        self._uses = 0

    def forget(self) -> None:
        """The next solution is from scratch."""
        self._uses = 0

    def left(self, route: Whole, bound: int, weight: float, cap: float) -> None:
        """A flow has left."""
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
          bound: where each flow was bound last, or -1 for a new one, shape (F,); brought up to date.

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
        """Levels of the links where flows are bound, from the lowest up; returns loads, None if it makes no sense."""
        from scipy.linalg.lapack import dtrtrs  # scipy costs a quarter of a second to import

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
        """A first guess of the level of a link that has become full: where the others leave their flows as they are."""
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
        """Binds flows (None: all) by the lowest of their links, the first in order of equal ones, or by their caps."""
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
        """Takes over a solution from scratch."""
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
