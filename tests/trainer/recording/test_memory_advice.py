"""Runs that do not fit the memory of a device: how that is known, and the option that their refusal names."""

import importlib.util
from dataclasses import replace

import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.errors import CrosshaulError, InputError  # noqa: E402
from sim.units.chips import chips  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.model.initial import count_params  # noqa: E402
from trainer.parallel import chips as devices  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.recording import compile_only as target  # noqa: E402
from trainer.recording.compile_only import estimate  # noqa: E402
from trainer.recording.memory_advice import held_bytes  # noqa: E402
from trainer.recording.recorder import Listener  # noqa: E402

MODEL = ModelConfig(layers=1, width=128, heads=2, hidden=512, vocab=512)
SILENT = Listener(lambda name: None, lambda number, loss, seconds: None)
needs_libtpu = pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs the extra tpu")


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


@pytest.mark.parametrize(
    "message",
    [
        "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (1.01T) exceeds "
        "available HBM (15.75G).",
        "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory. Used 1.01T of 15.75G hbm.",
    ],
)
def test_a_run_too_large_for_the_chip_says_by_how_much(message):
    run = TrainConfig(model=MODEL, algorithm="data-parallel", sequences=6, microbatches=2)
    error = target._compile_error(run, message, 16e9)
    assert isinstance(error, InputError)
    assert "needs 1.01T of 15.75G; all but" in str(error)
    assert "activations and gradients: write --microbatches 3 or --remat dots" in str(error)
    assert not isinstance(target._compile_error(run, "INTERNAL: something else", None), InputError)
    assert isinstance(target._compile_error(run, "INTERNAL: something else", None), CrosshaulError)


def test_where_states_fill_the_chip_the_compiler_s_refusal_asks_for_shards_and_not_for_less_activations():
    run = TrainConfig(model=MODEL, algorithm="data-parallel", sequences=6, microbatches=2)
    there = 12 * count_params(MODEL) / 0.9
    said = str(target._compile_error(run, "RESOURCE_EXHAUSTED: Used 17G of 15.75G hbm.", there))
    assert "needs 17G of 15.75G; parameters and optimizer states alone take" in said
    assert "write --shards 2 with a target of as many times the devices" in said
    assert "--remat" not in said


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "data-parallel"},
        {"algorithm": "data-parallel", "inner_optimizer": "muon"},
        {"algorithm": "diloco", "replicas": 2},
        {"algorithm": "diloco", "replicas": 2, "replicas_per_device": 2},
        {"algorithm": "gossip-diloco", "replicas": 2},
        {"algorithm": "data-parallel", "devices_per_replica": 2, "fully_sharded": True},
        {"algorithm": "data-parallel", "shards": 2},
        {"algorithm": "eager-diloco", "replicas": 2},
    ],
    ids=str,
)
def test_what_stays_on_a_device_is_known_before_anything_is_compiled(changes):
    small = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=40)
    config = TrainConfig(model=small, sequence_length=16, sequences=1, steps=8, **changes).on("cpu")
    mesh = make_mesh(config.rows, config.devices_per_replica, config.shards)
    there = target.compile_for(config, mesh).memory().resident_bytes
    # shards each keep whole norms, and eager replicas have an exchange under way
    more = {"shards": 1.05, "eager-diloco": 1.25}
    most = max((factor for name, factor in more.items() if name in (*changes, config.algorithm)), default=1.001)
    assert held_bytes(config) <= there <= most * held_bytes(config)


def test_states_that_alone_need_more_than_there_is_are_refused_before_anything_is_compiled(tmp_path, monkeypatch):
    chip = replace(chips()[0], name="of a test", peak_flop_per_s=1e14, memory_bytes=1e6)
    for module in (devices, target):
        monkeypatch.setattr(module, "chip_of_kind", lambda kind: chip)
    monkeypatch.setattr(target, "compile_for", lambda config, mesh: pytest.fail("it was compiled"))
    config = TrainConfig(model=MODEL, algorithm="data-parallel", sequence_length=256, sequences=4, steps=1)
    with pytest.raises(InputError, match=r"memory of 1.00 MB: parameters .* alone take 3.\d+ MB: write --shards 8 "):
        estimate(
            config,
            jax.devices()[:1],
            tmp_path / "run.jsonl",
            utilization=0.4,
            command="c",
            overwrite=False,
            listener=SILENT,
        )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"microbatches": 1}, "write --microbatches 2 or --remat dots"),
        ({}, "gradients: write --remat dots"),  # as many microbatches as there are sequences were tried
        ({"microbatches": 4, "remat": "dots"}, "write --remat layer"),
        ({"microbatches": 4, "remat": "layer"}, "write --shards 2, or a shorter --sequence-length"),
    ],
    ids=str,
)
def test_what_does_not_fit_ends_with_the_option_that_makes_it_smaller(changes, says, tmp_path, monkeypatch):
    chip = replace(chips()[0], name="of a test", peak_flop_per_s=1e14, memory_bytes=6e6)
    for module in (devices, target):
        monkeypatch.setattr(module, "chip_of_kind", lambda kind: chip)
    config = TrainConfig(model=MODEL, algorithm="data-parallel", sequence_length=256, sequences=4, steps=1, **changes)
    path = tmp_path / "run.jsonl"
    with pytest.raises(InputError, match=r"it needs [\d.]+ MB a device of 6.00 MB") as caught:
        estimate(config, jax.devices()[:1], path, utilization=0.4, command="c", overwrite=False, listener=SILENT)
    assert says in str(caught.value)
    assert not path.exists()


@needs_libtpu
@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "says"),
    [
        # 12 bytes a parameter of 1.7 billion; 64 sequences of 4,096 tokens at 100 kB a token and layer
        (["--layers", "2", "--width", "8192", "--heads", "64", "--vocab", "8192"], "write --shards 4"),
        (
            [
                *("--layers", "4", "--width", "1024", "--heads", "8", "--vocab", "512"),
                *("--sequence-length", "4096", "--sequences", "64", "--microbatches", "1"),
            ],
            "write --microbatches 2 or --remat dots",
        ),
    ],
    ids=["state", "activations"],
)
def test_what_a_tpu_cannot_hold_ends_with_the_option_that_makes_it_fit(shape, says, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    run = ["--algorithm", "data-parallel", "--steps", "4", *shape, "--target", "tpu:v5e:1x1", "--no-run"]
    assert call(*run, "--output", path) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--target: the run does not fit the chip's memory" in said
    assert says in said
    assert not path.exists()
