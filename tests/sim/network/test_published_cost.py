"""Collectives as flows on the links of real shapes: known answers, contention, choices, bytes."""

import math

import pytest

from sim.documents.validation import validate
from sim.engine.interpreter import replay
from sim.engine.ops import Collective, Compute, Start, Wait
from sim.errors import InputError, ReplayError
from sim.network.collectives import ALGORITHMS
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.topology.model import Topology

AMONG_SITES = [name for name in ALGORITHMS if name != "store"]

UNEVEN = [
    ("a", "b", 10, 5),
    ("a", "c", 2, 20),
    ("a", "d", 1, 40),
    ("b", "c", 4, 30),
    ("b", "d", 3, 10),
    ("c", "d", 8, 60),
]


def topology(links, sites="abcd", **more):
    document = {
        "name": "test",
        "datacenters": [{"name": name} for name in sites],
        "links": [
            {"between": [a, b], "bandwidth": f"{gbit} Gbit/s", "latency": f"{ms} ms"} for a, b, gbit, ms in links
        ],
        **more,
    }
    return validate(Topology, document, source="test")


def around_a_router(gbit=10, sites="abcd", ms=0):
    return topology([(site, "ix", gbit, ms) for site in sites], sites, routers=["ix"])


def network(where, algorithm="ring", chips=1.0):
    names = tuple(site.name for site in where.datacenters)
    return LinkNetwork(Placement(where, names, (chips,) * len(names)), algorithm)


def alone(where, algorithm, payload=1e9):
    net = network(where, algorithm)
    members = tuple(range(len(where.datacenters)))
    _, phases = net.plan(members, payload)
    return net.trip(phases).across_s


def everybody(index, payload, members=(0, 1, 2, 3), count=1):
    return Collective("outer", index, members, payload, count)


def test_20_gb_among_four_sites_of_10_gbit_by_ring():
    assert alone(around_a_router(), "ring", 20e9) == pytest.approx(24.0, rel=1e-12)


@pytest.mark.parametrize(("every", "wanted_s", "utilization"), [(1, 25_000, 0.04), (30, 1_792, 0.5580)])
def test_a_thousand_steps_with_an_exchange_after_each_or_every_thirtieth(every, wanted_s, utilization):
    def program():
        for step in range(1, 1001):  # a last, partial round is not synchronised here
            yield Compute(1.0)
            if step % every == 0:
                c = everybody(step, 20e9)
                yield from (Start(c), Wait(c))

    timeline = replay([program() for _ in range(4)], network(around_a_router()))
    assert timeline.wall_clock_s == pytest.approx(wanted_s, rel=1e-9)
    assert timeline.workers[0].compute_s / timeline.wall_clock_s == pytest.approx(utilization, abs=5e-5)


def test_a_collective_that_stands_for_many_takes_as_long_as_many():
    def once(*collectives):
        programs = [[op for c in collectives for op in (Start(c), Wait(c))]] * 4
        return replay(programs, network(topology(UNEVEN)))

    many, one = once(everybody(0, 1e9, count=3)), once(*(everybody(i, 1e9) for i in range(3)))
    assert many.wall_clock_s == pytest.approx(one.wall_clock_s, rel=1e-12)
    assert many.crossing_bytes == pytest.approx(one.crossing_bytes)
    assert [link.carried_bytes for link in many.links] == pytest.approx([link.carried_bytes for link in one.links])


def test_a_shared_access_link_makes_direct_as_slow_as_the_access():
    # each sends 3 x S/4 out of its one access link, twice: as a ring does
    assert alone(around_a_router(), "direct", 20e9) == pytest.approx(24.0, rel=1e-9)


def test_a_server_site_is_the_bottleneck_of_a_star():
    # three times S into the server's 10 Gbit/s, and out again
    assert alone(around_a_router(), "star", 20e9) == pytest.approx(96.0, rel=1e-9)


def test_a_star_takes_the_best_server():
    thin = [("a", "ix", 1, 0), ("b", "ix", 1, 0), ("c", "ix", 10, 0), ("d", "ix", 1, 0)]
    # c receives three flows of 1 Gbit/s at once
    assert alone(topology(thin, routers=["ix"]), "star", 1e9) == pytest.approx(16.0, rel=1e-9)


def test_a_star_through_a_hub_that_is_a_site():
    hub = topology([("a", site, 8, 125) for site in "bcd"])
    # S/W is 1 s, the latency 1/8 s: in and out
    assert alone(hub, "star", 1e9) == pytest.approx(2.25, rel=1e-9)


@pytest.mark.parametrize("payload", [1e3, 1e7, 1e11])
@pytest.mark.parametrize("where", [topology(UNEVEN), around_a_router(), topology([("a", s, 3, 7) for s in "bcd"])])
def test_auto_is_never_slower_than_any_one_algorithm(where, payload):
    net = network(where, "auto")
    name, phases = net.plan((0, 1, 2, 3), payload)
    assert name in AMONG_SITES
    best_s = min(alone(where, name, payload) for name in AMONG_SITES)
    assert net.trip(phases).across_s == pytest.approx(best_s, rel=1e-12)


def test_auto_prefers_few_rounds_for_little_and_few_bytes_for_much():
    far = topology([(a, b, 10, 100) for a, b, *_ in UNEVEN])
    little, _ = network(far, "auto").plan((0, 1, 2, 3), 1e3)
    assert alone(far, little, 1e3) == pytest.approx(0.2, rel=1e-3)
    assert alone(far, "ring", 1e3) == pytest.approx(0.6, rel=1e-3)


@pytest.mark.parametrize("algorithm", AMONG_SITES)
def test_what_leaves_the_sites_is_what_the_collective_says_and_arrives(algorithm):
    c = everybody(0, 1e9, count=2)
    timeline = replay([[Start(c), Wait(c)]] * 4, network(around_a_router(ms=3), algorithm))
    out, into = (
        math.fsum(use.carried_bytes for use in timeline.links if use.name.split(" -> ")[k] == "ix") for k in (1, 0)
    )
    assert out == pytest.approx(timeline.crossing_bytes, rel=1e-9)
    assert into == pytest.approx(out, rel=1e-9)
    assert out >= 2 * 6e9 * (1 - 1e-9)  # 2 S (M - 1), twice


def test_two_groups_on_the_same_links_slow_each_other():
    # both rings send over the one trunk
    trunk = topology(
        [("a", "x", 10, 0), ("b", "x", 10, 0), ("x", "y", 10, 0), ("c", "y", 10, 0), ("d", "y", 10, 0)],
        routers=["x", "y"],
    )
    one, other = everybody(0, 10e9, (0, 2)), everybody(0, 10e9, (1, 3))

    def run(*programs):
        return replay([list(p) for p in programs], network(trunk)).wall_clock_s

    assert run((Start(one), Wait(one)), (), (Start(one), Wait(one)), ()) == pytest.approx(8.0)
    pair = ((Start(one), Wait(one)), (Start(other), Wait(other)))
    assert run(pair[0], pair[1], pair[0], pair[1]) == pytest.approx(16.0)


def test_a_link_that_never_returns_ends_the_run_and_says_who_waits_for_what():
    broken = validate(
        Topology,
        {
            "name": "broken",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "links": [
                {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms", "outages": [{"start": "2 s"}]}
            ],
        },
        source="test",
    )
    c = Collective("outer", 7, (0, 1), 1e9)
    with pytest.raises(InputError, match=r"a -> b.*never return.*outer 7"):
        replay([[Start(c), Wait(c)]] * 2, network(broken))


def test_exchanges_among_all_sites_come_one_after_the_other():
    """Simulated once and repeated, or as flows: the second begins when the first is over."""
    wire = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    there = validate(Topology, {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 3, **wire}}, source="t")
    placement = Placement(there, ("dc1", "dc2", "dc3"), (1.0, 1.0, 1.0))
    once, flowing = (LinkNetwork(placement, "ring", one_at_a_time=alike) for alike in (True, False))
    first, second = (Collective("outer", index, (0, 1, 2), 1e9) for index in range(2))
    program = [Start(first), Start(second), Wait(first), Compute(1.0), Wait(second)]
    repeated, simulated = (replay([program] * 3, network) for network in (once, flowing))
    assert repeated.wall_clock_s == pytest.approx(2 * (2 * 8e9 * 2 / 3 / 1e9 + 4e-3), rel=1e-9)
    for one, other in zip(repeated.workers, simulated.workers, strict=True):
        assert one.sums() == pytest.approx(other.sums(), rel=1e-9)
    for one, other in zip(repeated.links, simulated.links, strict=True):
        assert one[1:] == pytest.approx(other[1:], rel=1e-9)


def test_groups_exchange_at_once_where_they_share_no_link_and_are_refused_where_they_do():
    wire = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    mesh = {"generate": {"shape": "full-mesh", "datacenters": 4, **wire}}
    hub = {
        "datacenters": [{"name": f"dc{n}"} for n in range(1, 5)],
        "routers": ["x", "y"],
        "links": [{"between": [f"dc{n}", "xxyy"[i]], **wire} for i, n in enumerate((1, 3, 2, 4))]
        + [{"between": ["x", "y"], **wire}],
    }
    programs = []
    for pair in ((0, 1), (2, 3)):
        own, all_of_them = Collective("outer", 0, pair, 1e9), Collective("outer", 1, (0, 1, 2, 3), 1e9)
        programs += [[Start(own), Wait(own), Start(all_of_them), Wait(all_of_them)]] * 2
    for there, apart in ((mesh, True), (hub, False)):
        topology = validate(Topology, {"name": "t", **there}, source="t")
        placement = Placement(topology, ("dc1", "dc2", "dc3", "dc4"), (1.0,) * 4)
        once, flowing = (LinkNetwork(placement, "ring", one_at_a_time=alike) for alike in (True, False))
        if apart:
            repeated, simulated = (replay(programs, network) for network in (once, flowing))
            assert repeated.wall_clock_s == pytest.approx(8 + 2e-3 + 12 + 6e-3, rel=1e-9)
            for one, other in zip(repeated.workers, simulated.workers, strict=True):
                assert one.sums() == pytest.approx(other.sums(), rel=1e-9)
        else:
            with pytest.raises(ReplayError, match="two groups share a link"):
                replay(programs, once)


# Several exchanges of a site under way at once: one after the other, in the order in which they begin.


def ends(net, *exchanges, workers=4):
    """When each of some exchanges that begin at once is done, at all members."""
    marks = [[] for _ in range(workers)]
    programs = [[op(c) for op in (Start, Wait) for c in exchanges if worker in c.members] for worker in range(workers)]
    replay(programs, net, marks=marks)
    order = [[c for c in exchanges if worker in c.members] for worker in range(workers)]
    done = {
        (c.name, c.index): mark.done_s
        for own, seen in zip(order, marks, strict=True)
        for c, mark in zip(own, seen, strict=True)
    }
    return [done[c.name, c.index] for c in exchanges]


def send(index, source, target, size=1e9):
    return Collective("push", index, (source,), size, source=source, target=target)


def ideal(ms=0, chips=1.0):
    """8 Gbit/s, so a GB a second, and `ms` of latency to the exchange point and as much from there."""
    where = around_a_router(gbit=8, ms=ms)
    return PublishedCostNetwork(Placement(where, tuple("abcd"), (chips,) * 4))


def test_ideal_exchanges_of_a_site_take_turns_and_do_not_wait_for_each_others_latency():
    # two chips: S/W = 1 s on the link and 2 x 125 ms: 0-1, 1-2, 2-3, each there a quarter of a second later
    pair = [everybody(index, 1e9, (0, 1)) for index in range(3)]
    assert ends(ideal(125), *pair) == [1.25, 2.25, 3.25]


def test_ideal_exchanges_that_share_a_site_take_turns_and_others_do_not():
    assert ends(ideal(), everybody(0, 1e9, (0, 1)), everybody(1, 1e9, (1, 2)), everybody(2, 1e9, (2, 3))) == [1, 2, 3]
    assert ends(ideal(), everybody(0, 1e9, (0, 1)), everybody(1, 1e9, (2, 3))) == [1, 1]


def test_inside_a_datacenter_nothing_waits_for_the_way_between():
    inside = Collective("gradients", 0, (0,), 1e9)
    seconds = 2 * 8e9 / 400e9 * (1 - 1 / 2) + 1e-4
    # among 2 x 2 chips the way between is busy for 1.5 s
    assert ends(ideal(chips=2.0), everybody(0, 1e9, (0, 1)), inside) == pytest.approx([1.5, seconds])


@pytest.mark.parametrize("how", ["ideal", "ring"])
def test_one_way_transfers_are_full_duplex_and_take_turns_at_either_end(how):
    def net():
        return ideal(125) if how == "ideal" else network(around_a_router(gbit=8, ms=125))

    late = 0.0 if how == "ideal" else 0.25  # a flow begins when the one before it has arrived
    assert ends(net(), send(0, 0, 1), send(1, 1, 0)) == pytest.approx([1.25, 1.25])
    assert ends(net(), send(0, 0, 1), send(1, 0, 2)) == pytest.approx([1.25, 2.25 + late])
    assert ends(net(), send(0, 1, 0), send(1, 2, 0)) == pytest.approx([1.25, 2.25 + late])
    assert ends(net(), send(0, 0, 1), send(1, 2, 3)) == pytest.approx([1.25, 1.25])
    assert ends(net(), send(0, 0, 1), send(1, 1, 2), send(2, 2, 0)) == pytest.approx([1.25, 1.25, 1.25])


@pytest.mark.parametrize("how", ["ideal", "ring"])
def test_a_transfer_and_an_exchange_among_all_take_turns(how):
    def net():
        return ideal() if how == "ideal" else network(around_a_router(gbit=8))

    c = everybody(0, 1e9, (0, 1))
    assert ends(net(), send(0, 0, 2), c) == pytest.approx([1, 2])
    assert ends(net(), c, send(0, 2, 1)) == pytest.approx([1, 2])
    # worker 2 comes last, so its transfer begins behind the exchange of worker 1
    assert ends(net(), send(0, 2, 1), send(1, 0, 2), c) == pytest.approx([3, 1, 2])


def test_flows_of_exchanges_of_the_same_sites_queue_instead_of_sharing():
    # two sites of 8 Gbit/s: a ring of two sends S/2 twice: 1 s; shared they would both end at 3
    pair = [everybody(index, 1e9, (0, 1)) for index in range(3)]
    assert ends(network(around_a_router(gbit=8)), *pair) == pytest.approx([1, 2, 3])


def test_bytes_of_a_transfer_are_what_it_carries_once():
    for net in (ideal(), network(around_a_router(gbit=8))):
        timeline = replay([[Start(c), Wait(c)] if (c := send(0, w, 3)) and w < 2 else [] for w in range(4)], net)
        assert timeline.crossing_bytes == 2e9
        assert [totals.crossing_bytes for totals in timeline.workers] == [1e9, 1e9, 0, 0]
