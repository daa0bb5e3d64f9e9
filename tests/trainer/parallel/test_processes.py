"""Several real processes: those that do not fit together end, all of them, with one line and exit code 2."""

import shutil
import signal
import subprocess
import sys

import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from sim.trace.file import Exchange, read_header, read_records  # noqa: E402
from trainer.cli.record_trace import main  # noqa: E402
from trainer.parallel.processes import bind_address  # noqa: E402

from ..conftest import free_port  # noqa: E402

TINY = ["--layers", "1", "--width", "16", "--heads", "2", "--sequence-length", "16", "--sequences", "1"]


@pytest.fixture
def command(text, tmp_path):
    """`record-trace` of two replicas, with the options that a case adds."""
    run = ["--algorithm", "diloco", "--replicas", "2", "--steps", "1", "--corpus", str(text), "--tokenizer", "bytes"]
    return ["-m", "trainer", *run, *TINY, "--output", str(tmp_path / "run.jsonl")]


def other_text(tmp_path):
    path = tmp_path / "other.txt"
    path.write_text("the tide falls\n" * 400)
    return ["--corpus", str(path)]


def other_folder(tmp_path):
    return ["--checkpoint", str(tmp_path / "elsewhere"), "--resume"]


DIFFERENT = {
    "an option": (
        ["--seed", "0"],
        lambda _: ["--seed", "3"],
        ["seed: process 0 has 0 and process 1 has 3; start all"] * 2,
    ),
    "the number of devices": (
        ["--replicas", "2"],
        lambda _: ["--replicas", "4"],
        ["replicas: process 0 has 2 and process 1 has 4; start all"] * 2,
    ),
    "checkpoints": ([], other_folder, ["--checkpoint: process 0 has False and process 1 has True; start all"] * 2),
    "the text": ([], other_text, ["--corpus: the processes read different texts"] * 2),
    "a text that is not there": (
        [],
        lambda tmp_path: ["--corpus", str(tmp_path / "none.txt")],
        ["process 1 failed, so all processes end: --corpus", "--corpus"],
    ),
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_processes_that_differ_all_end_with_what_differs(difference, command, processes, tmp_path):
    first, second, words = DIFFERENT[difference]
    ended = processes([[*command, *first], [*command, *second(tmp_path)]])
    assert [each.code for each in ended] == [2, 2], ended
    for each, wanted in zip(ended, words, strict=True):
        assert f"error: {wanted}" in each.errors
        assert "Traceback" not in each.errors
    assert not (tmp_path / "run.jsonl").exists()


def test_what_the_first_process_alone_cannot_do_ends_the_others(command, processes, tmp_path):
    (tmp_path / "run.jsonl").write_text("precious")
    ended = processes([command, command])
    assert [each.code for each in ended] == [2, 2], ended
    assert "exists already; give another name" in ended[0].errors
    assert "process 0 failed, so all processes end: --output" in ended[1].errors


def test_processes_that_see_different_checkpoints_all_end(command, processes, text, tmp_path):
    saved, elsewhere = tmp_path / "saved", tmp_path / "elsewhere"
    with pytest.raises(SystemExit) as end:
        main([*command[2:], "--checkpoint", str(saved)])
    assert not end.value.code
    shutil.copytree(saved, elsewhere)
    shutil.rmtree(elsewhere / "step-00000001")
    shutil.rmtree(elsewhere / "step-00000000")
    ended = processes([[*command, "--resume", "--checkpoint", str(folder)] for folder in (saved, elsewhere)])
    assert [each.code for each in ended] == [2, 2], ended
    assert all("the processes see different checkpoints; share the folder" in each.errors for each in ended)


LISTENING = """
import os, sys
from trainer.parallel.processes import start
start(f"{sys.argv[1]}:{sys.argv[2]}", 1, 0, print)
for table in ("tcp", "tcp6"):
    for line in open(f"/proc/self/net/{table}").read().splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        address, port = local.split(":")
        if state == "0A" and int(port, 16) == int(sys.argv[2]):
            print(address)
os._exit(0)
"""
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
"""127.0.0.1, ::1, and the former as the latter writes it."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_coordinator_listens_where_it_was_told_and_nowhere_else(host, environment):
    command = [sys.executable, "-c", LISTENING, host, str(free_port([0]))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    found = set(ended.stdout.split())
    assert found
    assert found <= LOOPBACK


@pytest.mark.parametrize(
    ("address", "bound"),
    [
        ("localhost:1", "localhost:1"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("192.0.2.1:1", None),  # nobody's, by RFC 5737: as an address that is translated on the way
        ("node7:1", None),
    ],
)
def test_other_names_and_addresses_are_listened_for_everywhere(address, bound):
    assert bind_address(address) == bound


@pytest.mark.parametrize("number", [0, 1])
def test_waiting_for_processes_that_never_come_ends(number, command, processes):
    impatient = "import trainer.parallel.processes as d; d.JOIN_TIMEOUT_S = 1.0; from trainer.cli.record_trace import main; main()"
    (ended,) = processes([["-c", impatient, *command[2:]]], of=2, first=number)
    assert ended.code == 2, ended
    assert "the processes did not find each other in 1 s; start all of them" in ended.errors
    assert "Traceback" not in ended.errors


def test_slurms_variables_are_enough(command, processes, tmp_path):
    """Two tasks on one node, as `srun --ntasks 2` would start them; JAX takes the port from the job's number."""
    ended = processes([command, command], slurm=True)
    assert [each.code for each in ended] == [0, 0], ended
    path = tmp_path / "run.jsonl"
    assert read_header(path).device.count == 2
    outer = [record for record in read_records(path) if isinstance(record, Exchange) and not record.warmup]
    assert [(record.kind, record.group_size) for record in outer] == [("outer", 2)]


def test_when_a_process_dies_the_other_ends_with_one_line(command, processes, tmp_path):
    """The first one is killed when the trace says that both are training."""
    path = tmp_path / "run.jsonl"
    endless = [*command, "--steps", "1000000", "--sync-every", "2"]

    def training():
        return path.exists() and path.read_bytes().count(b"\n") > 20

    left, killed = processes([endless, endless], kill=1, when=training)
    assert killed.code == -signal.SIGKILL
    assert left.code == 2, left
    assert "error: another process of the run is gone" in left.errors
    assert "Traceback" not in left.errors
    assert len(list(read_records(path))) >= 20


def test_devices_that_are_not_there_are_one_line(command, processes, environment):
    (ended,) = processes([command], of=None, JAX_PLATFORMS="abacus")
    assert ended.code == 2, ended
    assert "JAX_PLATFORMS=abacus: no such devices" in ended.errors
    assert "Traceback" not in ended.errors


def test_a_run_that_does_not_fit_into_memory_is_one_line(command, monkeypatch, capsys):
    def too_large(config):
        jax.numpy.zeros((1 << 21, 1 << 24))  # more bytes than there are addresses

    monkeypatch.setattr("trainer.recording.recorder.load_data", too_large)
    with pytest.raises(SystemExit) as end:
        main(command[2:])
    assert end.value.code == 2
    errors = capsys.readouterr().err
    assert "the run does not fit into the memory of its devices (one allocation of 1.41e+05 GB failed)" in errors
    assert "write fewer --sequences, more --microbatches" in errors
