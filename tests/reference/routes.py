"""Which way data go between two sites, what caps them, and in which order a ring is best."""

import math
from itertools import pairwise, permutations

from .pipes import Pipe


class Way:
    """How a flow gets from one site to another."""

    def __init__(self, bandwidth, latency_s, pipes=(), streams=1.0, cap=math.inf):
        self.bandwidth, self.latency_s = bandwidth, latency_s
        """Of the narrowest link, headers taken off [bit/s]; one way [s]."""
        self.pipes, self.streams, self.cap = pipes, streams, cap


class Map:
    """A topology as pipes and ways.

    Args:
      topology: as resolved.
      steady: whether links keep the bandwidth that is written, for ever (to try out plans).
    """

    def __init__(self, topology, *, steady=False):
        self.transport, self.store = topology.transport, topology.store
        self.share = self.transport.segment_bytes / (self.transport.segment_bytes + self.transport.header_bytes)
        self.link, self.pipe, self.pipes = {}, {}, []
        for link in topology.links:
            start, end = link.between or (link.source, link.target)
            both = [(start, end), (end, start)] if link.between else [(start, end)]
            for number, (a, b) in enumerate(both):
                if number == 0 or link.duplex == "full":
                    arrow = "->" if link.duplex == "full" else "<->"
                    self.pipes.append(Pipe(f"{a} {arrow} {b}", link, self.share, steady))
                self.link[a, b], self.pipe[a, b] = link, self.pipes[-1]
        self.endpoint = {site.name: site.endpoint_bits_per_s for site in topology.datacenters}
        self.ring = topology.ring_order
        self.nodes = [site.name for site in topology.datacenters] + [router.name for router in topology.routers]
        self.given = {}
        for route in topology.route_overrides:
            start, end = route.between or (route.source, route.target)
            self.given[start, end] = (start, *route.via, end)
            if route.between:
                self.given[end, start] = (end, *route.via[::-1], start)
        self._trees, self._ways = {}, {}

    def path(self, start, end):
        """Nodes of the route: the one given, else least latency, then fewest hops, then names that sort first."""
        if (start, end) in self.given:
            return self.given[start, end]
        if start not in self._trees:
            best = {start: (0, 0, (start,))}
            changed = True
            while changed:  # until no link makes anything shorter
                changed = False
                for (a, b), link in self.link.items():
                    if a in best:
                        cost, hops, nodes = best[a]
                        label = (cost + round(link.latency_s * 1e18), hops + 1, (*nodes, b))
                        if b not in nodes and (b not in best or label < best[b]):
                            best[b] = label
                            changed = True
            self._trees[start] = best
        return self._trees[start][end][2]

    def way(self, start, end):
        if (start, end) not in self._ways:
            self._ways[start, end] = self._find(start, end)
        return self._ways[start, end]

    def idle(self, start, end):
        """What a flow has if it is alone and nothing changes: a link, or its sender, is the limit [bit/s]."""
        way = self.way(start, end)
        return min(way.cap, *(pipe.idle for pipe in way.pipes))

    def _find(self, start, end):
        hops = list(pairwise(self.path(start, end)))
        back = list(pairwise(self.path(end, start)))
        latency_s = sum(self.link[hop].latency_s for hop in hops)
        round_trip_s = latency_s + sum(self.link[hop].latency_s for hop in back)
        cap, transport = math.inf, self.transport
        loss = 1 - math.prod(1 - self.link[hop].loss for hop in hops)
        if round_trip_s > 0 and loss > 0:  # Mathis et al. 1997
            cap = min(cap, 8 * transport.segment_bytes / round_trip_s * math.sqrt(1.5 / loss))
        if round_trip_s > 0 and transport.window_bytes is not None:  # RFC 7323, 1.1
            cap = min(cap, 8 * transport.window_bytes / round_trip_s)
        return Way(
            min(self.link[hop].bandwidth_bits_per_s for hop in hops) * self.share,
            latency_s,
            tuple(dict.fromkeys(self.pipe[hop] for hop in hops)),
            float(transport.streams),
            min(transport.streams * cap, *(self.endpoint.get(site) or math.inf for site in (start, end))),
        )

    def best_rings(self, sites):
        """The order that is given; else those whose narrowest hop is widest while all hops run, of these the shortest."""

        def score(order):
            uses, latency_s = {}, 0.0
            for start, end in zip(order, (*order[1:], order[0]), strict=True):
                latency_s += sum(self.link[hop].latency_s for hop in pairwise(self.path(start, end)))
                for hop in pairwise(self.path(start, end)):
                    uses[self.pipe[hop]] = uses.get(self.pipe[hop], 0) + 1
            narrowest = min(pipe.link.bandwidth_bits_per_s / count for pipe, count in uses.items())
            return narrowest, -round(latency_s, 15)

        if self.ring:
            return [tuple(name for name in self.ring if name in sites)]
        scores = {order: score(order) for order in ((sites[0], *rest) for rest in permutations(sites[1:]))}
        widest, shortest = max(scores.values())
        return [o for o, (bits, s) in scores.items() if bits >= widest * (1 - 1e-12) and s >= shortest - 1e-12]
