"""Max-min fair rates of flows that share links.

Every flow has a route (the links that it crosses), a weight (k parallel streams weigh k) and a cap (the rate of its
sender on an idle network). Rates are max-min fair in their level, which is rate over weight: no flow can have more
unless a flow of an equal or lower level has less. Then every flow is at its cap, or crosses a full link on which no
flow has a higher level.

Source: Bertsekas and Gallager, Data Networks, section 6.5.2 (progressive filling).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Routes = NDArray[np.int64]


def max_min_rates(left: Floats, routes: Routes, weights: Floats, caps: Floats) -> Floats:
    """Max-min fair rates by progressive filling, all local bottlenecks of a round at once.

    A link whose fair level is the lowest on every route across it is a bottleneck whatever happens elsewhere. Its flows
    are settled, their rates are subtracted from the other links, and the next round has the remaining flows. The fair
    level of a link never falls when flows of a lower level leave it, so a flow whose cap is below the levels of all its
    links is settled as well.

    Args:
      left: capacity of each link, shape (L + 1,); the last one means no link and is infinite [bit/s].
      routes: links of each flow, padded with L, shape (K, F).
      weights: positive weight of each flow, shape (F,).
      caps: largest rate of each flow, shape (F,) [bit/s].

    Returns:
      Rate of each flow, shape (F,) [bit/s].
    """
    rates = np.zeros(len(weights))
    flows = np.arange(len(weights))
    hops, weight, level_cap = list(routes), weights, caps / weights
    left, links = left.copy(), len(left)
    load = load_of(hops, weight, links)
    level = np.empty(links)
    while len(flows):
        level.fill(np.inf)
        np.divide(left, load, out=level, where=load > 0)
        at = [level[hop] for hop in hops]
        lowest = reduce(np.minimum, at, level_cap)
        # the number of flows on each link whose bottleneck is elsewhere; a link without any is a bottleneck
        elsewhere = sum(np.bincount(hop, own > lowest, links) for hop, own in zip(hops, at, strict=True))
        full = (elsewhere == 0) & (load > 0)
        settled = reduce(np.logical_or, [full[hop] for hop in hops], lowest == level_cap)
        new = (weight * lowest)[settled]
        rates[flows[settled]] = new
        gone = [hop[settled] for hop in hops]
        left -= load_of(gone, new, links)
        np.maximum(left, 0.0, out=left)
        rest = ~settled
        flows, weight, level_cap, hops = flows[rest], weight[rest], level_cap[rest], [hop[rest] for hop in hops]
        load = load_of(hops, weight, links)
    return rates


def load_of(routes: Iterable[NDArray[np.int64]], amounts: Floats, links: int) -> Floats:
    """Sums an amount of each flow over the links that it crosses; the last place, for no link, stays 0."""
    total = np.zeros(links)
    for hop in routes:
        total += np.bincount(hop, amounts, links)
    total[-1] = 0.0
    return total


def level_of_arrivals(
    capacity: Floats, routes: Routes, weights: Floats, caps: Floats, fresh: NDArray[np.bool_]
) -> float:
    """A lower bound of the levels of new flows: their share if all flows on their links were equal [bit/s].

    Args:
      capacity: of each link, shape (L + 1,), the last one infinite [bit/s].
      routes: as for `max_min_rates`.
      weights: likewise.
      caps: likewise [bit/s].
      fresh: which flows are new, shape (F,).
    """
    if not fresh.any():
        return math.inf
    crowd = load_of(routes, weights, len(capacity))
    with np.errstate(divide="ignore", invalid="ignore"):
        equal = np.where(crowd > 0, capacity / crowd, math.inf)
    return float(min(equal[routes[:, fresh]].min(), (caps / weights)[fresh].min()))


def refreshed_rates(
    capacity: Floats, routes: Routes, weights: Floats, caps: Floats, rates: Floats, level: float
) -> Floats:
    """Rates after flows of at least some level came or left: flows below that level keep their rates.

    In progressive filling the flows below a level do not depend on flows that settle above it, so only the flows of at
    least that level are solved for again.

    Args:
      capacity: of each link, shape (L + 1,), the last one infinite [bit/s].
      routes: as for `max_min_rates`.
      weights: likewise.
      caps: likewise [bit/s].
      rates: rates of the flows before [bit/s].
      level: the lowest level (rate over weight) of a flow that came or left; 0: solve for all flows [bit/s].
    """
    kept = rates < weights * (level * (1 - 1e-9))
    if not kept.any():
        return max_min_rates(capacity, routes, weights, caps)
    left = np.maximum(capacity - load_of(routes[:, kept], rates[kept], len(capacity)), 0.0)
    fresh = rates.copy()
    fresh[~kept] = max_min_rates(left, routes[:, ~kept], weights[~kept], caps[~kept])
    return fresh
