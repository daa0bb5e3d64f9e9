"""Routes of least latency that depend only on the topology: sums are exact, and ties have a fixed order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_ATTOSECONDS = 1e18
"""Latencies are summed as whole attoseconds: the sum does not depend on the order, so equal routes compare equal."""

Pair = tuple[str, str]


class Route(NamedTuple):
    """The bandwidth, latency and overhead of a path.

    Attributes:
      bandwidth_bits_per_s: of its narrowest link [bit/s].
      latency_s: sum of its latencies, one way [s].
      overhead_s: time before the first byte of an exchange (`transport.exchange_overhead`) [s].
      node_chips: inside a datacenter: chips of a node, n; 1: no nodes.
      node_bandwidth_bits_per_s: bandwidth inside a node, Wn [bit/s].
    """

    bandwidth_bits_per_s: float
    latency_s: float
    overhead_s: float = 0.0
    node_chips: int = 1
    node_bandwidth_bits_per_s: float = math.inf

    def then(self, link: Route) -> Route:
        """The route with one more link at its end."""
        narrowest = min(self.bandwidth_bits_per_s, link.bandwidth_bits_per_s)
        return Route(narrowest, self.latency_s + link.latency_s, self.overhead_s)


class Routing:
    """The routes of one topology, found on demand and cached.

    Args:
      latencies_s: one-way latency of each directed link [s].
      overrides: the nodes of routes that differ from those of least latency, by their ends.
    """

    def __init__(self, latencies_s: Mapping[Pair, float], overrides: Mapping[Pair, tuple[str, ...]]) -> None:
        self._out: dict[str, dict[str, int]] = {}
        self._least_in: dict[str, int] = {}
        for (start, end), latency_s in latencies_s.items():
            cost = round(latency_s * _ATTOSECONDS)
            self._out.setdefault(start, {})[end] = cost
            self._least_in[end] = min(cost, self._least_in.get(end, cost))
        self._least_out = {start: min(costs.values()) for start, costs in self._out.items()}
        self._overrides = overrides
        self._trees: dict[str, dict[str, str]] = {}

    def path(self, start: str, end: str) -> tuple[str, ...] | None:
        """The nodes of the route, with its ends; None if there is no route."""
        if override := self._overrides.get((start, end)):
            return override
        if self._is_direct(start, end):
            return (start, end)
        before = self._tree(start)
        if end not in before:
            return None
        nodes = [end]
        while nodes[-1] != start:
            nodes.append(before[nodes[-1]])
        return tuple(reversed(nodes))

    def offers(self, start: str, ends: Sequence[str], links: Mapping[Pair, Route]) -> Iterator[Route | None]:
        """The routes from one node to others, each extended from the route to the node before its end.

        Args:
          start: the node at which they begin.
          ends: the nodes at which they end.
          links: each directed link as a route.

        Yields:
          The route to each end; None if there is none.
        """
        known: dict[str, Route] = {}
        for end in ends:
            override = self._overrides.get((start, end))
            if override:
                hops = [links[hop] for hop in pairwise(override)]
                yield Route(min(hop.bandwidth_bits_per_s for hop in hops), sum(hop.latency_s for hop in hops))
            elif self._is_direct(start, end):
                yield links[start, end]
            else:
                if not known:
                    known[start] = Route(math.inf, 0.0)
                    for node, previous in self._tree(start).items():  # a node comes after the one before it
                        if node != start:
                            known[node] = known[previous].then(links[previous, node])
                yield known.get(end)

    def _is_direct(self, start: str, end: str) -> bool:
        """Whether the direct link is the route: any other leaves by one link, arrives by another, and has more hops."""
        direct = self._out.get(start, {}).get(end)
        return direct is not None and direct <= self._least_out[start] + self._least_in[end]

    def _tree(self, start: str) -> dict[str, str]:
        """For each node the node before it on its route from `start`, nearest first; for `start` itself `start`.

        Dijkstra's algorithm over (latency, hops, names).
        """
        if start in self._trees:
            return self._trees[start]
        best: dict[str, tuple[int, int]] = {start: (0, 0)}
        before: dict[str, str] = {}
        queue: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, (start,))]
        while queue:
            cost, hops, nodes = heapq.heappop(queue)
            here = nodes[-1]
            if here in before:
                continue
            before[here] = nodes[-2] if hops else start
            for following, more in self._out.get(here, {}).items():
                label = (cost + more, hops + 1)
                if following not in before and label <= best.get(following, label):
                    best[following] = label
                    heapq.heappush(queue, (*label, (*nodes, following)))
        self._trees[start] = before
        return before
