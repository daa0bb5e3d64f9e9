from collections import Counter

import pytest

from sim.documents.validation import validate
from sim.engine.interpreter import replay
from sim.engine.ops import STORE, Collective, Start, Wait
from sim.network.closed_forms import ideal_all_reduce_s, ideal_crossing_bytes, ideal_scatter_s
from sim.network.collectives import (
    ALGORITHMS,
    CLOSED_FORMS,
    GATHER_FORMS,
    GATHERS,
    halving_doubling,
    ring_s,
    via_store_s,
)
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.topology.model import Topology


def test_the_worked_example_of_the_docstring():
    assert ideal_all_reduce_s(20e9, 8, 100e9, 1e-3) == pytest.approx(2.801)


def test_many_peers_tend_to_twice_the_payload_over_the_bandwidth():
    assert ideal_all_reduce_s(1e9, 10**9, 8e9, 0.0) == pytest.approx(2.0)


def test_a_lone_chip_exchanges_nothing():
    assert ideal_all_reduce_s(1e9, 1, 8e9, 0.5) == 0.0


def test_bytes_cross_only_between_datacenters():
    assert ideal_crossing_bytes(1e9, 8, 1) == 0.0
    # One chip in each of four sites: the ring sends 2 S (4 - 1) in all.
    assert ideal_crossing_bytes(1e9, 4, 4) == pytest.approx(6e9)


W, E, S = 10e9, 3e-3, 20e9


def mesh(sites, chips=1.0, algorithm="ring", latency="3 ms"):
    shape = {"shape": "full-mesh", "datacenters": sites, "bandwidth": "10 Gbit/s", "latency": latency}
    topology = validate(Topology, {"name": "mesh", "generate": shape}, source="test")
    names = tuple(site.name for site in topology.datacenters)
    return LinkNetwork(Placement(topology, names, (chips,) * sites), algorithm)


def seconds(network, sites, payload=S):
    members = tuple(range(sites))
    _, phases = network.plan(members, payload)
    return network.trip(phases).across_s


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("sites", range(2, 17))
def test_flows_on_a_mesh_take_what_the_closed_form_says(name, sites):
    assert seconds(mesh(sites, algorithm=name), sites) == pytest.approx(CLOSED_FORMS[name](S, sites, W, E), rel=1e-9)


@pytest.mark.parametrize("name", GATHER_FORMS)
@pytest.mark.parametrize("sites", [2, 3, 5, 8])
def test_an_all_gather_on_a_mesh_takes_what_the_closed_form_says_and_brings_all_of_everybody(name, sites):
    network, members = mesh(sites, algorithm=name), tuple(range(sites))
    _, phases = network.plan(members, S, "all-gather")
    taken_s, links = network.trip(phases)[:2]
    assert taken_s == pytest.approx(GATHER_FORMS[name](S, sites, W, E), rel=1e-9)
    brought = Counter()
    for phase in phases:
        for transfer in phase.transfers:
            brought[transfer.target] += transfer.size_bytes
    assert brought == dict.fromkeys(members, (sites - 1) * S)
    assert sum(link.carried_bytes for link in links) == pytest.approx(sum(brought.values()))


@pytest.mark.parametrize("shape", ["all-reduce", "all-gather"])
@pytest.mark.parametrize("sites", [2, 3, 8])
def test_through_a_store_each_puts_its_own_in_and_reads_the_others(sites, shape):
    """S/W up, (M - 1) S/W down, and each of the two asks the store first: for a sum, too, as nobody on the way adds."""
    star = {"shape": "star", "datacenters": sites, "bandwidth": "10 Gbit/s", "latency": "3 ms"}
    document = {"name": "t", "generate": star, "store": {"at": "hub", "request": "0.25 s"}}
    document["transport"] = {"exchange_overhead": "0.5 s"}
    topology = validate(Topology, document, source="test")
    names = tuple(site.name for site in topology.datacenters)
    network = LinkNetwork(Placement(topology, names, (1.0,) * sites), "store")
    _, phases = network.plan(tuple(range(sites)), S, shape)
    taken_s, links = network.trip(phases)[:2]
    assert taken_s == pytest.approx(0.5 + 2 * 0.25 + via_store_s(S, sites, W, E), rel=1e-9)
    carried = {link.name: link.carried_bytes for link in links}
    assert carried["dc1 -> hub"] == pytest.approx(S)
    assert carried["hub -> dc1"] == pytest.approx((sites - 1) * S)


def test_of_all_gathers_the_quickest_is_taken():
    """Each pair has a link of its own: to send directly is quickest, and a ring pays M - 1 latencies."""
    name, _ = mesh(5, algorithm="auto").plan((0, 1, 2, 3, 4), S, "all-gather")
    assert name == "direct"
    assert set(GATHERS) == set(ALGORITHMS)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("sites", [2, 3, 4, 5])
def test_small_groups_in_numbers(name, sites):
    # 8 Gbit over 8 Gbit/s: S/W is 1 s, and a latency 1/8 s
    ring = {2: 1 + 2 / 8, 3: 4 / 3 + 4 / 8, 4: 1.5 + 6 / 8, 5: 1.6 + 8 / 8}
    by_hand = {
        "ring": ring,
        "chunked-ring": ring,
        "halving-doubling": {2: 1 + 2 / 8, 3: 1 + 2 / 8 + 2 + 2 / 8, 4: 1.5 + 4 / 8, 5: 1.5 + 4 / 8 + 2 + 2 / 8},
        "direct": {2: 1 + 2 / 8, 3: 2 / 3 + 2 / 8, 4: 0.5 + 2 / 8, 5: 0.4 + 2 / 8},
        "star": dict.fromkeys((2, 3, 4, 5), 2 + 2 / 8),
    }
    assert CLOSED_FORMS[name](1e9, sites, 8e9, 1 / 8) == pytest.approx(by_hand[name][sites], rel=1e-12)


@pytest.mark.parametrize("sites", [2, 3, 8, 64])
def test_a_ring_tends_to_twice_the_payload_over_the_bandwidth(sites):
    taken_s = seconds(mesh(sites, latency="0 s"), sites)
    assert taken_s == pytest.approx(2 * 8 * S / W * (1 - 1 / sites), rel=1e-9)


@pytest.mark.parametrize("name", [*CLOSED_FORMS, "hierarchical"])
@pytest.mark.parametrize("sites", [2, 5])
def test_every_exchange_between_sites_is_inside_across_inside(name, sites):
    inside_s = 8 * S / 400e9 * 63 / 64 + 1e-4
    one = Collective("outer", 0, tuple(range(sites)), S)
    found = replay([[Start(one), Wait(one)]] * sites, mesh(sites, chips=64.0, algorithm=name))
    across_s = CLOSED_FORMS.get(name, ring_s)(S, sites, W, E)
    for totals in found.workers:
        assert totals.finish_s == pytest.approx(2 * inside_s + across_s, rel=1e-9)
        assert totals.exposed_inside_s == pytest.approx(2 * inside_s, rel=1e-9)
        assert totals.exposed_across_s == pytest.approx(across_s, rel=1e-9)


def test_a_site_of_nodes_goes_node_by_node():
    # 16 chips in two nodes of 8: 7/8 of the payload at 3,600 Gbit/s, then half of an eighth at 400, and the latency
    by_hand = 8 * S * (7 / 8 / 3600e9 + 1 / 8 / 2 / 400e9) + 1e-4
    assert ideal_scatter_s(S, 16, 400e9, 1e-4, 0.0, 8, 3600e9) == pytest.approx(by_hand, rel=1e-12)
    assert ideal_scatter_s(S, 4, 400e9, 1e-4, 0.0, 8, 3600e9) == pytest.approx(8 * S / 3600e9 * 3 / 4 + 1e-4, rel=1e-12)
    assert ideal_all_reduce_s(S, 16, 400e9, 0.0, 0.0, 8, 3600e9) == pytest.approx(2 * (by_hand - 1e-4), rel=1e-12)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("sites", [2, 3, 4, 5, 8])
def test_every_site_gets_the_whole_sum(name, sites):
    """Each transfer may carry what its sender knows by then; in the end all must know what everybody contributed."""
    known = {STORE: set()} | {site: {site} for site in range(sites)}
    received, sent = Counter(), Counter()
    for phase in ALGORITHMS[name](1.0, list(range(sites))):
        for _ in range(phase.rounds):
            before = {end: set(k) for end, k in known.items()}
            for transfer in phase.transfers:
                known[transfer.target] |= before[transfer.source]
        for transfer in phase.transfers:
            sent[transfer.source] += transfer.size_bytes
            received[transfer.target] += transfer.size_bytes
    assert all(known[site] == set(range(sites)) for site in range(sites))
    assert sent.total() == pytest.approx(received.total())
    least = 2 * (sites - 1) / sites  # no all-reduce gets by with fewer bytes out of all sites
    assert sent.total() >= sites * least * (1 - 1e-9)


def test_halving_goes_to_ever_nearer_partners_and_doubling_back():
    phases = halving_doubling(16.0, range(8))
    assert [phase.transfers[0].size_bytes for phase in phases] == [8, 4, 2, 2, 4, 8]
    assert [phase.transfers[0].target for phase in phases] == [4, 2, 1, 1, 2, 4]
    for phase in phases:
        there = {(transfer.source, transfer.target) for transfer in phase.transfers}
        assert there == {(target, source) for source, target in there}
