"""Replicas that share a device train as if each had its own: parameters, losses, checkpoints and what they would send."""

import json

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.errors import InputError  # noqa: E402
from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import count_params  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.recording.inventory import programs_of  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=4, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10
CLOSE = {"rtol": 2e-5, "atol": 2e-6}
EIGHT_BITS = {"payload_bits": 8, "error_feedback": True}
STREAMING = {"algorithm": "streaming-diloco", "fragments": 2, "overlap_steps": 1}


def config(**changes):
    fields = {"algorithm": "diloco", "sync_every": 2, "steps": 5, "sequence_length": LENGTH, "sequences": 2}
    return TrainConfig(model=MODEL, learning_rate=1e-2, **{**fields, **changes})


def batch(step):
    return np.random.default_rng(step).integers(0, MODEL.vocab, (8, 2, LENGTH + 1), dtype=np.int32)


def trainer_of(run):
    return Trainer(run, rows_of(batch), make_mesh(run.rows, run.devices_per_replica, run.shards), alone=True)


def train(run, *, again_after=None):
    """The parameters of all replicas after the run, and the losses; once through a snapshot if asked for."""
    trainer = trainer_of(run)
    state, losses = trainer.start(), []
    for step in range(1, run.steps + 1):
        state, cost = trainer.inner_step(state, step)
        state, _ = trainer.outer_step(state, step)
        losses.append(cost.losses)
        if step == again_after:
            snapshot, shapes = trainer.snapshot(state), trainer.snapshot_shapes(step)
            assert jax.tree.map(lambda x: x.shape, snapshot) == jax.tree.map(lambda x: x.shape, shapes)
            state = trainer.restored(jax.tree.map(lambda x: x.copy(), snapshot))
    return jax.device_get(trainer.params(state)), np.array(losses)


@pytest.mark.parametrize("replicas", [2, 4, 8])
def test_replicas_on_one_device_are_those_on_many(replicas):
    run = config(replicas=replicas)
    params, losses = train(run)
    same, again = train(run.replaced(replicas_per_device=replicas))
    np.testing.assert_allclose(again, losses, **CLOSE)
    assert len(set(losses[0])) == replicas  # they do see different text
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **CLOSE), same, params)


@pytest.mark.parametrize(
    "changes",
    [
        {**STREAMING, "replicas": 2},
        {**STREAMING, "replicas": 2, **EIGHT_BITS},
        {"replicas": 4, "share": 2},
        {"replicas": 4, "share": 2, **EIGHT_BITS},
        {"algorithm": "eager-diloco", "replicas": 2, "payload_bits": 16},
        {"replicas": 2, "devices_per_replica": 2, "shards": 2},
    ],
    ids=str,
)
def test_so_they_are_with_every_algorithm_payload_and_mesh(changes):
    share = changes.get("share", changes["replicas"])
    run = config(**{name: value for name, value in changes.items() if name != "share"})
    params, losses = train(run)
    same, again = train(run.replaced(replicas_per_device=share), again_after=3)
    # a sum in another order may fall on the other side of a rounding to few bits
    close = CLOSE if "payload_bits" not in changes else {"rtol": 2e-3, "atol": 1e-3}
    np.testing.assert_allclose(again, losses, **close)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **close), same, params)


def test_what_stays_on_a_device_is_there_for_each_of_its_replicas():
    run = config(replicas=4, replicas_per_device=4)
    trainer = trainer_of(run)
    schedule = trainer.algorithm.schedule
    lane = trainer.lanes[0].mesh
    programs = programs_of(trainer.inner[0], lane, trainer.outer, trainer.mesh, schedule, share=4)
    state = jax.tree.leaves([trainer.start().lanes, trainer.start().outer])
    assert programs.memory().resident_bytes == sum(leaf.nbytes for leaf in state)
    (payload,) = programs.outer_payloads()
    assert (payload.payload_bytes, payload.group_size, payload.dtype) == (4 * count_params(MODEL), 4, "f32")


def test_a_trace_of_one_device_says_what_each_replica_would_send(text, tmp_path):
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "1", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "1"]
    run = ["--algorithm", "diloco", "--steps", "4", "--sync-every", "2", "--corpus", str(text), "--tokenizer", "bytes"]
    with pytest.raises(SystemExit) as end:
        main([*run, *shape, "--replicas", "4", "--replicas-per-device", "4", "--output", str(path)])
    assert not end.value.code
    header = read_header(path)
    assert (header.replicas, header.device.count) == (4, 1)
    assert "4 replicas on a device" in header.timing
    assert header.chips == 4 * header.device.count
    records = [record for record in read_records(path) if not getattr(record, "warmup", False)]
    exchanges = [record for record in records if isinstance(record, Exchange)]
    found = {(each.step, each.group_size, each.payload_bytes, each.seconds) for each in exchanges}
    assert found == {(step, 4, 4 * header.model.params, None) for step in (2, 4)}
    assert {record.replica for record in records if isinstance(record, Step)} == {0, 1, 2, 3}
    assert json.loads(path.read_text().splitlines()[0])["replicas"] == 4


def test_replicas_that_cannot_be_shared_out_are_refused():
    with pytest.raises(InputError, match="got 3; write a divisor of the 4 replicas"):
        config(replicas=4, replicas_per_device=3)
