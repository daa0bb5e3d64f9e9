"""SparseLoCo and DeMo through a store: windows by hand, and at the ends of their parameters what they become."""

import pytest

from sim.engine.ops import Start
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import DeMo, SparseLoCo
from tests.sim.strategies.test_strategies import programs, setting_of

S = 1e9 / 64 * 14 / 8
"""What a replica sends of 1e9 parameters with the defaults [byte]."""
UP, DOWN, E = 1e8, 5e8, 0.01
"""Of every site [bit/s], and one way [s]."""


def world(strategies, *, sites=4, ups=(), speeds=(), store=None, front=None, **more):
    """Lone chips around a store, each with a way of its own up and down; all of them behind one link, if asked."""
    names = [f"s{number}" for number in range(sites)]
    rates = dict.fromkeys(range(sites), UP) | dict(ups)
    gate = "box" if front is None else "gate"
    links = [
        {"from": a, "to": b, "bandwidth": rate, "latency": f"{E} s"}
        for number, name in enumerate(names)
        for a, b, rate in ((name, gate, f"{rates[number]} bit/s"), (gate, name, f"{DOWN} bit/s"))
    ]
    links += [{"between": ["gate", "box"], "bandwidth": front, "latency": "0 s"}] if front else []
    times = dict.fromkeys(range(sites), 1.0) | dict(speeds)
    datacenters = [
        {"name": name, "chips": 1, "chip_speed": f"{100 / times[number]!r} Tflop/s"}
        for number, name in enumerate(names)
    ]
    document = {
        "topology": {
            "name": "t",
            "datacenters": datacenters,
            "routers": ["box", "gate"][: 1 if front is None else 2],
            "links": links,
            "store": {"at": "box"} | (store or {}),
            "collective": "direct",
        },
        "workload": {"params": 1e9, "steps": 60, "batch_tokens": 1e14 * sites / 6e9},
        "strategies": [{"kind": "sparseloco", "replicas": sites, "through": "store"} | each for each in strategies],
    }
    return Scenario.model_validate(document | more)


def runs(*strategies, **more):
    return run(world(strategies, **more)).runs


# What a store that is in nobody's way costs.


@pytest.mark.parametrize("sites", [2, 3, 8])
@pytest.mark.parametrize("collective", ["direct", "published", "star"])
def test_a_store_without_a_limit_takes_one_payload_up_and_all_others_down(sites, collective):
    (own,) = runs({}, sites=sites, store={"request": "0.5 s"}, collective=collective)
    window_s = 8 * S / UP + E + 0.5 + (sites - 1) * 8 * S / DOWN + E + 0.5
    assert own.wall_clock_s == pytest.approx(60 + 2 * window_s, rel=1e-9)
    assert own.exposed_across_s == pytest.approx(2 * window_s, rel=1e-9)
    assert own.cross_datacenter_bytes == pytest.approx(2 * sites * (S + (sites - 1) * S), rel=1e-9)
    assert own.closed_form_s == (pytest.approx(own.wall_clock_s) if collective == "published" else None)
    assert own.late_merges == 0
    assert own.collective == ("published" if collective == "published" else "store")


def test_sizes_up_and_down_stand_on_the_links_of_each_site():
    (own,) = runs({})
    carried = {link.name: link.bytes for link in own.links}
    assert carried["s0 -> box"] == pytest.approx(2 * S)
    assert carried["box -> s0"] == pytest.approx(2 * 3 * S)


def test_a_link_before_the_store_is_its_throughput():
    """All four payloads go in through it, and 4 x 3 come out."""
    (own,) = runs({}, front="0.2 Gbit/s")
    assert own.wall_clock_s == pytest.approx(60 + 2 * (16 * 8 * S / 2e8 + 2 * E), rel=1e-9)
    assert own.bound_s == 60


def test_a_deadline_that_nobody_misses_is_none():
    none, hour, enough = runs({}, {"deadline": "1 h"}, {"gather": 4})
    assert none.wall_clock_s == hour.wall_clock_s == enough.wall_clock_s
    assert none.links == hour.links == enough.links


def test_where_all_are_alike_it_is_the_all_gather_through_a_store():
    own, other = runs({}, {"through": "sites"}, collective="store")
    assert own.wall_clock_s == pytest.approx(other.wall_clock_s, rel=1e-9)
    assert [link.bytes for link in own.links] == pytest.approx([link.bytes for link in other.links])


# Who is late.


def test_an_upload_that_comes_after_the_deadline_is_left_out_and_its_site_goes_on_behind_the_others():
    """The last site uploads at a tenth of the rate: 8 S / 1e7 = 21.875 s, after the 5 s of the deadline."""
    found = run(world([{"deadline": "5 s"}], ups={3: UP / 10}))
    (own,) = found.runs
    up_s, down_s, late_s = 8 * S / UP + E, 8 * S / DOWN, 80 * S / UP + E
    # its first round: its upload, and what the three others left; in its second it is 16.9 s behind, and uploads nothing
    assert own.sites[3].exposed_communication_s == pytest.approx(late_s + 2 * (3 * down_s + E), rel=1e-9)
    # those of the others: the store stays open until the deadline, and holds two that they do not know
    assert own.sites[0].exposed_communication_s == pytest.approx(2 * (5 + 2 * down_s + E), rel=1e-9)
    assert up_s < 5
    assert own.late_merges == 2
    assert any("2 of 8 payloads" in note and "changes of 1M of 4M tokens" in note for note in found.notes), found.notes


def test_who_is_ready_too_late_uploads_nothing():
    """A site that takes twice as long for a step comes 30 s after the others, who have gone on after 10 s."""
    (own,) = runs({"deadline": "10 s"}, speeds={3: 2.0})
    down_s = 8 * S / DOWN
    assert own.sites[0].exposed_communication_s == pytest.approx(2 * (10 + 2 * down_s + E), rel=1e-9)
    assert own.sites[3].exposed_communication_s == pytest.approx(2 * (3 * down_s + E), rel=1e-9)
    assert own.wall_clock_s == pytest.approx(120 + 2 * (3 * down_s + E), rel=1e-9)
    carried = {link.name: link.bytes for link in own.links}
    assert carried["s3 -> box"] == 0.0
    assert own.late_merges == 2


def test_who_waits_for_a_slower_one_that_is_in_time_waits_for_a_straggler():
    """It comes 7.5 s later: the others have uploaded long since, and only then go on with the exchange."""
    (own,) = runs({}, speeds={3: 1.25})
    assert own.sites[0].straggler_wait_s == pytest.approx(2 * 7.5, rel=1e-9)
    assert own.sites[3].held_up_s == pytest.approx(3 * 2 * 7.5, rel=1e-9)


def test_with_a_deadline_below_every_upload_nobody_gets_anything():
    (own,) = runs({"deadline": "1 s"})
    assert own.late_merges == 8
    assert own.wall_clock_s == pytest.approx(60 + 2 * (8 * S / UP + E), rel=1e-9)
    assert own.cross_datacenter_bytes == pytest.approx(8 * S)


def test_of_some_that_are_gathered_those_count_that_arrive_first():
    """Two sites upload twice as fast; the others finish theirs, and fetch what the two left.

    So they are behind, and when they come for the second time the store has closed.
    """
    (own,) = runs({"gather": 2}, ups={1: 2 * UP, 2: 2 * UP})
    fast_s, slow_s, down_s = 4 * S / UP + E, 8 * S / UP + E, 8 * S / DOWN
    assert own.sites[1].exposed_communication_s == pytest.approx(2 * (fast_s + down_s + E), rel=1e-9)
    assert own.sites[0].exposed_communication_s == pytest.approx(slow_s + 2 * (2 * down_s + E), rel=1e-9)
    assert own.late_merges == 4


# DeMo.


def test_demo_is_sparseloco_after_every_step_op_for_op():
    sparse, demo = SparseLoCo(sync_every=1, top=4, payload_bits=16), DeMo()
    setting, _ = setting_of(sparse)
    assert programs(demo, setting) == programs(sparse, setting)
    assert len([op for op in programs(demo, setting)[0] if isinstance(op, Start)]) == setting.load.steps


def test_demo_sends_k_of_each_chunk_every_step():
    """4 of 4,096 components with 12 bits of place and 1 of sign: a 2,521th of 32 bits a parameter."""
    demo = DeMo(payload_bits=1)
    setting, _ = setting_of(demo, params=4096e6)
    assert demo.outer_bytes(setting) == pytest.approx(1e6 * 4 * 13 / 8)


# What is told.


@pytest.mark.parametrize("key", ["gather", "deadline"])
def test_only_a_store_leaves_anybody_out(key):
    with pytest.raises(ValueError, match=f"{key}: only a store can leave replicas out; write through: store"):
        SparseLoCo(**{key: 2 if key == "gather" else "1 s"})


def test_no_more_are_gathered_than_there_are():
    with pytest.raises(ValueError, match="gather: got 5 of 4 replicas; write 4 or less"):
        SparseLoCo(through="store", gather=5)
    assert SparseLoCo(through="store", gather=4).with_replicas(2).gather == 2


def test_without_a_store_its_place_is_asked_for():
    document = world([{}]).model_dump(mode="json", exclude_none=True, by_alias=True)
    del document["topology"]["store"]
    with pytest.raises(InputError, match=r"topology\.store: SparseLoCo .* write store: \{at: NAME\}"):
        run(Scenario.model_validate(document))
    document["strategies"], document["collective"] = [{"kind": "diloco"}], "store"
    with pytest.raises(InputError, match=r"topology\.store: collective: store goes through a store"):
        run(Scenario.model_validate(document))


def test_a_store_is_at_a_router():
    with pytest.raises(ValueError, match=r"store\.at: there is no router 's0'"):
        world([{}], store={"at": "s0"})


def test_a_store_that_nobody_uses_is_named():
    found = run(world([{"through": "sites"}]))
    assert any("topology.store (no exchange goes through a store)" in note for note in found.notes)


def test_what_is_left_in_a_store_is_paid_by_who_left_it_and_what_is_fetched_by_nobody():
    scenario = world([{}]).model_dump(mode="json", exclude_none=True, by_alias=True)
    for site in scenario["topology"]["datacenters"]:
        site["egress"] = 0.05
    (own,) = run(Scenario.model_validate(scenario)).runs
    assert own.cost.egress == pytest.approx(4 * 2 * S / 1e9 * 0.05)


def test_jobs_that_run_together_share_the_way_to_the_store():
    one, other = runs({}, {}, jobs="together")
    assert one.wall_clock_s == pytest.approx(other.wall_clock_s)
    assert one.wall_clock_s == pytest.approx(60 + 2 * (2 * (8 * S / UP + 3 * 8 * S / DOWN) + 2 * E), rel=1e-9)


def test_what_is_left_out_counts_as_no_tokens():
    """A quarter of the changes of each round is lost: three quarters of the tokens fit into the reference's time."""
    late = run(world([{"deadline": "5 s"}], ups={3: UP / 10}))
    (own,) = late.runs
    assert own.left_out_tokens == own.tokens / 4
    assert own.overtraining_tokens == pytest.approx(own.overtraining_multiple * own.tokens * 3 / 4)
    (none,) = runs({"deadline": "1 s"})
    assert none.left_out_tokens == none.tokens
    assert none.overtraining_tokens == 0
    assert (none.predicted_loss_low, none.equal_time_loss_high) == (None, None)
    (whole,) = runs({})
    assert whole.left_out_tokens == 0


def test_no_loss_of_demo_is_known():
    """Nobody has published what its sparse momentum costs against Data-Parallel: only ends are told."""
    from sim.simulation.predicted_loss import loss_of
    from sim.strategies import DataParallel, DeMo

    found, full = loss_of(DeMo(replicas=4), 1e9, 20e9), loss_of(DataParallel(), 1e9, 20e9)
    assert found.value is None
    assert found.low == full.value < found.high
    assert any("no law" in note for note in found.notes)
