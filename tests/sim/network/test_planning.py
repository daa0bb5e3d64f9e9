"""How an exchange is made: what is skipped while looking for the best way could not have won."""

import random
import sys

import pytest

from sim.network.candidates import CHUNKED, VIA_STORE, candidates
from sim.network.collectives import ALGORITHMS
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.best_ring import _best_ring, _Rings, best_ring
from sim.topology.model import Topology


def topology(seed, count):
    """A star, a ring or a mesh of some sites, with equal links or all kinds of them."""
    rng = random.Random(seed)
    names = [f"s{number}" for number in range(count)]
    shape = rng.choice(["star", "star", "ring", "mesh"])
    if shape == "star":
        pairs = [(name, "hub") for name in names]
    elif shape == "ring":
        pairs = list(zip(names, [*names[1:], names[0]], strict=True))
    else:
        pairs = [(a, b) for position, a in enumerate(names) for b in names[position + 1 :]]
    uneven = rng.random() < 0.6

    def link():
        kind = {
            "bandwidth": f"{rng.choice([1, 2, 4, 10])} Gbit/s",
            "latency": f"{rng.choice([0, 1, 20])} ms",
            "duplex": rng.choice(["full", "full", "half"]),
            "burst": rng.choice(["0 B", "0 B", "10 MB", "1 GB"]),
        }
        if rng.random() < 0.3:
            kind["bandwidth"] = f"{rng.uniform(0.1, 10)!r} Gbit/s"
        return kind

    same = link()
    document = {
        "name": "t",
        "datacenters": [{"name": name} for name in names],
        "links": [{"between": list(pair), **(link() if uneven else same)} for pair in pairs],
        "transport": {"exchange_overhead": rng.choice(["0 s", "30 ms"])},
    }
    if shape == "star":
        document["routers"] = ["hub"]
    return Topology.model_validate(document)


@pytest.mark.parametrize("seed", range(60))
def test_the_plan_is_the_best_of_all(seed):
    rng = random.Random(seed)
    where = topology(seed, rng.randint(3, 9))
    network = LinkNetwork(
        Placement(where, where.nodes[: len(where.datacenters)], (4,) * len(where.datacenters)), "auto"
    )
    members = tuple(sorted(rng.sample(range(len(where.datacenters)), rng.randint(2, len(where.datacenters)))))
    size = rng.choice([1e5, 1e8, 2e9])
    names = [name for name in ALGORITHMS if name not in (CHUNKED, VIA_STORE)]
    everything = [each for name in names for each in candidates(network.placement, name, members, size)]
    assert network.plan(members, size) == min(everything, key=lambda plan: network.trip(plan[1]).across_s)


@pytest.mark.parametrize("seed", range(60))
def test_no_exchange_beats_the_bound_that_it_is_skipped_by(seed):
    where = topology(seed, 6)
    network = LinkNetwork(Placement(where, where.nodes[:6], (4,) * 6), "auto")
    for name in (name for name in ALGORITHMS if name != VIA_STORE):
        for _, phases in candidates(network.placement, name, (0, 1, 2, 3, 4, 5), 3e8):
            taken_s = network.trip(phases).across_s
            assert network.wiring.least_s(network.placement.site, phases) <= taken_s * (1 + 1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_what_a_search_for_a_ring_skips_could_not_have_won(seed, monkeypatch):
    where = topology(seed, 9 + seed % 8)
    names = where.nodes[: len(where.datacenters)]
    found = best_ring(where, names)
    assert best_ring(where, names) is found  # is known from then on
    monkeypatch.setattr(_Rings, "leaves_wider", lambda *_: True)
    monkeypatch.setattr(_Rings, "comes_wider", lambda *_: True)
    monkeypatch.setattr(_Rings, "bounds", lambda *_: (-1.0, float("inf")))
    assert _best_ring(where, names) == found


@pytest.mark.parametrize("algorithm", ["ring", CHUNKED])
def test_exchanges_that_queue_make_work_in_proportion_to_their_number(algorithm):
    """Thousands of layers or fragments may wait for each other: calls are counted, as seconds would depend on luck."""

    def calls(fragments):
        document = {
            "topology": {
                "name": "two",
                "datacenters": [{"name": "a"}, {"name": "b"}],
                "links": [{"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}],
            },
            "workload": {"params": 1e6, "steps": 2, "step_time": "1 s", "batch_tokens": 65536},
            "strategies": [{"kind": "eager-diloco", "replicas": 2, "sync_every": 10, "fragments": fragments}],
            "collective": algorithm,
        }
        asked = Scenario.model_validate(document)
        made = 0

        def count(*_):
            nonlocal made
            made += 1

        sys.setprofile(count)
        try:
            run(asked)
        finally:
            sys.setprofile(None)
        return made

    calls(2)  # whatever is done once
    few, more, most = calls(100), calls(200), calls(400)
    assert most - more < 2.2 * (more - few)
