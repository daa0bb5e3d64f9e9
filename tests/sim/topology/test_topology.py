import csv
import itertools
from pathlib import Path

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.topology.links import Link
from sim.topology.model import Route, Topology, load_topology, topology_names
from sim.units.quantities import BANDWIDTH, LATENCY, parse


def topology(**document):
    return validate(Topology, {"name": "t", **document}, source="test")


def wire(start, end, bandwidth="10 Gbit/s", latency="10 ms"):
    return {"from": start, "to": end, "bandwidth": bandwidth, "latency": latency}


def both(start, end, bandwidth="10 Gbit/s", latency="10 ms"):
    return {"between": [start, end], "bandwidth": bandwidth, "latency": latency}


def sites(*names):
    return [{"name": name} for name in names]


@pytest.mark.parametrize("name", topology_names())
def test_every_topology_that_ships_is_described_sourced_and_connected(name):
    shipped = load_topology(name)
    assert shipped.name == name
    assert shipped.description
    assert shipped.source
    shipped.routes(tuple(site.name for site in shipped.datacenters))


def test_archetypes_are_the_published_networks():
    with (Path(__file__).parents[3] / "experiments" / "reference" / "networks.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}
    for name, row in rows.items():
        shipped = load_topology(f"{name}-bw")
        assert len(shipped.datacenters) == 8
        assert len(shipped.links) == 28
        for link in shipped.links:
            assert link.bandwidth_bits_per_s == parse(row["bandwidth"], BANDWIDTH)
            assert link.latency_s == parse(row["latency"], LATENCY)
        for site in shipped.datacenters:
            assert site.inside.bandwidth_bits_per_s == parse(rows["high"]["bandwidth"], BANDWIDTH)
            assert site.inside.latency_s == parse(rows["high"]["latency"], LATENCY)


def test_a_route_takes_the_least_latency_and_has_its_narrowest_link():
    t = topology(
        datacenters=sites("a", "b"),
        routers=["x"],
        links=[
            both("a", "b", "100 Gbit/s", "50 ms"),
            both("a", "x", "10 Gbit/s", "5 ms"),
            both("x", "b", "1 Gbit/s", "6 ms"),
        ],
    )
    assert t.routes(("a", "b"))["a", "b"] == Route(1e9, pytest.approx(0.011))


def test_directions_may_differ():
    t = topology(datacenters=sites("a", "b"), links=[wire("a", "b", "10 Gbit/s"), wire("b", "a", "1 Gbit/s", "20 ms")])
    assert t.routes(("a", "b")) == {("a", "b"): Route(10e9, 0.01), ("b", "a"): Route(1e9, 0.02)}
    assert t.narrowest(("a", "b")) == Route(1e9, 0.02)


def test_one_site_counts_on_its_own_network():
    t = topology(datacenters=[{"name": "a", "inside": {"bandwidth": "200 Gbit/s", "latency": "0.2 ms"}}])
    assert t.narrowest(("a",)) == Route(200e9, pytest.approx(2e-4))


def test_an_unreachable_pair_is_named():
    t = topology(datacenters=sites("a", "b", "c"), links=[both("a", "b"), wire("c", "a")])
    with pytest.raises(InputError, match="no path from 'a' to 'c'"):
        t.routes(("a", "b", "c"))


def test_a_generated_mesh_equals_the_one_written_out():
    short = topology(
        generate={"shape": "full-mesh", "datacenters": 3, "bandwidth": "1 Gbit/s", "latency": "1 ms", "chips": 4}
    )
    names = ["dc1", "dc2", "dc3"]
    long = topology(
        datacenters=[{"name": name, "chips": 4} for name in names],
        links=[both(a, b, "1 Gbit/s", "1 ms") for a, b in (("dc1", "dc2"), ("dc1", "dc3"), ("dc2", "dc3"))],
    )
    assert short == long


def test_a_document_survives_writing_and_reading():
    for name in topology_names():
        shipped = load_topology(name)
        assert Topology.model_validate(shipped.model_dump(mode="json", exclude_none=True)) == shipped


def test_a_copy_with_replaced_keys_is_validated_and_knows_nothing_of_the_old_one():
    shipped = load_topology("low-bw")
    shipped.path("dc1", "dc2")
    assert shipped.replaced(name="other").name == "other"
    with pytest.raises(InputError, match="nonsense"):
        shipped.replaced(nonsense=1)
    with pytest.raises(InputError, match="datacenters"):
        shipped.replaced(datacenters=[])
    with pytest.raises(
        InputError, match=r"link: bandwidth: 1e\+31 bit/s is outside .* write a bandwidth of 1 to 1e\+30"
    ):
        shipped.links[0].replaced(bandwidth=1e31)
    with pytest.raises(InputError, match=r"True has no unit"):
        shipped.links[0].replaced(bandwidth=True)
    by_way_of = shipped.replaced(routes=[{"between": ["dc1", "dc2"], "via": ["dc3"]}])
    assert by_way_of.path("dc1", "dc2") == (("dc1", "dc3"), ("dc3", "dc2"))


def test_what_was_given_stays_given_and_quantities_may_be_bare_numbers_in_si():
    before = Link.model_validate({"between": ["a", "b"], "bandwidth": "2 Gbit/s", "latency": "5 ms", "duplex": "full"})
    after = before.replaced(bandwidth=3e9, burst=4096)
    assert after == Link.model_validate(
        {"between": ["a", "b"], "bandwidth": "3 Gbit/s", "latency": "5 ms", "burst": "4096 B"}
    )
    assert after.model_fields_set == {"between", "bandwidth_bits_per_s", "latency_s", "duplex", "burst_bytes"}
    assert before.bandwidth_bits_per_s == 2e9


def test_ties_go_to_fewer_hops_and_then_to_the_names():
    links = [both("a", "z", latency="5 ms"), both("z", "b", latency="5 ms"), both("a", "y", latency="5 ms")]
    links += [both("y", "b", latency="5 ms"), both("a", "x", latency="2 ms"), both("x", "w", latency="3 ms")]
    links += [both("w", "b", latency="5 ms")]
    for order in (links, links[::-1]):
        t = topology(datacenters=sites("a", "b"), routers=["z", "y", "x", "w"], links=order)
        assert t.path("a", "b") == (("a", "y"), ("y", "b"))
    t = topology(datacenters=sites("a", "b"), routers=["y"], links=[*links[2:4], both("a", "b")])
    assert t.path("a", "b") == (("a", "b"),)


def test_latencies_that_floats_cannot_add_still_tie():
    # 0.1 + 0.2 is more than 0.15 + 0.15 in floats: the names must decide
    links = [both("a", "x", latency="100 ms"), both("x", "b", latency="200 ms")]
    links += [both("a", "y", latency="150 ms"), both("y", "b", latency="150 ms")]
    t = topology(datacenters=sites("a", "b"), routers=["x", "y"], links=links)
    assert t.path("a", "b") == (("a", "x"), ("x", "b"))


@pytest.mark.parametrize("seed", range(25))
def test_paths_are_as_short_as_the_shortest_of_all_simple_ones(seed):
    import random
    from itertools import permutations

    rng = random.Random(seed)
    names = [f"n{number}" for number in range(6)]
    links = [wire(a, b, latency=f"{rng.randint(0, 6)} ms") for a, b in permutations(names, 2) if rng.random() < 0.45]
    t = topology(datacenters=sites(*names), links=links)
    cost = {(link["from"], link["to"]): int(link["latency"].split()[0]) for link in links}
    for start, end in permutations(names, 2):
        others = [name for name in names if name not in (start, end)]
        ways = [
            (start, *middle, end)
            for count in range(5)
            for middle in permutations(others, count)
            if all(hop in cost for hop in zip((start, *middle), (*middle, end), strict=True))
        ]
        if not ways:
            with pytest.raises(InputError, match="no path"):
                t.path(start, end)
            continue
        best = min(ways, key=lambda way: (sum(cost[hop] for hop in itertools.pairwise(way)), len(way), way))
        assert t.path(start, end) == tuple(itertools.pairwise(best))


def test_a_route_can_be_overridden_one_way_or_both():
    links = [both("a", "b", latency="1 ms"), both("a", "x", "1 Gbit/s"), both("x", "b", "2 Gbit/s", "20 ms")]
    document = {"datacenters": sites("a", "b"), "routers": ["x"], "links": links}
    t = topology(**document, routes=[{"between": ["a", "b"], "via": ["x"]}])
    assert t.path("a", "b") == (("a", "x"), ("x", "b"))
    assert t.path("b", "a") == (("b", "x"), ("x", "a"))
    assert t.routes(("a", "b"))["a", "b"] == Route(1e9, pytest.approx(0.03))
    t = topology(**document, routes=[{"from": "b", "to": "a", "via": ["x"]}])
    assert t.path("a", "b") == (("a", "b"),)
    assert t.path("b", "a") == (("b", "x"), ("x", "a"))
    t = topology(
        **{**document, "links": [both("a", "b", latency="90 ms"), *links[1:]]},
        routes=[{"between": ["a", "b"], "via": []}],
    )
    assert t.path("a", "b") == (("a", "b"),)


def test_a_site_may_be_passed_through():
    t = topology(datacenters=sites("a", "b", "c"), links=[both("a", "b"), both("b", "c")])
    assert t.path("a", "c") == (("a", "b"), ("b", "c"))


def test_transport_and_collective_have_their_defaults_and_are_read():
    plain = topology(datacenters=sites("a"))
    assert (plain.transport.window_bytes, plain.transport.streams, plain.transport.segment_bytes) == (None, 1, 1460)
    assert plain.collective == "auto"
    set_ = topology(
        datacenters=sites("a"),
        collective="published",
        transport={"window": "64 MiB", "streams": 8, "segment": "8960 B"},
    )
    assert (set_.transport.window_bytes, set_.transport.streams, set_.transport.segment_bytes) == (64 * 2**20, 8, 8960)
    assert Topology.model_validate(set_.model_dump(mode="json", exclude_none=True)) == set_


WIRE = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}


@pytest.mark.parametrize(
    ("short", "names", "routers", "pairs"),
    [
        ({"shape": "ring", "datacenters": 3}, "dc1 dc2 dc3", "", "dc1-dc2 dc2-dc3 dc3-dc1"),
        ({"shape": "star", "datacenters": 3}, "dc1 dc2 dc3", "hub", "dc1-hub dc2-hub dc3-hub"),
        ({"shape": "star", "datacenters": 3, "hub": "datacenter"}, "dc1 dc2 dc3", "", "dc2-dc1 dc3-dc1"),
    ],
)
def test_a_generated_shape_equals_the_one_written_out(short, names, routers, pairs):
    links = [{"between": pair.split("-"), **WIRE, "loss": 0.01} for pair in pairs.split()]
    long = topology(
        datacenters=[{"name": name, "chips": 4} for name in names.split()], routers=routers.split(), links=links
    )
    assert topology(generate={**short, **WIRE, "chips": 4, "loss": 0.01}) == long


def test_a_generated_two_tier_equals_the_one_written_out():
    trunk = {"bandwidth": "100 Mbit/s", "latency": "40 ms", "duplex": "half"}
    short = topology(generate={"shape": "two-tier", "regions": 3, "sites": 2, **WIRE, "trunk": trunk})
    names = [(f"r{region}-dc{site}", f"r{region}") for region in (1, 2, 3) for site in (1, 2)]
    links = [{"between": list(pair), **WIRE} for pair in names]
    links += [{"between": list(pair), **trunk} for pair in (("r1", "r2"), ("r1", "r3"), ("r2", "r3"))]
    assert short == topology(datacenters=sites(*(n for n, _ in names)), routers=["r1", "r2", "r3"], links=links)
    assert short.path("r1-dc2", "r3-dc1") == (("r1-dc2", "r1"), ("r1", "r3"), ("r3", "r3-dc1"))


@pytest.mark.parametrize(
    ("shape", "nodes", "links"),
    [
        ({"shape": "full-mesh", "datacenters": 64}, 64, 64 * 63 // 2),
        ({"shape": "ring", "datacenters": 64}, 64, 64),
        ({"shape": "star", "datacenters": 64}, 65, 64),
        ({"shape": "star", "datacenters": 64, "hub": "datacenter"}, 64, 63),
        ({"shape": "two-tier", "regions": 8, "sites": 8, "trunk": WIRE}, 72, 64 + 28),
    ],
)
def test_sixty_four_sites_have_the_right_counts_and_reach_each_other(shape, nodes, links):
    t = topology(generate={**shape, **WIRE})
    assert len(t.datacenters) == 64
    assert (len(t.nodes), len(t.links)) == (nodes, links)
    assert (t.graph.number_of_nodes(), t.graph.number_of_edges()) == (nodes, 2 * links)
    assert len(t.routes(tuple(site.name for site in t.datacenters))) == 64 * 63


@pytest.mark.parametrize("name", ["cloud-regions", "cloud-us"])
def test_measured_pairs_are_not_relayed(name):
    t = load_topology(name)
    assert all(len(t.path(*link.ends)) == 1 for link in t.links)
    count = len(t.datacenters)
    assert len(t.links) == count * (count - 1) // 2


def test_the_library_has_what_people_ask_for():
    assert len(load_topology("swarm-16").datacenters) == 16
    bandwidths = [link.bandwidth_bits_per_s for link in load_topology("open-diloco").links]
    assert (len(bandwidths), min(bandwidths), max(bandwidths)) == (6, 127e6, 935e6)
    assert {link.bandwidth_bits_per_s for link in load_topology("abilene").links} == {9.92e9, 2.48e9}
    assert len(topology_names()) >= 12
