"""Spread, split or rounded, a step is the same step: processes, shards, microbatches, rematerialisation, bfloat16."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.parallel.mesh import BY_DEVICE, make_mesh, shardings  # noqa: E402
from trainer.programs.hlo_collectives import collectives  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402
from trainer.training.resume import read_model  # noqa: E402

MODEL = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
LENGTH = 10


def config(**changes):
    fields = {
        "model": MODEL,
        "algorithm": "diloco",
        "replicas": 2,
        "sync_every": 2,
        "steps": 4,
        "sequence_length": LENGTH,
        "sequences": 4,
        "learning_rate": 1e-2,
        "learning_rate_warmup_steps": 2,
    }
    return TrainConfig(**{**fields, **changes})


def train(run, *, same=False):
    def batches(step):
        shape = (run.devices, run.sequences, LENGTH + 1)
        return np.random.default_rng(0 if same else step).integers(0, MODEL.vocab, shape, dtype=np.int32)

    mesh = make_mesh(run.replicas, run.devices_per_replica, run.shards)
    trainer = Trainer(run, rows_of(batches), mesh, alone=False)
    state, losses = trainer.start(), []
    for step in range(1, run.steps + 1):
        state, cost = trainer.inner_step(state, step)
        losses.append(cost.losses)
        state, _ = trainer.outer_step(state, step)
    return trainer, jax.device_get(trainer.params(state)), np.array(losses)


@pytest.fixture(scope="module")
def plain():
    return train(config())


@pytest.mark.parametrize(
    "changes", [{"shards": 2}, {"microbatches": 4}, {"remat": "layer"}, {"shards": 4, "microbatches": 2}], ids=str
)
def test_how_a_step_is_computed_does_not_change_what_it_computes(changes, plain):
    _, params, losses = train(config(**changes))
    np.testing.assert_allclose(losses, plain[2], rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4), params, plain[1])


@pytest.mark.parametrize("changes", [{"shards": 2}, {"microbatches": 4}, {"remat": "layer"}], ids=str)
def test_gradients_are_those_of_the_whole_batch(changes):
    """AdamW behind clipping hides a factor in the gradient, so it is looked at itself."""

    def gradient(run):
        def batches(step):
            return np.random.default_rng(step).integers(0, MODEL.vocab, (2, 4, LENGTH + 1), dtype=np.int32)

        trainer = Trainer(run, rows_of(batches), make_mesh(2, 1, run.shards), alone=False)
        mesh = trainer.mesh
        tokens_GxBxL = jax.device_put(batches(1), shardings(batches(1), mesh, BY_DEVICE))
        return jax.device_get(trainer.inner[0].gradients(trainer.params(trainer.start()), tokens_GxBxL)[0])

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        gradient(config(**changes)),
        gradient(config()),
    )


def test_a_model_spread_over_shards_exchanges_its_shards_and_holds_no_more():
    trainer, _, _ = train(config(shards=2, devices_per_replica=2))
    mesh = trainer.mesh
    inner, outer = trainer.inner[0], trainer.outer[0]
    # along the model axis the compute programs exchange activations, and never along another
    assert {each.axis for each in collectives(inner.gradients.as_text(), mesh)} == {"model"}
    norms = 2 * (2 * 16 + 2 * 8) + 16
    shard = 4 * ((MODEL.params - norms) // 2 + norms)
    for program, axis in ((inner.exchange, "data"), (outer.exchange, "replica")):
        found = collectives(program.as_text(), mesh)
        assert {each.axis for each in found} == {axis}
        assert sum(each.payload_bytes for each in found) == shard
    params = trainer.params(trainer.start())
    held = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(params))
    assert held == shard


@pytest.mark.parametrize("shards", [1, 4])
def test_a_run_begins_with_each_part_on_its_device_alone(shards):
    """No device ever holds the whole of a sharded model; and the numbers do not depend on where they are drawn."""
    run = config(algorithm="diloco", replicas=2, shards=shards, model={**MODEL.model_dump(), "heads": 4})
    mesh = make_mesh(2, 1, shards)
    trainer = Trainer(run, rows_of(lambda step: None), mesh, alone=False)
    state = trainer.start()
    whole = jax.jit(init_params, static_argnums=1)(jax.random.key(run.seed), run.model)
    for lane in (state.lanes[0].params, state.outer[0].params):
        jax.tree.map(
            # to the last bit but one: JAX 0.12 scales what it draws in another order where it draws it in parts
            lambda found, drawn: np.testing.assert_allclose(found, np.stack([drawn] * 2), rtol=1e-6, atol=1e-7),
            jax.device_get(lane),
            jax.device_get(whole),
        )
    held = state.lanes[0].optimizer, state.outer[0].optimizer, state.lanes[0].params
    embedding = [leaf for leaf in jax.tree.leaves(held) if leaf.shape[1:] == whole["embedding"].shape]
    assert len(embedding) == 4
    assert {leaf.addressable_shards[0].data.size for leaf in embedding} == {whole["embedding"].size // shards}
    # parameters and both states begin in memory of their own: the first step reuses that of its arguments
    state, _ = trainer.outer_step(state, run.steps)
    assert np.isfinite(jax.device_get(state.outer[0].params["embedding"])).all()


def test_rematerialisation_needs_less_memory():
    deep = config(model={**MODEL.model_dump(), "layers": 8}, sequences=16)
    needed = []
    for remat in ("none", "layer"):
        run = deep.replaced(remat=remat)
        trainer = Trainer(run, rows_of(lambda step: None), make_mesh(2, 1), alone=False)
        needed.append(trainer.inner[0].gradients.compiled.memory_analysis().temp_size_in_bytes)
    assert needed[1] < 0.6 * needed[0]


def test_bfloat16_rounds_the_model_and_its_gradients_and_nothing_else(plain):
    trainer, params, losses = train(config(precision="bfloat16", devices_per_replica=2, sequences=2))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
    snapshot = trainer.snapshot_shapes(4)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(snapshot)} == {"float32", "int32"}
    gradients, cross_entropy = trainer.inner[0].gradients.compiled.out_info
    assert {leaf.dtype.name for leaf in jax.tree.leaves(gradients)} == {"bfloat16"}
    assert cross_entropy.dtype == "float32"
    np.testing.assert_allclose(losses, plain[2], rtol=0.01)
    assert np.abs(losses - plain[2]).max() > 1e-6
    # what travels between replicas is half as much
    found = collectives(trainer.outer[0].exchange.as_text(), trainer.mesh)
    assert sum(each.payload_bytes for each in found) == 2 * MODEL.params


@pytest.mark.parametrize("algorithm", ["data-parallel", "diloco"])
def test_one_batch_is_learned_by_heart(algorithm):
    sync_every = None if algorithm == "data-parallel" else 10
    own = {"algorithm": algorithm, "sync_every": sync_every, "replicas": 1, "devices_per_replica": 2}
    run = config(**own, steps=200, sequences=1, learning_rate=2e-2, learning_rate_warmup_steps=5, weight_decay=0.0)
    _, _, losses = train(run, same=True)
    assert losses[0].mean() > 3.5
    assert losses[-1].mean() < 0.05


def test_the_golden_step(golden, plain):
    """Losses of four steps, and the size of the parameters behind them, to the digits that libraries agree on."""
    _, params, losses = plain
    norms = {name: np.linalg.norm(leaf) for name, leaf in params["layers"].items()}
    norms |= {name: np.linalg.norm(params[name]) for name in ("embedding", "final_norm")}
    lines = {
        "losses": [[f"{loss:.4f}" for loss in row] for row in losses],
        "norms": {name: f"{norm:.3f}" for name, norm in sorted(norms.items())},
    }
    golden("tests/golden/train-step.json", json.dumps(lines, indent=1) + "\n")


def story(path):
    return [
        (record.step, record.warmup, record.replica)
        if isinstance(record, Step)
        else (record.step, record.warmup, record.kind, record.payload_bytes, record.group_size)
        for record in read_records(path)
        if isinstance(record, Step | Exchange)
    ]


def losses_of(path):
    return [record.loss for record in read_records(path) if isinstance(record, Step)]


@pytest.mark.parametrize(
    "shape",
    [
        ["--replicas", "2", "--payload-bits", "8"],
        ["--replicas", "1", "--devices-per-replica", "2"],
        ["--replicas", "2", "--devices-per-replica", "2", "--algorithm", "streaming-diloco", "--overlap-steps", "1"],
    ],
    ids=["a replica each", "half a replica each", "a streaming replica of two devices each"],
)
def test_two_processes_are_one(shape, text, tmp_path, environment, processes):
    def command(name, *more):
        tiny = ["--layers", "2", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
        algorithm = [] if "--algorithm" in shape else ["--algorithm", "diloco"]
        run = [*algorithm, "--sync-every", "2", "--steps", "5", "--corpus", str(text), "--tokenizer"]
        place = ["bytes", "--output", str(tmp_path / f"{name}.jsonl"), "--checkpoint", str(tmp_path / name)]
        place += ["--checkpoint-every", "3"]
        return ["-m", "trainer", *run, *place, *tiny, *shape, *map(str, more)]

    def ended(name, *more):
        both = processes([command(name, *more)] * 2)
        assert [each.code for each in both] == [0, 0], both
        return both

    alone = subprocess.run(
        [sys.executable, *command("one")], env=environment, capture_output=True, text=True, check=False
    )
    assert alone.returncode == 0, alone.stderr
    outputs = ended("two")
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert "simulate --topology low-bw" in outputs[0].output
    assert "wrote" not in outputs[1].output  # one process writes, and tells of it
    assert story(one) == story(two)
    assert read_header(two).device.count == read_header(one).device.count
    np.testing.assert_allclose(losses_of(two), losses_of(one), rtol=1e-5)
    expected, found = read_model(tmp_path / "one"), read_model(tmp_path / "two")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), found[1], expected[1])
    shutil.rmtree(tmp_path / "two" / "step-00000005")
    losses, model = losses_of(two), found[1]
    ended("two", "--resume")
    assert story(two) == story(one)
    assert losses_of(two) == losses
    jax.tree.map(np.testing.assert_array_equal, read_model(tmp_path / "two")[1], model)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--processes", "2"], "need --coordinator host:port"),
        (["--coordinator", "localhost:1"], "needs --processes N and --process-id"),
        (["--coordinator", "localhost:1", "--processes", "2", "--process-id", "2"], "must be from 0 to 1"),
        (["--coordinator", "localhost", "--processes", "2", "--process-id", "0"], "write host:port"),
        (["--coordinator", "auto", "--processes", "2"], "leave both out"),
    ],
)
def test_wrong_processes_are_one_line(more, words, text, tmp_path, capsys):
    from trainer.cli.record_trace import main

    tiny = ["--layers", "1", "--width", "16", "--heads", "2", "--steps", "1", "--output", str(tmp_path / "run.jsonl")]
    with pytest.raises(SystemExit) as end:
        main(["--algorithm", "diloco", "--corpus", str(text), "--tokenizer", "bytes", *tiny, *more])
    assert end.value.code == 2
    assert words in capsys.readouterr().err
