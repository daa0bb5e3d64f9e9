"""`record-trace` from the outside: traces that read back, wrong input, interrupts."""

import contextlib
import os
import pty
import shlex
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.trace.file import Distribution, Exchange, OuterStep, RunSummary, Step, read_header, read_records
from trainer.cli.record_trace import main

TINY = ["--layers", "1", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
CODE = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from trainer.cli.record_trace import main; main()"


def arguments(text, output, *more, steps=5, algorithm="diloco"):
    run = ["--algorithm", algorithm, "--steps", str(steps), "--corpus", str(text), "--tokenizer", "bytes"]
    return replaced([*run, *TINY, "--output", str(output), *more])


def replaced(words):
    """Options that are given again replace those before them: the command itself refuses to choose."""
    places = [place for place, word in enumerate(words) if str(word).startswith("--")]
    options = {}
    for place, end in zip(places, [*places[1:], len(words)], strict=True):
        options[words[place]] = words[place:end]
    return [word for option in options.values() for word in option]


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


def records(path, kind):
    return [record for record in read_records(path) if isinstance(record, kind)]


def test_a_diloco_trace_reads_back(text, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    more = ["--replicas", "2", "--devices-per-replica", "2", "--sync-every", "2"]
    assert call(*arguments(text, path, *more)) == 0
    header, steps, exchanges = read_header(path), records(path, Step), records(path, Exchange)
    assert (header.algorithm, header.replicas, header.sync_every, header.steps) == ("diloco", 2, 2, 5)
    assert (header.batch_tokens, header.sequence_length, header.device.count) == (128, 16, 4)
    assert header.model.params == 257 * 16 + 4 * 16 * 16 + 2 * 16 * 64 + 2 * 16 + 2 * 8 + 16
    assert (header.model.name, header.model.hidden, header.device.platform) == ("custom", 64, "cpu")
    assert "alone, one after the other" in header.timing
    assert header.command.startswith("record-trace")
    assert {"python", "jax", "optax"} <= set(header.libraries)

    kept = [step for step in steps if not step.warmup]
    assert [(step.step, step.replica) for step in kept] == [(s, r) for s in range(1, 6) for r in range(2)]
    assert [(step.step, step.replica) for step in steps if step.warmup] == [(0, 0), (0, 1)] * 2
    assert {step.tokens for step in steps} == {64}
    assert min(step.compute_s for step in steps) > 0
    assert kept[0].loss == pytest.approx(5.55, abs=0.2)
    assert kept[-1].loss < kept[0].loss

    outer = [(e.step, e.group_size, e.payload_bytes) for e in exchanges if e.kind == "outer" and not e.warmup]
    assert outer == [(step, 2, 4 * header.model.params) for step in (2, 4, 5)]
    gradient = [(e.step, e.group_size, e.payload_bytes) for e in exchanges if e.kind == "gradient" and not e.warmup]
    assert gradient == [(step, 2, 4 * header.model.params) for step in range(1, 6)]
    assert [(e.step, e.kind) for e in exchanges if e.warmup] == [(0, "gradient"), (0, "gradient"), (0, "outer")]
    assert {e.dtype for e in exchanges} == {"f32"}
    assert min(e.seconds for e in exchanges) > 0
    assert f"simulate --topology low-bw --trace {path}" in capsys.readouterr().out


def test_a_trace_has_both_clocks_and_ends_with_how_they_spread(text, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    more = ["--replicas", "2", "--devices-per-replica", "2", "--sync-every", "2"]
    assert call(*arguments(text, path, *more)) == 0
    steps = [step for step in records(path, Step) if not step.warmup]
    gradient = {e.step: e.seconds for e in records(path, Exchange) if e.kind == "gradient" and not e.warmup}
    # the whole step holds its compute, and of the slower replica the exchange that the record names too
    assert all(step.whole_s > step.compute_s for step in steps)
    for step, seconds in gradient.items():
        assert max(each.whole_s - each.compute_s for each in steps if each.step == step) >= 0.999 * seconds

    outer = [each for each in records(path, OuterStep) if not each.warmup]
    exchanged = {e.step: e.seconds for e in records(path, Exchange) if e.kind == "outer" and not e.warmup}
    assert [each.step for each in outer] == [2, 4, 5]
    assert all(each.whole_s == pytest.approx(each.compute_s + exchanged[each.step]) for each in outer)
    assert [each.step for each in records(path, OuterStep) if each.warmup] == [0]

    (summary,) = records(path, RunSummary)
    assert list(read_records(path))[-1] == summary
    assert summary.compute == Distribution.of([step.compute_s for step in steps])
    assert summary.whole == Distribution.of([step.whole_s for step in steps])
    assert summary.outer_compute.count == summary.outer_exchange.count == 3
    header = read_header(path)
    assert summary.flop_per_s == pytest.approx(header.step_flop / summary.compute.median_s)
    assert (summary.utilization, header.device.peak_flop_per_s) == (None, None)
    assert "of an unknown peak" in capsys.readouterr().out


def test_the_header_says_what_was_compiled(text, tmp_path):
    path = tmp_path / "run.jsonl"
    more = ["--replicas", "2", "--devices-per-replica", "2", "--sync-every", "2"]
    assert call(*arguments(text, path, *more, steps=1)) == 0
    header = read_header(path)
    params = header.model.params
    tokens = 2 * 16
    assert header.rule_flop == 6 * params * tokens
    assert header.step_flop == sum(each.flop for each in header.programs if each.name in {"gradients", "update"})
    assert header.times == "measured"
    exchanged = {each.name: each.collectives for each in header.programs if each.collectives}
    assert {
        name: [(each.axis, each.group_size, each.payload_bytes) for each in found] for name, found in exchanged.items()
    } == {"exchange": [("data", 2, 4 * params)], "outer exchange": [("replica", 2, 4 * params)]}
    assert header.memory.peak_bytes > header.memory.resident_bytes > 5 * 4 * params
    assert {(e.asked_bytes, e.asked_dtype) for e in records(path, Exchange)} == {(4 * params, "f32")}


def test_a_path_that_a_terminal_would_act_upon_is_written_out(text, tmp_path):
    hostile = text.rename(tmp_path / "\x1b[2J\u202e.txt")
    path = tmp_path / "run.jsonl"
    assert call(*arguments(hostile, path, "--replicas", "1", steps=1)) == 0
    assert "\\x1b[2J\\u202e.txt" in read_header(path).data


def test_a_profile_is_of_steps_that_no_record_is_of(text, tmp_path):
    from trainer.training.profiling import PROFILED_STEPS, busiest

    path, directory = tmp_path / "run.jsonl", tmp_path / "profile"
    more = ["--layers", "2", "--replicas", "2", "--sync-every", "2", "--profile", directory]
    assert call(*arguments(text, path, *more, steps=2)) == 0
    assert len([step for step in records(path, Step) if step.warmup]) == 2 * 2
    operations = busiest(directory, 50)
    assert operations
    assert [each.seconds for each in operations] == sorted((each.seconds for each in operations), reverse=True)
    # the scanned layers are a loop in the gradients of each replica, forwards and backwards
    assert {each.runs for each in operations if each.name == "while"} == {2 * 2 * PROFILED_STEPS}
    assert len(list(directory.rglob("perfetto_trace.json.gz"))) == 1
    plain = tmp_path / "plain.jsonl"
    assert call(*arguments(text, plain, *more[:-2], steps=2)) == 0
    losses = [[step.loss for step in records(each, Step) if not step.warmup] for each in (path, plain)]
    assert losses[0] == losses[1]


def test_a_compile_cache_keeps_programs_for_the_next_run(text, tmp_path, environment):
    cache, code = tmp_path / "cache", "from trainer.cli.record_trace import main; main()"
    environment.pop("JAX_COMPILATION_CACHE_DIR")
    words = arguments(text, tmp_path / "run.jsonl", "--compile-cache", str(cache), "--replicas", "1", steps=1)
    command = [sys.executable, "-c", code, *words]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    kept = {path.name for path in cache.iterdir()}
    assert kept
    assert subprocess.run([*command, "--overwrite"], env=environment, capture_output=True, check=False).returncode == 0
    compiled = {path.name for path in cache.iterdir() if not path.name.endswith("-atime")}
    assert compiled <= kept


def test_a_compile_cache_that_cannot_be_is_refused(text, tmp_path, capsys):
    assert call(*arguments(text, tmp_path / "run.jsonl", "--compile-cache", str(text / "inside"))) == 2
    assert "--compile-cache" in capsys.readouterr().err


def test_a_profile_that_cannot_be_written_is_refused_before_any_work(text, tmp_path, capsys):
    path, blocked = tmp_path / "run.jsonl", tmp_path / "file"
    blocked.write_text("precious")
    assert call(*arguments(text, path, "--profile", blocked)) == 2
    assert f"--profile {blocked}: cannot be written" in capsys.readouterr().err
    assert not path.exists()


def test_where_there_is_no_profile_it_says_so(tmp_path):
    from sim.errors import InputError
    from trainer.training.profiling import busiest

    with pytest.raises(InputError, match="there is no profile; write one with"):
        busiest(tmp_path, 3)


def test_one_replica_on_one_device_exchanges_nothing(text, tmp_path):
    path = tmp_path / "run.jsonl.gz"
    assert call(*arguments(text, path, "--replicas", "1", "--warmup-steps", "0", steps=2)) == 0
    assert read_header(path).sync_every == 30
    assert [(step.step, step.warmup) for step in records(path, Step)] == [(1, False), (2, False)]
    assert records(path, Exchange) == []


def test_data_parallel_exchanges_gradients_alone_and_warmup_changes_nothing(text, tmp_path):
    losses = []
    for warmup in ("0", "2"):
        path = tmp_path / f"run{warmup}.jsonl"
        more = ["--devices-per-replica", "2", "--warmup-steps", warmup]
        assert call(*arguments(text, path, *more, steps=3, algorithm="data-parallel")) == 0
        assert read_header(path).sync_every is None
        exchanges = [e for e in records(path, Exchange) if not e.warmup]
        assert [(e.step, e.kind, e.group_size) for e in exchanges] == [(s, "gradient", 2) for s in (1, 2, 3)]
        losses.append([step.loss for step in records(path, Step) if not step.warmup])
    assert losses[0] == losses[1]


def test_an_interrupt_leaves_a_readable_trace(text, tmp_path, environment):
    path = tmp_path / "run.jsonl"
    command = [
        sys.executable,
        "-c",
        CODE,
        *arguments(text, path, "--replicas", "2", "--sync-every", "3", steps=1_000_000),
    ]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.read_bytes().count(b"\n") > 20:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert f"interrupted; {path} holds the steps so far" in errors
    assert len(records(path, Step)) > 10
    assert read_header(path).steps == 1_000_000


DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import trainer.recording.recorder
number = int(sys.argv.pop())
def deaf(*_):
    os.kill(os.getpid(), number)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
trainer.recording.recorder.load_data = deaf
from trainer.cli.record_trace import main
main()
"""
"""A run in which, as in a compilation, exceptions are lost; a signal comes while it reads its text."""


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped by SIGTERM")]
)
def test_a_signal_is_never_lost_and_keeps_the_old_file(number, code, said, text, tmp_path, environment):
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    command = [sys.executable, "-c", DEAF, *arguments(text, path, "--overwrite"), str(int(number))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == code, ended.stderr
    assert f"{said}; nothing was recorded yet" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("left", "said"), [(r"'a\udcff\x1b[2Jb holds'", "a\\udcff\\x1b[2Jb holds"), ("1 / 0", "")])
def test_a_signal_counts_whatever_is_left(left, said, environment):
    code = f"import os, time; from trainer.cli.signals import ending\nwith ending() as end:\n    end.left = lambda: {left}\n"
    code += "    os.kill(os.getpid(), 15)\n    time.sleep(60)"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=50
    )
    assert ended.returncode == 143
    assert said in ended.stderr


def test_a_signal_before_the_first_line_of_a_trace_promises_no_steps(text, tmp_path, environment):
    code = DEAF.replace("import trainer.recording.recorder\n", "import trainer.recording.recorder, sim.trace.file\n")
    code = code.replace("trainer.recording.recorder.load_data = deaf", "sim.trace.file.claim = deaf")
    path = tmp_path / "run.jsonl"
    command = [sys.executable, "-c", code, *arguments(text, path, "--replicas", "1", steps=1), str(int(signal.SIGTERM))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 143, ended.stderr
    assert f"nothing was recorded yet in {path}" in ended.stderr


def test_an_error_with_a_name_that_a_terminal_acts_upon_is_written_out(capsys):
    assert call("--config", "\x1b[2J\udcff.yaml", "--output", "x.jsonl") == 2
    assert "\\x1b[2J\\udcff.yaml" in capsys.readouterr().err


def test_a_signal_shows_the_cursor_again(text, tmp_path, environment):
    terminal, end = pty.openpty()
    command = [sys.executable, "-c", DEAF, *arguments(text, tmp_path / "run.jsonl"), str(int(signal.SIGTERM))]
    with subprocess.Popen(command, env={**environment, "TERM": "xterm"}, stderr=end, stdout=subprocess.PIPE) as process:
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal is gone
            while part := os.read(terminal, 4096):
                shown += part
    os.close(terminal)
    assert process.returncode == 143
    hide, show = b"\x1b[?25l", b"\x1b[?25h"
    assert 0 <= shown.index(hide) < shown.rindex(show)
    assert shown.rindex(hide) < shown.rindex(show)


def test_a_signal_that_is_ignored_stays_ignored(text, tmp_path, environment):
    """As a job in the background ignores Ctrl-C."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    code += "import os, trainer.recording.recorder as r; old = r.load_data\n"
    code += "r.load_data = lambda config: os.kill(os.getpid(), signal.SIGINT) or old(config)\n"
    code += "from trainer.cli.record_trace import main; main()"
    command = [sys.executable, "-c", code, *arguments(text, tmp_path / "run.jsonl", steps=1)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("target", ["full", "closed", "reader"])
def test_output_that_nobody_takes_is_no_traceback(target, text, tmp_path, environment):
    path = tmp_path / "run.jsonl"
    end = {"full": ">/dev/full", "closed": ">&-", "reader": "| true"}[target]
    command = shlex.join([sys.executable, "-m", "trainer", *arguments(text, path, "--replicas", "1", steps=1)])
    bash = ["bash", "-c", f"set -o pipefail; {command} {end}"]
    ended = subprocess.run(bash, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == (2 if target == "full" else 0), ended.stderr
    assert ("standard output cannot be written (No space left on device)" in ended.stderr) == (target == "full")
    assert "Traceback" not in ended.stderr
    assert len(records(path, Step)) == 3


WRONG = {
    "unknown model": (["--model", "36m"], "did you mean '35m'"),
    "model and a shape": (["--model", "35m", "--vocab", "300"], "leave out --vocab"),
    "H = 0": ([*TINY, "--sync-every", "0"], "sync_every: got 0; must be greater than 0, such as 30"),
    "no steps": ([*TINY, "--steps", "0"], "steps: got 0"),
    "heads": ([*TINY, "--heads", "3"], "write a multiple of 6,"),
    "odd head": ([*TINY, "--heads", "16"], "write a multiple of 32,"),
    "no model": ([], "no model is given: write --model with one of 35m"),
    "half a model": (["--layers", "2"], "--width, --heads of your own"),
    "unknown algorithm": (
        [*TINY, "--algorithm", "delico"],
        "must be 'data-parallel', 'diloco', 'streaming-diloco', 'eager-diloco', 'sparseloco'",
    ),
    "replicas without DiLoCo": (
        [*TINY, "--algorithm", "data-parallel", "--replicas", "2"],
        "write --devices-per-replica 2 to spread it, or --algorithm diloco",
    ),
    "H without DiLoCo": ([*TINY, "--algorithm", "data-parallel", "--sync-every", "5"], "no outer steps; leave it out"),
    "missing corpus": ([*TINY, "--corpus", "no/such.txt"], "no/such.txt: there is no such file or folder"),
    "small corpus": ([*TINY, "--sequences", "5000"], "too few for a batch of 10000 sequences"),
    "large vocabulary": ([*TINY, "--tokenizer", "bpe"], "write a smaller --vocab, or --tokenizer bytes"),
    "small vocabulary": ([*TINY, "--vocab", "100"], "write --vocab 257"),
    "unknown tokenizer": ([*TINY, "--tokenizer", "words"], "write bpe, bytes, or the path of a sentencepiece .model"),
    "learning rate": ([*TINY, "--learning-rate", "nan"], "learning_rate: got nan"),
    "negative rate": ([*TINY, "--outer-learning-rate", "-1"], "outer_learning_rate: got -1.0"),
    "seed": ([*TINY, "--seed", "-1"], "seed: got -1"),
    "too many devices": ([*TINY, "--replicas", "9"], "needs 9 devices, and JAX has 8 (cpu)"),
    "no folder": ([*TINY, "--output", "no/such/run.jsonl"], "no/such/run.jsonl: cannot be written"),
    "a long name": ([*TINY, "--output", "x" * 300], "cannot be written (File name too long); give another path"),
    "a word for a number": ([*TINY, "--steps", "many"], "Invalid value for '--steps'"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(mistake, text, tmp_path, capsys):
    more, words = WRONG[mistake]
    output = tmp_path / "run.jsonl"
    base = ["--algorithm", "diloco", "--steps", "2", "--corpus", text, "--tokenizer", "bytes", "--output", output]
    assert call(*replaced([*base, *more])) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "Traceback" not in errors
    assert not output.exists()


def test_an_existing_file_is_kept_unless_told_otherwise(text, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    assert call(*arguments(text, path, steps=1)) == 2
    assert "exists already; give another name, or --overwrite" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert call(*arguments(text, path, "--overwrite", steps=1)) == 0
    assert len(records(path, Step)) == 2 * 3
    assert call(*arguments(text, tmp_path, steps=1)) == 2
    assert "is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["jax", "optax", "sentencepiece"])
def test_without_the_extra_it_says_what_to_install(missing, text, tmp_path, environment):
    code = f"import sys; sys.modules[{missing!r}] = None; from trainer.cli.record_trace import main; main()"
    run = arguments(text, tmp_path / "run.jsonl", "--tokenizer", "bpe")
    result = subprocess.run(
        [sys.executable, "-c", code, *run], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2, result.stderr
    assert f"training needs {missing}, which is not installed; pip install 'crosshaul[trainer]'" in result.stderr


def test_help_does_not_import_jax(environment):
    code = "import sys; sys.argv[1:] = ['--help']\nfrom trainer.cli.record_trace import main\ntry: main()\nfinally: assert 'jax' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "--sync-every" in result.stdout
    module = subprocess.run(
        [sys.executable, "-m", "trainer", "--help"], env=environment, capture_output=True, text=True, check=False
    )
    assert module.stdout == result.stdout
