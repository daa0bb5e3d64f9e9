"""What one more unit of something, or twice as much of it, would buy a plan in loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...topology.model import Topology
from ...units.quantities import BANDWIDTH
from .options import Ask, options
from .search import Grid, best_loss, bound, grid

_UNIT_BITS_PER_S = 1e9
_UNIT_TOKENS = 1e9
_LEADING = 3
"""Without closed forms: so many options, the best as things are, are looked at again."""
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
    """What more of something buys.

    Attributes:
      unit: what one unit is.
      loss_change: of one more unit, the plan chosen anew [nats per token].
      doubled_loss_change: of twice as much [nats per token].
    """

    unit: str
    loss_change: float
    doubled_loss_change: float


def marginals(ask: Ask, topology: Topology, params: NDArray[np.float64], grids: Sequence[Grid]) -> dict[str, Marginal]:
    """The lowest loss with more of one thing, less the lowest loss as things are; for each thing that limits a run.

    Args:
      ask: what is asked.
      topology: with chips and speeds.
      params: N to choose from, of shape (N,).
      grids: every combination as things are.

    Limits: by closed form, steps taken as real numbers; where an option has none by estimate, and then only for those
      that lead as things are.
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
        changed = options(_asked(ask, name, doubled), enlarged(topology, name, doubled))
        hopeful = [one for one in changed if one.name in leading or one.name in exact]
        hopeful = [option for option in hopeful if bound(option, params, ask.limit_s) < base]
        return min(0.0, best_loss([grid(option, params) for option in hopeful], ask.limit_s) - base)

    return {name: Marginal(_UNITS[name], change(name, False), change(name, True)) for name in names}


def _asked(ask: Ask, name: str, doubled: bool) -> Ask:
    if name == "unique_tokens" and ask.unique_tokens is not None:
        more = ask.unique_tokens if doubled else _UNIT_TOKENS
        return replace(ask, unique_tokens=ask.unique_tokens + more)
    if name == "cost" and ask.max_cost is not None:
        return replace(ask, max_cost=ask.max_cost * (2 if doubled else 1.01))
    return ask


def enlarged(topology: Topology, name: str, doubled: bool) -> Topology:
    """The topology with more chips, or with wider links; as it is where neither is asked for."""

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
