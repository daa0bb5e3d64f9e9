"""SparseLoCo: what is sent, what is kept, and the limits at which it is DiLoCo."""

from math import prod

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")
jnp = jax.numpy

from sim.cli.app import app as simulate  # noqa: E402
from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from sim.trace.series import read_recording  # noqa: E402
from trainer.algorithms.outer.largest import decode, encode, pieces, place_bits  # noqa: E402
from trainer.algorithms.sparseloco import sparse_step  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10


def config(algorithm="sparseloco", **changes):
    fields = {"replicas": 4, "sync_every": 2, "steps": 6, "sequence_length": LENGTH, "sequences": 1}
    return TrainConfig(model=MODEL, algorithm=algorithm, learning_rate=1e-2, **{**fields, **changes})


def train(run):
    def batch(step):
        return np.random.default_rng(step).integers(0, MODEL.vocab, (run.replicas, 1, LENGTH + 1), dtype=np.int32)

    trainer = Trainer(run, rows_of(batch), make_mesh(run.rows, 1), alone=False)
    state = trainer.start()
    for step in range(1, run.steps + 1):
        state, _ = trainer.inner_step(state, step)
        state, _ = trainer.outer_step(state, step)
    return jax.device_get(trainer.params(state)), state


def random(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("shape", [(1,), (15,), (16,), (17,), (7, 11), (4, 16)])
@pytest.mark.parametrize("bits", [32, 16, 8, 4, 2])
def test_bytes_of_what_is_sent_are_the_formula(bits, shape):
    count, chunk, top = prod(shape), 16, 3
    wanted = 0
    for length in [chunk] * (count // chunk), [count % chunk] * (count % chunk > 0):
        kept = sum(-(-top * n // chunk) for n in length)
        wanted += -(-kept * bits // 8) + -(-kept * 4 // 8) + 4 * len(length) * (bits < 16)
    sent = encode({"x": random(shape)}, chunk, top, bits)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(sent)) == wanted


def test_a_default_chunk_sends_64_of_4096_values_with_12_bits_of_place():
    sent = encode({"x": random((8192,))}, 4096, 64, 2)
    # 2 chunks x (64 x (2 + 12) bits + a scale of 4 bytes)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(sent)) == 2 * (64 * 14 // 8 + 4)
    assert place_bits(4096) == 12
    assert pieces(8192 + 100, 4096, 64) == [(2, 4096, 64), (1, 100, 2)]


def test_the_largest_of_each_chunk_come_back_where_they_were_and_nothing_else():
    x = {"a": random((5, 9)), "b": random((16,), 1)}
    back = decode(encode(x, 8, 3, 32), x, 8, 3, 32)
    for name, own in x.items():
        flat, got = np.asarray(own).reshape(-1), np.asarray(back[name]).reshape(-1)
        for first in range(0, flat.size, 8):
            chunk = flat[first : first + 8]
            kept = np.sort(np.argsort(-np.abs(chunk))[: -(-3 * chunk.size // 8)])
            np.testing.assert_array_equal(np.flatnonzero(got[first : first + 8]), kept)
            np.testing.assert_array_equal(got[first : first + 8][kept], chunk[kept])


@pytest.mark.parametrize(("bits", "most"), [(16, 2**-8), (8, 0.01), (4, 0.15), (2, 0.75)])
def test_values_in_few_bits_keep_sign_and_size_and_never_add_error(bits, most):
    x = {"x": random((4, 64))}
    exact, back = (decode(encode(x, 64, 16, b), x, 64, 16, b)["x"] for b in (32, bits))
    for true, got in zip(np.asarray(exact), np.asarray(back), strict=True):
        assert np.linalg.norm(got - true) <= most * np.linalg.norm(true)
        np.testing.assert_array_equal(np.sign(got), np.sign(true))


def test_two_bits_of_one_large_value_among_small_ones_do_not_blow_the_small_ones_up():
    x = {"x": jnp.array([100.0] + [0.01] * 63)}
    back = np.asarray(decode(encode(x, 64, 64, 2), x, 64, 64, 2)["x"])
    assert np.linalg.norm(back - np.asarray(x["x"])) < np.linalg.norm(x["x"])


def test_a_chunk_of_zeros_is_sent_as_zeros():
    x = {"x": jnp.zeros((64,))}
    np.testing.assert_array_equal(decode(encode(x, 16, 2, 2), x, 16, 2, 2)["x"], 0)


def test_what_is_sent_and_what_is_left_is_the_decayed_error_and_the_change():
    run = config(chunk=16, top=2, feedback_decay=0.5)
    step, change, error = sparse_step(run), {"x": random((40,))}, {"x": random((40,), 1)}
    left, sent = step.encode(change, error, change)
    total = np.asarray(left["x"] + step.coding.decode(sent, change)["x"])
    np.testing.assert_allclose(total, 0.5 * error["x"] + change["x"], atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_all_values_in_full_precision_are_diloco_without_momentum(decay):
    """With all values sent nothing is left, whatever share of it is kept."""
    plain = {"outer_momentum": 0.0, "outer_learning_rate": 0.7}
    diloco, _ = train(config("diloco", **plain))
    sparse, state = train(config(chunk=16, top=16, payload_bits=32, feedback_decay=decay, **plain))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6), sparse, diloco)
    assert all(float(jnp.abs(leaf).max()) == 0 for leaf in jax.tree.leaves(state.outer[0].error))


def test_replicas_that_share_a_device_send_and_train_the_same():
    apart, _ = train(config(chunk=16, top=2, payload_bits=32))
    shared, _ = train(config(chunk=16, top=2, payload_bits=32, replicas_per_device=4))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-5), shared, apart)
    jax.tree.map(lambda x: np.testing.assert_array_equal(x, np.broadcast_to(x[:1], x.shape)), apart)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"top": 5000}, "top: got 5000 of the 4096 values of a chunk; write 4096 or less"),
        ({"replicas": 1}, "replicas: got 1; sparseloco exchanges between replicas: write --replicas 2"),
        ({"shards": 2}, "shards: sparseloco exchanges whole copies"),
        ({"error_feedback": True}, "error_feedback: sparseloco decides by itself"),
        ({"algorithm": "diloco", "chunk": 16}, "chunk: diloco does not have it; .* or write --algorithm sparseloco"),
        ({"algorithm": "diloco", "payload_bits": 2}, "payload_bits: got 2; diloco sends 4 bits or more"),
        ({"fragments": 2}, "fragments: sparseloco does not have it"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        config(**fields)


def test_a_trace_falls_and_is_replayed_with_dense_bytes_for_everybody_else(text, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    shape = ["--layers", "2", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
    run = ["--algorithm", "sparseloco", "--replicas", "2", "--sync-every", "5", "--chunk", "16", "--top", "4"]
    source = ["--corpus", str(text), "--tokenizer", "bytes", "--steps", "60", "--output", str(path)]
    with pytest.raises(SystemExit) as end:
        main([*run, *shape, *source])
    assert not end.value.code
    losses = [record.loss for record in read_records(path) if isinstance(record, Step) and not record.warmup]
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.5
    params = read_header(path).model.params
    sent = {record.payload_bytes for record in read_records(path) if isinstance(record, Exchange)}
    assert sent == {params // 16 * (4 * (2 + 4) // 8 + 4)}
    assert read_recording(path).outer_bytes == 4 * params
    capsys.readouterr()
    words = ["--trace", str(path), "--topology", "low-bw", "--format", "json"]
    with pytest.raises(SystemExit) as end:
        simulate([*words, "--strategy", "sparseloco:replicas=2,chunk=16,top=4"])
    assert not end.value.code
