"""Checkpoints are written while training goes on: from a copy, one at a time, and never silently not."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")
jnp = jax.numpy

from sim.errors import InputError  # noqa: E402
from sim.trace.file import read_records  # noqa: E402
from trainer.parallel.mesh import BY_REPLICA, abstract, make_mesh  # noqa: E402
from trainer.parallel.stacked import compile_replicated  # noqa: E402
from trainer.training import checkpoint, saving  # noqa: E402

from .test_resume import arguments, arrays, assert_equal, call, story  # noqa: E402


@pytest.fixture
def mesh():
    return make_mesh(2, 1)


@pytest.fixture
def gate(monkeypatch):
    """Holds every write back until it is opened."""
    opened, write = threading.Event(), saving._write_pieces

    def wait(*arguments):
        opened.wait(60)
        write(*arguments)

    monkeypatch.setattr(saving, "_write_pieces", wait)
    return opened


def tree(mesh, step):
    return compile_replicated(lambda: {"a": jnp.arange(6.0).reshape(2, 3) + step, "b": (jnp.int32(step),)}, mesh)()


def read_back(directory, mesh):
    found, damaged = checkpoint.newest(directory)
    assert damaged == []
    like = abstract(jax.eval_shape(lambda: {"a": jnp.zeros((2, 3)), "b": (jnp.int32(0),)}), mesh, BY_REPLICA)
    return found.step, jax.device_get(found.restore(like))


def test_what_is_saved_is_the_state_of_its_step_though_its_memory_is_reused(gate, mesh, tmp_path):
    saver, state = saving.Saver(), tree(mesh, 1)
    wanted = jax.tree.map(np.array, jax.device_get(state))
    saver.save(tmp_path, state, {"step": 1, "config": {}})
    assert saver.is_busy()
    step = jax.jit(lambda x: jax.tree.map(lambda leaf: leaf * 0 - 1, x), donate_argnums=0)
    for _ in range(3):
        state = step(state)
    jax.block_until_ready(state)
    assert list(tmp_path.glob("step-*")) == []
    gate.set()
    saver.wait()
    found, values = read_back(tmp_path, mesh)
    assert found == 1
    jax.tree.map(np.testing.assert_array_equal, values, wanted)


def test_a_second_one_waits_for_the_first(gate, mesh, tmp_path):
    saver = saving.Saver()
    saver.save(tmp_path, tree(mesh, 1), {"step": 1, "config": {}})
    second = threading.Thread(target=saver.save, args=(tmp_path, tree(mesh, 2), {"step": 2, "config": {}}))
    second.start()
    second.join(0.3)
    assert second.is_alive()
    assert not (tmp_path / ".step-00000002.tmp").exists()
    gate.set()
    second.join(60)
    saver.wait()
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-00000001", "step-00000002"]


def test_the_files_are_those_of_a_write_that_was_waited_for(mesh, tmp_path):
    saver = saving.Saver()
    saver.save(tmp_path / "later", tree(mesh, 1), {"step": 1, "config": {}})
    saver.wait()
    saving.save(tmp_path / "at once", tree(mesh, 1), {"step": 1, "config": {}})
    for name in ("arrays-0.bin", "index-0.json", "checkpoint.json"):
        one, other = ((tmp_path / folder / "step-00000001" / name).read_bytes() for folder in ("later", "at once"))
        assert one == other


def test_a_failure_is_raised_at_the_next_look(monkeypatch, mesh, tmp_path):
    saver = saving.Saver()
    (tmp_path / "file").write_text("no folder")
    saver.save(tmp_path / "file", tree(mesh, 1), {"step": 1, "config": {}})
    saver.join()
    for look in (saver.check, saver.wait, lambda: saver.save(tmp_path, tree(mesh, 2), {"step": 2, "config": {}})):
        with pytest.raises(InputError, match="file: cannot be written"):
            look()


def test_a_disk_that_fills_up_ends_the_run_and_the_checkpoint_before_is_of_use(text, tmp_path, monkeypatch, capsys):
    whole, own = tmp_path / "whole.jsonl", tmp_path / "whole"
    assert call(*arguments(text, whole, "diloco", "--checkpoint", own, "--checkpoint-every", 5)) == 0
    path, directory = tmp_path / "run.jsonl", tmp_path / "saved"
    more = ["--checkpoint", directory, "--checkpoint-every", 5]
    write = saving._write_pieces

    def full(folder, *others):
        if "00000010" in folder.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(folder, *others)

    with monkeypatch.context() as patch:
        patch.setattr(saving, "_write_pieces", full)
        assert call(*arguments(text, path, "diloco", *more)) == 2
    errors = capsys.readouterr().err
    assert f"error: --checkpoint {directory}: cannot be written (No space left on device); give another" in errors
    assert sorted(each.name for each in directory.glob("step-*")) == ["step-00000000", "step-00000005"]
    assert call(*arguments(text, path, "diloco", *more, "--resume")) == 0
    assert story(path) == story(whole)
    assert_equal(arrays(directory), arrays(own))


SLOW = """
import sys, time
from trainer.training import saving
write, seconds = saving._write_pieces, float(sys.argv.pop(1))
def slow(folder, process, copies):
    if "00000004" in folder.name:
        (folder / "arrays-0.bin").write_bytes(b"half")
        time.sleep(seconds)
    write(folder, process, copies)
saving._write_pieces = slow
from trainer.cli.record_trace import main
main()
"""


@pytest.fixture
def begun(text, tmp_path, environment):
    """Starts a run whose checkpoint of step 4 takes some seconds to write; returns it in the middle of that."""

    def begin(seconds, steps):
        path, directory = tmp_path / "cut.jsonl", tmp_path / "cut"
        more = ["--checkpoint", directory, "--checkpoint-every", 2]
        command = [sys.executable, "-c", SLOW, str(seconds), *arguments(text, path, "diloco", *more, steps=steps)]
        run = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        half = directory / ".step-00000004.tmp" / "arrays-0.bin"
        deadline = time.monotonic() + 300
        while not half.exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert half.exists(), run.communicate()
        return run, path, directory

    return begin


def test_a_run_killed_while_it_writes_goes_on_from_the_checkpoint_before(begun, text, tmp_path):
    whole, own = tmp_path / "whole.jsonl", tmp_path / "whole"
    assert call(*arguments(text, whole, "diloco", "--checkpoint", own, "--checkpoint-every", 2)) == 0
    run, path, directory = begun(600, 12)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and max(record.step for record in read_records(path)) < 6:
        time.sleep(0.05)
    run.kill()
    run.communicate()
    # training went on to the next checkpoint, which waits for this one
    assert max(record.step for record in read_records(path)) == 6
    assert checkpoint.newest(directory)[0].step == 2
    more = ["--checkpoint", directory, "--checkpoint-every", 2, "--resume"]
    assert call(*arguments(text, path, "diloco", *more)) == 0
    assert story(path) == story(whole)
    assert_equal(arrays(directory), arrays(own))
    assert not (directory / ".step-00000004.tmp").exists()


@pytest.mark.parametrize(("seconds", "signals", "newest"), [(3, 1, 4), (600, 2, 2)])
def test_a_signal_waits_for_the_checkpoint_and_a_second_one_does_not(seconds, signals, newest, begun):
    run, _, directory = begun(seconds, 1_000_000)
    run.send_signal(signal.SIGTERM)
    assert "stopped by SIGTERM; the last checkpoint is being written (again ends without it)" in next(
        line for line in iter(run.stderr.readline, "") if "SIGTERM" in line
    )
    if signals > 1:
        run.send_signal(signal.SIGTERM)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM; " in errors
    assert "holds the steps so far" in errors
    assert checkpoint.newest(directory)[0].step == newest
