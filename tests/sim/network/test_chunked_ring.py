"""Rings in chunks: members end by themselves, as hand-written stories and a recurrence without events say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.documents.validation import validate
from sim.engine.interpreter import replay
from sim.engine.ops import Collective, Compute, Start, Wait
from sim.network.collectives import ring_s
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.model import Topology

NAMES = "abcdefgh"


def sites(mb_per_s, latency_s=0.0, **transport):
    """Sites in a ring of links that each have one hop for themselves; the first sends to the second, and so on."""
    links = [
        {
            "from": NAMES[i],
            "to": NAMES[(i + 1) % len(mb_per_s)],
            "bandwidth": f"{8 * rate} Mbit/s",
            "latency": f"{latency_s} s",
        }
        for i, rate in enumerate(mb_per_s)
    ]
    nodes = [{"name": name} for name in NAMES[: len(mb_per_s)]]
    return {"name": "t", "datacenters": nodes, "links": links, "transport": transport}


def replayed(topology, *programs, algorithm="chunked-ring", chips=1.0):
    count = len(programs)
    there = validate(Topology, topology, source="test")
    network = LinkNetwork(Placement(there, tuple(NAMES[:count]), (chips,) * count), algorithm)
    return replay([list(program) for program in programs], network, spans=True)


def exchange(mb, members, index=0, **more):
    one = Collective("outer", index, members, mb * 1e6, **more)
    return [Start(one), Wait(one)]


def ends(timeline):
    """When each worker was done with everything."""
    count = len(timeline.workers)
    return [max(span.end_s for span in timeline.spans if span.worker == worker) for worker in range(count)]


def recurrence(size, rates, comes, latency_s, overhead_s, buffer, count=1):
    """When each member is done: maxima and sums alone, chunk by chunk. No link is shared, so a chunk takes S/(M W)."""
    sites = len(rates)
    chunk, now = size / sites, list(comes)
    for number in range(count * 2 * (sites - 1)):
        ready = [moment + (overhead_s if number % (2 * (sites - 1)) == 0 else 0) for moment in now]
        begins = [max(ready[i], ready[(i + 1) % sites]) for i in range(sites)]
        there = [begin + chunk / rate + latency_s for begin, rate in zip(begins, rates, strict=True)]
        handed = [begin + max(0.0, chunk - buffer) / rate for begin, rate in zip(begins, rates, strict=True)]
        now = [max(there[i - 1], handed[i]) for i in range(sites)]
    return now


@pytest.mark.parametrize("members", range(2, 9))
def test_on_equal_links_it_is_the_ring_of_the_closed_form(members):
    timeline = replayed(sites([10.0] * members, 0.25), *[exchange(24, tuple(range(members)))] * members)
    assert ends(timeline) == pytest.approx([ring_s(24e6, members, 80e6, 0.25)] * members, rel=1e-12)


def test_who_sends_over_the_slow_link_has_the_sum_before_the_others():
    """S = 12 MB, chunks of 4 MB: 1 s over the slow hop from a to b, 0.1 s over the others; four chunks each.

    b has its first chunk at 1 s, c its second (from b) at 1.1, a its third (from c) at 1.2; a's own chunks leave at 0,
    when b is ready at 1, then b is ready as it has its own: at 1, 2, 3. b has its last at 4. c's last comes from b,
    which was ready to send it at 3: 3.1. a's last comes from c, which had what it passes on at 2.1: 2.2, when a's last
    is still to be sent; but a buffer takes it at 3.
    """
    story = replayed(sites([4.0, 40.0, 40.0]), *[exchange(12, (0, 1, 2))] * 3)
    assert ends(story) == pytest.approx([3.0, 4.0, 3.1], rel=1e-12)
    without = replayed(sites([4.0, 40.0, 40.0], send_buffer="0 B"), *[exchange(12, (0, 1, 2))] * 3)
    assert ends(without) == pytest.approx([4.0, 4.0, 3.1], rel=1e-12)
    half = replayed(sites([4.0, 40.0, 40.0], send_buffer="2 MB"), *[exchange(12, (0, 1, 2))] * 3)
    assert ends(half) == pytest.approx([3.5, 4.0, 3.1], rel=1e-12)


def test_what_is_done_early_computes_early_and_the_next_exchange_waits_for_the_receiver():
    """As above, then 2 s of compute and the same again: b comes at 6, so that a sends at 6 for the first time."""
    programs = [[*exchange(12, (0, 1, 2)), Compute(2.0), *exchange(12, (0, 1, 2), 1)]] * 3
    timeline = replayed(sites([4.0, 40.0, 40.0]), *programs)
    computed = [next(span[1:] for span in timeline.spans if span[:2] == (w, "compute")) for w in range(3)]
    assert computed == [("compute", 3.0, 5.0), ("compute", 4.0, 6.0), ("compute", pytest.approx(3.1), 5.1)]
    assert ends(timeline) == pytest.approx([6 + 3.0, 6 + 4.0, 6 + 3.1], rel=1e-12)
    totals = timeline.workers[0]
    assert totals.straggler_wait_s == pytest.approx(1.0)  # for b, from 5 to 6
    assert totals.exposed_s == pytest.approx(3.0 + 3.0)


@given(
    rates=st.lists(st.sampled_from([1.0, 3.0, 10.0, 40.0]), min_size=2, max_size=6),
    comes=st.lists(st.sampled_from([0.0, 0.5, 4.0]), min_size=6, max_size=6),
    latency_s=st.sampled_from([0.0, 0.125]),
    overhead_s=st.sampled_from([0.0, 0.25]),
    buffer=st.sampled_from([0.0, 1.0, 100.0]),
    count=st.integers(1, 3),
)
def test_it_ends_for_each_as_the_recurrence_says(rates, comes, latency_s, overhead_s, buffer, count):
    members = tuple(range(len(rates)))
    topology = sites(rates, latency_s, exchange_overhead=f"{overhead_s} s", send_buffer=f"{buffer} MB")
    timeline = replayed(
        topology, *[[Compute(come), *exchange(12, members, count=count)] for come in comes[: len(rates)]]
    )
    wanted = recurrence(12.0, rates, comes[: len(rates)], latency_s, overhead_s, buffer, count)
    assert ends(timeline) == pytest.approx(wanted, rel=1e-9)
    assert timeline.crossing_bytes == pytest.approx(count * 2 * 12e6 * (len(rates) - 1))
    carried = math.fsum(use.carried_bytes for use in timeline.links)
    assert carried == pytest.approx(timeline.crossing_bytes, rel=1e-9)
    assert sum(worker.straggler_wait_s for worker in timeline.workers) == pytest.approx(
        sum(max(comes[: len(rates)]) - come for come in comes[: len(rates)])
    )


def test_exchanges_of_a_member_take_turns():
    """Two at once between two equal sites of 10 MB/s, 10 MB each: as one behind the other, 1 s each."""
    one, two = (Collective("outer", index, (0, 1), 10e6) for index in range(2))
    program = [Start(one), Start(two), Wait(one), Wait(two)]
    timeline = replayed(sites([10.0, 10.0]), program, program)
    assert [span.end_s for span in timeline.spans if span.worker == 0] == pytest.approx([1.0, 2.0])


STRATEGIES = [
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 3, "sync_every": 5},
    {"kind": "diloco", "replicas": 1, "sync_every": 5},
    {"kind": "streaming-diloco", "replicas": 3, "sync_every": 4, "fragments": 2, "overlap_steps": 1},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 5},
    {"kind": "async-diloco", "replicas": 3, "sync_every": 5},
]


def scenario(strategy, rates, collective="chunked-ring", **more):
    workload = {"params": 3e6, "steps": 60, "chips": 3, "batch_tokens": 8192, "step_time": "0.5 s", "layers": 4}
    document = {"topology": sites(rates), "workload": workload, "strategies": [strategy], "collective": collective}
    return Scenario.model_validate(document | more)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_on_equal_links_every_strategy_takes_what_it_takes_with_a_ring(strategy):
    one, other = (run(scenario(strategy, [10.0] * 3, name)).runs[0] for name in ("chunked-ring", "ring"))
    assert one.wall_clock_s == pytest.approx(other.wall_clock_s, rel=1e-9)
    assert one.cross_datacenter_bytes == pytest.approx(other.cross_datacenter_bytes, rel=1e-9)
    assert one.compute_utilization == pytest.approx(other.compute_utilization, rel=1e-9)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
@pytest.mark.parametrize("rates", [[4.0, 40.0, 20.0], [40.0, 4.0, 4.0]], ids=str)
def test_what_is_continued_is_what_a_full_replay_finds(strategy, rates):
    short, full = (run(scenario(strategy, rates, replay=replay)).runs[0] for replay in ("steady", "full"))
    assert short.wall_clock_s == pytest.approx(full.wall_clock_s, rel=1e-9)
    assert [site.compute_s for site in short.sites] == pytest.approx([site.compute_s for site in full.sites])


def test_a_shared_host_gains_where_its_sites_end_apart():
    """Two of three compute on one host, twice as slow together. Early ones then have it for themselves."""
    topology = sites([4.0, 40.0, 40.0])
    topology["hosts"] = [{"name": "h", "slowdown": [1, 2]}]
    topology["datacenters"][0]["host"] = topology["datacenters"][1]["host"] = "h"
    strategy = {"kind": "diloco", "replicas": 3, "sync_every": 2}
    apart, together = (
        run(scenario(strategy, [1.0] * 3, name, topology=topology)).runs[0].wall_clock_s
        for name in ("chunked-ring", "ring")
    )
    # Chunks of 2 MB, 0.5 s over the slow link: a is done so much before b. It then has the host for 0.5 s, in which it
    # does half of its 1 s of work; both take 1 s for the next half; b does its other half alone: 1.5 s in place of 2 s.
    assert together == pytest.approx(30 * (2.0 + 2.0), rel=1e-9)
    assert apart == pytest.approx(30 * (2.0 + 2.0) - 29 * 0.5, rel=1e-9)


def test_auto_leaves_it_out():
    strategy = {"kind": "diloco", "replicas": 3, "sync_every": 5}
    assert run(scenario(strategy, [4.0, 40.0, 20.0], "auto")).runs[0].collective == "auto: ring"
