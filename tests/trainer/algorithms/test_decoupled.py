"""Decoupled DiLoCo: who is in which merge, what comes of it, and the limits at which it is a known algorithm."""

from fractions import Fraction

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.own_pace import Pace, deal_steps  # noqa: E402
from sim.scenario.model import Scenario  # noqa: E402
from sim.simulation.run import run as replay  # noqa: E402
from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from sim.trace.series import read_recording  # noqa: E402
from trainer.algorithms import make_algorithm  # noqa: E402
from trainer.algorithms.outer.own_paces import MergeSchedule, moments, token_weights  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=3, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10


def config(algorithm, **changes):
    fields = {
        "replicas": 4,
        "replicas_per_device": 4,
        "sync_every": 4,
        "steps": 10,
        "sequence_length": LENGTH,
        "sequences": 1,
        "outer_learning_rate": 0.7,
    }
    return TrainConfig(model=MODEL, algorithm=algorithm, learning_rate=1e-2, **{**fields, **changes})


def batch(step):
    return np.random.default_rng(step).integers(0, MODEL.vocab, (4, 1, LENGTH + 1), dtype=np.int32)


def train(run, watch=None):
    trainer = Trainer(run, rows_of(batch), make_mesh(run.rows, 1), alone=False)
    state = trainer.start()
    if watch:
        watch(0, (), embedding(trainer, state), [])
    for step in range(1, trainer.steps + 1):
        state, _ = trainer.inner_step(state, step)
        before = embedding(trainer, state)
        events = list(trainer.algorithm.schedule.events(step))
        state, _ = trainer.outer_step(state, step)
        if watch:
            watch(step, before, embedding(trainer, state), events)
    return jax.device_get(trainer.params(state))


def embedding(trainer, state):
    return np.array(jax.device_get(trainer.params(state)["embedding"]))


def assert_close(one, other, **tolerance):
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, **(tolerance or {"rtol": 2e-4, "atol": 2e-5})), one, other
    )


def schedule(**changes):
    given = {"each_steps": 60, "sync_every": 6, "paces": ("1",) * 4, "fragments": 1, "overlap_steps": 0, "quorum": 4}
    given |= changes
    return MergeSchedule(**{**given, "paces": tuple(map(Fraction, given["paces"]))})


def events_of(plan, kind):
    return [event for moment in moments(plan) for event in moment.events if event.kind == kind]


# Limits.


@pytest.mark.parametrize(("steps", "bits"), [(8, 32), (10, 32), (10, 4)])
def test_learners_that_are_alike_with_one_fragment_and_no_delay_are_diloco_to_the_bit(steps, bits):
    """4-bit payloads gather in DiLoCo and are averaged here; sums of four may differ in their last bit then."""
    more = {"steps": steps, "payload_bits": bits}
    own = train(config("decoupled-diloco", fragments=1, overlap_steps=0, quorum=4, **more))
    diloco = train(config("diloco", **more))
    assert_close(own, diloco, **({"rtol": 0, "atol": 0} if bits == 32 else {"rtol": 2e-5, "atol": 2e-6}))


@pytest.mark.parametrize(("fragments", "overlap", "mixing", "quorum"), [(3, 1, 0.5, 1), (2, 3, 0.5, 4), (3, 0, 0.0, 2)])
def test_learners_that_are_alike_are_streaming_diloco(fragments, overlap, mixing, quorum):
    """Whoever is there at once is in every merge, whatever the quorum."""
    more = {"fragments": fragments, "overlap_steps": overlap, "mixing": mixing, "pattern": "sequential", "steps": 11}
    own = train(config("decoupled-diloco", quorum=quorum, **more))
    assert_close(own, train(config("streaming-diloco", **more)))


def test_by_default_a_fragment_that_comes_replaces_the_learners_own():
    run = config("decoupled-diloco")
    assert (run.mixing, run.local_share, run.quorum, run.paces) == (0.0, 0.0, 1, None)
    assert config("decoupled-diloco", sync_every=None).sync_every == 24
    assert [config("decoupled-diloco", sync_every=every, fragments=1).overlap_steps for every in (2, 3, 24)] == [
        1,
        2,
        2,
    ]


# Who is in which merge.


def test_a_slow_learner_is_left_out_of_every_second_merge_and_holds_up_nobody():
    """Three at pace 1 and one at half of it, K = 3: 60 steps each come to 68 or 69 and 34 or 35."""
    plan = schedule(paces=("1", "1", "1", "0.5"), quorum=3)
    assert plan.own_steps == deal_steps((*[Pace(1.0, 0.0, 6)] * 3, Pace(2.0, 0.0, 6)), 240)
    merges = events_of(plan, "merge")
    # the fast ones make 69, 69 and 68 steps: 11 rounds and an end; the slow one hands in every second time
    assert len(merges) == plan.exchanges() == 12
    assert [3 in merge.joined for merge in merges] == [False, True] * 6
    assert all({0, 1} <= set(merge.joined) for merge in merges)
    # with K = 4 everybody waits for it, and is in every merge
    together = schedule(paces=("1", "1", "1", "0.5"), quorum=4)
    assert together.own_steps == (60,) * 4
    assert [merge.joined for merge in events_of(together, "merge")] == [(0, 1, 2, 3)] * 10


def test_what_a_slow_learner_did_before_it_took_a_fragment_over_does_not_count():
    """Left out at time 6, it takes over when its 4th step ends at time 8, and hands in at time 12 with 2 steps."""
    merge = events_of(schedule(paces=("1", "1", "1", "0.5"), quorum=3), "merge")[1]
    assert merge.shares == pytest.approx([4 * 6 / 20] * 3 + [4 * 2 / 20])
    assert token_weights({0: 0, 2: 0}, 3) == (1.0, 0.0, 1.0)


def test_who_comes_when_a_grace_is_over_is_in_the_next_merge():
    """Exchanges open at 1, 2, 3, ..., their grace is 2, and the slow one comes at 2, 4, 6, ...: the second is over."""
    own = {"paces": ("1", "1", "0.5"), "quorum": 1, "sync_every": 3, "fragments": 3, "overlap_steps": 2}
    joined = [merge.joined for merge in events_of(schedule(**own), "merge")]
    assert joined[:6] == [(0, 1, 2), (0, 1)] * 3


def test_all_learners_take_their_turns_in_the_order_of_time():
    plan = schedule(paces=("1", "0.7", "0.3", "1"), quorum=1, each_steps=30, overlap_steps=2)
    own = [[step for moment in moments(plan) for who, step in moment.turns if who == learner] for learner in range(4)]
    assert own == [list(range(1, steps + 1)) for steps in plan.own_steps]
    assert sum(plan.own_steps) == 120
    # nobody waits with K = 1, so that the moments are the instants at which steps end
    instants = sorted({step / Fraction(p) for p, steps in zip(plan.paces, own, strict=True) for step in steps})
    assert len(moments(plan)) == len(instants)


CASES = [
    # paces, quorum, tau, H, P
    ((1, 0.9, 0.55), 2, 0, 6, 1),
    ((1, 1, 0.5), 1, 2, 6, 3),
    ((1, 0.8, 0.4), 2, 1, 5, 5),
    ((1, 0.9, 0.3), 1, 2, 4, 2),
    ((0.5, 1, 0.7), 3, 2, 8, 4),
    ((1, 1, 1), 1, 2, 8, 4),
    ((1, 0.95, 0.65), 2, 3, 12, 6),
]


@pytest.mark.parametrize(("paces", "quorum", "overlap", "every", "fragments"), CASES)
@pytest.mark.parametrize("beside", [0, 2])
def test_the_schedule_sends_the_bytes_of_the_simulators_replay(paces, quorum, overlap, every, fragments, beside):
    """Chips as fast as the paces on links on which a fragment takes next to nothing: up and down, counted apart."""
    params, steps = 1e6, 40
    datacenters = [
        {"name": f"s{number}", "chips": 1, "chip_speed": f"{100 * pace!r} Tflop/s"} for number, pace in enumerate(paces)
    ]
    ends = [(a, b) for a in range(3) for b in range(a)]
    links = [{"between": [f"s{a}", f"s{b}"], "bandwidth": "100000 Gbit/s", "latency": "0.000001 ms"} for a, b in ends]
    own = {"sync_every": every, "overlap_steps": overlap, "fragments": fragments, "quorum": quorum, "replicas": 3}
    document = {
        "topology": {"name": "t", "datacenters": datacenters, "links": links, "collective": "published"},
        "workload": {"params": params, "steps": steps, "batch_tokens": 3e14 / (6 * params)},
        "strategies": [{"kind": "decoupled-diloco", "syncer": f"s{beside}", **own}],
    }
    found = replay(Scenario.model_validate(document)).runs[0]
    plan = schedule(
        each_steps=steps,
        sync_every=every,
        paces=tuple(map(str, paces)),
        fragments=fragments,
        overlap_steps=overlap,
        quorum=quorum,
    )
    merges = events_of(plan, "merge")
    up = sum(member != beside for merge in merges for member in merge.joined)
    down = 2 * len(merges)
    assert found.cross_datacenter_bytes == pytest.approx((up + down) * 2 * params / fragments)


# What comes of a merge.


def test_theta_moves_by_the_weighted_mean_of_those_who_are_in_a_merge_and_comes_to_all():
    """A plain loop beside it, for the embedding: SGD with Nesterov momentum on the weighted mean of the changes."""
    rate, momentum = 0.7, 0.9
    theta = velocity = None
    merged = []

    def watch(step, before, after, events):
        nonlocal theta, velocity
        if step == 0:
            theta, velocity = after[0].copy(), np.zeros_like(after[0])
            return
        own = before.copy()
        for event in events:
            shares = np.array(event.shares, np.float32)
            if event.kind == "merge":
                change = np.einsum("m,mij->ij", shares, theta - own) / shares.sum()
                velocity = change + momentum * velocity
                theta = theta - rate * (change + momentum * velocity)
                merged.append(int((shares > 0).sum()))
            else:
                own = np.where(shares[:, None, None] < 1, theta, own)
        np.testing.assert_allclose(after, own, rtol=1e-4, atol=1e-5)

    run = config(
        "decoupled-diloco", fragments=1, overlap_steps=1, quorum=3, paces=(1, 1, 1, 0.5), steps=21, outer_momentum=0.9
    )
    ended = train(run, watch)["embedding"]
    assert set(merged) == {3, 4}
    assert (np.array(ended) == np.array(ended)[0]).all()


def test_a_slow_learner_has_the_whole_learning_rate_schedule_over_its_own_steps():
    """Its rate at its last step is that of a run of as many steps; else it would still be near the peak."""
    run = config("decoupled-diloco", paces=(1, 1, 1, 0.5), quorum=1, steps=42, fragments=1, overlap_steps=0)
    trainer = Trainer(run, rows_of(batch), make_mesh(1, 1), alone=False)
    own = make_algorithm(run).schedule.own_steps
    assert own[3] < own[0]
    state = trainer.start()
    for step in range(1, trainer.steps + 1):
        before = jax.device_get(state.lanes[3].params["embedding"])
        state, cost = trainer.inner_step(state, step)
        after = jax.device_get(state.lanes[3].params["embedding"])
        assert (before == after).all() == (3 not in cost.here)
    largest = np.abs(np.array(after) - np.array(before)).max()
    assert 0 < largest < 1e-2 * 0.05 * 1.5  # AdamW's step is about its rate, 5% of the peak at the end


# Configurations and traces.


@pytest.mark.parametrize(
    ("algorithm", "fields", "words"),
    [
        ("decoupled-diloco", {"quorum": 5}, "quorum: got 5 of 4 learners; write 4 or less"),
        ("decoupled-diloco", {"paces": (1, 0.5)}, "got 2 for 4 learners; .* --paces 1,1,1,0.5"),
        ("decoupled-diloco", {"paces": "1,1,1,0"}, "paces"),
        ("decoupled-diloco", {"replicas_per_device": 2}, "write --replicas-per-device 4, or leave it out"),
        ("decoupled-diloco", {"replicas": 1, "replicas_per_device": 1}, "replicas: got 1"),
        ("decoupled-diloco", {"fragments": 4}, "fragments: got 4"),
        ("decoupled-diloco", {"overlap_steps": 4}, "overlap_steps: got 4"),
        ("decoupled-diloco", {"error_feedback": True, "payload_bits": 8}, "error_feedback"),
        ("diloco", {"paces": (1, 1, 1, 0.5)}, "paces: diloco does not have it; .* decoupled-diloco"),
        ("streaming-diloco", {"quorum": 1}, "quorum: streaming-diloco does not have it"),
    ],
)
def test_fields_that_do_not_fit_are_refused(algorithm, fields, words):
    with pytest.raises(ValueError, match=words):
        config(algorithm, **fields)


def recorded(text, path, *more):
    shape = ["--layers", "2", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main(["--algorithm", "decoupled-diloco", *shape, *source, *more])
    assert not end.value.code
    return [record for record in read_records(path) if not getattr(record, "warmup", False)]


def test_a_trace_falls_says_who_was_in_each_merge_and_is_replayed(text, tmp_path, simulate):
    path = tmp_path / "run.jsonl"
    paced = ["--paces", "1,1,1,0.5", "--quorum", "3", "--sync-every", "6", "--fragments", "2", "--steps", "60"]
    records = recorded(text, path, *paced)
    losses = [record.loss for record in records if isinstance(record, Step)]
    assert len(losses) == 4 * 60
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.3
    plan = schedule(paces=("1", "1", "1", "0.5"), quorum=3, sync_every=6, fragments=2, overlap_steps=2)
    sent = [record for record in records if isinstance(record, Exchange)]
    merges = events_of(plan, "merge")
    assert [(record.fragment, record.joined) for record in sent] == [
        (each.fragment, len(each.joined)) for each in merges
    ]
    assert {record.joined for record in sent} >= {3, 4}
    assert {record.group_size for record in sent} == {4}
    assert read_recording(path).outer_bytes == 4 * read_header(path).model.params
    told = "decoupled-diloco:replicas=4,quorum=3,sync_every=6,fragments=2"
    code, _, said = simulate("--trace", path, "--topology", "low-bw", "--strategy", told)
    assert code == 0, said
