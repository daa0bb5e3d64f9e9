"""What an exchange takes: by the published formula, or as flows. Both begin it and tell, by a signal, when it is over.

An exchange has `sites` (workers whose datacenters it uses), `size`, `one_way` (source, target) or None, `behind_s`,
`pays_inside`, and `within`: whether it is at work inside the sites just now.
"""

from itertools import pairwise

from . import plans
from .clock import Signal
from .mailbox import STORE
from .turns import Turns


def queues(exchange, hops, members):
    """What an exchange waits for, and what it then takes: (waits, takes).

    Those inside a site go one after the other, and so do a site's with the others. What goes one way waits for what
    shares a link with it, and for the exchanges of both its ends, as these wait for it.
    """
    if len(exchange.sites) == 1:
        return [("inside", exchange.sites[0])], [("inside", exchange.sites[0])]
    among_all, one_way = [("among all", w) for w in members], [("one way", w) for w in members]
    if exchange.one_way:
        own = [(exchange.job, hop) for hop in hops]  # those of other jobs share the links, and wait for nobody
        return [*own, *among_all], [*own, *one_way]
    return [*among_all, *one_way], among_all


class Published:
    """Every exchange at its published cost; a site makes one after the other, the next while the latency passes."""

    def __init__(self, clock, roads, places, insides):
        self.clock, self.roads, self.places, self.insides = clock, roads, places, insides
        self.free_s = {}
        """When the bits of the last one have left, of what `queues` names [s]."""

    def begin(self, exchange):
        sites, size = exchange.sites, exchange.size
        if len(sites) == 1:
            return self._inside(exchange)
        pairs = [(a, b) for a in sites for b in sites if a != b]
        if exchange.one_way:
            way = self.way(exchange.one_way)
            bits_s, late_s = 8 * size / way.bandwidth, way.latency_s
        elif exchange.gathers:
            ways = [self.way(pair) for pair in pairs]
            bits_s = (len(sites) - 1) * 8 * size / min(way.bandwidth for way in ways)
            late_s = max(way.latency_s for way in ways)
        else:
            ways = [self.way(pair) for pair in pairs]
            own = [self.insides[w].bandwidth for w in sites if self.insides[w].chips > 1]
            width = min([*(way.bandwidth for way in ways), *own])
            bits_s = 2 * 8 * size / width * (1 - 1 / self._chips(sites))
            late_s = max(way.latency_s for way in ways)
        bits_s += self.roads.transport.exchange_overhead_s + self._asked_s(exchange.one_way)
        path = self.roads.path(*self._names(exchange.one_way)) if exchange.one_way else ()
        return self._when_free(exchange, list(pairwise(path)), bits_s, late_s)

    def _when_free(self, exchange, hops, bits_s, late_s):
        waits, takes = queues(exchange, hops, exchange.sites)
        left_s = max(self.clock.now, *(self.free_s.get(each, 0.0) for each in waits)) + bits_s
        self.free_s.update({each: max(left_s, self.free_s.get(each, 0.0)) for each in takes})
        return self._at(left_s + late_s)

    def _inside(self, exchange):
        (worker,) = exchange.sites
        inside, size = self.insides[worker], exchange.size
        if inside.chips <= 1 or not exchange.pays_inside:
            return self._at(self.clock.now)
        halves = 1 if exchange.one_way else 2
        return self._when_free(exchange, [], halves * inside.half_s(size) - exchange.behind_s, inside.latency_s)

    def _at(self, when_s):
        done = Signal(self.clock)
        self.clock.after(when_s - self.clock.now, done.fire)
        return done

    def way(self, pair):
        return self.roads.way(*self._names(pair))

    def _names(self, pair):
        return [self.roads.store.at if end == STORE else self.places[end] for end in pair]

    def _asked_s(self, *pairs):
        """What is waited for where a store is at one end [s]."""
        return self.roads.store.request_s if any(pair and STORE in pair for pair in pairs) else 0.0

    def _chips(self, workers):
        return sum(self.insides[w].chips for w in workers)

    def crossing_bytes(self, exchange):
        sites = exchange.sites
        if len(sites) == 1:
            return 0.0
        if exchange.one_way:
            return exchange.size
        if exchange.gathers:
            return len(sites) * (len(sites) - 1) * exchange.size
        return len(sites) * 2 * exchange.size * (1 - 1 / self._chips(sites))


class Flowing(Published):
    """Inside, across, inside; across, every transfer is a flow on the links of its way.

    Args:
      choose: the plan for an exchange of a size among some workers.
    """

    def __init__(self, clock, roads, places, insides, pipes, choose, algorithm):
        super().__init__(clock, roads, places, insides)
        self.pipes, self.choose, self.chunked = pipes, choose, algorithm == "chunked-ring"
        self._before = {}
        self._left = {}
        """When the last bit of the last message has left, on each connection, or on each link of those in turn."""
        self.turns = Turns(self)
        clock.fluids.append(self.turns)

    def begin(self, exchange):
        if len(exchange.sites) == 1:
            return self._inside(exchange)
        if exchange.stream and exchange.in_turn:
            return self.turns.ask(exchange)
        if exchange.stream:
            return self.clock.start(self.message(exchange, [exchange.stream]))
        if exchange.one_way:
            return self._in_turn(exchange, exchange.sites, self._transfer(exchange))
        return self._in_turn(exchange, exchange.sites, self.all_reduce(exchange, self.plan(exchange)))

    def plan(self, exchange):
        return self.choose(tuple(exchange.sites), exchange.size, exchange.gathers)

    def _in_turn(self, exchange, members, work):
        """Begins when all is over that is in its way."""
        hops = self.way(exchange.one_way).pipes if exchange.one_way else ()
        waits, takes = queues(exchange, hops, members)
        batch = getattr(exchange, "batch", None) or object()  # of the same batch nobody waits for the others
        before = [over for each in waits for over, other in self._before.get(each, []) if other != batch]

        def turn():
            yield from before
            yield from work

        over = self.clock.start(turn())
        for each in takes:
            self._before.setdefault(each, []).append((over, batch))
        return over

    def all_reduce(self, exchange, phases):
        first_s, last_s = self._parts_s(exchange, exchange.sites)
        yield from self._within(exchange, first_s)
        yield self.roads.transport.first_exchange_s if exchange.is_first else 0.0
        yield self.roads.transport.exchange_overhead_s
        for transfers, rounds in phases:
            yield self._handled_s(transfers)
            yield self._asked_s(*(transfer[:2] for transfer in transfers))
            arriving = [self.clock.start(self._send(*transfer, rounds)) for transfer in transfers]
            yield from arriving
        yield from self._within(exchange, last_s)

    def _handled_s(self, transfers):
        """At the slowest end: all that it sends or gets, but for the largest, at its bandwidth."""
        late_s = [0.0]
        for worker, place in enumerate(self.places):
            for side in (0, 1):
                sizes = [transfer[2] for transfer in transfers if transfer[side] == worker]
                if sizes and self.roads.endpoint[place]:
                    late_s.append(8 * (sum(sizes) - max(sizes)) / self.roads.endpoint[place])
        return max(late_s)

    def _parts_s(self, exchange, workers):
        """The parts inside, before and after, for the slowest; what runs behind the backward pass is done already."""
        part_s = (
            max(self.insides[w].scatter_s(exchange.size) for w in workers)
            if exchange.pays_inside and not exchange.gathers
            else 0.0
        )
        hidden_s = min(exchange.behind_s, part_s)
        return part_s - hidden_s, max(0.0, part_s - (exchange.behind_s - hidden_s))

    def _within(self, exchange, seconds):
        exchange.within = True
        yield seconds
        exchange.within = False

    def _send(self, source, target, size, rounds=1):
        way = self.way((source, target))
        yield self.pipes.send(way.pipes, size, way.streams, way.cap)
        yield rounds * self.roads.transport.messages * way.latency_s

    def message(self, exchange, takes):
        """Leaves when the one before it on its connection has; the next one leaves while it is on its way."""
        before, left = [self._left[each] for each in takes if each in self._left], Signal(self.clock)
        self._left.update(dict.fromkeys(takes, left))
        yield from before
        yield self.roads.transport.exchange_overhead_s
        way = self.way(exchange.one_way)
        yield self.pipes.send(way.pipes, exchange.size, way.streams, way.cap)
        left.fire()
        yield way.latency_s

    def _transfer(self, exchange):
        """A push: inside, then across; a pull: across, then inside; the replica's site is the one that has the inside."""
        source, target = exchange.one_way
        part_s = 0.0 if exchange.gathers else self.insides[exchange.replica].scatter_s(exchange.size)
        if exchange.replica == source:
            yield from self._within(exchange, part_s)
        yield self.roads.transport.exchange_overhead_s + self._asked_s(exchange.one_way)
        yield from self._send(source, target, exchange.size)
        if exchange.replica == target:
            yield from self._within(exchange, part_s)

    def enter(self, exchange, member):
        """A member of a chunked ring begins by itself: tells when it has its own result."""
        if member not in exchange.chunks:
            ((hops, _),) = self.plan(exchange)
            order = [source for source, _, _ in hops]
            steps = range(2 * (len(order) - 1))
            for each in order:
                exchange.chunks[each] = [(Signal(self.clock), Signal(self.clock)) for _ in steps]
            exchange.next = dict(zip(order, (*order[1:], order[0]), strict=True))
        return self._in_turn(exchange, [member], self._chunks(exchange, member))

    def _chunks(self, exchange, member):
        """Each chunk is sent on when it is here and the next member is ready; a buffer's worth of it leaves meanwhile."""
        mine, (first_s, last_s) = exchange.own[member], self._parts_s(exchange, [member])
        target, size = exchange.next[member], exchange.size / len(exchange.sites)
        rest = min(size, self.roads.transport.send_buffer_bytes)

        def pass_on(number):
            yield exchange.chunks[target][number][0]
            if rest < size:
                way = self.way((member, target))
                yield self.pipes.send(way.pipes, size - rest, way.streams, way.cap)
            self.clock.start(arrive(number))

        def arrive(number):
            yield from self._send(member, target, rest)
            exchange.chunks[target][number][1].fire()

        yield from self._within(mine, first_s)
        yield self.roads.transport.first_exchange_s if exchange.is_first else 0.0
        yield self.roads.transport.exchange_overhead_s
        for number, (ready, there) in enumerate(exchange.chunks[member]):
            ready.fire()
            handed_over = self.clock.start(pass_on(number))
            yield there
            yield handed_over
        yield from self._within(mine, last_s)

    def crossing_bytes(self, exchange):
        if len(exchange.sites) == 1 or exchange.one_way:
            return super().crossing_bytes(exchange)
        return sum(size for transfers, _ in self.plan(exchange) for _, _, size in transfers)


def choose_plans(alone_s, algorithm, names_of, best_rings, advise=None, given=False):
    """The quickest of all plans that an algorithm has, on idle links; made once for each exchange.

    Args:
      alone_s: how long a plan takes by itself.
      names_of: sites of workers.
      best_rings: every best order of sites, for a ring.
      given: whether the topology says the order.
      advise: which plan to take of several that are equally good: (members, size) -> phases.
    """
    known, rings = {}, {}

    def choose(members, size, gathers=False):
        if (members, size, gathers) not in known:
            if members not in rings:
                names = names_of(members)
                rings[members] = [[members[names.index(name)] for name in order] for order in best_rings(names)]
            known[members, size, gathers] = decide(members, size, gathers)
        return known[members, size, gathers]

    def decide(members, size, gathers):
        times = {}  # of plans by what they are

        def takes_s(phases):
            key = repr(phases)
            if key not in times:
                times[key] = alone_s(members, phases)
            return times[key]

        best = []
        for ring in rings[members]:
            of = plans.gathers if gathers else plans.candidates
            found = [phases for _, phases in of(algorithm, size, members, ring, given)]
            if len(found) > 1 or len(rings[members]) > 1:
                least_s = min(map(takes_s, found))
                found = [phases for phases in found if takes_s(phases) <= least_s * (1 + 1e-9)]
            best += found
        wanted = advise(members, size, gathers) if advise and len(best) > 1 else None
        return wanted if wanted in best else best[0]

    return choose
