"""Replicas that share nothing are replayed each by itself, and the sums are those of all of them together."""

import random

import pytest

from sim.scenario.model import Scenario
from sim.simulation.apart import shares_nothing
from sim.simulation.jobs import jobs
from sim.simulation.run import outcomes

from ..changing_worlds import changing_world, check_same

ASYNC = {"kind": "async-diloco", "replicas": 3, "sync_every": 5}


@pytest.mark.parametrize("seed", range(50))
def test_each_alone_is_all_together(seed):
    document = changing_world(random.Random(seed), [{"kind": "async-diloco"}])
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    check_same(short, full)


def scenario(links, strategy=ASYNC, steps=3000, **topology):
    sites = [
        {"name": f"s{n}", "chips": 1, "chip_speed": f"{speed} Tflop/s"} for n, speed in enumerate((100, 123, 77.7))
    ]
    return Scenario.model_validate(
        {
            "topology": {"name": "t", "datacenters": sites, "links": links, "collective": "ring"} | topology,
            "workload": {"params": "100M", "batch_tokens": 4096 * 3, "steps": steps},
            "strategies": [strategy],
        }
    )


def link(*between, **more):
    return {"between": list(between), "bandwidth": "2 Gbit/s", "latency": "7 ms"} | more


TO_THE_SERVER = [link("s0", "s1"), link("s0", "s2")]
A_HUB = [link("s0", "hub"), link("s1", "hub"), link("s2", "hub")]
A_CHAIN = [link("s0", "s1"), link("s1", "s2")]


@pytest.mark.parametrize(
    ("links", "strategy", "more", "alone"),
    [
        (TO_THE_SERVER, ASYNC, {}, True),
        (TO_THE_SERVER, ASYNC | {"server": 1}, {}, False),  # s2 goes by way of s0
        (A_HUB, ASYNC, {"routers": ["hub"]}, False),
        (A_CHAIN, ASYNC, {}, False),
        (A_CHAIN, ASYNC | {"server": 1}, {}, True),
        ([link("s0", "s1", duplex="half"), link("s0", "s2")], ASYNC, {}, True),
        (TO_THE_SERVER, {"kind": "diloco", "replicas": 3, "sync_every": 5}, {}, False),
    ],
)
def test_who_shares_nothing(links, strategy, more, alone):
    asked = scenario(links, strategy, **more)
    (job,) = jobs(asked)
    assert shares_nothing(asked, job) == alone


@pytest.mark.parametrize(("links", "more"), [(A_HUB, {"routers": ["hub"]}), (A_CHAIN, {}), (TO_THE_SERVER, {})])
@pytest.mark.parametrize("server", [0, 1, 2])
def test_transfers_with_a_link_in_common_take_the_same_time_as_flows(links, more, server):
    """Whether each kind of transfer is simulated once or every one as a flow."""
    asked = scenario(links, ASYNC | {"server": server}, steps=400, **more)
    (short,), (full,) = outcomes(asked), outcomes(asked.replaced(replay="full"))
    check_same(short, full)
    assert [own.merges for own in short.timeline.workers] == [own.merges for own in full.timeline.workers]
    assert sum(own.staleness for own in short.timeline.workers) == sum(own.staleness for own in full.timeline.workers)


def test_of_replicas_that_share_nothing_little_is_replayed():
    (found,) = outcomes(scenario(TO_THE_SERVER))
    assert found.replayed_steps < 100
    # By itself a replica makes 5 steps in 5 x 6 N B/3 / Q, sends 2 x 200 MB at 2 Gbit/s, and waits 2 x 7 ms.
    for worker, speed in ((1, 123e12), (2, 77.7e12)):
        own = found.timeline.workers[worker]
        round_s = 5 * 6 * 100e6 * 4096 / speed + 2 * (1.6e9 / 2e9 + 7e-3)
        assert own.finish_s == pytest.approx(own.merges * round_s, rel=5e-3)
        assert own.crossing_bytes == pytest.approx(own.merges * 2 * 200e6, rel=1e-12)
    assert sum(own.merges for own in found.timeline.workers) == pytest.approx(9000 / 5, abs=3)


def test_how_old_updates_are_is_counted_from_the_moments_of_all_merges():
    (one,), (other,) = (outcomes(scenario(TO_THE_SERVER, steps=steps)) for steps in (3000, 6000))
    for short, long in zip(one.timeline.workers, other.timeline.workers, strict=True):
        assert long.staleness / long.merges == pytest.approx(short.staleness / short.merges, rel=0.02)
    totals = other.timeline
    # While a replica is away, each of the others merges as often as its pace allows.
    paces = [own.merges / own.finish_s for own in totals.workers]
    for own, pace in zip(totals.workers, paces, strict=True):
        assert own.staleness / own.merges == pytest.approx((sum(paces) - pace) / pace, rel=0.02)
