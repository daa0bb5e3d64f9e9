"""Replicas that do not all meet: three-worker stories with exact times, and staleness counted by hand.

Three workers of one chip each on links of 8 bit/s: a byte takes a second. An exchange of S bytes among two takes S
seconds, among three 4/3 S, each and the latency.
"""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.interpreter import replay
from sim.engine.ops import Merge, Start, Wait, moved
from sim.engine.timeline import Totals
from sim.errors import InputError
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import AsyncDiLoCo, DiLoCo, ElasticDiLoCo, Setting
from sim.topology.model import Route, Topology
from sim.workload.load import Deal, Load


def setting_of(step_s, payload=3.0, latency_s=1.5, steps=4, bits_per_s=8.0):
    workers = len(step_s)
    load = Load(
        params=payload / 2,
        batch_tokens=64,
        deal=Deal((1,) * workers, (1.0,) * workers, by_speed=False),
        steps=steps,
        gradient_bytes=payload,
        outer_bytes=payload,
        mean_step_s=tuple(step_s),
        cycle_steps=1,
        compute_s=lambda worker, first, count: step_s[worker] * count,
        notes=(),
    )
    route = Route(bits_per_s, latency_s)
    return Setting(load, (route,) * workers, route)


def network_of(setting, times=1):
    """`times`: how often all sites have a worker, for several jobs."""
    names = "abcd"[: setting.workers]
    way = {"bandwidth": f"{setting.across.bandwidth_bits_per_s!r} bit/s", "latency": f"{setting.across.latency_s!r} s"}
    links = [{"between": [a, b], **way} for a in names for b in names if a < b]
    sites = [{"name": name} for name in names]
    topology = Topology.model_validate({"name": "test", "datacenters": sites, "links": links})
    return PublishedCostNetwork(Placement(topology, tuple(names) * times, setting.load.deal.worker_chips * times))


def programs(strategy, setting):
    return [list(program) for program in strategy.programs(setting)]


def timeline_of(strategy, setting):
    return replay(programs(strategy, setting), network_of(setting), spans=True)


def stories(timeline):
    """What each worker does from when to when."""
    return [
        [span[1:] for span in timeline.spans if span.worker == worker and span.start_s < span.end_s]
        for worker in range(len(timeline.workers))
    ]


# Asynchronous: H = 1, 3 bytes, 1.5 s of latency: 3 s on the link, there after 4.5 s.


def test_three_replicas_at_their_own_pace_through_a_server():
    """Rounds alone of 8, 3 + 9 and 13 + 9 s share 12 steps: 6, 4 and 2 of them end at 48, 48 and 44 s.

    Nobody waits for another's exchange: each has a link of its own to the server. Merges: worker 1 at 7.5, 0 at 8, 0 at
    16, 2 at 17.5, 1 at 19.5, 0 at 24, 1 at 31.5, 0 at 32, 2 at 39.5, 0 at 40, 1 at 43.5, 0 at 48.
    """
    timeline = timeline_of(AsyncDiLoCo(replicas=3, sync_every=1), setting_of((8.0, 3.0, 13.0)))
    assert stories(timeline) == [
        [("compute", 8 * k, 8 * (k + 1)) for k in range(6)],  # the server is at its own site: no exchange takes time
        [
            ("compute", 0, 3),
            ("push", 3, 7.5),
            ("pull", 7.5, 12),
            ("compute", 12, 15),
            ("push", 15, 19.5),
            ("pull", 19.5, 24),
            ("compute", 24, 27),
            ("push", 27, 31.5),
            ("pull", 31.5, 36),
            ("compute", 36, 39),
            ("push", 39, 43.5),
            ("pull", 43.5, 48),
        ],
        [
            ("compute", 0, 13),
            ("push", 13, 17.5),
            ("pull", 17.5, 22),
            ("compute", 22, 35),
            ("push", 35, 39.5),
            ("pull", 39.5, 44),
        ],
    ]
    assert [totals.merges for totals in timeline.workers] == [6, 4, 2]
    # merges by others since its own last one: worker 0: 1 0 2 0 2 1; worker 1: 0 3 2 2; worker 2: 3 4
    assert [totals.staleness for totals in timeline.workers] == [6, 7, 7]
    assert [totals.stalest for totals in timeline.workers] == [2, 3, 4]
    assert [totals.late for totals in timeline.workers] == [0, 0, 0]
    assert [totals.crossing_bytes for totals in timeline.workers] == [0, 4 * 2 * 3, 2 * 2 * 3]
    # the server's site begins two pulls in its step from 16 to 24; the others push 3 bytes at a time
    assert [totals.peak_bytes for totals in timeline.workers] == [6, 3, 3]
    assert all(totals.straggler_wait_s == 0 for totals in timeline.workers)


@pytest.mark.parametrize("server", [1, 2])
def test_where_the_server_stands_is_a_matter_of_names(server):
    swapped = {0: server, server: 0}
    step_s = (8.0, 3.0, 13.0)
    order = [swapped.get(worker, worker) for worker in range(3)]
    one = timeline_of(AsyncDiLoCo(replicas=3, sync_every=1), setting_of(step_s))
    other = timeline_of(
        AsyncDiLoCo(replicas=3, sync_every=1, server=server), setting_of(tuple(step_s[worker] for worker in order))
    )
    assert [stories(other)[worker] for worker in order] == stories(one)
    assert [other.workers[worker].staleness for worker in order] == [totals.staleness for totals in one.workers]


def test_a_replica_pulls_when_its_change_is_merged():
    setting = setting_of((1.0, 1.0), steps=5)
    ops = programs(AsyncDiLoCo(replicas=2, sync_every=2, server=1), setting)[0]
    kinds = [(type(op), getattr(getattr(op, "collective", None), "name", None)) for op in ops if type(op) is not Merge]
    rounds = [(Start, "push"), (Wait, "push"), (Start, "pull"), (Wait, "pull")]
    assert [kind for kind in kinds if kind[1]] == rounds * (len(kinds) // 5)
    for position, op in enumerate(ops):
        if isinstance(op, Merge):
            assert (ops[position - 1].collective.name, ops[position + 1].collective.name) == ("push", "pull")
            assert op.group == (0, 1)


def test_steps_are_dealt_by_the_pace_of_a_round_with_its_exchange():
    # H = 2 steps of 1 s; the one without the server exchanges 2 x (3 + 1) s besides: 2 and 10 s a round, 5 : 1
    timeline = timeline_of(AsyncDiLoCo(replicas=2, sync_every=2), setting_of((1.0, 1.0), latency_s=1.0, steps=6))
    assert [totals.compute_s for totals in timeline.workers] == [10, 2]
    assert [totals.finish_s for totals in timeline.workers] == [10, 10]


GBIT_PER_S = 1e9
ROUND_TRIP_S = 0.02


@pytest.mark.parametrize(
    ("link", "transport"),
    [
        ({"schedule": {"points": [{"at": "0 s", "bandwidth": "1 Gbit/s"}]}}, {}),
        ({}, {"window": f"{GBIT_PER_S * ROUND_TRIP_S / 8} B"}),  # RFC 7323: window / round trip
        ({}, {"window": f"{GBIT_PER_S * ROUND_TRIP_S / 8 / 4} B", "streams": 4}),
        # Mathis et al.: segment / round trip x sqrt(3/2) / sqrt(loss)
        ({"loss": 1.5 * (8 * 1460 / ROUND_TRIP_S / GBIT_PER_S) ** 2}, {}),
    ],
    ids=["schedule", "window", "streams", "loss"],
)
def test_steps_are_dealt_by_what_a_flow_has_whoever_limits_it(link, transport):
    """A replica alone on a link that its flows can use 1 Gbit/s of runs as on one of 1 Gbit/s."""

    def runs_over(link, transport):
        sites = [{"name": "a"}, {"name": "b"}]
        topology = {"name": "two", "datacenters": sites, "links": [link], "transport": transport}
        strategy = {"kind": "async-diloco", "replicas": 2, "sync_every": 5}
        workload = {"params": 1e9, "steps": 100, "step_time": "1 s", "batch_tokens": 6e4}
        asked = {"topology": topology, "workload": workload, "strategies": [strategy], "collective": "ring"}
        return run(Scenario.model_validate(asked)).runs[0]

    between = {"between": ["a", "b"], "latency": f"{ROUND_TRIP_S / 2} s"}
    plain = runs_over({**between, "bandwidth": "1 Gbit/s"}, {})
    limited = runs_over({**between, "bandwidth": "100 Gbit/s", **link}, transport)
    assert [each.compute_s for each in limited.sites] == [each.compute_s for each in plain.sites]
    assert limited.wall_clock_s == pytest.approx(plain.wall_clock_s, rel=1e-9)
    # 5 steps take 5 s beside the server, and 5 + 2 x (16 + 0.01) s behind the link: by hand 4 rounds there last 148 s,
    # in which the other one cannot make the remaining 180 steps; a fifth round would last until 185 s
    assert [each.compute_s for each in plain.sites] == pytest.approx([180, 20], abs=1.001)


@settings(max_examples=50)
@given(
    step_s=st.lists(st.floats(0.01, 10), min_size=2, max_size=4),
    steps=st.integers(1, 500),
    every=st.integers(3, 50),
)
def test_all_steps_are_dealt_and_all_end_within_a_round_of_each_other(step_s, steps, every):
    setting = setting_of(tuple(step_s), latency_s=0.0, steps=steps, bits_per_s=1e15)
    strategy = AsyncDiLoCo(replicas=len(step_s), sync_every=every)
    dealt = [strategy.worker_steps(worker, setting) for worker in setting.everyone]
    assert sum(dealt) == len(step_s) * steps
    ends_s = [own * each for own, each in zip(dealt, step_s, strict=True)]
    for own, each in zip(dealt, step_s, strict=True):  # nobody could take over the last step and end earlier
        assert (own + 1) * each >= max(ends_s) * (1 - 1e-6)
    finish_s = [totals.finish_s for totals in timeline_of(strategy, setting).workers]
    assert max(finish_s) - min(finish_s) <= every * max(step_s) * (1 + 1e-6)


@pytest.mark.parametrize("steps", [1, 7, 60])
@pytest.mark.parametrize("every", [1, 7])
def test_a_single_asynchronous_replica_has_nobody_to_run_ahead_of(steps, every):
    setting = setting_of((2.0, 2.0), steps=steps)
    one, diloco = AsyncDiLoCo(replicas=1, sync_every=every), DiLoCo(replicas=1, sync_every=every)
    assert timeline_of(one, setting) == timeline_of(diloco, setting)
    assert timeline_of(one, setting).crossing_bytes == (steps + math.ceil(steps / every)) * 2 * 3.0
    assert one.ideal_s(setting) == diloco.ideal_s(setting)


def test_the_server_stands_at_one_of_the_replicas():
    AsyncDiLoCo(replicas=3, server=2)
    with pytest.raises(ValueError, match="server: got 3, and the replicas are 0 to 2"):
        AsyncDiLoCo(replicas=3, server=3)


# Elastic: H = 1, 3 bytes, 1 s of latency; K = 2 of 3. The third takes 11 s for a step, the others 2 and 3.


def elastic(**more):
    return ElasticDiLoCo(replicas=3, sync_every=1, **{"quorum": 2, **more})


def slow_third(steps=2):
    return setting_of((2.0, 3.0, 11.0), latency_s=1.0, steps=steps)


def test_a_quorum_goes_ahead_and_a_late_worker_catches_up():
    timeline = timeline_of(elastic(), slow_third())
    pair = [("outer", 3, 7), ("outer", 10, 14)]  # 3 + 1 s each
    assert stories(timeline) == [
        [("compute", 0, 2), ("wait", 2, 3), pair[0], ("compute", 7, 9), ("wait", 9, 10), pair[1]],
        [("compute", 0, 3), pair[0], ("compute", 7, 10), pair[1]],
        # it pushes when worker 0 has sent and received its second exchange, at 13-17; pulls 17-21; then 32-36, 36-40
        [("compute", 0, 11), ("outer", 11, 21), ("compute", 21, 32), ("outer", 32, 40)],
    ]
    assert [totals.late for totals in timeline.workers] == [0, 0, 2]
    assert [totals.merges for totals in timeline.workers] == [2, 2, 2]
    # the first late change knows of neither exchange of the others; what it pulls at 17 has both
    assert [totals.staleness for totals in timeline.workers] == [0, 0, 2]
    assert [totals.stalest for totals in timeline.workers] == [0, 0, 2]
    # a pair sends 2 x 2 S/2 an exchange, the late one S there and S back
    assert [totals.crossing_bytes for totals in timeline.workers] == [2 * 6, 0, 2 * 6]
    assert timeline.workers[0].waited_for_s == (0, 2, 0)
    assert timeline.workers[2].straggler_wait_s == 0


def test_the_quorum_begins_when_its_grace_is_over():
    timeline = timeline_of(elastic(grace="5 s"), slow_third())
    assert stories(timeline) == [
        [("compute", 0, 2), ("wait", 2, 8), ("outer", 8, 12), ("compute", 12, 14), ("wait", 14, 20), ("outer", 20, 24)],
        [("compute", 0, 3), ("wait", 3, 8), ("outer", 8, 12), ("compute", 12, 15), ("wait", 15, 20), ("outer", 20, 24)],
        # it comes while the others exchange, and pushes when they are done: 12-16, 16-20; then 31-35, 35-39
        [("compute", 0, 11), ("outer", 11, 20), ("compute", 20, 31), ("outer", 31, 39)],
    ]
    assert timeline.workers[2].late == 2


def test_who_comes_within_the_grace_is_not_late_and_is_not_kept_waiting():
    timeline = timeline_of(elastic(grace="9 s"), slow_third())
    # the grace would last from 3 to 12; all are there at 11: 2 x 3 x 2/3 + 1 = 5 s
    assert [totals.late for totals in timeline.workers] == [0, 0, 0]
    assert [totals.finish_s for totals in timeline.workers] == [32, 32, 32]
    assert [totals.staleness for totals in timeline.workers] == [0, 0, 0]
    assert timeline.crossing_bytes == pytest.approx(2 * 3 * 2 * 3 * 2 / 3, rel=1e-12)


@pytest.mark.parametrize("step_s", [(2.0, 3.0, 11.0), (4.0, 4.0, 4.0)])
@pytest.mark.parametrize("steps", [3, 7])
@pytest.mark.parametrize(
    "strategy",
    [
        ElasticDiLoCo(replicas=3, quorum=3, sync_every=3),
        ElasticDiLoCo(replicas=3, quorum=3, sync_every=3, grace="2 s"),
        ElasticDiLoCo(replicas=3, quorum=2, sync_every=3, grace="1e6 s"),
    ],
    ids=lambda strategy: strategy.label,
)
def test_where_all_must_come_or_all_come_in_time_it_is_diloco(strategy, steps, step_s):
    setting = replace(setting_of(step_s, latency_s=1.0, steps=steps))
    one, diloco = (timeline_of(each, setting) for each in (strategy, DiLoCo(replicas=3, sync_every=3)))
    assert one.spans == diloco.spans
    rounds = math.ceil(steps / 3) if strategy.quorum < 3 else 0  # counted only where not all need to be there
    assert one.workers == tuple(replace(totals, merges=rounds) for totals in diloco.workers)


def test_a_quorum_of_one_waits_for_nobody():
    # worker 0 goes on by itself, with nobody to exchange with; the others come late to all of it
    timeline = timeline_of(elastic(quorum=1), slow_third())
    assert stories(timeline)[0] == [("compute", 0, 2), ("compute", 2, 4)]
    assert [totals.late for totals in timeline.workers] == [0, 2, 2]


@given(
    step_s=st.lists(st.integers(1, 40), min_size=3, max_size=4),
    every=st.integers(1, 3),
    steps=st.integers(1, 9),
    grace_s=st.integers(0, 20),
    data=st.data(),
)
def test_nobody_is_lost(step_s, every, steps, grace_s, data):
    """Every change is merged once, in time or late; every second is accounted for."""
    workers = len(step_s)
    quorum = data.draw(st.integers(1, workers - 1), label="K")
    strategy = ElasticDiLoCo(replicas=workers, quorum=quorum, sync_every=every, grace=f"{grace_s} s")
    timeline = timeline_of(strategy, setting_of(tuple(map(float, step_s)), steps=steps))
    rounds = math.ceil(steps / every)
    for own, totals in zip(step_s, timeline.workers, strict=True):
        assert totals.compute_s == steps * own
        assert totals.merges == rounds
        # nobody misses an exchange of the others, or a late change of one of them, twice
        assert totals.stalest <= totals.staleness <= rounds + timeline.total("late") - totals.late
        spent_s = totals.compute_s + totals.straggler_wait_s + totals.exposed_s
        assert spent_s == pytest.approx(totals.finish_s, rel=1e-12)
    assert timeline.total("late") <= rounds * (workers - quorum)


def test_a_quorum_is_no_more_than_all():
    with pytest.raises(ValueError, match="quorum: got 4 of 3 replicas; write 3 or less"):
        ElasticDiLoCo(replicas=3, quorum=4)


# Several jobs.


@pytest.mark.parametrize("strategy", [AsyncDiLoCo(replicas=3, sync_every=1, server=1), elastic(grace="5 s")])
def test_workers_that_stand_at_another_place_do_the_same(strategy):
    setting = slow_third(steps=5)
    alone = timeline_of(strategy, setting)
    second = [list(moved(program, 3)) for program in programs(strategy, setting)]
    together = replay([[], [], [], *second], network_of(setting, times=2), spans=True)
    assert [span._replace(worker=span.worker - 3) for span in together.spans] == list(alone.spans)
    for one, other in zip(alone.workers, together.workers[3:], strict=True):
        assert replace(other, waited_for_s=other.waited_for_s[3:]) == one
    assert together.workers[:3] == (Totals(waited_for_s=(0.0,) * 6),) * 3


def three_sites(strategies, **more):
    sites = [
        {"name": name, "chips": 2, "chip_speed": f"{speed} Tflop/s"}
        for name, speed in zip("abc", (300, 200, 50), strict=True)
    ]
    links = [{"between": [a, b], "bandwidth": "10 Gbit/s", "latency": "5 ms"} for a, b in ("ab", "bc", "ac")]
    return Scenario.model_validate(
        {
            "topology": {"name": "three", "datacenters": sites, "links": links, "collective": "published"},
            "workload": {"params": 1e9, "steps": 50, "batch_tokens": 6e4},
            "strategies": strategies,
            **more,
        }
    )


def test_jobs_that_run_together_without_sharing_a_link_run_as_they_do_alone():
    strategies = [
        {"kind": "async-diloco", "replicas": 3, "sync_every": 4, "server": 2},
        {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 4},
        {"kind": "streaming-diloco", "replicas": 3, "sync_every": 4, "fragments": 2},
    ]
    apart, together = (run(three_sites(strategies, jobs=jobs, replay="full")) for jobs in ("alone", "together"))
    assert apart.runs[1].late_merges
    for one, other in zip(apart.runs, together.runs, strict=True):
        assert other.wall_clock_s == one.wall_clock_s
        assert other.cross_datacenter_bytes == one.cross_datacenter_bytes
        assert (other.mean_staleness, other.late_merges) == (one.mean_staleness, one.late_merges)


def test_staleness_is_reported_where_replicas_do_not_meet_and_only_there():
    strategies = [
        {"kind": "diloco", "replicas": 3},
        {"kind": "async-diloco", "replicas": 3, "sync_every": 10},
        {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 10},
    ]
    meeting, free, elastic_run = run(three_sites(strategies)).runs
    assert (meeting.mean_staleness, meeting.max_staleness, meeting.late_merges) == (None, None, 0)
    assert free.mean_staleness is not None
    assert 0 < free.mean_staleness <= free.max_staleness
    assert free.late_merges == 0
    # two sites go ahead of the slow one in all five rounds: it misses each of these once. When it is there first, they
    # have a round to go, in which each of them misses its late change. Fifteen merges in all.
    assert (elastic_run.late_merges, elastic_run.mean_staleness) == (5, pytest.approx((5 + 2) / 15))


def test_a_missing_datacenter_is_told():
    with pytest.raises(InputError, match="needs 4 datacenters and topology three has 3"):
        run(three_sites([{"kind": "elastic-diloco"}]))
