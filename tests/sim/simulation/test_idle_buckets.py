"""A bucket that is named as without effect has none, whatever crosses its link."""

import random

import pytest

from sim.scenario.model import Scenario
from sim.simulation.run import outcomes
from sim.simulation.without_effect.network import _narrower_beside

from ..network.test_repeated import OF_ALL, OWN_PACE


def world(draw):
    """Two to four sites around one or two routers, some of whose links have buckets."""
    sites = [f"s{number}" for number in range(draw.randint(2, 4))]
    joins = [(site, draw.choice(["hub", "far"])) for site in sites] + [("hub", "far")]
    links = [
        {"between": pair, "bandwidth": f"{draw.choice([0.5, 1, 2])} Gbit/s", "latency": "2 ms"}
        | ({"burst": f"{draw.choice([10, 200])} MB"} if draw.random() < 0.5 else {})
        | ({"duplex": "half"} if draw.random() < 0.2 else {})
        for pair in joins
    ]
    datacenters = [{"name": site, "chips": 1, "chip_speed": f"{draw.choice([100, 130])} Tflop/s"} for site in sites]
    strategy = dict(draw.choice([*OF_ALL, *OWN_PACE, {"kind": "diloco"}]))
    if strategy["kind"] != "data-parallel":
        strategy |= {"replicas": len(sites), "sync_every": 5}
    if "regions" in strategy:
        strategy["regions"] = 1
    return {
        "topology": {"name": "t", "datacenters": datacenters, "routers": ["hub", "far"], "links": links},
        "workload": {"params": "100M", "batch_tokens": 4096 * len(sites), "layers": 4, "steps": 20},
        "strategies": [strategy],
        "replay": "full",
    }


@pytest.mark.parametrize("seed", range(60))
def test_a_bucket_beside_a_narrower_link_changes_nothing(seed):
    document = world(random.Random(seed))
    with_buckets = Scenario.model_validate(document)
    named = [int(path.split("[")[1].split("]")[0]) for path in _narrower_beside(with_buckets, [])]
    (as_given,) = outcomes(with_buckets)
    for position in named:
        document["topology"]["links"][position].pop("burst")
    (without,) = outcomes(Scenario.model_validate(document))
    assert as_given.timeline.wall_clock_s == pytest.approx(without.timeline.wall_clock_s, rel=1e-9)


def test_both_answers_occur():
    found = [
        (len(list(_narrower_beside(Scenario.model_validate(w), []))), w)
        for w in map(world, map(random.Random, range(60)))
    ]
    assert sum(1 for named, _ in found if named) >= 10
    assert sum(1 for named, w in found if named < sum("burst" in link for link in w["topology"]["links"])) >= 10


def test_a_link_that_two_flows_share_from_links_of_their_own_is_not_named():
    """0.5 and 0.5 Gbit/s together need 1, and the link has 0.6: its bucket counts."""
    links = [
        {"between": ["a", "hub"], "bandwidth": "0.5 Gbit/s", "latency": "0 s"},
        {"between": ["b", "hub"], "bandwidth": "0.5 Gbit/s", "latency": "0 s"},
        {"between": ["hub", "c"], "bandwidth": "0.6 Gbit/s", "latency": "0 s", "burst": "100 MB"},
    ]
    topology = {"name": "t", "datacenters": [{"name": n} for n in "abc"], "routers": ["hub"], "links": links}
    document = {
        "topology": topology,
        "workload": {"params": 1e9, "steps": 3},
        "strategies": [{"kind": "diloco", "replicas": 3}],
    }
    assert not [*_narrower_beside(Scenario.model_validate(document), [])]
    links[2]["bandwidth"] = "0.4 Gbit/s"
    assert not [*_narrower_beside(Scenario.model_validate(document), [])]
    links[0]["bandwidth"] = links[1]["bandwidth"] = "0.2 Gbit/s"
    assert not [*_narrower_beside(Scenario.model_validate(document), [])]
