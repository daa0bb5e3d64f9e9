"""The fused clock: one program a step takes the same steps as three, and a trace carries both clocks."""

import json

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.errors import InputError  # noqa: E402
from sim.scenario.loading import load_scenario  # noqa: E402
from sim.simulation.run import run as simulated  # noqa: E402
from sim.trace.file import Step, read_header, read_records  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.programs.inner_step import compile_fused  # noqa: E402
from trainer.programs.program import describe  # noqa: E402
from trainer.recording.recorder import compile_run  # noqa: E402
from trainer.training.fused import measure_fused, take_fused  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=2, width=32, heads=2, hidden=64, vocab=64)
STEPS = 6


def trainer_of(*, devices=1, precision="float32", microbatches=1):
    config = TrainConfig(
        model=MODEL,
        algorithm="data-parallel",
        devices_per_replica=devices,
        sequences=2,
        microbatches=microbatches,
        sequence_length=16,
        steps=STEPS,
        precision=precision,
        clip_norm=1e6,  # clipping would hide the scale of a wrong gradient, as AdamW does
    ).on("cpu")

    def batch(step):
        return np.random.default_rng(0).integers(0, MODEL.vocab, (devices, 2, 17), np.int32)  # one text, to be learned

    return Trainer(config, rows_of(batch), make_mesh(1, devices), alone=True), config


@pytest.mark.parametrize(
    ("shape", "within"),
    [
        ({}, 1e-5),
        ({"devices": 4}, 1e-5),
        ({"microbatches": 2}, 1e-5),
        ({"devices": 2, "precision": "bfloat16"}, 2e-3),
    ],
)
def test_one_program_takes_the_steps_that_three_take(shape, within):
    trainer, config = trainer_of(**shape)
    state, losses = trainer.start(), []
    for step in range(1, STEPS + 1):
        state, cost = trainer.inner_step(state, step)
        losses.append(cost.losses[0])
    program = compile_fused(config, trainer.lanes[0].mesh)
    lane, fused = trainer.start().lanes[0], []
    for step in range(1, STEPS + 1):
        lane, losses_G = take_fused(trainer, program, lane, step, 1)
        fused.append(float(np.mean(losses_G)))
    assert fused == pytest.approx(losses, rel=within)
    assert losses[0] != pytest.approx(losses[-1], rel=1e-3)  # something was learned, so something was compared

    def near(found, wanted):
        assert np.abs(np.asarray(found) - wanted).max() <= 10 * within * np.abs(wanted).max()

    jax.tree.map(near, lane, state.lanes[0])


def test_the_exchange_of_gradients_is_within_the_program():
    trainer, config = trainer_of(devices=4)
    program = describe("fused", compile_fused(config, trainer.lanes[0].mesh), trainer.lanes[0].mesh)
    split = describe("exchange", trainer.inner[0].exchange, trainer.lanes[0].mesh)
    assert {each.axis for each in program.collectives} == {"data"}
    assert sum(each.payload_bytes for each in program.collectives) == split.collectives[0].payload_bytes


def test_a_block_of_steps_is_one_time(monkeypatch):
    trainer, config = trainer_of()
    seen = []
    own = trainer.batch
    monkeypatch.setattr(trainer, "batch", lambda lane, step: seen.append(step) or own(lane, step))
    seconds = measure_fused(trainer, compile_fused(config, trainer.lanes[0].mesh), steps=3, blocks=2)
    assert seen == [1, *range(1, 7)]
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_a_sharded_model_has_no_fused_step():
    config = TrainConfig(model=MODEL, algorithm="data-parallel", shards=2, sequences=1, sequence_length=8, steps=1)
    with pytest.raises(InputError, match="--clock both: is for models that are not sharded; write --clock split, or"):
        compile_run(config.on("cpu"), make_mesh(1, 1, 2), rows_of(lambda step: None), "both")


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


def test_a_trace_carries_both_clocks_and_a_replay_says_so(text, tmp_path, capsys):
    shape = [
        "--layers",
        1,
        "--width",
        16,
        "--heads",
        2,
        "--sequence-length",
        8,
        "--sequences",
        2,
        "--tokenizer",
        "bytes",
    ]
    run = [*shape, "--algorithm", "data-parallel", "--steps", 3, "--corpus", text]
    for clock in ("split", "both"):
        assert call(*run, "--clock", clock, "--output", tmp_path / f"{clock}.jsonl") == 0
    said = capsys.readouterr().out
    assert said.count("one program and no waiting") == 1
    headers = {clock: read_header(tmp_path / f"{clock}.jsonl") for clock in ("split", "both")}
    assert headers["split"].fused is None
    fused = headers["both"].fused
    assert (fused.block_steps, fused.step.count) == (10, 3)
    steps = [each for each in read_records(tmp_path / "both.jsonl") if isinstance(each, Step) and not each.warmup]
    assert [each.step for each in steps] == [1, 2, 3]
    told = {clock: notes(tmp_path / f"{clock}.jsonl") for clock in headers}
    assert "fused clock, not replayed" in told["both"]
    assert "clock" not in told["split"]
    line = json.loads((tmp_path / "both.jsonl").read_text().splitlines()[0])
    del line["fused"]
    (tmp_path / "older.jsonl").write_text(json.dumps(line) + "\n")
    assert read_header(tmp_path / "older.jsonl").fused is None


def notes(trace):
    return " ".join(simulated(load_scenario(None, trace=str(trace))).notes)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--clock", "fast"], "--clock: got 'fast'; write split or both"),
        (["--clock", "both", "--no-run", "--target", "tpu:v5e:2x2"], "--clock both: nothing is timed with --no-run"),
    ],
)
def test_a_clock_that_is_none_is_refused(more, says, tmp_path, capsys):
    assert call("--model", "35m", "--algorithm", "data-parallel", "--output", tmp_path / "t.jsonl", *more) == 2
    assert says in capsys.readouterr().err
