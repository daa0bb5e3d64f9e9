"""The ways to do an exchange among some sites: algorithms, orders of a ring, servers of a star."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.ops import Shape
from ..topology.best_ring import best_ring
from .collectives import ALGORITHMS, GATHERS, Phase, direct_gather
from .placement import Placement
from .trees import double_tree

CHUNKED = "chunked-ring"
VIA_STORE = "store"
DOUBLE_TREE = "double-tree"
_MOST_SITES_FOR_DIRECT = 32
_MOST_SERVERS_TRIED = 16


def candidates(
    placement: Placement, algorithm: str, members: tuple[int, ...], payload_bytes: float, shape: Shape = "all-reduce"
) -> Iterator[tuple[str, list[Phase]]]:
    """Algorithms by name with their phases (by worker), for a name in `collectives.ALGORITHMS` or `auto`."""
    for name in [algorithm] if algorithm != "auto" else _names(len(members), shape):
        for phases in _orders(placement, name, members, payload_bytes, shape):
            yield name, phases


def _orders(
    placement: Placement, name: str, members: tuple[int, ...], payload_bytes: float, shape: Shape
) -> list[list[Phase]]:
    """The phases for the orders of the members to choose from.

    For a ring: that of the topology, if it gives one; else the order whose narrowest hop is widest, and that of the
    datacenters. For a star: each of the first
    members as the server.
    """
    if name == DOUBLE_TREE:  # its sum goes along trees; what is gathered goes directly
        return [double_tree(payload_bytes, members) if shape == "all-reduce" else direct_gather(payload_bytes, members)]
    algorithm = (ALGORITHMS if shape == "all-reduce" else GATHERS)[name]
    if name in ("ring", CHUNKED, "hierarchical"):
        names = placement.names(members)
        best = tuple(members[names.index(site)] for site in best_ring(placement.topology, names))
        orders = (best,) if placement.topology.ring_order else (best, members)
        return [algorithm(payload_bytes, order) for order in dict.fromkeys(orders)]
    if name == "star":
        servers = members[:_MOST_SERVERS_TRIED]
        return [algorithm(payload_bytes, [s, *(m for m in members if m != s)]) for s in servers]
    return [algorithm(payload_bytes, members)]


def _names(sites: int, shape: Shape) -> list[str]:
    left_out = {CHUNKED, "hierarchical", VIA_STORE} | ({"direct"} if sites > _MOST_SITES_FOR_DIRECT else set())
    left_out |= {"halving-doubling"} if shape == "all-gather" else set()
    return [name for name in ALGORITHMS if name not in left_out]  # hierarchical is a ring
