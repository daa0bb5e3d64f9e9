"""Decoupled DiLoCo against hand arithmetic, and at the ends of its parameters against strategies that are known."""

import pytest

from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.run import run
from sim.strategies import DecoupledDiLoCo

BITS = 8e9
"""Of all parameters: half a billion of 16 bits."""


def world(strategies, *, sites=3, step_s=1.0, bandwidth="8 Gbit/s", latency="0.1 s", slower=(), steps=24, **more):
    """Lone chips in a full mesh; some of them take so many times as long for a step."""
    names = [f"s{number}" for number in range(sites)]
    datacenters = [{"name": name, "chips": 1, "chip_speed": "100 Tflop/s"} for name in names]
    for number, times in dict(slower).items():
        datacenters[number]["chip_speed"] = f"{100 / times!r} Tflop/s"
    pairs = [(a, b) for a in names for b in names if a < b]
    links = [{"between": list(pair), "bandwidth": bandwidth, "latency": latency} for pair in pairs]
    params = BITS / 16
    document = {
        "topology": {"name": "t", "datacenters": datacenters, "links": links, "collective": "published"},
        "workload": {"params": params, "steps": steps, "batch_tokens": step_s * 1e14 * sites / (6 * params)},
        "strategies": [{"kind": "decoupled-diloco", "replicas": sites, **each} for each in strategies],
    }
    for key, value in more.items():
        document["topology" if key in ("collective", "routers", "links") else "workload"][key] = value
    return Scenario.model_validate(document)


def runs(*strategies, **more):
    return run(world(strategies, **more)).runs


def schedule(scenario):
    job = jobs(scenario)[0]
    return job.strategy.schedule(job.setting)


# Hand arithmetic: P = H = 4, a fragment of 2 Gbit takes 0.25 s and 0.1 s of latency either way.


def test_what_arrives_within_tau_steps_costs_nothing_until_the_end():
    """There and back is 0.7 s, within a step; at the end four fragments go one after the other over each link.

    A link passes the fourth push on after 4 x 0.25 s, and the pull that follows it is over 0.35 + 0.1 s later.
    """
    (own,) = runs({"sync_every": 4, "overlap_steps": 1})
    assert own.compute_s == pytest.approx(24.0)
    assert own.wall_clock_s == pytest.approx(24 + 4 * 0.25 + 0.1 + 0.25 + 0.1)
    assert own.straggler_wait_s == own.exposed_inside_s == 0
    (open_end,) = runs({"sync_every": 4, "overlap_steps": 1, "closing_exchange": False})
    assert open_end.wall_clock_s == pytest.approx(24 + 0.7)


def test_without_a_step_to_hide_in_every_fragment_is_waited_for():
    (own,) = runs({"sync_every": 4, "overlap_steps": 0, "quorum": 3, "closing_exchange": False})
    assert own.wall_clock_s == pytest.approx(24 * (1 + 0.7))
    assert own.closed_form_s == pytest.approx(own.wall_clock_s)


def test_every_exchange_brings_a_fragment_up_from_those_in_it_and_down_to_all_in_other_sites():
    (own,) = runs({"sync_every": 4, "overlap_steps": 1, "closing_exchange": False})
    assert own.cross_datacenter_bytes == pytest.approx(24 * (2 + 2) * BITS / 8 / 4)
    assert own.mean_staleness == own.max_staleness == 0


def test_of_two_paces_each_learner_keeps_its_own_and_shares_the_steps_by_them():
    """The second learner takes twice as long: 16 of 24 steps are the first one's, and both end after 16 s."""
    scenario = world(
        [{"sync_every": 4, "overlap_steps": 1, "closing_exchange": False}], sites=2, slower={1: 2}, steps=12
    )
    assert schedule(scenario).steps == (16, 8)
    (own,) = run(scenario).runs
    assert [site.compute_s for site in own.sites] == pytest.approx([16.0, 16.0])
    # the syncer is beside the first learner, whose last fragment is there at once; that of the second is 0.7 s away
    assert own.wall_clock_s == pytest.approx(16.7)
    assert own.straggler_wait_s == 0
    # the slow one hands in every second time: 8 pushes; the first one's 16 exchanges are all sent to it
    assert own.cross_datacenter_bytes == pytest.approx((8 + 16) * BITS / 8 / 4)


def test_exchanges_follow_each_other_at_the_pace_of_the_first_learner():
    """The second one hands in just after each exchange has begun, and is in the next; only its last is its own."""
    strategy = {"sync_every": 4, "overlap_steps": 1, "margin": 0.0, "closing_exchange": False}
    scenario = world([strategy], sites=2, slower={1: 1.01}, steps=20)
    assert schedule(scenario).steps == (20, 20)
    (own,) = run(scenario).runs
    assert own.cross_datacenter_bytes == pytest.approx((20 + 21) * BITS / 8 / 4)


def test_with_a_quorum_of_all_everybody_goes_at_the_slowest_ones_pace():
    scenario = world([{"sync_every": 4, "overlap_steps": 1, "quorum": 2}], sites=2, slower={1: 2}, steps=12)
    assert schedule(scenario).steps == (12, 12)
    (own,) = run(scenario).runs
    assert own.straggler_wait_s > 0
    assert own.compute_s == pytest.approx((12 + 24) / 2)


@pytest.mark.parametrize(
    ("quorum", "steps"),
    [
        (1, (6, 3, 3)),  # everybody at its own pace
        (2, (6, 3, 3)),  # the two slow ones hand in as often together as the fast one
        (3, (4, 4, 4)),
    ],
)
def test_nobody_is_faster_than_a_quorum_can_follow(quorum, steps):
    scenario = world([{"sync_every": 4, "quorum": quorum}], slower={1: 2, 2: 2}, steps=4)
    assert schedule(scenario).steps == steps


# The grace: margin x (tau x step - (t_quorum + t_sync)).


@pytest.mark.parametrize(
    ("margin", "late_s", "joined"),
    [
        # a step is 1 s, of which transfers take 0.7 s: there is 0.3 s of slack
        (1.0, 0.29, True),
        (1.0, 0.31, False),
        (0.5, 0.14, True),
        (0.5, 0.16, False),
        (0.0, 0.01, False),
    ],
)
def test_the_quorum_waits_for_a_share_of_the_slack_and_no_longer(margin, late_s, joined):
    """The second learner hands in so much later; if it is in the first exchange, there is no other one."""
    strategy = {"sync_every": 4, "overlap_steps": 1, "margin": margin, "closing_exchange": False}
    (own,) = runs(strategy, sites=2, slower={1: 1 + late_s}, steps=1)
    up, down = (1, 1) if joined else (1, 2)
    assert own.cross_datacenter_bytes == pytest.approx((up + down) * BITS / 8 / 4)


@pytest.mark.parametrize(("late_s", "joined"), [(0.29, True), (0.31, False)])
def test_what_the_quorum_took_is_no_longer_there_for_the_grace(late_s, joined):
    """K = 2 of 3: the second comes 0.1 s after the first, which leaves 0.2 of 0.3 s for the third."""
    strategy = {"sync_every": 4, "overlap_steps": 1, "quorum": 2, "closing_exchange": False, "syncer": "s0"}
    (own,) = runs(strategy, slower={1: 1.1, 2: 1 + late_s}, steps=1)
    up, down = (2, 2) if joined else (2, 4)
    assert own.cross_datacenter_bytes == pytest.approx((up + down) * BITS / 8 / 4)


def test_within_the_slack_a_late_learner_costs_the_others_nothing_before_the_end():
    """With margin 1 a result comes just when the first learner needs it; after its last step it has to wait."""
    strategy = {"sync_every": 4, "overlap_steps": 2, "closing_exchange": False}
    (own,) = runs(strategy, sites=2, slower={1: 1.3}, steps=40)
    assert all(site.straggler_wait_s + site.exposed_communication_s <= 2.0 for site in own.sites)


# Limits.


@pytest.mark.parametrize("every", [1, 5])
def test_one_fragment_for_all_without_delay_is_diloco_by_a_star(every):
    """On links of their own, all to one site and back is what a star does."""
    scenario = world([{}], collective="star", steps=20)
    both = [
        {
            "kind": "decoupled-diloco",
            "replicas": 3,
            "sync_every": every,
            "fragments": 1,
            "overlap_steps": 0,
            "quorum": 3,
        },
        {"kind": "diloco", "replicas": 3, "sync_every": every},
    ]
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"strategies": both}
    own, diloco = run(Scenario.model_validate(document)).runs
    assert own.wall_clock_s == pytest.approx(diloco.wall_clock_s)
    assert own.cross_datacenter_bytes == pytest.approx(diloco.cross_datacenter_bytes)
    assert own.compute_s == diloco.compute_s


def test_of_all_with_fragments_is_streaming_diloco_where_nothing_shows():
    """Exchanges that hide behind compute cost nothing with either, at the same moments of a round."""
    document = world([{}], bandwidth="400 Gbit/s", latency="1 ms", steps=40)
    more = {"replicas": 3, "sync_every": 8, "fragments": 4, "overlap_steps": 1, "closing_exchange": False}
    both = [{"kind": "decoupled-diloco", "quorum": 3, **more}, {"kind": "streaming-diloco", **more}]
    document = document.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"strategies": both}
    own, streaming = run(Scenario.model_validate(document)).runs
    assert own.compute_s == streaming.compute_s
    assert own.outer_steps == streaming.outer_steps
    assert own.wall_clock_s == pytest.approx(streaming.wall_clock_s, abs=0.02)  # the last exchanges alone show
    assert max(own.lost_s, streaming.lost_s) < 0.02


@pytest.mark.parametrize("collective", ["published", "ring"])
@pytest.mark.parametrize("quorum", [1, 2, 3])
def test_a_run_cut_short_by_its_rhythm_is_the_run_step_by_step(collective, quorum):
    asked = {"sync_every": 6, "fragments": 3, "overlap_steps": 2, "quorum": quorum}
    scenario = world([asked], collective=collective, bandwidth="3 Gbit/s", slower={1: 1.05, 2: 1.2}, steps=300)
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    (steady,), (full,) = (run(Scenario.model_validate(document | {"replay": how})).runs for how in ("steady", "full"))
    assert steady.wall_clock_s == pytest.approx(full.wall_clock_s, rel=1e-9)
    assert steady.cross_datacenter_bytes == pytest.approx(full.cross_datacenter_bytes, rel=1e-9)
    assert (steady.replayed_steps < full.replayed_steps) == (quorum == 3)


@pytest.mark.parametrize("bandwidth", ["80 Gbit/s", "3 Gbit/s"])
@pytest.mark.parametrize("collective", ["published", "ring"])
def test_learners_who_stay_side_by_side_are_not_replayed_to_the_end(collective, bandwidth):
    """On a wide link nobody waits, and all stay together; on a thin one they part, and every step is replayed."""
    asked = {"sync_every": 6, "fragments": 3, "overlap_steps": 2}
    scenario = world([asked], collective=collective, bandwidth=bandwidth, step_s=0.2, steps=300)
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    (steady,), (full,) = (run(Scenario.model_validate(document | {"replay": how})).runs for how in ("steady", "full"))
    for key in ("wall_clock_s", "cross_datacenter_bytes", "exposed_across_s", "hidden_communication_s"):
        assert getattr(steady, key) == pytest.approx(getattr(full, key), rel=1e-9)
    assert (steady.replayed_steps < 100) == (bandwidth == "80 Gbit/s")


# The syncer.


def test_the_syncer_is_where_exchanges_take_least():
    """s1 has the wide access, which all others' fragments share, going in as coming out."""
    links = [
        {"between": [name, "ix"], "bandwidth": bandwidth, "latency": "1 ms"}
        for name, bandwidth in {"s0": "1 Gbit/s", "s1": "10 Gbit/s", "s2": "1 Gbit/s"}.items()
    ]
    hub = {"routers": ["ix"], "links": links, "collective": "ring"}
    scenario = world([{"sync_every": 4}], **hub)
    assert schedule(scenario).beside == 1
    times, waits = {}, {"sync_every": 4, "quorum": 3, "overlap_steps": 0, "closing_exchange": False}
    for syncer in ("s0", "s1", "s2"):
        asked = world([{**waits, "syncer": syncer}], **hub)
        assert schedule(asked).beside == int(syncer[1])
        times[syncer] = run(asked).runs[0].wall_clock_s
    assert times["s1"] < min(times["s0"], times["s2"])
    # beside s1 each of two fragments of 2 Gbit has its own access of 1 Gbit/s; beside s0 both share that of s0
    assert schedule(scenario).exchange_s == pytest.approx(2 * (2 + 0.002))
    assert times["s0"] - times["s1"] == pytest.approx(24 * 2 * (4 - 2))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"quorum": 4}, "quorum"),
        ({"sync_every": 4, "fragments": 5}, "fragments"),
        ({"sync_every": 4, "overlap_steps": 4}, "overlap_steps"),
    ],
)
def test_what_cannot_be_is_refused_by_name(more, named):
    with pytest.raises(ValueError, match=named):
        DecoupledDiLoCo(replicas=3, **more)


def test_a_syncer_is_in_a_datacenter_of_a_learner():
    with pytest.raises(InputError, match=r"syncer: s9 is not a datacenter of a learner .*s0, s1, s2"):
        run(world([{"syncer": "s9"}]))


def test_defaults_fit_any_round():
    assert [DecoupledDiLoCo(sync_every=every).delay for every in (1, 2, 3, 24)] == [0, 1, 2, 2]
    assert [DecoupledDiLoCo(sync_every=every).parameters["P"] for every in (1, 7, 24, 100)] == ["1", "7", "24", "24"]


def test_nothing_is_known_of_its_loss():
    (own,) = runs({})
    assert own.predicted_loss is None
    assert any("nobody has published what this strategy costs in loss" in note for note in own.loss_notes)


def test_a_learner_beside_a_dead_link_is_named():
    scenario = world([{"quorum": 3}], collective="ring")
    document = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for link in document["topology"]["links"]:
        link["schedule"] = {"points": [{"at": "0 s", "bandwidth": "0 bit/s"}]}
    with pytest.raises(InputError, match="never return"):
        run(Scenario.model_validate(document))
