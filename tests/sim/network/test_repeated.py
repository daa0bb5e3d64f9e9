"""Exchanges that have their links to themselves are as flows event by event, while the links change, too."""

import math
import random

import pytest

from sim.engine.interpreter import replay
from sim.engine.ops import Collective, Start, Wait
from sim.errors import InputError
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes
from sim.topology.model import Topology

from ..changing_worlds import changing_world, check_same

OF_ALL = (
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "streaming-diloco", "fragments": 2, "overlap_steps": 1},
    {"kind": "eager-diloco"},
    {"kind": "two-level-diloco", "regions": 2},
)
OWN_PACE = ({"kind": "async-diloco"}, {"kind": "async-diloco", "server": 1})


def shares_links(document, draw):
    """The same sites around a router, so that replicas with paces of their own share a link of the server."""
    links = document["topology"]["links"]
    names = [site["name"] for site in document["topology"]["datacenters"]]
    picked = [dict(draw.choice(links)) | {"between": [name, "hub"]} for name in names]
    topology = document["topology"] | {"routers": ["hub"], "links": picked}
    return document | {"topology": topology}


@pytest.mark.parametrize("seed", range(60))
def test_one_after_the_other_is_as_flows(seed):
    draw = random.Random(seed)
    own_pace = seed % 2
    document = changing_world(draw, OWN_PACE if own_pace else OF_ALL)
    if document["strategies"][0].get("replicas") == 3:
        document["strategies"][0] |= {"regions": 3} if "regions" in document["strategies"][0] else {}
    for link in document["topology"]["links"]:
        link.pop("burst", None)
    if own_pace:
        document = shares_links(document, draw)
    document["workload"]["steps"] = min(document["workload"]["steps"], 200)
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    check_same(short, full)


@pytest.mark.parametrize("seed", range(60))
def test_what_is_left_in_buckets_is_as_flows(seed):
    draw = random.Random(seed)
    document = changing_world(draw, OWN_PACE if seed % 2 else (*OF_ALL, {"kind": "diloco"}))
    if document["strategies"][0].get("replicas") == 3:
        document["strategies"][0] |= {"regions": 3} if "regions" in document["strategies"][0] else {}
    for link in document["topology"]["links"]:
        link.pop("outages", None)
        if "schedule" in link:
            link["bandwidth"] = link.pop("schedule")["points"][0]["bandwidth"]
        link["burst"] = f"{draw.choice([0, 1, 30, 500, 5000])} MB"
    if seed % 2:
        document = shares_links(document, draw)
    document["workload"]["steps"] = min(document["workload"]["steps"], 200)
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    check_same(short, full)


def two_sites(**link):
    return Topology.model_validate(
        {
            "name": "two",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "links": [{"between": ["a", "b"], "latency": "0 s"} | link],
        }
    )


def ends_s(topology, *starts_s):
    """When exchanges of 16 Gbit (8 Gbit each way, twice) end that begin at some moments, one at a time."""
    network = LinkNetwork(Placement(topology, ("a", "b"), (1.0, 1.0)), "ring", one_at_a_time=True)
    each = [Collective("outer", number, (0, 1), 1e9) for number, _ in enumerate(starts_s)]
    marks = [[], []]
    replay([[op for one in each for op in (Start(one), Wait(one))]] * 2, network, marks=marks)
    return [mark.end_s for mark in marks[0]]


def test_an_exchange_during_which_its_link_changes_is_paid_by_the_pieces():
    """1 Gbit/s for 12 s, then 4: the first takes 8 s, the second 4 s at 1 and 1 s at 4, the third 2 s."""
    points = [{"at": "0 s", "bandwidth": "1 Gbit/s"}, {"at": "12 s", "bandwidth": "4 Gbit/s"}]
    found = ends_s(two_sites(schedule={"points": points}), 0, 0, 0)
    assert found == pytest.approx([8.0, 13.0, 15.0], rel=1e-12)


def test_an_exchange_stands_still_in_an_outage_and_one_that_begins_in_it_waits():
    outages = [{"start": "4 s", "duration": "10 s"}, {"start": "18 s", "duration": "2 s"}]
    found = ends_s(two_sites(bandwidth="1 Gbit/s", outages=outages), 0, 0)
    assert found == pytest.approx([18.0, 28.0], rel=1e-12)  # 4 s and 4 s; and 8 s from 20 s on


def test_a_bucket_fills_again_while_its_link_waits_for_what_arrives():
    """8 Gbit at 1 Gbit/s, then two latencies of 1 s: 4 of the first pass at once, and later what has come in meanwhile."""
    found = ends_s(two_sites(bandwidth="1 Gbit/s", burst="500 MB", latency="1 s"), 0, 0, 0)
    assert found == pytest.approx([4 + 2, 6 + 6 + 2, 14 + 6 + 2], rel=1e-12)


def test_a_link_that_never_returns_is_named():
    with pytest.raises(InputError, match=r"a -> b.*never return.*outer 1"):
        ends_s(two_sites(bandwidth="1 Gbit/s", outages=[{"start": "12 s"}]), 0, 0)
    assert math.isfinite(ends_s(two_sites(bandwidth="1 Gbit/s", outages=[{"start": "12 s"}]), 0)[0])


def test_what_an_exchange_would_have_used_had_its_link_not_changed_does_not_count():
    hop = {"latency": "1 s"}
    points = [{"at": f"{at} s", "bandwidth": f"{gbit} Gbit/s"} for at, gbit in ((0, 1), (1, 2), (7, 1))]
    topology = {
        "name": "t",
        "collective": "star",
        "datacenters": [
            {"name": "a", "chip_speed": "2e15 flop/s", "chips": 3},
            *({"name": n, "chips": 1} for n in "bc"),
        ],
        "links": [
            {"between": ["a", "c"], "schedule": {"points": points}} | hop,
            {"between": ["b", "c"], "bandwidth": "4 Gbit/s"} | hop,
        ],
    }
    workload = {"params": 8e9, "batch_tokens": 4e5, "split": "by-speed", "steps": 2}
    document = {"topology": topology, "workload": workload, "strategies": [{"kind": "sparseloco", "replicas": 2}]}
    short, full = (outcomes(Scenario.model_validate(document | {"replay": how}))[0] for how in ("steady", "full"))
    check_same(short, full)
    assert [use.peak_utilization for use in short.timeline.links] == [
        use.peak_utilization for use in full.timeline.links
    ]
