"""Eight forced host devices and a persistent compile cache for everything in this folder."""

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# One for each worker of pytest-xdist: JAX writes an entry in place, so another process could read half of it.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax" / WORKER))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

try:
    import jax
except ModuleNotFoundError:  # the tests that need it skip themselves
    jax = None
else:
    jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Tokenizers and texts are cached apart from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def environment():
    """The environment of a subprocess that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


class Ended(NamedTuple):
    """How a process ended."""

    code: int
    output: str
    errors: str


SLURM_PORTS = range(61_440, 65_536)
"""JAX's coordinator listens at the first of them plus the job's number."""


def free_port(candidates):
    for port in candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("localhost", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError("no port is free")


def last_of_each(words):
    """Options that are given again replace those before them: the command itself refuses to choose."""
    places = [place for place, word in enumerate(words) if str(word).startswith("--")]
    first = places[0] if places else len(words)
    options = {words[a]: words[a:b] for a, b in zip(places, [*places[1:], len(words)], strict=True)}
    return [*words[:first], *(word for option in options.values() for word in option)]


@pytest.fixture
def processes(environment):
    """Starts Python with each list of arguments at the same time, as processes of one run; returns how they ended."""

    def run(commands, *, of=0, first=0, slurm=False, kill=None, when=None, **variables):
        port = free_port(random.sample(SLURM_PORTS, 99) if slurm else [0])
        started = []
        for number, command in enumerate(commands, start=first):
            joined = ["--coordinator", f"localhost:{port}", "--processes", of or len(commands), "--process-id", number]
            own = {**environment, **variables}
            if slurm:
                joined = ["--coordinator", "auto"]
                own |= {
                    "SLURM_JOB_ID": str(port),
                    "SLURM_STEP_NODELIST": "localhost",
                    "SLURM_NTASKS": str(len(commands)),
                }
                own |= {"SLURM_PROCID": str(number), "SLURM_LOCALID": str(number), "SLURM_STEP_NUM_NODES": "1"}
            line = [sys.executable, *last_of_each(command), *(map(str, joined) if of is not None else ())]
            started.append(subprocess.Popen(line, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        if kill is not None:
            deadline = time.monotonic() + 300
            while not when() and started[kill].poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            started[kill].kill()
        outputs = [process.communicate(timeout=300) for process in started]
        return [Ended(process.returncode, *output) for process, output in zip(started, outputs, strict=True)]

    return run


@pytest.fixture
def text(tmp_path):
    """A small English text."""
    words = [
        "the",
        "river",
        "runs",
        "under",
        "the",
        "old",
        "bridge",
        "and",
        "a",
        "boat",
        "waits",
        "for",
        "the",
        "evening",
        "tide",
        "while",
        "rain",
        "falls",
        "on",
        "stone",
    ]
    lines = [" ".join(words[(i * j) % len(words)] for j in range(1, 12)) + f" {i}." for i in range(400)]
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
