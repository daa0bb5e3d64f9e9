"""The trainer's commands while they start: a signal at any moment ends them with its exit code and no traceback."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "record_trace": ["--algorithm", "diloco", "--model", "35m", "--steps", "1", "--output", "run.jsonl"],
    "evaluate_checkpoint": ["checkpoints"],
}
# the process sends itself a signal as it begins to import a module
INTERRUPTED = """
import os, signal, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Impatient())
from trainer.cli.command import {command}
{command}()
"""


def interrupted(command, module, environment, folder, number=signal.SIGINT):
    code = INTERRUPTED.format(command=command, module=module, number=int(number))
    line = [sys.executable, "-c", code, *COMMANDS[command]]
    return subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "module",
    [
        "trainer.cli.record_trace",
        "typer",
        "pydantic",
        "sim.units.quantities",
        "jax",
        "numpy",
        "trainer.training.resume",
    ],
)
def test_ctrl_c_while_a_command_is_loaded(command, module, environment, tmp_path):
    ended = interrupted(command, module, environment, tmp_path)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr.strip() in ("", "interrupted; nothing was recorded yet", "interrupted; nothing was done yet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("module", "code"), [("typer", -15), ("jax", 143)])
def test_sigterm_while_a_command_is_loaded(module, code, environment, tmp_path):
    ended = interrupted("record_trace", module, environment, tmp_path, signal.SIGTERM)
    assert (ended.returncode, ended.stdout) == (code, "")  # to a shell both are 143
    assert "Traceback" not in ended.stderr


def test_the_entry_points_begin_with_what_understands_ctrl_c():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["record-trace"] == "trainer.cli.command:record_trace"
    assert scripts["evaluate-checkpoint"] == "trainer.cli.command:evaluate_checkpoint"
    assert "from .cli.command import record_trace" in (ROOT / "trainer" / "__main__.py").read_text()
