"""Rounds by speed (DyLU): a slower replica makes fewer inner steps between two exchanges, so that all rounds last as long."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.interpreter import replay
from sim.engine.ops import Compute
from sim.errors import InputError
from sim.network.placement import Placement
from sim.network.published_cost import PublishedCostNetwork
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import AsyncDiLoCo
from sim.topology.model import Topology

from .test_async_elastic import setting_of

WAY = {"bandwidth": "8 bit/s", "latency": "1.5 s"}
"""A byte takes a second."""


def timeline_of(strategy, setting):
    names = "abcd"[: setting.workers]
    links = [{"between": [a, b], **WAY} for a in names for b in names if a < b]
    sites = [{"name": name} for name in names]
    topology = Topology.model_validate({"name": "test", "datacenters": sites, "links": links})
    network = PublishedCostNetwork(Placement(topology, tuple(names), setting.load.deal.worker_chips))
    return replay([list(each) for each in strategy.programs(setting)], network, spans=True)


def rounds_of(strategy, setting):
    """Inner steps of every round of each worker."""
    return [
        [op.steps for op in ops if isinstance(op, Compute) and op.useful]
        for ops in map(list, strategy.programs(setting))
    ]


def by_speed(**more):
    return AsyncDiLoCo(**{"replicas": 3, "sync_every": 12, "local_steps": "by-speed", **more})


def test_a_replica_half_as_fast_makes_half_the_steps_of_a_round():
    # steps of 1, 2 and 5 s: rounds of 12, 12/2 and floor(12/5) = 2 steps, of 12, 12 and 10 s
    setting = setting_of((1.0, 2.0, 5.0), steps=40)
    rounds = rounds_of(by_speed(), setting)
    assert [set(own[:-1]) for own in rounds] == [{12}, {6}, {2}]
    assert sum(map(sum, rounds)) == 3 * 40


def test_a_replica_at_the_server_and_two_behind_links_story_by_story():
    """H = 4, steps of 1, 2 and 4 s: rounds of 4, 2 and 1 step of 4 s each; a push and a pull of 4.5 s for all but one.

    Alone rounds take 4, 13 and 13 s, so that 24 steps are shared as 18, 4 and 2, which end at 18, 26 and 26 s;
    a 19th step for the first ends at 19 s, and so on until 21 + 2 + 1 steps, which end at 21, 13 and 13 s.
    """
    timeline = timeline_of(by_speed(sync_every=4), setting_of((1.0, 2.0, 4.0), steps=8))
    told = [
        [(what, start, end) for _, what, start, end in (span for span in timeline.spans if span.worker == worker)]
        for worker in (1, 2)
    ]
    assert told[0] == [("compute", 0, 4), ("push", 4, 8.5), ("pull", 8.5, 13)]
    assert told[1] == [("compute", 0, 4), ("push", 4, 8.5), ("pull", 8.5, 13)]
    assert [totals.compute_s for totals in timeline.workers] == [21, 4, 4]
    assert [totals.merges for totals in timeline.workers] == [6, 1, 1]


@pytest.mark.parametrize("every", [1, 7, 30])
@pytest.mark.parametrize("closing", [True, False])
def test_among_replicas_of_one_speed_it_is_plain_asynchronous_diloco_op_for_op(every, closing):
    setting = setting_of((0.3, 0.1 + 0.2, 0.3), steps=50)  # up to rounding
    one, plain = (
        [
            list(ops)
            for ops in AsyncDiLoCo(
                replicas=3, sync_every=every, closing_exchange=closing, local_steps=how, compression_time="1 s"
            ).programs(setting)
        ]
        for how in ("by-speed", "even")
    )
    assert one == plain


def test_a_single_replica_has_nobody_to_be_compared_with():
    setting = setting_of((1.0, 3.0), steps=20)
    one, plain = (AsyncDiLoCo(replicas=1, sync_every=6, local_steps=how) for how in ("by-speed", "even"))
    assert [list(ops) for ops in one.programs(setting)] == [list(ops) for ops in plain.programs(setting)]


@settings(max_examples=100)
@given(
    step_s=st.lists(st.fractions(Fraction(1, 100), 10, max_denominator=100), min_size=2, max_size=4),
    steps=st.integers(1, 300),
    every=st.integers(1, 60),
    closing=st.booleans(),
)
def test_rounds_last_as_long_as_those_of_the_fastest_within_a_step(step_s, steps, every, closing):
    setting = setting_of(tuple(map(float, step_s)), steps=steps)
    strategy = by_speed(replicas=len(step_s), sync_every=every, closing_exchange=closing)
    round_s = every * min(step_s)
    rounds = rounds_of(strategy, setting)
    assert sum(map(sum, rounds)) == len(step_s) * steps
    for own_s, own in zip(step_s, rounds, strict=True):
        wanted = max(1, math.floor(round_s / own_s))  # in exact numbers
        assert all(each == wanted for each in own[:-1])
        assert all(each <= wanted for each in own)
        assert wanted == 1 or 0 <= round_s - wanted * own_s < own_s


def asked(how, every=24, steps=400, replay="steady", links="apart", closing=True):
    """Three sites, of whose rounds none is a whole part of another, around a router, or in a row, which share a link then."""
    chips = ("400 Tflop/s", "170 Tflop/s", "90 Tflop/s")
    sites = [{"name": name, "chips": 4, "chip_speed": speed} for name, speed in zip("abc", chips, strict=True)]
    way = {"bandwidth": "10 Gbit/s", "latency": "5 ms"}
    pairs = [["a", "b"], ["a", "c"]] if links == "apart" else [["a", "b"], ["b", "c"]]
    topology = {"name": "t", "datacenters": sites, "links": [{"between": pair, **way} for pair in pairs]}
    return Scenario.model_validate(
        {
            "topology": topology,
            "workload": {"params": 1e8, "steps": steps, "batch_tokens": 65536},
            "strategies": [
                {
                    "kind": "async-diloco",
                    "replicas": 3,
                    "sync_every": every,
                    "local_steps": how,
                    "closing_exchange": closing,
                }
            ],
            "collective": "ring",
            "replay": replay,
        }
    )


def only(scenario):
    (found,) = run(scenario).runs
    return found


def test_no_change_gets_as_stale_and_on_average_none_can_be_fresher():
    """Steps of 1000, 2000 and 4000 s, beside which 9 s of an exchange are little.

    With H for all, a round of the slowest sees 4 changes of one and 2 of the other. By speed it sees one of each, and a
    second one now and then, as a round beside the server is 9 s shorter. Each merge is missed once by each of the
    others until their next one, so that the mean is M - 1 with any rounds, but for the beginning and the end.
    """
    setting = setting_of((1000.0, 2000.0, 4000.0), steps=400)
    plain, fair = (timeline_of(by_speed(sync_every=4, local_steps=how), setting) for how in ("even", "by-speed"))
    assert [totals.compute_s for totals in fair.workers] == pytest.approx([4e5 * 12 / 7] * 3, rel=0.01)
    assert max(totals.stalest for totals in plain.workers) in (6, 7)
    assert max(totals.stalest for totals in fair.workers) in (2, 3)
    for timeline in (plain, fair):
        assert timeline.total("staleness") / timeline.total("merges") == pytest.approx(2, abs=0.1)


def test_no_token_is_lost():
    plain, fair = (only(asked(how)) for how in ("even", "by-speed"))
    assert fair.tokens == plain.tokens == 400 * 65536
    assert sum(each.tokens_share for each in fair.sites) == pytest.approx(1)


@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("links", ["apart", "in a row"])
@pytest.mark.parametrize("every", [1, 10, 24])
def test_what_is_replayed_for_each_replica_alone_is_what_a_full_replay_says(every, links, closing):
    """Replicas that share nothing repeat their own rounds, of whatever length."""
    short, full = (only(asked("by-speed", every, 2000, how, links, closing)) for how in ("steady", "full"))
    if links == "apart":
        assert short.replayed_steps < full.replayed_steps
    for name in ("wall_clock_s", "compute_s", "exposed_across_s", "mean_staleness", "cross_datacenter_bytes"):
        assert getattr(short, name) == pytest.approx(getattr(full, name), rel=1e-9), name
    assert short.max_staleness == full.max_staleness


def test_equal_speeds_are_told_to_make_no_difference():
    scenario = asked("by-speed")
    alike = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    for site in alike["topology"]["datacenters"]:
        site["chip_speed"] = "200 Tflop/s"
    notes = run(Scenario.model_validate(alike)).notes
    assert any(
        "strategies[0].local_steps (every replica makes the same rounds with H for all)" in note for note in notes
    )
    assert not any("local_steps" in note for note in run(scenario).notes)


@pytest.mark.parametrize("every", [24, 100])
def test_a_bound_counts_the_exchanges_that_a_slow_replica_makes(every):
    """At the published cost: rounds of a replica behind the link x 2 S/W."""
    strategy, setting = by_speed(replicas=2, sync_every=every), setting_of((1.0, 4.0), steps=500)
    slow = strategy.worker_steps(1, setting)
    assert strategy.link_s(setting) == pytest.approx(math.ceil(slow / (every // 4)) * 2 * 3.0)


def test_a_list_says_the_rounds_of_each_replica():
    """Rounds of 12, 6 and 2 steps are what speeds of 1, 1/2 and 1/5 make of H = 12, op for op."""
    setting = setting_of((1.0, 2.0, 5.0), steps=40)
    listed, by = AsyncDiLoCo(replicas=3, local_steps=(12, 6, 2)), by_speed()
    assert [list(ops) for ops in listed.programs(setting)] == [list(ops) for ops in by.programs(setting)]
    other = rounds_of(AsyncDiLoCo(replicas=3, local_steps=(3, 7, 5)), setting)
    assert [set(own[:-1]) for own in other] == [{3}, {7}, {5}]
    assert sum(map(sum, other)) == 3 * 40
    assert (listed.sync_every, listed.steps_per_sync) == (12, 12)
    assert "H=12/6/2" in listed.label


def test_a_list_of_equal_numbers_is_plain_and_is_told_to_be():
    setting = setting_of((0.3, 0.5, 0.4), steps=50)
    listed = AsyncDiLoCo(replicas=3, local_steps=(7, 7, 7))
    plain = AsyncDiLoCo(replicas=3, sync_every=7)
    assert [list(ops) for ops in listed.programs(setting)] == [list(ops) for ops in plain.programs(setting)]
    document = asked("even").model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    document["strategies"] = [{"kind": "async-diloco", "replicas": 3, "local_steps": [9, 9, 9]}]
    notes = run(Scenario.model_validate(document)).notes
    assert any("strategies[0].local_steps (every replica makes the same rounds" in note for note in notes)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"local_steps": (30, 20)}, "got 2 numbers, and there are 3 replicas"),
        ({"local_steps": (30, 20, 10), "sync_every": 40}, "the longest round of local_steps has 30"),
        ({"local_steps": (30, 20, 0)}, "local_steps"),
    ],
)
def test_a_list_that_does_not_fit_says_what_to_write(keys, words):
    with pytest.raises(InputError, match=words):
        AsyncDiLoCo(replicas=3, **keys)


def test_a_list_does_not_say_who_is_left():
    with pytest.raises(InputError, match="by-speed or even"):
        AsyncDiLoCo(replicas=3, local_steps=(3, 2, 1)).with_replicas(2)


def test_what_a_list_makes_short_is_what_a_full_replay_says():
    short, full = (
        only(asked("even", replay=how).replaced(strategies=(AsyncDiLoCo(replicas=3, local_steps=(24, 9, 5)),)))
        for how in ("steady", "full")
    )
    for name in ("wall_clock_s", "compute_s", "exposed_across_s", "mean_staleness", "cross_datacenter_bytes"):
        assert getattr(short, name) == pytest.approx(getattr(full, name), rel=1e-9), name
