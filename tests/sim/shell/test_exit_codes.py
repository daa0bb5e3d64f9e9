"""How the command ends: exit codes, signals, and what a person sees of them."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.shell.exit_codes import run_and_exit

ROOT = Path(__file__).parents[3]
START = [sys.executable, "-c", "from sim.cli.command import main; main()"]
LONG = ["--workload", "10b", "--strategy", "diloco:replicas=8,sync_every=1", "--set", "replay=full"]


def start(arguments, before="", **options):
    """The command in a process of its own; `before` runs in it first."""
    # a job in the background ignores SIGINT from the start, and so would what it starts
    before = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{before}"
    command = [sys.executable, "-c", f"{before}\nfrom sim.cli.command import main; main()", *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(command, env=environment, **pipes)


def ended(command):
    with pytest.raises(SystemExit) as end:
        run_and_exit(command)
    return end.value.code


def test_exit_codes(capsys):
    def fail(error):
        raise error

    assert ended(lambda: None) == 0
    assert ended(lambda: fail(InputError("x"))) == 2
    assert ended(lambda: fail(KeyboardInterrupt())) == 130
    assert ended(lambda: fail(MemoryError())) == 2
    assert ended(lambda: fail(OSError(28, "No space left on device"))) == 2
    assert ended(lambda: fail(ZeroDivisionError())) == 1
    assert ended(lambda: sys.exit(3)) == 3
    assert ended(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# The first line that the interpreter runs says so; what comes behind is the program itself being loaded or at work.
@pytest.mark.parametrize("wait_s", [0.0, 0.02, 0.1, 0.5, 1.5])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_at_any_moment(number, code, wait_s):
    ready = "import sim.cli.command; print('ready', flush=True)"
    process = start(LONG, f"{ready}")
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.05 + wait_s)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert re.fullmatch(r"(interrupted while \S.*, \d+ of \d+ done.*\n)?", err)  # what was under way, and no traceback
    # killed by the signal itself, while nothing had begun, is the same to a shell
    assert process.returncode in (code, -int(number))


def test_no_columns_at_all_are_no_reason_to_be_silent(monkeypatch, simulate):
    monkeypatch.setenv("COLUMNS", "0")
    code, _, err = simulate("--topology", "nowhere")
    assert code == 2
    assert "'nowhere'" in err
    for arguments in (["list", "topologies"], ["show", "topology", "low-bw"], ["--help"]):
        assert len(simulate(*arguments)[1]) > 200


def test_help_shows_a_setting_that_works(simulate):
    code, text, _ = simulate("--help")
    assert code == 0
    example = " ".join(text.split()).partition("anything in the scenario, such as ")[2].partition(";")[0]
    assert simulate("--set", example, "--format", "csv")[0] == 0
