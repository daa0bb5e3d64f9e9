"""How an all-reduce of S bytes among sites is made of transfers: phases (transfers at once, rounds of latency)."""

from .mailbox import STORE

MOST_SITES_FOR_DIRECT = 32
MOST_SERVERS = 16


def ring(size, order):
    """2 (M - 1) pieces of S/M from each to the next, without a gap; the latency for each piece."""
    sites = len(order)
    hops = zip(order, (*order[1:], order[0]), strict=True)
    return [([(a, b, 2 * size * (sites - 1) / sites) for a, b in hops], 2 * (sites - 1))]


def halving_doubling(size, order):
    """Partners at distance m/2, ..., 1 and back; who is beyond the power of two m hands all to a partner first."""
    core = 1
    while 2 * core <= len(order):
        core *= 2
    extra = range(len(order) - core)
    halves, distance, piece = [], core // 2, size / 2
    while distance:
        halves.append(([(order[i], order[i ^ distance], piece) for i in range(core)], 1))
        distance, piece = distance // 2, piece / 2
    fold = [([(order[core + i], order[i], size) for i in extra], 1)] if extra else []
    unfold = [([(order[i], order[core + i], size) for i in extra], 1)] if extra else []
    return [*fold, *halves, *halves[::-1], *unfold]


def direct(size, order):
    """Everybody sends each other one its share, and then the sum of the own share."""
    phase = ([(a, b, size / len(order)) for a in order for b in order if a != b], 1)
    return [phase, phase]


def star(size, order):
    """All to the first, and back."""
    server, others = order[0], order[1:]
    return [([(site, server, size) for site in others], 1), ([(server, site, size) for site in others], 1)]


def through_store(size, order):
    """Each puts its own into the store, and then reads what the others put there."""
    rest = (len(order) - 1) * size
    return [([(site, STORE, size) for site in order], 1), ([(STORE, site, rest) for site in order], 1)]


def double_tree(size, order):
    """Half of it along a tree whose leaves are odd, half along its mirror image (of an odd number: one further on)."""
    count, edges = len(order), []
    for site in range(1, count):
        low = 1
        while site % (2 * low) == 0:
            low *= 2
        above = site + low if (site // low) % 4 == 1 and site + low < count else site - low
        other = (count - 1 - site, count - 1 - above) if count % 2 == 0 else ((site + 1) % count, (above + 1) % count)
        edges += [(site, above), other]
    ways = [way for a, b in edges for way in ((a, b), (b, a))]
    return [([(order[a], order[b], size / 2) for a, b in ways], 2 * (count - 1).bit_length())]


def gather(name, size, order):
    """Everybody gets the S bytes of each other: passed on along a ring, sent to each, or by the first."""
    sites = len(order)
    if name in ("ring", "chunked-ring", "hierarchical"):
        hops = zip(order, (*order[1:], order[0]), strict=True)
        return [([(a, b, (sites - 1) * size) for a, b in hops], sites - 1)]
    if name == "star":
        server, others = order[0], order[1:]
        back = [(server, site, (sites - 1) * size) for site in others]
        return [([(site, server, size) for site in others], 1), (back, 1)]
    if name == "store":
        return through_store(size, order)
    return [([(a, b, size) for a in order for b in order if a != b], 1)]


def gathers(algorithm, size, members, best_ring, given=False):
    """Likewise for what is gathered and not summed."""
    if algorithm == "auto":
        names = ["ring", *(["direct"] if len(members) <= MOST_SITES_FOR_DIRECT else []), "star"]
        return [plan for name in names for plan in gathers(name, size, members, best_ring, given)]
    orders = [tuple(members)]
    if algorithm in ("ring", "chunked-ring", "hierarchical"):
        orders = _orders(members, best_ring, given)
    if algorithm == "star":
        orders = [(s, *(m for m in members if m != s)) for s in members[:MOST_SERVERS]]
    return [(algorithm, gather(algorithm, size, order)) for order in orders]


def _orders(members, best_ring, given):
    return dict.fromkeys([tuple(best_ring), *([] if given else [tuple(members)])])


def candidates(algorithm, size, members, best_ring, given=False):
    """Every plan that an algorithm (or `auto`) may choose from: (name, phases).

    Args:
      algorithm: a name, or `auto`.
      size: S [byte].
      members: the workers.
      best_ring: them in the best order for a ring, or in that of the topology.
      given: whether it is that of the topology, which rings go around whatever it costs.
    """
    if algorithm == "auto":
        names = ["ring", "halving-doubling", *(["direct"] if len(members) <= MOST_SITES_FOR_DIRECT else []), "star"]
        return [plan for name in names for plan in candidates(name, size, members, best_ring, given)]
    if algorithm in ("ring", "chunked-ring", "hierarchical"):
        return [(algorithm, ring(size, order)) for order in _orders(members, best_ring, given)]
    if algorithm == "star":
        servers = members[:MOST_SERVERS]
        return [("star", star(size, [s, *(m for m in members if m != s)])) for s in servers]
    others = {
        "halving-doubling": halving_doubling,
        "direct": direct,
        "store": through_store,
        "double-tree": double_tree,
    }
    return [(algorithm, others[algorithm](size, members))]
