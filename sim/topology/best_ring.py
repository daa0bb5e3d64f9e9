"""The best ring: the order of sites for a ring all-reduce, in which all hops are busy at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, permutations
from typing import NamedTuple

from .model import Topology
from .ring_order import ring_among

EXACT_UP_TO = 8
"""The most sites for which every order is tried: 7! = 5,040 orders."""
_EFFORT = 40_000
"""The most hops that are evaluated to improve one order."""


class RingScore(NamedTuple):
    """The score of an order, larger is better: first the bandwidth of the narrowest hop, then the total latency."""

    narrowest_bits_per_s: float
    """Bandwidth of the narrowest hop while all hops run [bit/s]."""
    minus_latency_s: float
    """The sum of the hops' latencies, negative [s]."""


class _Rings:
    """Scores orders of some sites of a topology.

    A link that k hops of the ring cross gives each of them 1/k of its capacity. The smallest of these shares is the
    max-min fair rate of the narrowest hop. The directions of a half-duplex link count as one link.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._capacity: list[float] = []
        self._number: dict[tuple[str, str], int] = {}
        self._hops: dict[tuple[str, str], tuple[float, tuple[int, ...], float]] = {}
        self._widest_out: dict[str, float] = {}
        self._widest_in: dict[str, float] = {}
        self._direct_s: dict[str, dict[str, float]] = {}
        self._least_out_s: dict[str, float] = {}
        self._least_in_s: dict[str, float] = {}
        for link in topology.links:
            for direction in link.directions():
                if link.duplex == "full" or direction == link.ends:
                    self._capacity.append(link.bandwidth_bits_per_s)
                self._number[direction] = len(self._capacity) - 1
                start, end = direction
                width, latency_s = link.bandwidth_bits_per_s, link.latency_s
                self._widest_out[start] = max(width, self._widest_out.get(start, 0.0))
                self._widest_in[end] = max(width, self._widest_in.get(end, 0.0))
                self._direct_s.setdefault(start, {})[end] = latency_s
                self._least_out_s[start] = min(latency_s, self._least_out_s.get(start, math.inf))
                self._least_in_s[end] = min(latency_s, self._least_in_s.get(end, math.inf))

    def hop(self, start: str, end: str) -> tuple[float, tuple[int, ...], float]:
        """Latency [s], numbers of the links and bandwidth without other traffic [bit/s] of the route of a hop."""
        found = self._hops.get((start, end))
        if found is None:
            path = self._topology.path(start, end)
            links = tuple(self._number[hop] for hop in path)
            latency_s = sum(self._topology.wires[hop].latency_s for hop in path)
            found = self._hops[start, end] = (latency_s, links, min(self._capacity[link] for link in links))
        return found

    def leaves_wider(self, site: str, bits_per_s: float) -> bool:
        """Whether any link leaves a site with more than a bandwidth; if not, no hop from it is wider."""
        return self._widest_out.get(site, 0.0) > bits_per_s

    def comes_wider(self, site: str, bits_per_s: float) -> bool:
        """Whether any link enters a site with more than a bandwidth; if not, no hop to it is wider."""
        return self._widest_in.get(site, 0.0) > bits_per_s

    def bounds(self, start: str, ends: Collection[str]) -> tuple[float, float]:
        """Bounds for all hops from a site to some others: the least latency [s], the largest bandwidth [bit/s].

        A hop over several links leaves by one link and arrives by another.
        """
        direct_s = (latency_s for end, latency_s in self._direct_s.get(start, {}).items() if end in ends)
        around_s = self._least_out_s.get(start, math.inf) + min(self._least_in_s.get(end, math.inf) for end in ends)
        widest = min(self._widest_out.get(start, 0.0), max(self._widest_in.get(end, 0.0) for end in ends))
        return min(around_s, *direct_s, math.inf), widest

    def score(self, order: Sequence[str]) -> RingScore:
        """The score of an order."""
        narrowest, latency_s, _ = self._shares(order)
        return RingScore(narrowest, -round(latency_s, 15))

    def rank(self, order: Sequence[str]) -> tuple[float, int, float]:
        """The score, and between its parts the number of narrowest hops: fewer of them are progress."""
        narrowest, latency_s, uses = self._shares(order)
        tight = sum(count for link, count in uses.items() if self._capacity[link] / count == narrowest)
        return narrowest, -tight, -round(latency_s, 15)

    def tightest(self, order: Sequence[str]) -> list[int]:
        """Positions of the sites that send over a link with the smallest share."""
        narrowest, _, uses = self._shares(order)
        tight = {link for link, count in uses.items() if self._capacity[link] / count == narrowest}
        return [position for position, pair in enumerate(_pairs(order)) if not tight.isdisjoint(self.hop(*pair)[1])]

    def _shares(self, order: Sequence[str]) -> tuple[float, float, Counter[int]]:
        latency_s = 0.0
        uses: Counter[int] = Counter()
        for start, end in _pairs(order):
            hop = self.hop(start, end)
            latency_s += hop[0]
            uses.update(hop[1])
        return min(self._capacity[link] / count for link, count in uses.items()), latency_s, uses


def ring_score(topology: Topology, order: Sequence[str]) -> RingScore:
    """The score of an order of two or more sites (see `best_ring`)."""
    return _Rings(topology).score(order)


def best_ring(topology: Topology, sites: Sequence[str]) -> tuple[str, ...]:
    """The cyclic order of sites whose narrowest hop is widest while all hops are busy; of equal ones, least latency.

    A topology that gives its own `ring` has that order, without the sites that are not in the exchange.

    Each hop takes its own route; hops that cross the same link in the same direction share it. Up to 8 sites every
    order is tried. With more sites, several orders are improved and the best is taken. These are the order as given,
    nearest neighbour by latency and by bandwidth, and the order of a depth-first walk along the spanning tree of the
    widest (then shortest) links, which crosses each link of the tree once in each direction. An order is improved by
    reversing a part of it or by moving a site, first around the narrowest hops, until nothing helps or `_EFFORT` is
    spent.

    Args:
      topology: the links.
      sites: names of the sites.

    Returns:
      The sites in order, beginning with the first one given; the last one sends to the first.

    Raises:
      InputError: two sites have no path.

    Limits: with more than 8 sites the order is good, but not always the best; schedules and outages are ignored.
    """
    if topology.ring_order:
        return ring_among(topology.ring_order, sites)
    order = tuple(sites)
    if order not in topology.known:
        topology.known[order] = _best_ring(topology, order)
    found: tuple[str, ...] = topology.known[order]
    return found


def _best_ring(topology: Topology, order: tuple[str, ...]) -> tuple[str, ...]:
    if len(order) < 3 or _all_alike(topology, order):
        return order
    rings = _Rings(topology)
    if len(order) <= EXACT_UP_TO:
        return max(((order[0], *rest) for rest in permutations(order[1:])), key=rings.score)
    starts = [order, _nearest(order, rings, widest=False), _nearest(order, rings, widest=True)]
    starts.append(_along_the_tree(topology, order))
    found = max((_improved(start, rings) for start in dict.fromkeys(starts)), key=rings.score)
    first = found.index(order[0])
    return found[first:] + found[:first]


def _pairs(order: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(order, (*order[1:], order[0]), strict=True)


def _all_alike(topology: Topology, sites: tuple[str, ...]) -> bool:
    """Whether the sites form a full mesh of equal links, so that all orders are equally good."""
    among, small = set(sites), len(sites) <= EXACT_UP_TO
    own = [link for link in topology.links if among.issuperset(link.ends)]
    kinds = {(link.bandwidth_bits_per_s, link.latency_s, link.duplex, link.between is None) for link in own}
    return (
        len(own) == len(sites) * (len(sites) - 1) // 2
        and len(kinds) == 1
        and own[0].between is not None
        and not topology.route_overrides
        and all(len(topology.path(*p)) == 1 for p in (permutations(sites, 2) if small else _pairs(sites)))
    )


def _nearest(sites: tuple[str, ...], rings: _Rings, *, widest: bool) -> tuple[str, ...]:
    """From each site to the nearest of the remaining ones (or the one with the widest route); the first of equals."""

    def worth(latency_s: float, bandwidth: float) -> tuple[float, float]:
        return (-bandwidth, latency_s) if widest else (latency_s, -bandwidth)

    order, left = [sites[0]], dict.fromkeys(sites[1:])
    while left:
        most, best, nearest = worth(*rings.bounds(order[-1], left)), (math.inf, math.inf), ""
        for end in left:
            latency_s, _, bandwidth = rings.hop(order[-1], end)
            if (own := worth(latency_s, bandwidth)) < best:
                best, nearest = own, end
            if best == most:  # no other can be better
                break
        del left[nearest]
        order.append(nearest)
    return tuple(order)


def _along_the_tree(topology: Topology, sites: tuple[str, ...]) -> tuple[str, ...]:
    """The order of the sites in a depth-first walk along the spanning tree of the widest, then shortest links.

    The tree is found by Kruskal's algorithm.
    """
    parent = {node: node for node in topology.nodes}

    def root(node: str) -> str:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    near: dict[str, list[str]] = {node: [] for node in topology.nodes}
    for link in sorted(topology.links, key=lambda link: (-link.bandwidth_bits_per_s, link.latency_s)):
        start, end = link.ends
        if root(start) != root(end):
            parent[root(start)] = root(end)
            near[start].append(end)
            near[end].append(start)
    met: dict[str, None] = {}
    todo = [sites[0]]
    while todo:
        node = todo.pop()
        if node not in met:
            met[node] = None
            todo.extend(reversed(near[node]))
    among = set(sites)
    walked = [node for node in met if node in among]
    return (*walked, *(site for site in sites if site not in met))


def _improved(order: tuple[str, ...], rings: _Rings) -> tuple[str, ...]:
    """Hill climbing: moves to the first better neighbour until there is none."""
    best, effort = rings.rank(order), _EFFORT // len(order)
    improving = True
    while improving and effort > 0:
        improving = False
        for candidate in chain(_relieved(order, rings, best[0]), _neighbours(order)):
            effort -= 1
            rank = rings.rank(candidate)
            if rank > best:
                order, best, improving = candidate, rank, True
                break
            if effort <= 0:
                break
    return order


def _relieved(order: tuple[str, ...], rings: _Rings, narrowest: float) -> Iterator[tuple[str, ...]]:
    """Neighbours that replace one of the tightest hops by wider ones."""

    def wider(*pairs: tuple[str, str]) -> bool:
        return all(start != end and rings.hop(start, end)[2] > narrowest for start, end in pairs)

    for position in rings.tightest(order):
        turned = order[position + 1 :] + order[: position + 1]  # the tight hop is the one from the last to the first
        first, last = turned[0], turned[-1]
        if not rings.leaves_wider(last, narrowest) or not (
            rings.leaves_wider(first, narrowest) or rings.comes_wider(first, narrowest)
        ):
            continue  # each change needs a hop from the last site, and one from or to the first
        for cut in range(2, len(order) - 1):
            before, after = turned[cut - 1], turned[cut]
            if wider((last, before), (first, after)):
                yield turned[:cut][::-1] + turned[cut:]
            if wider((before, first), (first, after), (last, turned[1])):
                yield (*turned[1:cut], first, *turned[cut:])
            if wider((before, last), (last, after), (turned[-2], first)):
                yield (*turned[:cut], last, *turned[cut:-1])


def _neighbours(order: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Neighbours with a part reversed or one site moved; short changes first."""
    count = len(order)
    for length in range(2, count):
        for start in range(1, count - length + 1):
            end = start + length
            yield order[:start] + order[start:end][::-1] + order[end:]
            yield order[:start] + order[start + 1 : end] + (order[start],) + order[end:]
            yield (*order[:start], order[end - 1], *order[start : end - 1], *order[end:])
