"""A replica in parts trains as one whose devices each hold all of it."""

import shutil

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.errors import CrosshaulError, InputError  # noqa: E402
from sim.trace.file import Exchange, read_header, read_records  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.recording.recorder import compile_run  # noqa: E402

MODEL = ModelConfig(layers=2, width=32, heads=2, hidden=64, vocab=96)
STEPS = 100
PHRASES = np.random.default_rng(0).integers(0, MODEL.vocab, (3, 17), np.int32)


def batch(step):
    """A few phrases, again and again, so that there is something to learn."""
    return PHRASES[np.random.default_rng(step).integers(0, len(PHRASES), (4, 2))]


def compiled(*, shards=1, precision="float32", sharded=True, microbatches=1, clip_norm=1.0):
    config = TrainConfig(
        model=MODEL,
        algorithm="data-parallel",
        devices_per_replica=4,
        shards=shards,
        fully_sharded=sharded,
        sequences=2,
        microbatches=microbatches,
        sequence_length=16,
        steps=STEPS,
        precision=precision,
        clip_norm=clip_norm,
        learning_rate=3e-3,
    ).on("cpu")
    return compile_run(config, make_mesh(1, 4, shards), rows_of(batch))


def losses(recorder, steps):
    state, found = recorder.trainer.start(), []
    for step in range(1, steps + 1):
        state, cost = recorder.trainer.inner_step(state, step)
        found.append(cost.losses[0])
    return state, found


@pytest.fixture(scope="module")
def whole():
    return losses(compiled(sharded=False), STEPS)


def test_losses_of_a_hundred_steps_are_those_of_whole_replicas(whole):
    state, found = losses(compiled(), STEPS)
    assert found == pytest.approx(whole[1], rel=1e-4)
    assert found[-1] < 0.5 * found[0]
    apart = jax.tree.map(lambda x, y: float(np.abs(np.asarray(x) - y).max()), state.lanes, whole[0].lanes)
    assert max(jax.tree.leaves(apart)) < 1e-3


@pytest.mark.parametrize(
    ("changes", "steps", "within"),
    [
        ({"shards": 2}, 20, 1e-4),
        ({"microbatches": 2, "clip_norm": 0.1}, 20, 1e-4),  # the norm that clips is that of the whole gradient
        ({"precision": "bfloat16"}, 20, 5e-3),
    ],
)
def test_so_they_are_with_shards_microbatches_clipping_and_rounding(changes, steps, within):
    _, plain = losses(
        compiled(sharded=False, **{key: value for key, value in changes.items() if key != "shards"}), steps
    )
    _, parts = losses(compiled(**changes), steps)
    assert parts == pytest.approx(plain, rel=within)


@pytest.mark.parametrize("clip_norm", [0.05, 1e6])
def test_the_state_of_the_optimizer_is_that_of_whole_replicas(clip_norm):
    """Losses hardly depend on the scale of gradients: AdamW divides by it. Its sums of gradients and squares do."""
    parts, _ = losses(compiled(clip_norm=clip_norm), 3)
    plain, _ = losses(compiled(sharded=False, clip_norm=clip_norm), 3)

    def near(found, wanted):
        found, wanted = np.asarray(found), np.asarray(wanted)
        assert np.abs(found - wanted).max() <= 1e-3 * np.abs(wanted).max()

    jax.tree.map(near, parts.lanes[0].optimizer, plain.lanes[0].optimizer)


def test_each_device_holds_its_part_between_steps():
    state = compiled().trainer.start()
    for leaf in jax.tree.leaves(state.lanes):
        if leaf.size < 4:
            continue  # the number of steps taken
        sizes = {shard.data.size for shard in leaf.addressable_shards}
        assert sizes == {leaf.size // 4}


def test_memory_bytes_and_flops_are_counted_for_a_device():
    parts, plain = compiled().programs, compiled(sharded=False).programs
    assert parts.memory().resident_bytes == pytest.approx(plain.memory().resident_bytes / 4, rel=1e-3)
    assert parts.memory().peak_bytes < plain.memory().peak_bytes
    assert parts.payload("exchange").payload_bytes == plain.payload("exchange").payload_bytes
    (gather,) = parts.described["gather"].collectives
    assert (gather.kind, gather.group_size) == ("all-gather", 4)
    assert gather.payload_bytes == 4 * MODEL.params / 4
    assert parts.described["gradients"].flop == plain.described["gradients"].flop
    # a quarter of the arithmetic, and what the norm needs more
    assert parts.described["update"].flop == pytest.approx(plain.described["update"].flop / 4, rel=0.02)


def test_an_update_that_exchanges_more_than_a_norm_is_refused():
    programs = compiled().programs
    described = {**programs.described, "update": programs.described["gather"]}
    with pytest.raises(CrosshaulError, match="contain exchanges"):
        type(programs)(programs.parts, described).check_compute_alone()


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


SHAPE = ["--layers", 1, "--width", 16, "--heads", 2, "--sequence-length", 8, "--sequences", 2, "--tokenizer", "bytes"]


def test_a_run_in_parts_is_recorded_and_resumes_as_if_nothing_had_happened(text, tmp_path, capsys):
    run = [*SHAPE, "--corpus", text, "--algorithm", "data-parallel", "--devices-per-replica", 2, "--fully-sharded"]
    run += ["--steps", 6]
    once, twice = tmp_path / "once.jsonl", tmp_path / "twice.jsonl"
    assert call(*run, "--output", once) == 0
    saved = ["--checkpoint", tmp_path / "saved", "--checkpoint-every", 3, "--output", twice]
    assert call(*run, *saved) == 0
    shutil.rmtree(tmp_path / "saved" / "step-00000006")
    assert call(*run, *saved, "--resume") == 0, capsys.readouterr().err
    assert steps_of(once) == steps_of(twice)
    exchanges = [each for each in read_records(once) if isinstance(each, Exchange) and not each.warmup]
    assert len(exchanges) == 6
    assert min(each.seconds for each in exchanges) > 0
    assert "gathering the parameters belongs to the exchange" in read_header(once).timing


def steps_of(trace):
    return [(each.step, each.loss) for each in read_records(trace) if each.record == "step" and not each.warmup]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--algorithm", "diloco"], "fully_sharded: the outer steps of diloco need whole replicas"),
        (["--algorithm", "data-parallel"], "fully_sharded: a replica has one device; leave it out, or write"),
    ],
)
def test_where_nothing_can_be_spread_it_is_refused(more, says, text, tmp_path, capsys):
    assert call(*SHAPE, "--corpus", text, "--fully-sharded", "--output", tmp_path / "t.jsonl", *more) == 2
    assert says in capsys.readouterr().err


def test_both_clocks_are_refused():
    config = TrainConfig(
        model=MODEL, algorithm="data-parallel", devices_per_replica=2, fully_sharded=True, sequences=1, steps=1
    )
    with pytest.raises(InputError, match="leave out --shards and --fully-sharded"):
        compile_run(config.on("cpu"), make_mesh(1, 2), rows_of(batch), "both")
