"""Rings and cuts against every order and every partition there is, on small random topologies."""

import random
from itertools import combinations, pairwise, permutations

import pytest

from sim.documents.validation import validate
from sim.topology import best_ring as rings
from sim.topology.best_ring import best_ring, ring_score
from sim.topology.bottleneck_cut import bottleneck_cut
from sim.topology.model import Topology, load_topology


def topology(links, count, routers=(), **extra):
    document = {
        "name": "t",
        "datacenters": [{"name": f"s{number}"} for number in range(count)],
        "routers": list(routers),
        "links": links,
        **extra,
    }
    return validate(Topology, document, source="test")


def wire(start, end, gigabits, milliseconds=1, **extra):
    return {"bandwidth": f"{gigabits} Gbit/s", "latency": f"{milliseconds} ms", "from": start, "to": end, **extra}


def both(start, end, gigabits, milliseconds=1, **extra):
    return {"between": [start, end], "bandwidth": f"{gigabits} Gbit/s", "latency": f"{milliseconds} ms", **extra}


def scattered(seed, count, routers=2):
    """A connected topology of random links, some of them of one direction or half duplex."""
    rng = random.Random(seed)
    names = [f"s{number}" for number in range(count)] + [f"r{number}" for number in range(routers)]
    mixed = rng.sample(names, len(names))
    links = [both(a, b, rng.randint(1, 9), rng.randint(1, 30)) for a, b in pairwise(mixed)]
    taken = {frozenset(pair) for pair in pairwise(mixed)}
    for a, b in combinations(names, 2):
        if frozenset((a, b)) in taken or rng.random() > 0.4:
            continue
        kind = rng.random()
        speed, latency = rng.randint(1, 9), rng.randint(1, 30)
        if kind < 0.3:
            links += [wire(a, b, speed, latency), wire(b, a, rng.randint(1, 9), latency)]
        else:
            links.append(both(a, b, speed, latency, duplex="half" if kind < 0.5 else "full"))
    return topology(links, count, names[count:])


def plainly(t, order):
    """Narrowest share and latency of a ring, from the links themselves."""
    hops = [hop for pair in zip(order, (*order[1:], order[0]), strict=True) for hop in t.path(*pair)]
    shares = []
    for link in t.links:
        for group in [link.directions()] if link.duplex == "half" else [[d] for d in link.directions()]:
            count = sum(hops.count(direction) for direction in group)
            if count:
                shares.append(link.bandwidth_bits_per_s / count)
    return min(shares), -round(sum(t.wires[hop].latency_s for hop in hops), 12)


@pytest.mark.parametrize("seed", range(30))
def test_up_to_eight_sites_no_order_is_better(seed):
    count = 3 + seed % 4
    t = scattered(seed, count)
    sites = tuple(site.name for site in t.datacenters)
    order = best_ring(t, sites)
    assert order[0] == sites[0]
    assert sorted(order) == sorted(sites)
    best = max(plainly(t, (sites[0], *rest)) for rest in permutations(sites[1:]))
    assert plainly(t, order) == pytest.approx(best)
    score = ring_score(t, order)
    assert (score.narrowest_bits_per_s, score.minus_latency_s) == pytest.approx(best)


def test_eight_sites_are_still_exact():
    # a ring of 8 sites hidden in slow links: one order in 5,040 (and its reverse) avoids them all
    hidden = [0, 5, 2, 7, 1, 4, 6, 3]
    wide = {frozenset(pair) for pair in zip(hidden, hidden[1:] + hidden[:1], strict=True)}
    links = [both(f"s{a}", f"s{b}", 10 if {a, b} in wide else 1) for a, b in combinations(range(8), 2)]
    t = topology(links, 8)
    order = best_ring(t, tuple(site.name for site in t.datacenters))
    assert order in (tuple(f"s{n}" for n in hidden), tuple(f"s{n}" for n in hidden[:1] + hidden[:0:-1]))


def test_the_direction_of_a_ring_matters_where_links_are_uneven():
    links = []
    for a, b in (("s0", "s2"), ("s2", "s1"), ("s1", "s0")):
        links += [wire(a, b, 10), wire(b, a, 1)]
    assert best_ring(topology(links, 3), ("s0", "s1", "s2")) == ("s0", "s2", "s1")


@pytest.mark.parametrize("seed", range(25))
def test_beyond_eight_the_heuristic_comes_near_the_best(seed, monkeypatch):
    t = scattered(seed, 7, routers=3)
    sites = tuple(site.name for site in t.datacenters)
    exact = ring_score(t, best_ring(t, sites))
    monkeypatch.setattr(rings, "EXACT_UP_TO", 2)
    found = best_ring(t, sites)
    assert sorted(found) == sorted(sites)
    assert found[0] == sites[0]
    assert ring_score(t, found).narrowest_bits_per_s >= 0.66 * exact.narrowest_bits_per_s


def test_the_heuristic_mostly_finds_the_best(monkeypatch):
    cases = [scattered(seed, 7, routers=3) for seed in range(25)]
    sites = tuple(f"s{number}" for number in range(7))
    exact = [ring_score(t, best_ring(t, sites)).narrowest_bits_per_s for t in cases]
    monkeypatch.setattr(rings, "EXACT_UP_TO", 2)
    found = [ring_score(t, best_ring(t, sites)).narrowest_bits_per_s for t in cases]
    assert sum(a == b for a, b in zip(exact, found, strict=True)) >= 22


def test_a_ring_crosses_each_trunk_of_a_two_tier_once():
    shape = {"shape": "two-tier", "regions": 8, "sites": 8, "bandwidth": "100 Gbit/s", "latency": "1 ms"}
    trunk = {"bandwidth": "10 Gbit/s", "latency": "30 ms"}
    t = validate(Topology, {"name": "t", "generate": {**shape, "trunk": trunk}}, source="test")
    sites = [site.name for site in t.datacenters]
    mixed = random.Random(1).sample(sites, 64)
    assert ring_score(t, mixed).narrowest_bits_per_s < 5e9
    best = ring_score(t, best_ring(t, mixed))
    assert best.narrowest_bits_per_s == 10e9
    assert best.minus_latency_s == pytest.approx(-(64 * 2 + 8 * 30) * 1e-3)


def test_in_an_even_mesh_every_order_is_as_good_and_the_given_one_is_kept():
    mesh = {"shape": "full-mesh", "datacenters": 24, "bandwidth": "1 Gbit/s", "latency": "1 ms"}
    t = validate(Topology, {"name": "t", "generate": mesh}, source="test")
    sites = tuple(random.Random(2).sample(t.nodes, 20))
    assert best_ring(t, sites) == sites


def test_one_and_two_sites_have_one_ring():
    t = load_topology("metro-fibre")
    assert best_ring(t, ("east",)) == ("east",)
    assert best_ring(t, ("west", "east")) == ("west", "east")
    assert ring_score(t, ("west", "east")).narrowest_bits_per_s == 100e9


@pytest.mark.parametrize("seed", range(30))
def test_no_partition_has_less_across_than_the_bottleneck_cut(seed):
    t = scattered(seed, 2 + seed % 5, routers=seed % 3)
    sites = [site.name for site in t.datacenters]
    least = min(
        sum(link.bandwidth_bits_per_s for (a, b), link in t.wires.items() if a in side and b not in side)
        for size in range(1, len(t.nodes))
        for side in map(set, combinations(t.nodes, size))
        if side & set(sites) and set(sites) - side
    )
    cut = bottleneck_cut(t)
    assert cut.bandwidth_bits_per_s == least
    assert sorted(cut.from_sites + cut.to_sites) == sorted(sites)
    assert cut.from_sites
    assert cut.to_sites
    assert sum(t.wires[hop].bandwidth_bits_per_s for hop in cut.links) == least


def test_a_cut_has_a_direction():
    links = [wire("s0", "s1", 10), wire("s1", "s0", 3), both("s1", "s2", 5)]
    cut = bottleneck_cut(topology(links, 3))
    assert (cut.from_sites, cut.to_sites, cut.bandwidth_bits_per_s) == (("s1", "s2"), ("s0",), 3e9)
    assert cut.links == (("s1", "s0"),)


def test_the_thin_access_link_is_the_cut():
    cut = bottleneck_cut(load_topology("thin-access"))
    assert {cut.from_sites, cut.to_sites} >= {("houston-site",)}
    assert cut.bandwidth_bits_per_s == 1e9


def test_a_single_site_has_no_cut():
    assert bottleneck_cut(topology([], 1)) is None


def test_an_uneven_mesh_has_a_ring_of_its_wide_links():
    rng = random.Random(0)
    names = [f"s{number}" for number in range(40)]
    t = topology([both(a, b, rng.randint(1, 10), rng.randint(20, 35)) for a, b in combinations(names, 2)], 40)
    assert ring_score(t, best_ring(t, names)).narrowest_bits_per_s >= 8e9


@pytest.mark.parametrize("seed", range(3))
def test_a_ring_crosses_each_link_of_a_tree_once(seed):
    rng = random.Random(seed)
    routers = [f"r{number}" for number in range(60)]
    links = [both(routers[rng.randrange(n)], routers[n], 1, rng.randint(1, 99)) for n in range(1, 60)]
    links += [both(f"s{n}", rng.choice(routers), 1, rng.randint(1, 99)) for n in range(160)]
    t = topology(links, 160, routers)
    sites = rng.sample([site.name for site in t.datacenters], 160)
    assert ring_score(t, best_ring(t, sites)).narrowest_bits_per_s == 1e9


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_of_a_larger_network_is_that_of_networkx(seed):
    import networkx

    rng = random.Random(seed)
    names = [f"s{number}" for number in range(24)]
    pairs = [pair for pair in permutations(names, 2) if rng.random() < 0.12]
    t = topology([wire(*pair, rng.randint(1, 3)) for pair in pairs], 24)
    least = min(
        networkx.minimum_cut_value(t.graph, *pair, capacity="bandwidth_bits_per_s")
        for other in names[1:]
        for pair in ((names[0], other), (other, names[0]))
    )
    assert bottleneck_cut(t).bandwidth_bits_per_s == least
