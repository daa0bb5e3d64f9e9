"""What an exchange takes: by the published formula, or as flows. Both begin it and tell, by a signal, when it is over.

An exchange has `sites` (workers whose datacenters it uses), `size`, `one_way` (source, target) or None, `behind_s` and
`pays_inside`.
"""

from . import plans
from .clock import Signal


class Published:
    """Every exchange at its published cost; a site makes one after the other, the next while the latency passes."""

    def __init__(self, clock, roads, places, insides):
        self.clock, self.roads, self.places, self.insides = clock, roads, places, insides
        self.shared, self.ways, self.touched, self.within = {}, {}, {}, {}
        """When the bits of the last one have left: of all-reduces by worker; of transfers by pair and by worker; of
        exchanges inside by worker [s]."""

    def begin(self, exchange):
        sites, size = exchange.sites, exchange.size
        if len(sites) == 1:
            return self._inside(exchange)
        pairs = [(a, b) for a in sites for b in sites if a != b]
        if exchange.one_way:
            way = self._way(exchange.one_way)
            bits_s, late_s = 8 * size / way.bandwidth, way.latency_s
            before = [self.ways.get(exchange.one_way, 0.0), *(self.shared.get(w, 0.0) for w in sites)]
        else:
            ways = [self._way(pair) for pair in pairs]
            own = [self.insides[w].bandwidth for w in sites if self.insides[w].chips > 1]
            width = min([*(way.bandwidth for way in ways), *own])
            bits_s = 2 * 8 * size / width * (1 - 1 / self._chips(sites))
            late_s = max(way.latency_s for way in ways)
            before = [queue.get(w, 0.0) for w in sites for queue in (self.shared, self.touched)]
        bits_s += self.roads.transport.exchange_overhead_s
        left_s = max(self.clock.now, *before) + bits_s
        if exchange.one_way:
            self.ways[exchange.one_way] = left_s
            self.touched.update({w: max(left_s, self.touched.get(w, 0.0)) for w in sites})
        else:
            self.shared.update(dict.fromkeys(sites, left_s))
        return self._at(left_s + late_s)

    def _inside(self, exchange):
        (worker,) = exchange.sites
        inside, size = self.insides[worker], exchange.size
        if inside.chips <= 1 or not exchange.pays_inside:
            return self._at(self.clock.now)
        halves = 1 if exchange.one_way else 2
        bits_s = halves * inside.half_s(size) - exchange.behind_s
        left_s = max(self.clock.now, self.within.get(worker, 0.0)) + bits_s
        self.within[worker] = left_s
        return self._at(left_s + inside.latency_s)

    def _at(self, when_s):
        done = Signal(self.clock)
        self.clock.after(when_s - self.clock.now, done.fire)
        return done

    def _way(self, pair):
        return self.roads.way(self.places[pair[0]], self.places[pair[1]])

    def _chips(self, workers):
        return sum(self.insides[w].chips for w in workers)

    def crossing_bytes(self, exchange):
        sites = exchange.sites
        if len(sites) == 1:
            return 0.0
        if exchange.one_way:
            return exchange.size
        return len(sites) * 2 * exchange.size * (1 - 1 / self._chips(sites))


class Flowing(Published):
    """Inside, across, inside; across, every transfer is a flow on the links of its way.

    Args:
      choose: the plan for an exchange of a size among some workers.
    """

    def __init__(self, clock, roads, places, insides, pipes, choose, algorithm):
        super().__init__(clock, roads, places, insides)
        self.pipes, self.choose, self.chunked = pipes, choose, algorithm == "chunked-ring"
        self._last, self._pairs = {}, {}

    def begin(self, exchange):
        if len(exchange.sites) == 1:
            return self._inside(exchange)
        if exchange.one_way:
            return self._in_turn(self._pairs, [exchange.one_way], self._transfer(exchange))
        return self._in_turn(self._last, exchange.sites, self.all_reduce(exchange, self.plan(exchange)))

    def plan(self, exchange):
        return self.choose(tuple(exchange.sites), exchange.size)

    def _in_turn(self, queue, ports, work):
        """Begins when what came before on these ports is over."""
        before = [queue[port] for port in ports if port in queue]

        def turn():
            yield from before
            yield from work

        over = self.clock.start(turn())
        queue.update(dict.fromkeys(ports, over))
        return over

    def all_reduce(self, exchange, phases):
        yield self.roads.transport.exchange_overhead_s
        part_s = 0.0
        if exchange.pays_inside:
            part_s = max(self.insides[w].scatter_s(exchange.size) for w in exchange.sites)
        hidden_s = min(exchange.behind_s, part_s)
        yield part_s - hidden_s
        for transfers, rounds in phases:
            arriving = [self.clock.start(self._send(*transfer, rounds)) for transfer in transfers]
            yield from arriving
        yield max(0.0, part_s - (exchange.behind_s - hidden_s))

    def _send(self, source, target, size, rounds=1):
        way = self._way((source, target))
        yield self.pipes.send(way.pipes, size, way.streams, way.cap)
        yield rounds * way.latency_s

    def _transfer(self, exchange):
        """A push: inside, then across; a pull: across, then inside; the replica's site is the one that has the inside."""
        source, target = exchange.one_way
        part_s = self.insides[exchange.replica].scatter_s(exchange.size)
        yield self.roads.transport.exchange_overhead_s
        if exchange.replica == source:
            yield part_s
        yield from self._send(source, target, exchange.size)
        if exchange.replica == target:
            yield part_s

    def enter(self, exchange, member):
        """A member of a chunked ring begins by itself: tells when it has its own result."""
        if member not in exchange.chunks:
            ((hops, _),) = self.plan(exchange)
            order = [source for source, _, _ in hops]
            steps = range(2 * (len(order) - 1))
            for each in order:
                exchange.chunks[each] = [(Signal(self.clock), Signal(self.clock)) for _ in steps]
            exchange.next = dict(zip(order, (*order[1:], order[0]), strict=True))
        return self._in_turn(self._last, [member], self._chunks(exchange, member))

    def _chunks(self, exchange, member):
        """Each chunk is sent on when it is here and the next member is ready; a buffer's worth of it leaves meanwhile."""
        part_s = self.insides[member].scatter_s(exchange.size) if exchange.pays_inside else 0.0
        hidden_s = min(exchange.behind_s, part_s)
        target, size = exchange.next[member], exchange.size / len(exchange.sites)
        rest = min(size, self.roads.transport.send_buffer_bytes)

        def pass_on(number):
            yield exchange.chunks[target][number][0]
            if rest < size:
                way = self._way((member, target))
                yield self.pipes.send(way.pipes, size - rest, way.streams, way.cap)
            self.clock.start(arrive(number))

        def arrive(number):
            yield from self._send(member, target, rest)
            exchange.chunks[target][number][1].fire()

        yield self.roads.transport.exchange_overhead_s
        yield part_s - hidden_s
        for number, (ready, there) in enumerate(exchange.chunks[member]):
            ready.fire()
            handed_over = self.clock.start(pass_on(number))
            yield there
            yield handed_over
        yield max(0.0, part_s - (exchange.behind_s - hidden_s))

    def crossing_bytes(self, exchange):
        if len(exchange.sites) == 1 or exchange.one_way:
            return super().crossing_bytes(exchange)
        return sum(size for transfers, _ in self.plan(exchange) for _, _, size in transfers)


def choose_plans(alone_s, algorithm, names_of, best_ring, prefer=0):
    """The quickest of all plans that an algorithm has, on idle links; made once for each exchange.

    Args:
      alone_s: how long a plan takes by itself.
      prefer: which one of those that are equally quick, from 0.
    """
    known, rings = {}, {}

    def choose(members, size):
        if (members, size) not in known:
            if members not in rings:
                names = names_of(members)
                rings[members] = [members[names.index(name)] for name in best_ring(names)]
            found = plans.candidates(algorithm, size, members, rings[members])
            times = [alone_s(members, phases) if len(found) > 1 else 0.0 for _, phases in found]
            best = [phases for (_, phases), s in zip(found, times, strict=True) if s <= min(times) * (1 + 1e-9)]
            known[members, size] = best[min(prefer, len(best) - 1)]
            choose.ties = max(choose.ties, len(best))
        return known[members, size]

    choose.ties = 1
    return choose
