"""The properties of a topology by itself: bottleneck cut, best ring and round trips."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

from ..errors import InputError
from ..topology.best_ring import EXACT_UP_TO, best_ring, ring_score
from ..topology.bottleneck_cut import Cut, bottleneck_cut
from ..topology.model import Topology

MOST_CUT_SITES = 128
"""The most sites for which the bottleneck cut is searched."""


@dataclass(frozen=True)
class Ring:
    """The best ring through all sites.

    Attributes:
      order: the sites in its order.
      narrowest_bits_per_s: rate of the slowest hop while all hops are used at once [bit/s].
      latency_s: sum over all hops [s].
      exact: whether all orders were tried.
      given: whether the topology says the order.
    """

    order: tuple[str, ...]
    narrowest_bits_per_s: float
    latency_s: float
    exact: bool
    given: bool


@dataclass(frozen=True)
class RoundTrip:
    """The round trip between two sites: the sum of the latencies of both directions [s]."""

    source: str
    target: str
    latency_s: float


@dataclass(frozen=True)
class TopologyAnswer:
    """A topology and its properties.

    Attributes:
      topology: as asked for.
      bottleneck_cut: None for a single site, and for more than `MOST_CUT_SITES`.
      best_ring: None for a single site, and where two sites have no route.
      round_trips: of every pair of sites; empty in the same cases.
      incomplete: the missing route, in words; None where every site reaches every other.
    """

    topology: Topology
    bottleneck_cut: Cut | None
    best_ring: Ring | None
    round_trips: tuple[RoundTrip, ...]
    incomplete: str | None


def answer(topology: Topology) -> TopologyAnswer:
    """Finds the bottleneck cut, the best ring and the round trips of a topology."""
    sites = tuple(site.name for site in topology.datacenters)
    if len(sites) == 1:
        return TopologyAnswer(topology, None, None, (), None)
    cut = bottleneck_cut(topology) if len(sites) <= MOST_CUT_SITES else None
    try:
        return TopologyAnswer(topology, cut, _ring(topology, sites), _round_trips(topology, sites), None)
    except InputError as error:  # show what is known of an incomplete topology
        return TopologyAnswer(topology, cut, None, (), str(error))


def _ring(topology: Topology, sites: tuple[str, ...]) -> Ring:
    order = best_ring(topology, sites)
    score = ring_score(topology, order)
    exact = len(sites) <= EXACT_UP_TO
    return Ring(tuple(order), score.narrowest_bits_per_s, -score.minus_latency_s, exact, bool(topology.ring_order))


def _round_trips(topology: Topology, sites: tuple[str, ...]) -> tuple[RoundTrip, ...]:
    trips = {pair: route.latency_s for pair, route in topology.routes(sites).items()}
    return tuple(RoundTrip(a, b, trips[a, b] + trips[b, a]) for a, b in permutations(sites, 2))
