"""By how much the loss of the best plan falls with one more unit of a resource, and with twice as much of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...topology.model import Topology
from ...units.quantities import BANDWIDTH
from .holding import fitting_grids
from .options import Ask, options
from .search import Grid, best_loss, bound
from .spending import within_power

_UNIT_BITS_PER_S = 1e9
_UNIT_TOKENS = 1e9
_LEADING = 3
"""Options without a closed form that are evaluated again for a changed resource: the best as things are."""
_UNITS = {
    "days": "1 day",
    "chips": "1 chip in every datacenter",
    "bandwidth": "1 Gbit/s on every link between datacenters",
    "inside_bandwidth": "1 Gbit/s inside every datacenter",
    "unique_tokens": "1e9 unique tokens",
    "cost": "1% of the cost allowed",
}


@dataclass(frozen=True)
class Marginal:
    """The effect of one resource on the lowest loss; the plan is chosen anew.

    Attributes:
      unit: one unit of the resource, in words.
      loss_change: change of the loss by one more unit [nats per token].
      doubled_loss_change: change of the loss by twice as much [nats per token].
    """

    unit: str
    loss_change: float
    doubled_loss_change: float


def marginals(ask: Ask, topology: Topology, params: NDArray[np.float64], grids: Sequence[Grid]) -> dict[str, Marginal]:
    """The lowest loss with more of one resource, minus the lowest loss as things are; for each resource.

    Args:
      ask: what is asked.
      topology: from `equipped`.
      params: N to choose from, of shape (N,).
      grids: every combination as things are.

    Limits: numbers of steps are taken as real numbers. Options without a closed form are estimated, and only those
      among the best as things are.
    """
    names = ["days", "chips", "inside_bandwidth"]
    names += ["bandwidth"] if topology.links else []
    names += ["unique_tokens"] if ask.unique_tokens is not None else []
    names += ["cost"] if ask.max_cost is not None else []
    base = best_loss(grids, ask.limit_s)
    exact = {one.option.name for one in grids if one.exact}
    leading = {one.option.name for one in sorted(grids, key=lambda one: best_loss([one], ask.limit_s))[:_LEADING]}

    def change(name: str, doubled: bool) -> float:
        if name == "days":
            return best_loss(grids, ask.limit_s + (ask.limit_s if doubled else 86_400)) - base
        changed = within_power(ask, options(_asked(ask, name, doubled), enlarged(topology, name, doubled)))
        hopeful = [one for one in changed if one.name in leading or one.name in exact]
        hopeful = [option for option in hopeful if bound(option, params, ask.limit_s) < base]
        return min(0.0, best_loss(fitting_grids(hopeful, params), ask.limit_s) - base)

    return {name: Marginal(_UNITS[name], change(name, False), change(name, True)) for name in names}


def _asked(ask: Ask, name: str, doubled: bool) -> Ask:
    if name == "unique_tokens" and ask.unique_tokens is not None:
        more = ask.unique_tokens if doubled else _UNIT_TOKENS
        return replace(ask, unique_tokens=ask.unique_tokens + more)
    if name == "cost" and ask.max_cost is not None:
        return replace(ask, max_cost=ask.max_cost * (2 if doubled else 1.01))
    return ask


def enlarged(topology: Topology, name: str, doubled: bool) -> Topology:
    """The topology with more of one resource; unchanged if the resource is not a part of it."""

    def more(bits_per_s: float) -> float:
        return BANDWIDTH.within(bits_per_s + (bits_per_s if doubled else _UNIT_BITS_PER_S))

    changes: dict[str, Any] = {}
    sites = topology.datacenters
    if name == "chips":
        changes["datacenters"] = tuple(
            site.replaced(chips=(site.chips or 0) + ((site.chips or 0) if doubled else 1)) for site in sites
        )
    if name == "inside_bandwidth":
        wider = (site.inside.replaced(bandwidth=more(site.inside.bandwidth_bits_per_s)) for site in sites)
        changes["datacenters"] = tuple(site.replaced(inside=inside) for site, inside in zip(sites, wider, strict=True))
    if name == "bandwidth":
        changes["links"] = tuple(link.with_bandwidth(more) for link in topology.links)
    return topology.replaced(**changes)
