"""A run that is killed and resumed is the run that was never killed, bit for bit."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")
jnp = jax.numpy

from sim.errors import InputError  # noqa: E402
from sim.trace.file import Exchange, Step, read_header, read_records  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.parallel.mesh import BY_REPLICA, abstract, make_mesh  # noqa: E402
from trainer.parallel.stacked import compile_replicated  # noqa: E402
from trainer.recording.records import recorded, summarize  # noqa: E402
from trainer.training import checkpoint, saving  # noqa: E402
from trainer.training.resume import read_model  # noqa: E402

TINY = ["--layers", "2", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "2"]
ALGORITHMS = {
    "data-parallel": ["--devices-per-replica", "2"],
    "diloco": ["--replicas", "2", "--sync-every", "3"],
    "streaming-diloco": ["--replicas", "2", "--sync-every", "4", "--fragments", "2", "--overlap-steps", "3"],
    "eager-diloco": ["--replicas", "2", "--sync-every", "3", "--payload-bits", "4", "--error-feedback"],
    "sparseloco": ["--replicas", "2", "--sync-every", "3", "--chunk", "64", "--top", "4"],
    "gossip-diloco": ["--replicas", "3", "--sync-every", "3"],
    "two-level-diloco": [
        "--replicas",
        "4",
        "--sync-every",
        "2",
        "--across-every",
        "3",
        "--payload-bits",
        "8",
        "--error-feedback",
    ],
    "decoupled-diloco": [
        *["--replicas", "3", "--paces", "1,1,0.5", "--quorum", "2"],
        *["--sync-every", "4", "--fragments", "2", "--overlap-steps", "3"],
    ],
}
LAST = {"decoupled-diloco": 15}
"""The last step of the loop, where it is not 12: of 36 steps the fast ones make 15 and 14."""


def arguments(text, output, algorithm, *more, steps=12):
    run = ["--algorithm", algorithm, "--steps", str(steps), "--corpus", str(text), "--tokenizer", "bytes"]
    return [*run, *TINY, *ALGORITHMS[algorithm], "--output", str(output), *map(str, more)]


def call(*args):
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in args])
    return end.value.code or 0


def story(path):
    """What a trace says, without what a clock says."""
    return [
        (record.step, record.warmup, record.replica, record.loss, record.tokens)
        if isinstance(record, Step)
        else (record.step, record.warmup, record.kind, record.fragment, record.payload_bytes, record.group_size)
        for record in read_records(path)
        if isinstance(record, Step | Exchange)
    ]


def arrays(directory):
    found, damaged = checkpoint.newest(directory)
    assert damaged == []
    return found.step, {name: found.array(name) for name in found.pieces}


def assert_equal(one, other):
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name], err_msg=name)


@pytest.mark.parametrize(("algorithm", "suffix"), [*((name, "") for name in ALGORITHMS), ("diloco", ".gz")])
def test_resuming_from_any_checkpoint_goes_on_bit_for_bit(algorithm, suffix, text, tmp_path):
    whole, own = tmp_path / f"whole.jsonl{suffix}", tmp_path / "whole"
    assert call(*arguments(text, whole, algorithm, "--checkpoint", own, "--checkpoint-every", 5)) == 0
    last = f"step-{LAST.get(algorithm, 12):08}"
    assert sorted(path.name for path in own.glob("step-*")) == ["step-00000010", last]
    cut, other = tmp_path / f"cut.jsonl{suffix}", tmp_path / "cut"
    saved = ["--checkpoint", other, "--checkpoint-every", 5]
    assert call(*arguments(text, cut, algorithm, *saved)) == 0
    shutil.rmtree(other / last)
    with cut.open("ab") as file:
        file.write(b'{"record": "step", "torn')
    assert call(*arguments(text, cut, algorithm, *saved, "--resume")) == 0
    assert story(cut) == story(whole)
    for each in (whole, cut):
        *_, last = read_records(each)
        assert last == summarize(read_header(each), *recorded(each))
    assert_equal(arrays(other), arrays(own))


def test_a_run_with_muon_goes_on_with_it_and_with_nothing_else(text, tmp_path, capsys):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory, "--checkpoint-every", 5]
    muon = ["--inner-optimizer", "muon"]
    assert call(*arguments(text, path, "diloco", *more, *muon)) == 0
    assert read_header(path).inner_optimizer == "muon"
    whole, state = story(path), arrays(directory)
    shutil.rmtree(directory / "step-00000012")
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 2
    assert "--resume: inner_optimizer: got 'adamw', and the run in" in capsys.readouterr().err
    assert call(*arguments(text, path, "diloco", *more, *muon, "--resume")) == 0
    assert story(path) == whole
    assert_equal(arrays(directory), state)


def test_a_run_killed_again_and_again_is_the_run_that_was_not(text, tmp_path, environment):
    algorithm = "streaming-diloco"
    whole, own = tmp_path / "whole.jsonl", tmp_path / "whole"
    assert call(*arguments(text, whole, algorithm, "--checkpoint", own, "--checkpoint-every", 2, steps=40)) == 0
    cut, other = tmp_path / "cut.jsonl", tmp_path / "cut"
    more = ["--checkpoint", other, "--checkpoint-every", 2, "--resume"]
    command = [sys.executable, "-m", "trainer", *arguments(text, cut, algorithm, *more, steps=40)]
    killed = []
    for lines in (1, 20, 70):  # in the warm-up or behind it, early, and late
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            deadline = time.monotonic() + 300
            while process.poll() is None and time.monotonic() < deadline:
                if cut.exists() and cut.read_bytes().count(b"\n") >= lines:
                    break
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        killed.append(process.returncode)
    # the last one may have come to its end before it could be killed; the others cannot
    assert killed[:2] == [-signal.SIGKILL] * 2
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert story(cut) == story(whole)
    assert_equal(arrays(other), arrays(own))


@pytest.fixture
def saved(tmp_path):
    """Three checkpoints of a small pytree, of which the two newest are kept; and how to read one back."""
    mesh = make_mesh(2, 2)
    directory = tmp_path / "saved"

    def tree(step):
        numbers = np.arange(6.0, dtype=np.float32).reshape(2, 3) + step
        return compile_replicated(lambda: {"a": jnp.asarray(numbers), "b": (jnp.int32(step),)}, mesh)()

    for step in (1, 2, 3):
        saving.save(directory, tree(step), {"step": step, "config": {}})

    def read():
        found, damaged = checkpoint.newest(directory)
        shapes = abstract(jax.eval_shape(lambda: {"a": jnp.zeros((2, 3)), "b": (jnp.int32(0),)}), mesh, BY_REPLICA)
        restored = found.restore(shapes)
        jax.tree.map(np.testing.assert_array_equal, jax.device_get(restored), jax.device_get(tree(found.step)))
        return found.step, damaged

    return directory, read


def test_the_newest_two_are_kept(saved):
    directory, read = saved
    assert sorted(path.name for path in directory.iterdir()) == ["step-00000002", "step-00000003"]
    assert read() == (3, [])


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit in an array": lambda newest: flip(newest / "arrays-0.bin", 20),
    "an array cut short": lambda newest: (newest / "arrays-0.bin").write_bytes(b"123"),
    "no arrays": lambda newest: (newest / "arrays-0.bin").unlink(),
    "a flipped bit in the index": lambda newest: flip(newest / "index-0.json", 30),
    "no index": lambda newest: (newest / "index-0.json").unlink(),
    "a changed fact": lambda newest: (newest / "checkpoint.json").write_text(
        (newest / "checkpoint.json").read_text().replace('"step": 3', '"step": 4')
    ),
    "half the facts": lambda newest: (newest / "checkpoint.json").write_text('{"format": 1, '),
    "no facts": lambda newest: (newest / "checkpoint.json").unlink(),
    "an empty folder": lambda newest: [path.unlink() for path in newest.iterdir()],
    "another format": lambda newest: (newest / "checkpoint.json").write_text(
        json.dumps({**json.loads((newest / "checkpoint.json").read_text()), "format": 99})
    ),
}


def forge(newest, facts=lambda facts: None, entry=lambda entry: None):
    """Changes what a checkpoint says and puts right digests on it, as damage cannot."""
    index = json.loads((newest / "index-0.json").read_text())
    entry(index[0])
    (newest / "index-0.json").write_text(json.dumps(index))
    document = json.loads((newest / "checkpoint.json").read_text())
    del document["sha256"]
    facts(document["facts"])
    document["indexes"]["index-0.json"] = hashlib.sha256((newest / "index-0.json").read_bytes()).hexdigest()
    own = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    (newest / "checkpoint.json").write_text(json.dumps({**document, "sha256": own}))


DAMAGE |= {
    f"{text} for the facts": lambda newest, text=text: (newest / "checkpoint.json").write_text(text)
    for text in ("5", "null", '"x"', "[]", '{"facts": 5}', '{"facts": {}}', "[" * 100_000, "1" * 5_000)
}
DAMAGE |= {
    f"a forged {key} of {value}": lambda newest, key=key, value=value: forge(
        newest, entry=lambda entry: entry.update({key: value})
    )
    for key, value in (
        ("shape", [10**12, 3, 10**6]),
        ("shape", [-2, 3]),
        ("shape", 5),
        ("shape", ["a", 3]),
        ("ranges", [[0, 10**15], [0, 3]]),
        ("ranges", [[0, 2]]),
        ("ranges", [[2, 0], [3, 0]]),
        ("ranges", None),
        ("dtype", "object"),
        ("dtype", "float64"),
        ("offset", -1),
        ("offset", 10**30),
        ("offset", "x"),
        ("array", None),
        ("array", []),
    )
}
DAMAGE["a forged step"] = lambda newest: forge(newest, facts=lambda facts: facts.update(step="x"))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over(damage, saved):
    directory, read = saved
    DAMAGE[damage](directory / "step-00000003")
    step, damaged = read()
    assert step == 2
    assert len(damaged) == 1
    assert "step-00000003: damaged" in damaged[0]


def test_a_half_written_checkpoint_is_not_one(saved):
    directory, read = saved
    (directory / ".step-00000004.tmp").mkdir()
    assert read() == (3, [])


def test_damage_to_all_of_them_is_an_error_and_not_a_new_beginning(saved):
    directory, _ = saved
    for path in directory.iterdir():
        flip(path / "arrays-0.bin", 0)
    with pytest.raises(InputError, match="all its checkpoints are damaged; delete the folder to begin again"):
        checkpoint.newest(directory)


def test_a_run_passes_a_damaged_checkpoint_over_and_says_so(text, tmp_path, capsys):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory, "--checkpoint-every", 5]
    assert call(*arguments(text, path, "diloco", *more)) == 0
    before, state = story(path), arrays(directory)
    flip(directory / "step-00000012" / "arrays-0.bin", 1000)
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 0
    errors = capsys.readouterr().err
    assert "step-00000012: damaged" in errors
    assert "resuming after step 10 of 12" in errors
    assert story(path) == before
    assert_equal(arrays(directory), state)


def test_resuming_a_finished_run_changes_nothing(text, tmp_path, capsys):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory]
    assert call(*arguments(text, path, "diloco", *more)) == 0
    first, content = capsys.readouterr().out, path.read_bytes()
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 0
    assert path.read_bytes() == content
    loss = next(line for line in first.splitlines() if "nats per token" in line)
    assert loss in capsys.readouterr().out


def test_wrong_resumes_are_one_line(text, tmp_path, capsys):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory]
    assert call(*arguments(text, path, "diloco", "--resume")) == 2
    assert "--resume: needs --checkpoint DIR" in capsys.readouterr().err
    assert call(*arguments(text, path, "diloco", *more)) == 0
    content = path.read_bytes()
    assert call(*arguments(text, path, "diloco", *more, "--overwrite")) == 2
    assert "holds checkpoints already; write --resume" in capsys.readouterr().err
    assert call(*arguments(text, path, "diloco", *more, "--resume", "--seed", 3)) == 2
    assert "--resume: seed: got 3, and the run in" in capsys.readouterr().err
    assert path.read_bytes() == content
    path.unlink()
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 2
    assert "the trace of the run is gone" in capsys.readouterr().err
    path.write_bytes(content[: len(content) // 2])
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 2
    assert "is shorter than at its checkpoint" in capsys.readouterr().err
    assert path.read_bytes() == content[: len(content) // 2]


def other_run(text, tmp_path, path, more):
    """The trace of another run of the same length."""
    other = ["--checkpoint", tmp_path / "other"]
    assert call(*arguments(text, path, "diloco", *other, "--seed", 7)) == 0


def twin(text, tmp_path, path, more):
    """The trace of the same run at another time: a digit of one second differs."""
    content = (tmp_path / "run.jsonl").read_bytes()
    place = content.rindex(b',"tokens"') - 1
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


def shorter_run(text, tmp_path, path, more):
    lines = path.with_name("run.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-8]) + b"\n" * 10_000)


FOREIGN = {
    "random bytes": (lambda *run: run[2].write_bytes(random.Random(1).randbytes(100_000)), "not a trace"),
    "a text": (lambda *run: run[2].write_text("precious\n" * 10_000), "not a trace"),
    "another run's trace": (other_run, r"is the trace of another run \(seed: 7 there, 0 here\)"),
    "the same run's, of another time": (twin, "has changed since"),
    "a damaged one": (shorter_run, "a damaged line"),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_resuming_touches_no_file_but_its_own(foreign, text, tmp_path, capsys):
    more = ["--checkpoint", tmp_path / "saved"]
    assert call(*arguments(text, tmp_path / "run.jsonl", "diloco", *more)) == 0
    path = tmp_path / "foreign.jsonl"
    make, says = FOREIGN[foreign]
    make(text, tmp_path, path, more)
    before = path.read_bytes()
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 2
    errors = capsys.readouterr().err
    assert re.search(says, errors)
    assert "nothing was changed: give the --output of the run in" in errors
    assert path.read_bytes() == before


def test_a_second_process_leaves_the_first_alone(text, tmp_path, environment):
    """As when a job is put back into the queue while it still runs."""
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    endless = arguments(text, path, "diloco", "--checkpoint", directory, "--checkpoint-every", 2, steps=1_000_000)
    command = [sys.executable, "-m", "trainer", *endless]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        try:
            deadline = time.monotonic() + 300
            while not list(directory.glob("step-*2")) and first.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            before = path.stat().st_size
            second = subprocess.run(
                [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
            )
            assert second.returncode == 2, second.stderr
            line = f"error: --checkpoint {directory}: another record-trace (process {first.pid} on "
            assert line in second.stderr
            assert "Traceback" not in second.stderr
            other = str(tmp_path / "elsewhere")
            elsewhere = [other if each == str(directory) else each for each in map(str, command)] + ["--overwrite"]
            third = subprocess.run(elsewhere, env=environment, capture_output=True, text=True, check=False)
            assert third.returncode == 2, third.stderr
            assert f"{path}: another record-trace is writing to it" in third.stderr
            assert first.poll() is None
            assert path.stat().st_size > before
        finally:
            first.kill()
    assert call(*endless[:2], *["--steps", "1000000"], *endless[4:], "--resume", "--seed", 1) == 2  # free again
    assert len(list(read_records(path))) > 4


def test_a_run_does_not_go_on_with_another_text(text, tmp_path, capsys):
    path, more = tmp_path / "run.jsonl", ["--checkpoint", tmp_path / "saved"]
    assert call(*arguments(text, path, "diloco", *more)) == 0
    content = path.read_bytes()
    text.write_text(text.read_text() + " and one more")
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 2
    assert "--resume: the text, its split or the tokenizer differs from that of the run" in capsys.readouterr().err
    assert path.read_bytes() == content


def test_resume_without_a_checkpoint_keeps_a_file_that_is_not_of_the_run(text, tmp_path, capsys):
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    assert call(*arguments(text, path, "diloco", "--checkpoint", tmp_path / "saved", "--resume", steps=1)) == 2
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "precious"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_model_in_a_checkpoint_is_the_global_one(algorithm, text, tmp_path):
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    assert call(*arguments(text, path, algorithm, "--checkpoint", directory, steps=5)) == 0
    config, params, step, _ = read_model(directory)
    # learners with paces 1, 1 and 1/2 take 15 steps at 6 instants
    assert (config.algorithm, step) == (algorithm, 6 if algorithm == "decoupled-diloco" else 5)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == read_header(path).model.params
    _, saved = arrays(directory)
    # behind the last step every replica has the global parameters (eager updates: their mean is global)
    for name in ("embedding", "final_norm"):
        mean = saved[f"[0].params['{name}']"].mean(axis=0)
        np.testing.assert_allclose(params[name], mean, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        params["layers"]["up"], saved["[0].params['layers']['up']"].mean(axis=0), rtol=1e-6, atol=1e-7
    )
