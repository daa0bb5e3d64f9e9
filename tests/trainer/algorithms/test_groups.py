"""Gossip and two-level DiLoCo: who meets whom, what comes of it, and the limits at which they are DiLoCo."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.pairing import pairs  # noqa: E402
from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from sim.trace.series import read_recording  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10


def config(algorithm, **changes):
    fields = {"replicas": 4, "sync_every": 2, "steps": 8, "sequence_length": LENGTH, "sequences": 1}
    return TrainConfig(model=MODEL, algorithm=algorithm, learning_rate=1e-2, **{**fields, **changes})


def train(run, watch=lambda step, before, after: None):
    def batch(step):
        return np.random.default_rng(step).integers(0, MODEL.vocab, (run.replicas, 1, LENGTH + 1), dtype=np.int32)

    trainer = Trainer(run, rows_of(batch), make_mesh(run.rows, 1), alone=False)
    state = trainer.start()
    for step in range(1, run.steps + 1):
        state, _ = trainer.inner_step(state, step)
        before = embedding(trainer, state)
        state, costs = trainer.outer_step(state, step)
        if costs:
            watch(step, before, embedding(trainer, state))
    return jax.device_get(trainer.params(state))


def embedding(trainer, state):
    return np.array(jax.device_get(trainer.params(state)["embedding"]))


def assert_close(one, other):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6), one, other)


@pytest.mark.parametrize(
    ("levels", "sync_every"),
    [
        ({"regions": 1}, 2),
        ({"regions": 2, "across_every": 1}, 2),
        ({"regions": 4, "across_every": 2}, 4),  # nobody to meet in a region: only the outer steps are left
    ],
)
def test_two_levels_are_diloco_where_one_of_them_is_missing(levels, sync_every):
    run = {"across_every": 2, **levels}
    if levels["regions"] == 1:
        run["across_every"] = 4
    assert_close(train(config("two-level-diloco", **run)), train(config("diloco", sync_every=sync_every)))


def test_regions_are_averaged_and_every_kth_exchange_makes_all_alike():
    seen = {}

    def watch(step, before, after):
        alike = [[bool((after[i] == after[j]).all()) for j in range(4)] for i in range(4)]
        seen[step] = alike, before, after

    train(config("two-level-diloco", regions=2, across_every=2), watch)
    assert sorted(seen) == [2, 4, 6, 8]
    for step, (alike, before, after) in seen.items():
        if step % 4:
            assert alike[0] == [True, True, False, False]
            np.testing.assert_allclose(after[0], before[:2].mean(axis=0), atol=1e-6)
            np.testing.assert_allclose(after[3], before[2:].mean(axis=0), atol=1e-6)
        else:
            assert all(map(all, alike))


@pytest.mark.parametrize("pull", [0.0, 0.7])
def test_a_pair_without_momentum_is_diloco_whatever_the_pull(pull):
    """Slow weights of the only pair are equal, so that nothing is pulled."""
    plain = {"replicas": 2, "outer_momentum": 0.0, "outer_learning_rate": 0.7}
    assert_close(train(config("gossip-diloco", pull=pull, **plain)), train(config("diloco", **plain)))


@pytest.mark.parametrize("replicas", [4, 5])
def test_each_replica_makes_the_papers_step_with_the_partner_of_the_simulators_round(replicas):
    """A plain loop beside it: d <- a d + b mean(change) + g (phi - mean phi), phi <- phi - d."""
    rate, momentum, pull = 0.7, 0.5, 0.3
    slow = d = None
    rounds = []

    def watch(step, before, after):
        nonlocal slow, d
        if slow is None:
            start = TRAINER.start()
            slow = np.repeat(embedding(TRAINER, start)[:1], replicas, axis=0)
            d = np.zeros_like(slow)
        change, old = slow - before, slow.copy()
        groups = [*pairs(replicas, 0, step // 2 - 1)]
        groups += [(m,) for m in range(replicas) if not any(m in group for group in groups)]
        for group in groups:
            own = list(group)
            for m in own:
                d[m] = momentum * d[m] + rate * change[own].mean(axis=0) + pull * (old[m] - old[own].mean(axis=0))
                slow[m] = old[m] - d[m]
        np.testing.assert_allclose(after, slow, rtol=1e-4, atol=1e-5)
        rounds.append(step)

    run = config("gossip-diloco", replicas=replicas, pull=pull, outer_learning_rate=rate, outer_momentum=momentum)
    TRAINER = Trainer(run, rows_of(lambda step: None), make_mesh(1, 1), alone=False)
    train(run, watch)
    assert rounds == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("algorithm", "fields", "words"),
    [
        ("gossip-diloco", {"replicas_per_device": 2}, "write --replicas-per-device 4, or leave it out"),
        ("gossip-diloco", {"payload_bits": 8}, "gossip-diloco sends 16 bits or more"),
        ("gossip-diloco", {"regions": 2}, "regions: gossip-diloco does not have it; .* two-level-diloco"),
        ("two-level-diloco", {"regions": 3}, "4 replicas cannot be shared evenly by 3 regions; write 1 or 2 or 4"),
        ("two-level-diloco", {"pull": 0.1}, "pull: two-level-diloco does not have it"),
        ("two-level-diloco", {"replicas": 1}, "replicas: got 1"),
    ],
)
def test_fields_that_do_not_fit_are_refused(algorithm, fields, words):
    with pytest.raises(ValueError, match=words):
        config(algorithm, **fields)


@pytest.mark.parametrize(("algorithm", "copies", "sizes"), [("gossip-diloco", 2, {2}), ("two-level-diloco", 1, {2, 4})])
def test_a_trace_falls_and_is_replayed_with_dense_bytes_for_everybody_else(
    algorithm, copies, sizes, text, tmp_path, simulate
):
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "1", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", "60", "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main(["--algorithm", algorithm, "--sync-every", "5", *shape, *source])
    assert not end.value.code
    records = [record for record in read_records(path) if not getattr(record, "warmup", False)]
    losses = [record.loss for record in records if isinstance(record, Step)]
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.3
    params = read_header(path).model.params
    sent = [record for record in records if isinstance(record, Exchange)]
    assert {record.payload_bytes for record in sent} == {copies * 4 * params}
    assert {record.group_size for record in sent} == sizes
    assert read_recording(path).outer_bytes == 4 * params
    code, _, said = simulate("--trace", path, "--topology", "low-bw", "--strategy", f"{algorithm}:replicas=4")
    assert code == 0, said
