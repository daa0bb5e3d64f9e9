"""Rounds of each replica's own number of steps that end at a barrier, in synchronous DiLoCo and its kin."""

import math
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.documents.validation import validate
from sim.engine.ops import Compute, Start
from sim.engine.steady_state import Beat
from sim.errors import InputError
from sim.questions.bandwidth.bandwidth import answer as bandwidth
from sim.questions.budget.budget import answer as budget
from sim.questions.explain.explain import answer as explain
from sim.questions.explain.explain import closed_form
from sim.questions.goodput.goodput import answer as goodput
from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer as plan
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.long_run import long_run
from sim.simulation.observe import observe
from sim.simulation.run import outcomes, run
from sim.strategies import AsyncDiLoCo, DiLoCo, ElasticDiLoCo, TwoLevelDiLoCo
from sim.strategies.shared.local_steps import deal_rounds

from ..changing_worlds import changing_world, check_same
from .test_async_elastic import programs, setting_of, timeline_of

KINDS = (DiLoCo, ElasticDiLoCo, TwoLevelDiLoCo)
kinds = pytest.mark.parametrize("kind", KINDS)
ROUNDS = st.lists(st.integers(1, 60), min_size=2, max_size=5).map(tuple)


def of(kind, **more):
    """A strategy of a kind, with one region or a quorum of all, so that every exchange is among all."""
    own = {ElasticDiLoCo: {"quorum": more.get("replicas", 2)}, TwoLevelDiLoCo: {"regions": 1}}.get(kind, {})
    return kind(**{"replicas": 2, **own, **more})


def rounds_of(strategy, setting):
    """Inner steps of every worker before each of its exchanges, and after the last one."""
    found = []
    for ops in programs(strategy, setting):
        own = [0]
        for op in ops:
            if isinstance(op, Compute) and op.useful:
                own[-1] += op.steps
            elif isinstance(op, Start) and op.collective.name == "outer":
                own.append(0)
        found.append(own)
    return found


@kinds
@pytest.mark.parametrize("closing", [True, False])
@pytest.mark.parametrize("steps", [1, 7, 50, 56, 61])
def test_equal_rounds_are_plain_op_for_op(kind, closing, steps):
    more = {"replicas": 4, "closing_exchange": closing, "compression_time": "1 s"}
    setting = setting_of((0.3, 0.5, 0.4, 0.2), steps=steps)
    plain = programs(of(kind, **more, sync_every=7), setting)
    assert programs(of(kind, **more, local_steps=(7, 7, 7, 7)), setting) == plain
    alike = setting_of((0.3, 0.1 + 0.2, 0.3, 0.3), steps=steps)  # up to rounding
    assert programs(of(kind, **more, sync_every=7, local_steps="by-speed"), alike) == programs(
        of(kind, **more, sync_every=7), alike
    )


def test_the_steps_that_follow_from_speed_are_told():
    """Steps of 8.19, 16.38 and 19.28 ms, each and 0.1 ms of latency inside.

    The 6 ms of bytes inside outlast the backward pass of the fastest, 5.46 ms, so that its step takes 8.83 ms: 30 x
    8.83/16.48 and 30 x 8.83/19.38 are 16.07 and 13.7.
    """
    strategy = {"kind": "diloco", "replicas": 3, "local_steps": "by-speed"}
    (told,) = (note for note in run(world(strategy)).notes if "by their speed" in note)
    assert told == "DiLoCo M=3 H=30 by-speed: by their speed the replicas make 30, 16, 13 inner steps in a round"
    assert not any("by their speed" in note for note in run(world(UNEVEN)).notes)


def test_a_single_replica_has_one_round_in_all_its_datacenters():
    setting = setting_of((1.0, 3.0), steps=20)
    plain = programs(DiLoCo(replicas=1, sync_every=6), setting)
    for how in ("by-speed", (6,)):
        assert programs(DiLoCo(replicas=1, sync_every=6, local_steps=how), setting) == plain


def test_two_replicas_one_of_which_is_half_as_fast_wait_for_nobody():
    """Steps of 1 and 2 s, exchanges of 3 + 1.5 s. 90 steps together are 2 rounds of 30 + 15, each of 30 + 4.5 s.

    With H = 30 for both they are a round of 30 and one of 15, of 60 + 4.5 and 30 + 4.5 s, for half of which one waits.
    """
    setting = setting_of((1.0, 2.0), steps=45)
    timeline = timeline_of(DiLoCo(replicas=2, local_steps=(30, 15)), setting)
    assert timeline.wall_clock_s == 2 * 34.5
    assert [totals.compute_s for totals in timeline.workers] == [60, 60]
    assert [totals.straggler_wait_s for totals in timeline.workers] == [0, 0]
    plain = timeline_of(DiLoCo(replicas=2), setting)
    assert plain.wall_clock_s == 64.5 + 34.5
    assert [totals.straggler_wait_s for totals in plain.workers] == [45, 0]
    by_speed = timeline_of(DiLoCo(replicas=2, local_steps="by-speed"), setting)
    assert by_speed == timeline


def test_a_last_round_of_fewer_steps_is_dealt_by_the_place_of_a_step_in_its_round():
    """Rounds of 4, 2 and 1: 27 steps are three of 7, and 6 more, at 1/4, 2/4, 1/2, 3/4, 1 and 1 of a round.

    The last of these three at 1 are dealt to the first replicas; the third has none, and exchanges all the same.
    """
    setting = setting_of((1.0, 2.0, 4.0), steps=9)
    strategy = DiLoCo(replicas=3, local_steps=(4, 2, 1))
    assert rounds_of(strategy, setting) == [[4, 4, 4, 4, 0], [2, 2, 2, 2, 0], [1, 1, 1, 0, 0]]
    assert strategy.outer_steps_in(setting) == 4
    timeline = timeline_of(strategy, setting)
    # 4 s of compute and an exchange of 4/3 x 3 + 1.5 s; in the last round the third waits 4 s for the others
    assert timeline.wall_clock_s == pytest.approx(4 * (4 + 4 + 1.5))
    assert [totals.straggler_wait_s for totals in timeline.workers] == pytest.approx([0, 0, 4])
    without = DiLoCo(replicas=3, local_steps=(4, 2, 1), closing_exchange=False)
    assert rounds_of(without, setting) == [[4, 4, 4, 4], [2, 2, 2, 2], [1, 1, 1, 0]]
    assert without.outer_steps_in(setting) == 3


@settings(max_examples=200)
@given(rounds=ROUNDS, steps=st.integers(0, 400))
def test_steps_are_dealt_as_a_list_of_all_of_them_in_their_order(rounds, steps):
    whole, dealt = deal_rounds(rounds, steps)
    ordered = sorted((Fraction(k, own), place) for place, own in enumerate(rounds) for k in range(1, own + 1))
    last = Counter(place for _, place in ordered[: steps % sum(rounds)])
    assert whole == steps // sum(rounds)
    assert dealt == tuple(whole * own + last[place] for place, own in enumerate(rounds))
    more = deal_rounds(rounds, steps + 1)[1]
    assert sum(dealt) == steps
    assert all(one <= other for one, other in zip(dealt, more, strict=True))


@settings(max_examples=100)
@given(rounds=ROUNDS, steps=st.integers(1, 200), closing=st.booleans(), kind=st.sampled_from(KINDS))
def test_all_meet_after_every_round_and_make_all_steps_together(rounds, steps, closing, kind):
    setting = setting_of((1.0,) * len(rounds), steps=steps)
    strategy = of(kind, replicas=len(rounds), local_steps=rounds, closing_exchange=closing)
    found = rounds_of(strategy, setting)
    whole, left = divmod(len(rounds) * steps, sum(rounds))
    assert sum(map(sum, found)) == len(rounds) * steps
    assert {len(own) - 1 for own in found} == {whole + bool(left and closing)} == {strategy.outer_steps_in(setting)}
    assert all(own[:whole] == [each] * whole for own, each in zip(found, rounds, strict=True))
    assert [strategy.worker_steps(worker, setting) for worker in setting.everyone] == list(map(sum, found))
    assert sum(strategy.tokens_share(worker, setting) for worker in setting.everyone) == pytest.approx(1)


@settings(max_examples=100)
@given(
    step_s=st.lists(st.fractions(Fraction(1, 100), 10, max_denominator=100), min_size=2, max_size=4),
    every=st.integers(1, 60),
)
def test_by_speed_nobody_waits_in_a_round_for_as_long_as_a_step_of_its_own(step_s, every):
    setting = setting_of(tuple(map(float, step_s)), steps=2 * every)
    strategy = DiLoCo(replicas=len(step_s), sync_every=every, local_steps="by-speed")
    found = [own[0] for own in rounds_of(strategy, setting)]
    assert found == [max(1, math.floor(every * min(step_s) / own)) for own in step_s]  # in exact numbers
    lasts = [own * each for own, each in zip(step_s, found, strict=True)]
    if 1 not in found:
        assert all(max(lasts) - last < own for last, own in zip(lasts, step_s, strict=True))


@kinds
@pytest.mark.parametrize("rounds", [(30, 15, 4), (30, 20, 10), (1, 30, 30)])
def test_the_closed_form_counts_rounds_of_the_slowest(kind, rounds):
    """T M/S rounds, each of max(h C) + packing + 4/3 x 3 + 1.5 s."""
    steps_s, setting = (0.5, 1.0, 3.0), setting_of((0.5, 1.0, 3.0), steps=10 * sum(rounds))
    strategy = of(kind, replicas=3, local_steps=rounds, compression_time="0.25 s")
    longest_s = max(own * each for own, each in zip(rounds, steps_s, strict=True))
    wanted_s = 30 * (longest_s + 0.25 + 4 + 1.5)
    assert timeline_of(strategy, setting).wall_clock_s == pytest.approx(wanted_s)
    assert strategy.ideal_s(setting) == pytest.approx(wanted_s)
    assert strategy.bound_s(setting) <= wanted_s
    assert strategy.link_s(setting) == pytest.approx(0 if kind is ElasticDiLoCo else 30 * 4)


def world(*strategies, steps=4007, replay="steady", changing=False, burst="0 B", collective="ring", **workload):
    """Three sites in a row, of which one is twice as fast as the others."""
    chips = ("400 Tflop/s", "200 Tflop/s", "170 Tflop/s")
    sites = [{"name": name, "chips": 4, "chip_speed": speed} for name, speed in zip("abc", chips, strict=True)]
    way = {"bandwidth": "10 Gbit/s", "latency": "5 ms", "burst": burst}
    links = [{"between": pair, **way} for pair in (["a", "b"], ["b", "c"])]
    if changing:
        points = [{"at": "0 s", "bandwidth": "10 Gbit/s"}, {"at": "60 s", "bandwidth": "4 Gbit/s"}]
        links[0]["schedule"] = {"points": points}
    return Scenario.model_validate(
        {
            "topology": {"name": "t", "datacenters": sites, "links": links},
            "workload": {"params": 1e8, "steps": steps, "batch_tokens": 65536, **workload},
            "strategies": list(strategies),
            "collective": collective,
            "replay": replay,
        }
    )


def only(scenario):
    (found,) = run(scenario).runs
    return found


UNEVEN = {"kind": "diloco", "replicas": 3, "local_steps": [30, 15, 13]}
SHORT = [
    (UNEVEN, {}),
    (UNEVEN | {"closing_exchange": False}, {"collective": "published"}),
    (UNEVEN, {"changing": True}),
    (UNEVEN, {"burst": "100 MB"}),
    (UNEVEN | {"local_steps": "by-speed"}, {"variation": {"spread": 0.2, "steps": 12, "seed": 3}}),
    ({"kind": "elastic-diloco", "replicas": 3, "local_steps": "by-speed", "quorum": 2, "grace": "10 s"}, {}),
    (
        {"kind": "elastic-diloco", "replicas": 3, "local_steps": [30, 15, 10], "quorum": 2, "grace": "1 s"},
        {"changing": True},
    ),
    ({"kind": "two-level-diloco", "replicas": 3, "regions": 3, "local_steps": [30, 15, 13]}, {}),
]


@pytest.mark.parametrize(("strategy", "more"), SHORT)
def test_what_repeats_itself_is_counted_as_a_full_replay_counts_it(strategy, more):
    short, full = (only(world(strategy, replay=how, **more)) for how in ("steady", "full"))
    assert short.replayed_steps < full.replayed_steps == 4007
    for name in ("wall_clock_s", "compute_s", "straggler_wait_s", "exposed_across_s", "cross_datacenter_bytes"):
        assert getattr(short, name) == pytest.approx(getattr(full, name), rel=1e-9), name
    assert short.peak_bandwidth_bits_per_s == pytest.approx(full.peak_bandwidth_bits_per_s)
    assert short.late_merges == full.late_merges


def test_a_run_tells_its_tokens_its_rounds_and_no_loss():
    found = only(world(UNEVEN))
    plain = only(world({"kind": "diloco", "replicas": 3}))
    assert (found.tokens, found.steps, found.sync_every) == (4007 * 65536, 4007, 30)
    assert found.outer_steps == math.ceil(3 * 4007 / 58)
    assert [site.tokens_share for site in found.sites] == pytest.approx([30 / 58, 15 / 58, 13 / 58], rel=1e-3)
    assert found.straggler_wait_s < plain.straggler_wait_s / 4
    assert found.wall_clock_s < plain.wall_clock_s
    assert found.peak_bandwidth_bits_per_s == pytest.approx(plain.peak_bandwidth_bits_per_s)
    assert found.label == "DiLoCo M=3 H=30/15/13"
    assert found.predicted_loss is None
    assert found.predicted_loss_low < found.predicted_loss_high
    assert any("nobody has published what this strategy costs in loss" in note for note in found.loss_notes)


def test_rounds_by_speed_that_are_all_alike_are_plain_in_loss_and_are_told_to_be():
    scenario = world({"kind": "diloco", "replicas": 3, "local_steps": "by-speed"}, step_time="0.1 s")
    plain = scenario.replaced(strategies=(DiLoCo(replicas=3),))
    assert only(scenario).predicted_loss == only(plain).predicted_loss is not None
    listed = scenario.replaced(strategies=(DiLoCo(replicas=3, local_steps=(30, 30, 30)),))
    assert only(listed).predicted_loss == only(plain).predicted_loss
    for each in (scenario, listed):
        assert any("strategies[0].local_steps (every replica makes the same" in note for note in run(each).notes)
    assert not any("local_steps" in note for note in run(world(UNEVEN)).notes)


@pytest.mark.parametrize("steps", [1, 2, 30, 57, 58, 59, 300])
def test_a_longer_run_never_ends_sooner_so_that_a_budget_is_exact(steps):
    one, other = (only(world(UNEVEN, steps=each, collective="published")) for each in (steps, steps + 1))
    assert one.wall_clock_s < other.wall_clock_s


def test_a_budget_holds_the_most_steps_that_fit():
    scenario = world({"kind": "data-parallel"}, UNEVEN, steps=300, collective="published")
    row = next(row for row in budget([scenario], rules=("equal-chips",)).rows if row.strategy == "diloco")
    assert row.wall_clock_s <= row.reference_s
    fits, not_any_more = (only(world(UNEVEN, steps=n, collective="published")) for n in (row.steps, row.steps + 1))
    assert fits.wall_clock_s == pytest.approx(row.wall_clock_s)
    assert not_any_more.wall_clock_s > row.reference_s
    assert (row.predicted_loss, row.predicted_loss_low is None) == (None, False)


def test_a_utilisation_in_the_long_run_is_that_of_a_round():
    scenario = world(UNEVEN, collective="published")
    (job,) = jobs(scenario)
    (form,) = (job.strategy.closed_form(job.setting),)
    computed_s = sum(own * each for own, each in zip((30, 15, 13), job.setting.load.mean_step_s, strict=True)) / 3
    found, settled = long_run(scenario)
    assert settled
    assert found == pytest.approx(computed_s / (form.seconds / form.rounds))
    needs = bandwidth(scenario, (0.5,)).rows
    assert [need.bandwidth_bits_per_s is not None for need in needs] == [True]


def test_the_terms_of_the_closed_form_add_up():
    (job,) = jobs(world(UNEVEN, collective="published"))
    terms = closed_form(job)
    assert math.fsum(term.seconds for term in terms) == pytest.approx(job.strategy.ideal_s(job.setting))
    assert [term.letters.split()[-1] for term in terms] == ["M/S"] * 3
    assert "x 30 x 4,007 x 3/58" in terms[0].numbers


def test_an_explanation_counts_rounds_and_turns_no_h_that_a_list_says():
    found = explain(world(UNEVEN, steps=400, collective="published"))
    assert f"the formula takes T M/S = {3 * 400 / 58:.4g} outer steps, the replay makes 21" in found.remark
    (every,) = (each for each in found.elasticities if each.input == "sync every")
    assert (every.elasticity, every.why_not) == (None, "a list says the steps of each replica")
    by_speed = explain(world(UNEVEN | {"local_steps": "by-speed"}, steps=400, collective="published"))
    (every,) = (each for each in by_speed.elasticities if each.input == "sync every")
    assert every.elasticity < 0


def test_an_outer_optimizer_computes_where_there_is_a_round():
    """20 steps of two replicas are no round of 30 and 30, and one of 30 and 1 with 9 left over."""
    setting = setting_of((1.0, 1.0), steps=20)
    setting = replace(setting, load=replace(setting.load, outer_step_s=0.5))
    packing_s = [
        DiLoCo(replicas=2, closing_exchange=False, local_steps=rounds).packing_s(setting)
        for rounds in ((30, 30), (30, 1))
    ]
    assert packing_s == [0.0, 0.5]


def test_the_first_rounds_are_those_of_each_replica():
    (seen,) = observe(world(UNEVEN), rounds=2)
    computed = [[s.detail for s in seen.slices if s.worker == worker and s.doing == "compute"] for worker in range(3)]
    assert [own[-1] for own in computed] == ["steps 31 to 60", "steps 16 to 30", "steps 14 to 26"]


def test_a_level_between_regions_comes_after_so_many_rounds():
    strategy = TwoLevelDiLoCo(replicas=4, regions=2, across_every=3, local_steps=(8, 4, 2, 1))
    setting = setting_of((1.0, 2.0, 4.0, 8.0), steps=30)  # 120 steps: eight rounds of 15
    members = [op.collective.members for op in programs(strategy, setting)[2] if isinstance(op, Start)]
    assert [len(each) for each in members] == [2, 2, 4, 2, 2, 4, 2, 4]
    assert strategy.steps_per_sync_of(setting) == (24, 12, 6, 3)


def test_a_quorum_goes_ahead_of_who_makes_more_steps_than_it_has_time_for():
    """Steps of 1 s, rounds of 2, 2 and 9; a quorum of two exchanges (3 + 1.5 s) at 2 s, and the third comes at 9 s."""
    setting = setting_of((1.0, 1.0, 1.0), steps=13)
    timeline = timeline_of(ElasticDiLoCo(replicas=3, quorum=2, local_steps=(2, 2, 9)), setting)
    assert [totals.late for totals in timeline.workers] == [0, 0, 3]
    assert ElasticDiLoCo(replicas=3, quorum=2, local_steps=(2, 2, 9)).ideal_s(setting) is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"local_steps": (30, 20)}, "got 2 numbers, and there are 4 replicas"),
        ({"local_steps": (30, 20, 10, 1), "sync_every": 40}, "the longest round of local_steps has 30"),
        ({"local_steps": (30, 20, 10, 0)}, "local_steps"),
        ({"local_steps": "fast"}, "by-speed"),
    ],
)
@kinds
def test_rounds_that_cannot_be_meant_say_what_to_write(kind, keys, words):
    with pytest.raises((InputError, ValueError), match=words):
        of(kind, replicas=4, **keys)


def test_what_does_not_go_with_rounds_of_their_own_is_refused():
    with pytest.raises(InputError, match="write overlap: none, or leave local_steps out"):
        DiLoCo(replicas=2, overlap="layers", local_steps=(30, 20))
    with pytest.raises(InputError, match="write overlap: none, or leave local_steps out"):
        DiLoCo(replicas=2, overlap="layers", local_steps="by-speed")
    assert DiLoCo(replicas=2, overlap="layers", local_steps=(30, 30)).by_layer
    for kind in (*KINDS, AsyncDiLoCo):
        with pytest.raises(InputError, match="by-speed or even"):
            of(kind, replicas=4, local_steps=(3, 2, 1, 1)).with_replicas(2)
        assert of(kind, replicas=4, local_steps="by-speed").with_replicas(2).replicas == 2
    with pytest.raises(InputError, match="write split: even"):
        run(world(UNEVEN, split="by-speed"))
    assert only(world(UNEVEN | {"local_steps": [9, 9, 9]}, split="by-speed")).straggler_wait_s == pytest.approx(0)


def test_questions_that_do_not_know_such_rounds_refuse_them():
    with pytest.raises(InputError, match="no goodput is known"):
        goodput(world(UNEVEN, steps=50), histories=2)
    topology = world(UNEVEN).topology
    for entry in ("diloco:local_steps=[30,15,13]", "diloco:replicas=3,local_steps=by-speed"):
        with pytest.raises(InputError, match="leave local_steps out"):
            plan(Ask(topology, days=0.01, strategies=(entry,), params=(1e8,)))
    listed = plan(Ask(topology, days=0.01, strategies=("diloco:local_steps=[50,50,50]",), params=(1e8,)))
    assert (listed.best.replicas, listed.best.sync_every) == (3, 50)


def test_the_same_key_means_the_same_for_those_who_wait_and_those_who_do_not():
    setting = setting_of((1.0, 2.0, 5.0), steps=40)
    waits, goes_on = (kind(replicas=3, sync_every=12, local_steps="by-speed") for kind in (DiLoCo, AsyncDiLoCo))
    assert waits.steps_of_rounds(setting) == goes_on.steps_of_rounds(setting) == (12, 6, 2)


def changing_document(seed):
    """A random world on links that change, of replicas with rounds by speed or by chance."""
    draw = random.Random(seed)
    kinds = (
        {"kind": "diloco"},
        {"kind": "elastic-diloco", "quorum": 2, "grace": "0.2 s"},
        {"kind": "two-level-diloco"},
    )
    document = changing_world(draw, kinds)
    (strategy,) = document["strategies"]
    strategy["local_steps"] = "by-speed"
    if strategy["kind"] == "two-level-diloco":
        strategy["regions"] = draw.choice([n for n in (1, 2, 3, 4) if strategy["replicas"] % n == 0])
    if draw.random() < 0.7:
        strategy["local_steps"] = [draw.randint(1, 12) for _ in range(strategy["replicas"])]
        del strategy["sync_every"]
    return document


@pytest.mark.parametrize("seed", range(40))
def test_a_run_with_leaps_is_the_full_one(seed):
    document = changing_document(seed)
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    check_same(short, full)


def test_rounds_are_told_in_steps_of_the_mean_worker():
    """Rounds of 30 and 15, of which two are 45 steps in the mean, and one 22.5."""
    beat = Beat((30, 15), every=2)
    assert (beat.longest, beat.period) == (30, 45)
    assert [beat.steps(rounds) for rounds in (0, 1, 2, 3)] == [0, 23, 45, 68]
    assert [beat.rounds(steps) for steps in (0, 22, 23, 44, 45)] == [0, 0, 1, 1, 2]
    assert [beat.begun(made) for made in ((0, 14), (59, 31), (61, 29))] == [0, 2, 2]
    assert [beat.reached(made, 2) for made in ((60, 30), (60, 29), (59, 30))] == [True, False, False]
    assert [beat.ahead(made) for made in ((30, 0), (0, 15), (0, 31), (60, 31))] == [23, 23, 47, 47]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ([30, 0], ["local_steps[1]: got 0; must be greater than 0"]),
        ("fast", ["local_steps: got 'fast'; must be 'even' or 'by-speed' or a list"]),
        (4, ["local_steps: got 4; must be 'even' or 'by-speed' or a list"]),
    ],
)
def test_what_is_wrong_is_told_once_and_in_the_form_that_was_written(written, told):
    with pytest.raises(InputError) as raised:
        validate(DiLoCo, {"kind": "diloco", "local_steps": written}, source="diloco")
    assert [line.removeprefix("diloco: ") for line in str(raised.value).splitlines()] == told
