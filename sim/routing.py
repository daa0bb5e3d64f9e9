"""Least-latency routes that depend on nothing but the topology: exact sums, and ties that are always broken alike."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import NamedTuple

_ATTOSECONDS = 1e18
"""Latencies are summed as whole attoseconds: the sum does not depend on the order, so equal routes compare equal."""

Pair = tuple[str, str]


class Route(NamedTuple):
    """What a path offers: its narrowest link and the sum of its latencies; and what an exchange over it costs besides.

    Attributes:
      bandwidth_bits_per_s: of the narrowest link [bit/s].
      latency_s: the sum, one way [s].
      overhead_s: before the first byte of an exchange (`transport.exchange_overhead`) [s].
      node_chips: inside a datacenter: chips that a faster network of their own joins, n; 1 where there is none.
      node_bandwidth_bits_per_s: of that network, Wn [bit/s].
    """

    bandwidth_bits_per_s: float
    latency_s: float
    overhead_s: float = 0.0
    node_chips: int = 1
    node_bandwidth_bits_per_s: float = math.inf


class Routing:
    """The routes of one topology, found when asked for and kept.

    Args:
      latencies_s: one-way latency of each directed link [s].
      overrides: the nodes of the routes that are not to be those of least latency, by their ends.
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
        self._trees: dict[str, dict[str, tuple[str, ...]]] = {}

    def path(self, start: str, end: str) -> tuple[str, ...] | None:
        """The nodes of the route, ends included; None: there is none."""
        if override := self._overrides.get((start, end)):
            return override
        direct = self._out.get(start, {}).get(end)
        # any other way leaves by one link and arrives by another: at least that long, and more hops
        if direct is not None and direct <= self._least_out[start] + self._least_in[end]:
            return (start, end)
        if start not in self._trees:
            self._trees[start] = self._tree(start)
        return self._trees[start].get(end)

    def _tree(self, start: str) -> dict[str, tuple[str, ...]]:
        """Dijkstra's algorithm over (latency, hops, names)."""
        best: dict[str, tuple[int, int]] = {start: (0, 0)}
        done: dict[str, tuple[str, ...]] = {}
        queue: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, (start,))]
        while queue:
            cost, hops, nodes = heapq.heappop(queue)
            if nodes[-1] in done:
                continue
            done[nodes[-1]] = nodes
            for following, more in self._out.get(nodes[-1], {}).items():
                label = (cost + more, hops + 1)
                if following not in done and label <= best.get(following, label):
                    best[following] = label
                    heapq.heappush(queue, (*label, (*nodes, following)))
        return done
