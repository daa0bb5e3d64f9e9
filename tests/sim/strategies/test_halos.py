"""HALoS: regions with a server each, told second by second; and what it is when there is one region, or no link between."""

import pytest

from sim.engine.interpreter import replay
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import AsyncDiLoCo, HALoS

from .test_async_elastic import network_of, programs, setting_of, stories


def two_regions(**more):
    return HALoS(**{"replicas": 4, "regions": 2, "sync_every": 1, "across_every": 3, **more})


def told(strategy, setting):
    """What every worker does, and the exchanges of servers, from when to when."""
    timeline = replay(programs(strategy, setting), network_of(setting), spans=True)
    return timeline, stories(timeline)


SETTING = {"step_s": (6.0, 6.0, 5.0, 20.0), "payload": 3.0, "latency_s": 1.5, "steps": 4}
"""A byte takes a second: 3 s on the link, there after 4.5 s. Servers are beside the workers 0 and 2."""


def test_regions_go_on_while_their_servers_exchange_with_the_global_one():
    """Rounds alone of 6, 15, 5 and 29 s share 16 steps as 6, 2, 7 and 1. K = 3, and two ways of 4.5 s between servers.

    Region 1 has merged three changes at 15 s, the second exchange's three after 24 s at 24.5, 25 and 30 s; its last
    change comes at 35 s, goes up when that exchange is over at 39 s, and is answered at 48 s.
    """
    timeline, (first, second, third, fourth) = told(two_regions(), setting_of(**SETTING))
    assert first == [("compute", 6 * k, 6 * (k + 1)) for k in range(6)]
    assert second == [
        ("compute", 0, 6),
        ("push", 6, 10.5),
        ("pull", 10.5, 15),
        ("compute", 15, 21),
        ("push", 21, 25.5),
        ("pull", 25.5, 30),
    ]
    assert third == [*(("compute", 5 * k, 5 * (k + 1)) for k in range(7)), ("global", 35, 48)]
    assert fourth == [("compute", 0, 20), ("push", 20, 24.5), ("pull", 24.5, 29)]
    assert timeline.wall_clock_s == 48
    assert timeline.crossing_bytes == 3 * 2 * (2 + 1) + 3 * 2 * 3  # of the workers 1 and 3, and of the servers
    # merges by others of the region since its own last: worker 1 comes at 10.5 and 25.5 s, worker 3 at 24.5 s
    assert [totals.merges for totals in timeline.workers] == [6, 2, 7, 1]
    assert [totals.staleness for totals in timeline.workers] == [2, 1 + 3, 1, 4]
    # what the third computes from 15 to 24 s, from 30 to 39 s, and not while it waits for the last one
    assert timeline.workers[2].hidden_s == 9 + 5


def test_who_brings_the_last_change_of_a_region_waits_for_the_global_server_and_nobody_else_does():
    """K is never reached: one exchange of region 1, when its last change is there; region 0 is beside that server."""
    timeline, stories_of = told(two_regions(across_every=100), setting_of(**SETTING))
    assert [own[-1] for own in stories_of] == [
        ("compute", 30, 36),
        ("pull", 25.5, 30),
        ("global", 35, 44),
        ("pull", 24.5, 29),
    ]
    assert timeline.crossing_bytes == 3 * 2 * (2 + 1) + 3 * 2


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_a_server_exchanges_after_every_k_changes_since_it_heard_from_above(every):
    """One worker a region, and the transfers take no time beside a step: K steps, an exchange, K steps, ..."""
    strategy = two_regions(replicas=2, regions=2, across_every=every)
    setting = setting_of((4.0, 4.0), payload=1e-3, latency_s=0.0, steps=20)
    timeline, _ = told(strategy, setting)
    exchanges = -(-20 // every)  # the last of them takes what is left
    assert timeline.crossing_bytes == pytest.approx(2 * exchanges * 1e-3)


def test_changes_that_come_while_servers_exchange_count_for_the_next_time_only_from_then_on():
    """Steps of 4 s, two ways of 9 s in all, K = 1: sent at 4, back at 13; sent at 16, back at 25; ..., every 12 s."""
    strategy = two_regions(replicas=2, regions=2, across_every=1, closing_exchange=False)
    setting = setting_of((4.0, 4.0), payload=3.0, latency_s=1.5, steps=30)
    timeline, _ = told(strategy, setting)
    assert timeline.wall_clock_s == 30 * 4
    assert timeline.crossing_bytes == 2 * 3.0 * 10  # at 4, 16, 28, ..., 112 s
    closing, _ = told(two_regions(replicas=2, regions=2, across_every=1), setting)
    assert [totals.finish_s for totals in closing.workers] == [
        120,
        121 + 9,
    ]  # its last change comes at 120, busy to 121
    assert closing.crossing_bytes == 2 * 3.0 * 11


@pytest.mark.parametrize("server", [0, 1])
@pytest.mark.parametrize("closing", [True, False])
def test_with_one_region_it_is_asynchronous_diloco(server, closing):
    """The global server is beside the local one, and what they exchange takes no time."""
    setting = setting_of((8.0, 3.0, 13.0), steps=7)
    both = {"replicas": 3, "sync_every": 2, "local_steps": "by-speed" if server else "even"}
    own, alone = (
        replay(programs(each, setting), network_of(setting))
        for each in (
            HALoS(regions=1, across_every=2, closing_exchange=closing, **both),
            AsyncDiLoCo(closing_exchange=closing, **both),
        )
    )
    assert own == alone


def scenario(strategy, between="1 Gbit/s", collective="ring"):
    sites = [{"name": name, "chips": 2, "chip_speed": "100 Tflop/s"} for name in "abcd"]
    links = [
        {
            "between": [one, other],
            "latency": "1 ms",
            "bandwidth": "10 Gbit/s" if one + other in ("ab", "cd") else between,
        }
        for place, one in enumerate("abcd")
        for other in "abcd"[place + 1 :]
    ]
    return Scenario.model_validate(
        {
            "topology": {"name": "t", "datacenters": sites, "links": links, "collective": collective},
            "workload": {"params": 2e8, "steps": 200, "batch_tokens": 2**18},
            "strategies": [strategy],
        }
    )


@pytest.mark.parametrize("collective", ["ring", "published"])
def test_narrow_links_between_regions_cost_only_the_last_exchange(collective):
    """Ten times narrower: 3.2 Gbit take 32 s instead of 3.2 s, there and back, once, and if one is under way twice."""
    strategy = {"kind": "halos", "sync_every": 5, "across_every": 4}
    ways = ("1 Gbit/s", "100 Mbit/s")
    wide, narrow = (run(scenario(strategy, way, collective)).runs[0] for way in ways)
    assert 2 * (32 - 3.2) - 2 * 3.2 <= narrow.wall_clock_s - wide.wall_clock_s <= 2 * 2 * (32 + 0.001)
    assert narrow.compute_s == wide.compute_s
    assert narrow.cross_datacenter_bytes < wide.cross_datacenter_bytes  # regions hear from each other less often
    sooner_s, later_s = (
        run(scenario(strategy | {"closing_exchange": False}, way, collective)).runs[0].wall_clock_s for way in ways
    )
    assert later_s == pytest.approx(sooner_s, rel=1e-12)
    alone = {"kind": "async-diloco", "replicas": 4, "sync_every": 5}
    far = run(scenario(alone, "100 Mbit/s", collective)).runs[0]
    assert far.wall_clock_s > 1.5 * later_s  # though it gives most steps to those beside its server


def test_an_exchange_of_servers_does_not_wait_for_the_replicas_nor_they_for_it():
    """Over a router that all share: 3.2 Gbit up and 3.2 down at 1 Gbit/s go beside pushes at 10, a tenth slower."""
    sites = [{"name": name} for name in "abcd"]
    links = [
        {"between": [name, "x" if name in "ab" else "y"], "bandwidth": "10 Gbit/s", "latency": "0 s"} for name in "abcd"
    ]
    links.append({"between": ["x", "y"], "bandwidth": "1 Gbit/s", "latency": "0 s"})
    document = {
        "topology": {"name": "t", "datacenters": sites, "routers": ["x", "y"], "links": links, "collective": "ring"},
        "workload": {"params": 2e8, "steps": 60, "batch_tokens": 2**18, "step_time": "1 s"},
        "strategies": [{"kind": "halos", "sync_every": 2, "across_every": 2, "closing_exchange": False}],
    }
    own = run(Scenario.model_validate(document)).runs[0]
    # a round is 2 s, a push and a pull of 0.32 s alone; at most a ninth longer beside an exchange of the servers
    assert own.compute_utilization > 2 / (2 + 2 * 0.32 * 10 / 9) * 0.98
    up = next(link for link in own.links if link.name == "y -> x")
    assert up.busy_share > 0.4


def test_what_does_not_fit_is_refused_with_what_to_write():
    with pytest.raises(
        InputError, match=r"regions: 6 replicas cannot be shared evenly by 4 regions; write 1 or 2 or 3"
    ):
        HALoS(replicas=6, regions=4)
    with pytest.raises(InputError, match="server: got 2, and the regions are 0 to 1; write one of them"):
        HALoS(server=2)
    with pytest.raises(InputError, match="local_steps: got 2 numbers, and there are 4 replicas"):
        HALoS(local_steps=(3, 2))
    with pytest.raises(InputError, match="a list does not say which replicas are left"):
        HALoS(local_steps=(3, 2, 3, 3)).with_replicas(2)


def test_with_an_exchange_after_every_change_regions_still_matter_and_no_note_says_otherwise():
    """As they do not in DiLoCo on two levels, where every exchange is then among all."""
    ask = {"kind": "halos", "replicas": 4, "sync_every": 5, "across_every": 1}
    two, four = (run(scenario(ask | {"regions": regions})) for regions in (2, 4))
    assert two.runs[0].wall_clock_s != four.runs[0].wall_clock_s
    assert not any("regions" in note for note in two.notes)
    one = run(scenario(ask | {"regions": 1}))
    assert any("across_every" in note and "one region only" in note for note in one.notes)


def test_with_fewer_replicas_regions_that_do_not_fill_are_one():
    eight = HALoS(replicas=8, regions=4, server=3)
    assert (eight.with_replicas(4).regions, eight.with_replicas(4).server) == (4, 3)
    assert (eight.with_replicas(6).regions, eight.with_replicas(6).server) == (1, 0)
