"""The order of a ring that a topology gives: against the closed form of a ring on links of its own, and the search."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.plan.parts import part_of
from sim.questions.topology import answer
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.best_ring import best_ring
from sim.topology.model import Topology

PARAMS, STEPS = 1e9, 5
WIDE, NARROW, LATENCY_S = 10e9, 1e9, 1e-3


def mesh(**more):
    """Four sites in a square of wide links, whose diagonals are narrow."""
    names = "abcd"
    pairs = [(a, b) for a in names for b in names if a < b]
    wide = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")}
    links = [
        {"between": list(pair), "bandwidth": "10 Gbit/s" if pair in wide else "1 Gbit/s", "latency": "1 ms"}
        for pair in pairs
    ]
    sites = [{"name": name, "chips": 1} for name in names]
    return {"name": "mesh", "collective": "ring", "datacenters": sites, "links": links} | more


def ran(**more):
    document = {"topology": mesh(**more), "strategies": [{"kind": "data-parallel"}]}
    document["workload"] = {"params": PARAMS, "steps": STEPS, "batch_tokens": 65536}
    return run(Scenario.model_validate(document))


def ring_s(bandwidth):
    """2 (M - 1) phases of S/M each, with their latency: the slowest hop sets the pace [s]."""
    return 2 * 3 * (2 * PARAMS / 4 * 8 / bandwidth + LATENCY_S)


@pytest.mark.parametrize(
    ("order", "narrowest"),
    [
        (["a", "b", "c", "d"], WIDE),
        (["c", "b", "a", "d"], WIDE),
        (["a", "c", "b", "d"], NARROW),
        (["a", "b", "d", "c"], NARROW),
    ],
)
@pytest.mark.parametrize("collective", ["ring", "hierarchical"])
def test_a_bad_order_is_slower_by_its_narrowest_hop(order, narrowest, collective):
    (only,) = ran(ring=order, collective=collective).runs
    assert only.exposed_across_s == pytest.approx(STEPS * ring_s(narrowest), rel=1e-9)


def test_the_best_order_given_is_the_one_that_is_searched():
    best = best_ring(Topology.model_validate(mesh()), ["a", "b", "c", "d"])
    assert ran(ring=best).runs[0].wall_clock_s == ran().runs[0].wall_clock_s


def test_fewer_sites_pass_over_the_others():
    given = Topology.model_validate(mesh(ring=["d", "b", "a", "c"]))
    assert best_ring(given, ["a", "b", "d"]) == ("d", "b", "a")
    part = part_of(given, ("a", "b", "d"))
    assert part.ring_order == ("d", "b", "a")
    assert part_of(given, ("a",)).ring_order == ()


@pytest.mark.parametrize(
    ("ring", "words"),
    [
        (["a", "b", "c", "e"], "there is no datacenter 'e'"),
        (["a", "b", "c"], "d missing"),
        (["a", "b", "c", "c", "d"], "c is there twice"),
    ],
)
def test_a_ring_that_is_none_says_what_to_write(ring, words):
    with pytest.raises(InputError, match=words):
        validate(Topology, mesh(ring=ring), source="mesh.yaml")


def test_reports_name_the_order_and_whether_it_counts():
    from sim.report.answers.run import report as told

    order = ["a", "c", "b", "d"]
    found = ran(ring=order)
    assert "rings in the order a > c > b > d" in str(told(found))
    assert not any("topology.ring" in note for note in found.notes)
    assert any("topology.ring" in note for note in ran(ring=order, collective="star").notes)
    shown = answer(Topology.model_validate(mesh(ring=order))).best_ring
    assert shown.given
    assert shown.order == tuple(order)
    assert shown.narrowest_bits_per_s == pytest.approx(NARROW)
