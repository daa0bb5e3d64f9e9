import csv
from pathlib import Path

import pytest

from sim.document import validate
from sim.errors import InputError
from sim.topology import Route, Topology, load_topology, topology_names
from sim.units import BANDWIDTH, LATENCY, parse


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
    with (Path(__file__).parents[2] / "experiments" / "reference" / "networks.csv").open() as file:
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


def test_a_varied_copy_is_validated():
    shipped = load_topology("low-bw")
    assert shipped.varied(name="other").name == "other"
    with pytest.raises(InputError, match="nonsense"):
        shipped.varied(nonsense=1)
    with pytest.raises(InputError, match="datacenters"):
        shipped.varied(datacenters=[])
