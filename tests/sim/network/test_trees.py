"""Trees: their shape, and flows on a mesh against their closed forms."""

from collections import Counter

import pytest

from sim.network.trees import broadcast, broadcast_s, double_tree, double_tree_s
from tests.sim.network.test_collectives import E, S, W, mesh


@pytest.mark.parametrize("sites", range(2, 18))
def test_flows_along_two_trees_take_what_the_closed_form_says(sites):
    taken_s = mesh(sites).trip(double_tree(S, range(sites))).across_s
    assert taken_s == pytest.approx(double_tree_s(S, sites, W, E), rel=1e-9)


@pytest.mark.parametrize("sites", range(2, 40))
def test_both_trees_reach_everybody_and_no_inner_site_of_one_has_children_in_the_other(sites):
    (phase,) = double_tree(1.0, range(sites))
    edges = [(each.source, each.target) for each in phase.transfers][::2]  # child, parent
    for tree in (edges[: sites - 1], edges[sites - 1 :]):
        parents = dict(tree)
        assert len(parents) == sites - 1
        for site in range(sites):
            for _ in range(phase.rounds // 2):
                site = parents.get(site, site)
            assert site not in parents  # the root, within half of the rounds
    inner = [
        {parent for _, parent in tree if parent not in (0, 1, sites - 1)}
        for tree in (edges[: sites - 1], edges[sites - 1 :])
    ]
    assert not inner[0] & inner[1]


def test_the_trees_of_nccl_for_four_and_fourteen():
    """As drawn in its source: 0-8, 8-(4, 12), 4-(2, 6), ... and for four sites 0-2-(1, 3), mirrored 3-1-(2, 0)."""

    def parents(sites):
        (phase,) = double_tree(1.0, range(sites))
        return [(each.source, each.target) for each in phase.transfers][::2]

    assert parents(4) == [(1, 2), (2, 0), (3, 2), (2, 1), (1, 3), (0, 1)]
    first = dict(parents(14)[:13])
    assert [first[site] for site in (8, 4, 12, 2, 6, 10, 13, 1, 3)] == [0, 8, 8, 4, 4, 12, 12, 2, 2]


def test_in_two_trees_of_four_the_inner_sites_send_twice_the_payload_where_a_ring_sends_one_and_a_half():
    sent = Counter()
    for transfer in double_tree(S, range(4))[0].transfers:
        sent[transfer.source] += transfer.size_bytes / S
    assert sent == {0: 1.0, 1: 2.0, 2: 2.0, 3: 1.0}


@pytest.mark.parametrize("sites", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("shards", [1, 5])
@pytest.mark.parametrize("fan_out", [1, 2, 3])
def test_a_broadcast_brings_all_to_everybody_as_soon_as_the_closed_form_says(sites, shards, fan_out):
    phases = broadcast(S, range(sites), shards, fan_out)
    got = Counter()
    for phase in phases:
        for transfer in phase.transfers:  # who passes a shard on has it from an earlier turn
            assert transfer.source == 0 or got[transfer.source] > got[transfer.target] - 1e-6
        for transfer in phase.transfers:
            got[transfer.target] += transfer.size_bytes
    assert got == pytest.approx(dict.fromkeys(range(1, sites), S))
    taken_s = mesh(sites).trip(phases).across_s
    assert taken_s == pytest.approx(broadcast_s(S, sites, shards, W, E, fan_out), rel=1e-9)
