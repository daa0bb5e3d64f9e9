"""The recorder: its lines are a trace at every moment, its seconds are the clock's, and nobody's file is lost."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from crosshaul import Recorder, recorder
from sim.trace.file import Exchange, Step, read_header, read_records
from sim.trace.series import read_recording

RUN = {"parameters": 1e6, "tokens_per_step": 2048, "chips": 4}


@pytest.fixture
def clock(monkeypatch):
    """Time stands still until it is moved."""

    class Clock:
        now_s = 100.0

        def perf_counter(self):
            return self.now_s

    found = Clock()
    monkeypatch.setattr(recorder.time, "perf_counter", found.perf_counter)
    return found


def record(path, clock, seconds, **more):
    with Recorder(path, **RUN, **more) as rec:
        for each in seconds:
            clock.now_s += each
            rec.step()


def test_its_file_is_a_trace_whose_seconds_are_those_of_the_clock(tmp_path, clock):
    path = tmp_path / "run.jsonl"
    record(path, clock, [50.0, 1.0, 2.0, 4.0])
    header = read_header(path)
    assert (header.model.params, header.batch_tokens, header.chips, header.replicas) == (1_000_000, 2048, 4, 1)
    recording = read_recording(path)
    assert recording.replicas[0].cumulative_s == (0.0, 1.0, 3.0, 7.0), "the first step is warm-up"
    assert recording.tokens_per_chip == 512


def test_what_the_loop_waits_for_is_no_compute(tmp_path, clock):
    path = tmp_path / "run.jsonl"
    with Recorder(path, warmup=0, **RUN) as rec:
        clock.now_s += 1.0
        with rec.exchange(payload_bytes=2e6, group=3):
            clock.now_s += 5.0
        with rec.pause():
            clock.now_s += 100.0
        clock.now_s += 0.5
        rec.step(loss=2.5)
        with rec.exchange(4e6, kind="gradient"):
            clock.now_s += 0.25
        clock.now_s += 1.0
        rec.step(loss=math.nan)
    exchange, first, other, second = read_records(path)
    assert exchange == Exchange(step=1, kind="outer", group_size=3, payload_bytes=2_000_000, seconds=5.0)
    assert first == Step(step=1, replica=0, compute_s=1.5, tokens=2048, loss=2.5)
    assert (other.kind, other.seconds, other.step) == ("gradient", 0.25, 2)
    assert second == Step(step=2, replica=0, compute_s=1.0, whole_s=1.25, tokens=2048, loss=None)
    recording = read_recording(path)
    assert (recording.gradient_bytes, recording.outer_bytes) == (4e6, 2e6)


def test_payload_bits_stand_in_for_what_was_not_counted(tmp_path, clock, simulate):
    path = tmp_path / "run.jsonl"
    record(path, clock, [9.0, 1.0], payload_bits=4)
    assert read_recording(path).outer_bytes == 1e6 * 4 / 8
    _, out, _ = simulate("--trace", path, "--steps", "2")
    assert "payload: 4 bits per parameter, as the trace says" in out
    assert "from crosshaul.Recorder" in out


def test_a_replay_takes_the_recorded_seconds(tmp_path, clock, simulate):
    path = tmp_path / "run.jsonl"
    record(path, clock, [9.0, 1.0, 2.0, 4.0])
    code, out, err = simulate(
        "--trace", path, "--topology", "high-bw", "--steps", "3", "--strategy", "data-parallel", "--format", "json"
    )
    assert code == 0, err
    assert json.loads(out)["runs"][0]["compute_s"] == pytest.approx(7.0)


def test_a_killed_run_leaves_a_trace_and_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "run.jsonl"
    loop = f"""
import sys, time
from crosshaul import Recorder
with Recorder({str(path)!r}, resume=True, **{RUN}) as rec:
    for _ in range(10**6):
        time.sleep(0.001)
        rec.step()
"""
    for round_ in (1, 2):
        before = path.stat().st_size if path.exists() else 0
        running = subprocess.Popen([sys.executable, "-c", loop])
        while not path.exists() or path.stat().st_size < before + 4000:
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        steps = [each for each in read_records(path) if isinstance(each, Step)]
        assert [each.step for each in steps] == list(range(1, len(steps) + 1))
        assert sum(each.warmup for each in steps) == round_, "each start compiles"
        path.write_bytes(path.read_bytes() + b'{"record":"step","st')  # as an old disk leaves it


def test_nobodys_file_is_overwritten_or_mixed(tmp_path, clock):
    path = tmp_path / "run.jsonl"
    record(path, clock, [1.0])
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        Recorder(path, **RUN)
    with pytest.raises(ValueError, match=r"another run \(batch_tokens differ\)"):
        Recorder(path, resume=True, **{**RUN, "tokens_per_step": 4096})
    other = tmp_path / "notes.jsonl"
    other.write_text("precious\n")
    with pytest.raises(ValueError, match="another run"):
        Recorder(other, resume=True, **RUN)
    assert (path.read_bytes(), other.read_text()) == (content, "precious\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parameters": 0}, "parameters=0; write a whole number"),
        ({"parameters": math.nan}, "parameters=nan"),
        ({"tokens_per_step": 1.5}, "tokens_per_step=1.5"),
        ({"chips": -1}, "chips=-1"),
        ({"platform": "gpus"}, "write gpu, tpu or cpu"),
        ({"payload_bits": 0}, "payload_bits=0"),
        ({"warmup": -1}, "warmup=-1"),
        ({"path": "run.json"}, r"ends in \.jsonl"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_before_anything_is_written(tmp_path, changes, said):
    arguments = {"path": "run.jsonl", **RUN, **changes}
    with pytest.raises(ValueError, match=said):
        Recorder(tmp_path / arguments.pop("path"), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_contexts_do_not_overlap(tmp_path):
    with Recorder(tmp_path / "run.jsonl", **RUN) as rec:
        with pytest.raises(RuntimeError, match=r"step\(\) within exchange"), rec.exchange(1):
            rec.step()
        with pytest.raises(RuntimeError, match=r"exchange\(\) within pause"), rec.pause(), rec.exchange(1):
            pass
        rec.step()


def test_other_ranks_write_nothing(tmp_path):
    with Recorder(tmp_path / "run.jsonl", enabled=False, **RUN) as rec, rec.exchange(10):
        pass
    rec.step()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_the_recording_and_not_the_training(tmp_path):
    with Recorder(tmp_path / "run.jsonl", **RUN) as rec:
        rec.step()
        full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
        os.dup2(full.fileno(), rec._file.fileno())
        full.close()
        with pytest.warns(UserWarning, match="the recording ends here"):
            rec.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rec.step()


def test_the_file_works_alone_in_a_foreign_repository(tmp_path):
    (tmp_path / "their_recorder.py").write_text(Path(recorder.__file__).read_text())
    script = (
        "import sys, their_recorder\n"
        f"with their_recorder.Recorder('run.jsonl', **{RUN}) as rec:\n    rec.step()\n    rec.step()\n"
        "assert 'sim' not in sys.modules and 'pydantic' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import sys; sys.path[:0]=['.']\n" + script], cwd=tmp_path, check=True
    )
    assert read_recording(tmp_path / "run.jsonl").steps == 1


def test_a_loop_in_jax_is_recorded(tmp_path, simulate):
    jax = pytest.importorskip("jax", reason="needs the extra `trainer`")
    path = tmp_path / "run.jsonl"
    step = jax.jit(lambda w, x: w - 0.1 * jax.grad(lambda w: ((x @ w - x) ** 2).mean())(w))
    w, x = jax.numpy.zeros((64, 64)), jax.numpy.ones((16, 64))
    with Recorder(path, **RUN, chip=jax.devices()[0].device_kind, platform="cpu", warmup=1) as rec:
        for _ in range(4):
            w = jax.block_until_ready(step(w, x))
            rec.step(loss=((x @ w - x) ** 2).mean())
    replays(path, simulate)
    assert "jax" in read_header(path).libraries


def test_a_loop_in_torch_is_recorded(tmp_path, simulate):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'crosshaul[torch]'")
    path = tmp_path / "run.jsonl"
    model = torch.nn.Linear(64, 64)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    count = sum(each.numel() for each in model.parameters())
    with Recorder(path, **{**RUN, "parameters": count}) as rec:
        for _ in range(4):
            x = torch.randn(16, 64)
            loss = (model(x) - x).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            with rec.exchange(payload_bytes=4 * count):
                pass
            rec.step(loss=loss.detach())
    replays(path, simulate)
    assert read_header(path).model.params == 64 * 65


def replays(path, simulate):
    steps = [each for each in read_records(path) if isinstance(each, Step) and not each.warmup]
    assert len(steps) == 3
    assert all(each.loss is not None for each in steps)
    code, out, err = simulate(
        "--trace", path, "--topology", "high-bw", "--steps", "3", "--strategy", "data-parallel", "--format", "json"
    )
    assert code == 0, err
    assert json.loads(out)["runs"][0]["compute_s"] == pytest.approx(sum(each.compute_s for each in steps))
