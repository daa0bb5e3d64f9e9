"""Choices of datacenters: which of a topology an option uses, each choice that looks different once."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ...scenario.failures import Away, Failures, Part
from ...topology.model import Route, Topology
from ...topology.ring_order import ring_among

MOST_SITES = 10
"""Up to so many datacenters every subset is an option; with more, only the first 1, 2, 3, ... by flop/s."""


def choices(topology: Topology, failures: Failures | None, most: int | None = None) -> list[tuple[str, ...]]:
    """Subsets of the datacenters; of those that are alike in chips, inside, routes and what fails, the first.

    Where that are more than `most`, or there are too many datacenters, the first 1, 2, 3, ... by flop/s.
    """
    sites = sorted(topology.datacenters, key=lambda site: -(site.chips or 0) * (site.chip_flop_per_s or 0.0))
    names = [site.name for site in sites]
    first = [tuple(names[:count]) for count in range(1, len(names) + 1)]
    if len(names) > MOST_SITES:
        return first
    own: tuple[Part | Away, ...] = (*failures.parts, *failures.away) if failures else ()
    fails = {name: [each.replaced(site="it") for each in own if each.site == name] for name in names}
    more = {name: (fails[name], *_store_ways(topology, name)) for name in names}
    looks = {site.name: str((site.chips, site.chip_flop_per_s, site.inside, *more[site.name])) for site in sites}
    found: dict[str, tuple[str, ...]] = {}
    for count in range(1, len(names) + 1):
        for chosen in combinations(names, count):
            routes = sorted(topology.routes(chosen).values())
            alike = ring_among(topology.ring_order, chosen) or (sorted(looks[name] for name in chosen), routes)
            found.setdefault(str(alike), chosen)
    return first if most is not None and len(found) > most else list(found.values())


def _store_ways(topology: Topology, site: str) -> tuple[Route, ...]:
    """The ways of a site to the store, and back, if there is one."""
    if topology.store is None:
        return ()
    return tuple(topology.route(*ends) for ends in ((site, topology.store.at), (topology.store.at, site)))


def part_of(topology: Topology, chosen: tuple[str, ...]) -> Topology:
    """The topology with the chosen datacenters; those left out become routers."""
    sites = {site.name: site for site in topology.datacenters}
    datacenters = tuple(sites[name] for name in chosen)
    if len(chosen) == 1:
        nothing: dict[str, Any] = dict.fromkeys(("routers", "links", "routes", "egress", "ring"), ())
        return topology.replaced(datacenters=datacenters, store=None, **nothing)
    left_out = (name for name in sites if name not in chosen)
    prices = tuple(pair for pair in topology.egress if set(pair.ways()[0]) <= set(chosen))
    ring = ring_among(topology.ring_order, chosen) or None
    routers = (*topology.routers, *left_out)
    return topology.replaced(datacenters=datacenters, routers=routers, egress=prices or None, ring=ring)
