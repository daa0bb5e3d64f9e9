"""Compiling for TPUs that are not there: wrong targets anywhere, real compiles where libtpu is installed."""

import importlib.util
import subprocess
import sys
from dataclasses import replace

import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.errors import InputError  # noqa: E402
from sim.trace.file import Exchange, OuterStep, Step, read_header, read_records  # noqa: E402
from sim.units.chips import chips  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.model.initial import count_params  # noqa: E402
from trainer.parallel import chips as devices  # noqa: E402
from trainer.recording import compile_only as target  # noqa: E402
from trainer.recording import targets  # noqa: E402
from trainer.recording.compile_only import estimate, fitting_devices  # noqa: E402
from trainer.recording.recorder import Listener  # noqa: E402
from trainer.recording.targets import Target, parse_target, target_devices  # noqa: E402

TINY = ["--layers", "1", "--width", "128", "--heads", "2", "--vocab", "512", "--sequence-length", "128"]
FLOAT32 = ["--precision", "float32"]
MODEL = ModelConfig(layers=1, width=128, heads=2, hidden=512, vocab=512)
needs_libtpu = pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs the extra tpu")
SILENT = Listener(lambda name: None, lambda number, loss, seconds: None)


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


def compiled(path, *more):
    run = ["--algorithm", "diloco", "--steps", "4", "--sync-every", "2", *TINY, *FLOAT32, "--no-run", "--output", path]
    return call(*run, *more)


def test_a_target_is_read():
    assert parse_target("tpu:v5e:16x16") == Target("v5e", "16x16", 1)
    assert parse_target("tpu:v5p:4x4x4:2") == Target("v5p", "4x4x4", 2)
    assert parse_target("gpu:h100") == Target("h100", "1", 1, "gpu")
    assert parse_target("gpu:b200:8") == Target("b200", "8", 1, "gpu")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tpu:v5x:16x16", "the TPU 'v5x' is unknown; did you mean"),
        ("npu:x:8", "only TPUs and GPUs are supported"),
        ("gpu:h10:8", "the GPU 'h10' is unknown; did you mean"),
        ("gpu:h100:0", "gpu:h100:8"),
        ("gpu:h100:5000", "write 4096 at most"),
        ("v5e", "write tpu:v5e:16x16"),
        ("tpu:v5e", "write tpu:v5e:16x16"),
        ("tpu:v5e:16", "write tpu:v5e:16x16"),
        ("tpu:v5e:2x2:0", "write tpu:v5e:16x16"),
    ],
)
def test_a_wrong_target_says_how_one_is_written(text, says):
    with pytest.raises(InputError, match="--target") as caught:
        parse_target(text)
    assert says in str(caught.value)


def test_replicas_share_a_target_evenly_or_not_at_all():
    assert fitting_devices(256, 4, None) == 64
    assert fitting_devices(256, 4, 64) == 64
    with pytest.raises(
        InputError, match=r"has 256 devices, and --replicas 4 x --devices-per-replica 65 needs 260; .* 64"
    ):
        fitting_devices(256, 4, 65)
    with pytest.raises(InputError, match="has 256 devices, and --replicas 4 x --devices-per-replica 2 needs 8"):
        fitting_devices(256, 4, 2)
    with pytest.raises(InputError, match="has 4 devices, and --replicas 3 needs 6; write other --replicas"):
        fitting_devices(4, 3, None)
    assert fitting_devices(256, 4, None, shards=8) == 8
    with pytest.raises(InputError, match="--replicas 4 x --shards 3 needs 264; write other --replicas"):
        fitting_devices(256, 4, None, shards=3)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--target", "tpu:v5e:2x2", "--profile", "p"], "--profile p: nothing runs with --no-run"),
        (["--target", "tpu:v5e:2x2", "--compile-cache", "c"], "--compile-cache c: nothing runs with --no-run"),
        ([], "--no-run: compiles for a target; write --target"),
        (["--target", "tpu:v9:2x2"], "the TPU 'v9' is unknown"),
    ],
)
def test_options_that_contradict_each_other_are_refused(more, says, tmp_path, capsys):
    assert compiled(tmp_path / "run.jsonl", *more) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run.jsonl").exists()


def test_a_target_without_no_run_is_refused(tmp_path, capsys):
    run = ["--algorithm", "diloco", *TINY, "--target", "tpu:v5e:2x2", "--output", tmp_path / "run.jsonl"]
    assert call(*run) == 2
    assert "is only for compiling; add --no-run" in capsys.readouterr().err


def test_without_libtpu_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(targets.importlib.util, "find_spec", lambda name: None)
    assert compiled(tmp_path / "run.jsonl", "--target", "tpu:v5e:2x2") == 2
    assert "pip install 'crosshaul[tpu]'" in capsys.readouterr().err
    assert compiled(tmp_path / "run.jsonl", "--target", "gpu:h100") == 2
    assert "pip install 'crosshaul[cuda]'" in capsys.readouterr().err


@pytest.fixture
def any_chip(monkeypatch):
    """A chip of 100 Tflop/s, whatever the devices are called."""
    chip = replace(chips()[0], name="of a test", peak_flop_per_s=1e14, memory_bytes=1e10)
    for module in (devices, target):
        monkeypatch.setattr(module, "chip_of_kind", lambda kind: chip)


@pytest.mark.usefixtures("any_chip")
def test_seconds_are_flops_over_the_stated_share_of_the_peak(tmp_path):
    small = ModelConfig(layers=1, width=16, heads=2, hidden=32, vocab=40)
    run = {"algorithm": "diloco", "replicas": 2, "devices_per_replica": 2, "sync_every": 2, "steps": 5}
    config = TrainConfig(model=small, sequence_length=16, sequences=1, precision="float32", **run)
    path = tmp_path / "run.jsonl"
    found = estimate(config, jax.devices()[:4], path, utilization=0.25, command="c", overwrite=False, listener=SILENT)
    header, records = read_header(path), list(read_records(path))
    assert (header.times, header.utilization, header.device.count) == ("estimated", 0.25, 4)
    tokens = 1 * 16
    assert header.rule_flop == 6 * count_params(small) * tokens
    # attention of a token at position i is with i + 1 positions, in two products forward and four backward
    seen = sum(6 * 2 * small.width * (position + 1) for position in range(tokens)) * small.layers
    assert header.model_flop - header.rule_flop == pytest.approx(seen, rel=1.1 / tokens)
    assert header.rule_flop < header.step_flop < 3 * header.rule_flop
    steps = [record for record in records if isinstance(record, Step)]
    assert [(step.step, step.replica) for step in steps] == [(s, m) for s in range(1, 6) for m in range(2)]
    assert {step.compute_s for step in steps} == {header.step_flop / (0.25 * 1e14)}
    assert {(step.loss, step.whole_s) for step in steps} == {(None, None)}
    exchanges = [record for record in records if isinstance(record, Exchange)]
    assert [e.step for e in exchanges if e.kind == "outer"] == [2, 4, 5]
    assert {(e.payload_bytes, e.seconds) for e in exchanges} == {(4 * count_params(small), None)}
    assert not [record for record in records if isinstance(record, OuterStep)]
    assert (found.steps, found.outer_steps) == (5, 3)


@pytest.mark.usefixtures("any_chip")
@pytest.mark.parametrize("utilization", [0.0, -1.0, 1.01, float("nan")])
def test_a_utilisation_that_is_no_share_is_refused(utilization, tmp_path):
    config = TrainConfig(model=MODEL, algorithm="data-parallel", steps=1)
    with pytest.raises(InputError, match="write a fraction of the peak"):
        estimate(
            config,
            jax.devices()[:1],
            tmp_path / "run.jsonl",
            utilization=utilization,
            command="c",
            overwrite=False,
            listener=SILENT,
        )


def test_a_chip_of_unknown_peak_is_refused(tmp_path):
    config = TrainConfig(model=MODEL, algorithm="data-parallel", steps=1)
    with pytest.raises(InputError, match="the published peak of a"):
        estimate(
            config,
            jax.devices()[:1],
            tmp_path / "run.jsonl",
            utilization=0.4,
            command="c",
            overwrite=False,
            listener=SILENT,
        )


@needs_libtpu
@pytest.mark.slow
def test_a_pod_that_is_not_there_gives_a_trace_that_replays(tmp_path, capsys, simulate):
    path = tmp_path / "run.jsonl"
    assert compiled(path, "--target", "tpu:v5e:2x4", "--replicas", "2") == 0, capsys.readouterr().err
    header = read_header(path)
    assert (header.device.kind, header.device.count, header.device.slices) == ("TPU v5 lite", 8, 1)
    named = {program.name: program for program in header.programs}
    payload = 4 * count_params(MODEL)
    rows = [(e.kind, e.axis, e.group_size, e.payload_bytes) for e in named["exchange"].collectives]
    assert rows == [("all-reduce", "data", 4, payload)]
    rows = [(e.kind, e.axis, e.group_size, e.payload_bytes) for e in named["outer exchange"].collectives]
    assert rows == [("all-reduce", "replica", 2, payload)]
    assert "libtpu" in header.libraries
    assert "TPU v5 lite, and never run" in capsys.readouterr().out
    code, out, _ = simulate("--topology", "low-bw", "--trace", str(path))
    assert code == 0
    assert "compiled, never run" in " ".join(out.split())


@needs_libtpu
def test_two_processes_compile_for_tpus_at_the_same_time():
    assert len(target_devices(parse_target("tpu:v5e:2x2"))) == 4  # from here on this process has libtpu loaded
    asked = "from trainer.recording.targets import *; print(len(target_devices(parse_target('tpu:v5p:2x2x1'))))"
    beside = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=300)
    assert (beside.returncode, beside.stdout) == (0, "4\n"), beside.stderr


@needs_libtpu
@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "replicas"), [("data-parallel", 1), ("diloco", 2)])
def test_two_shards_of_a_slice_each_have_half_of_a_replica(algorithm, replicas, tmp_path, capsys):
    headers = {}
    for shards in (1, 2):
        path = tmp_path / f"{shards}.jsonl"
        run = ["--algorithm", algorithm, "--steps", "4", *TINY, *FLOAT32, "--attention", "xla", "--sequences", "2"]
        run += ["--shards", shards, "--target", f"tpu:v5e:{shards}x{replicas}", "--no-run", "--output", path]
        assert call(*run) == 0, capsys.readouterr().err
        headers[shards] = read_header(path)
        assert (headers[shards].shards, headers[shards].device.count) == (shards, replicas * shards)
        assert not any(program.note for program in headers[shards].programs)
    # all matrices and both of their optimizer states lie in halves; the few norms do not
    whole, half = headers[1], headers[2]
    assert half.memory.resident_bytes == pytest.approx(whole.memory.resident_bytes / 2, rel=0.05)
    across = [
        sum(each.payload_bytes for program in header.programs for each in program.collectives if each.axis == "replica")
        for header in (whole, half)
    ]
    assert across[0] == (4 * count_params(MODEL) if replicas == 2 else 0)
    assert across[1] == pytest.approx(across[0] / 2, rel=0.05)


@needs_libtpu
@pytest.mark.slow
def test_replicas_in_slices_of_their_own_exchange_between_them(tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    assert compiled(path, "--target", "tpu:v5e:2x2:2", "--replicas", "2") == 0, capsys.readouterr().err
    named = {program.name: program for program in read_header(path).programs}
    payload = 4 * count_params(MODEL)
    assert not any(each.between_slices for each in named["exchange"].collectives)
    (across,) = named["outer exchange"].collectives
    assert (across.axis, across.group_size, across.between_slices) == ("replica", 2, True)
    assert payload <= across.payload_bytes < 1.02 * payload  # small arrays travel together, padded


@needs_libtpu
@pytest.mark.slow
def test_a_replica_over_two_slices_sends_a_part_of_each_device(tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    assert compiled(path, "--target", "tpu:v5e:2x2:2", "--replicas", "1") == 0, capsys.readouterr().err
    exchange = next(program for program in read_header(path).programs if program.name == "exchange")
    across = sum(each.payload_bytes for each in exchange.collectives if each.between_slices)
    payload = 4 * count_params(MODEL)
    assert payload / 4 <= across < payload / 2  # what is not scattered is sent whole
    found = [record for record in read_records(path) if isinstance(record, Exchange) and record.kind == "gradient"]
    assert {(record.group_size, record.payload_bytes) for record in found} == {(8, payload)}


@needs_libtpu
@pytest.mark.slow
@pytest.mark.parametrize("microbatches", [1, 2])
def test_shards_of_a_pod_exchange_in_each_layer_and_microbatch(tmp_path, capsys, microbatches):
    path = tmp_path / "run.jsonl"
    options = ["--shards", "2", "--sequences", "2", "--microbatches", microbatches, "--set", "model.layers=5"]
    run = ["--algorithm", "data-parallel", "--steps", "4", *TINY, *options, "--no-run"]
    assert call(*run, "--target", "tpu:v5e:2x4", "--output", path) == 0, capsys.readouterr().err
    gradients = next(program for program in read_header(path).programs if program.name == "gradients")
    assert gradients.note == ""
    assert {each.axis for each in gradients.collectives} == {"model"}
    # two sums of activations forward (attention, feed-forward) and two backward in each layer at least
    assert sum(each.count for each in gradients.collectives) >= 4 * 5 * microbatches


@pytest.mark.skipif(not targets.has_cuda_compiler(), reason="needs the extra cuda")
@pytest.mark.slow
def test_gpus_that_are_not_there_give_a_trace_with_a_roofline(tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    run = ["--algorithm", "diloco", "--replicas", "2", "--steps", "4", "--sync-every", "2", *TINY, "--no-run"]
    assert call(*run, "--target", "gpu:h100:4", "--output", path) == 0, capsys.readouterr().err
    header, said = read_header(path), capsys.readouterr().out
    assert (header.device.platform, header.device.count) == ("gpu", 4)
    named = {program.name: program for program in header.programs}
    (gradients,) = named["exchange"].asked
    assert (gradients.axis, gradients.group_size, gradients.dtype) == ("data", 2, "bf16")
    assert gradients.payload_bytes == 2 * count_params(MODEL)
    assert "roofline" in said
    assert "flop attention" in said
    assert "of memory traffic" in said
    assert "jax-cuda13-plugin" in header.libraries
