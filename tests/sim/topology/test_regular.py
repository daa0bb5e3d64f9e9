"""Topologies that a program makes by their shape: the same as a file with `generate`."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.topology.model import Topology

WRITTEN = {"bandwidth": "10 Gbit/s", "latency": "10 ms"}
SI = {"bandwidth": 10e9, "latency": 0.01}


@pytest.mark.parametrize("given", [WRITTEN, SI])
@pytest.mark.parametrize(
    ("shape", "make", "keys"),
    [
        ("full-mesh", lambda **k: Topology.full_mesh(4, **k), {"datacenters": 4}),
        ("ring", lambda **k: Topology.ring(5, **k), {"datacenters": 5}),
        ("star", lambda **k: Topology.star(3, **k), {"datacenters": 3}),
        ("star", lambda **k: Topology.star(3, hub="datacenter", **k), {"datacenters": 3, "hub": "datacenter"}),
        (
            "two-tier",
            lambda **k: Topology.two_tier(2, 3, trunk_bandwidth=1e9, trunk_latency="30 ms", **k),
            {"regions": 2, "sites": 3, "trunk": {"bandwidth": "1 Gbit/s", "latency": "30 ms"}},
        ),
    ],
)
def test_a_constructor_makes_what_generate_makes(shape, make, keys, given):
    sites = {"chips": 8, "chip_speed": "300 Tflop/s", "inside": "dgx-h100"}
    document = {"name": shape, "generate": {"shape": shape, **WRITTEN, **sites, **keys}}
    assert make(**given, chips=8, chip_speed=300e12, inside="dgx-h100") == validate(Topology, document, source="t")


def test_keys_of_the_topology_may_stand_beside_those_of_its_links():
    topology = Topology.ring(3, **SI, name="mine", collective="ring", transport={"window": "64 MiB", "header": 66})
    assert (topology.name, topology.collective, topology.transport.header_bytes) == ("mine", "ring", 66)
    assert repr(topology) == str(topology) == "<Topology mine: 3 datacenter(s), 3 link(s)>"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Topology.ring(2, **SI), "Topology.ring: datacenters: got 2; must be greater than 2"),
        (lambda: Topology.star(3, **SI, chps=3), "Topology.star: chps: unknown key; did you mean 'chips'"),
        (
            lambda: Topology.full_mesh(3, bandwidth=-1, latency=0),
            "Topology.full_mesh: bandwidth: -1 bit/s must be finite",
        ),
        (lambda: Topology.full_mesh(3, **SI, collective="rng"), "Topology.full_mesh: collective: got 'rng'"),
    ],
)
def test_a_mistake_names_the_argument(make, told):
    with pytest.raises(InputError) as refused:
        make()
    assert str(refused.value).startswith(told)
