"""The processes of one emulated run: started in their namespaces, watched, and never left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sim.errors import InputError

from .namespaces import Sites

HERE = Path(__file__).parent
PORT = 9876
STARTUP_S = 150.0
"""How long processes may take until their run begins [s]."""
Watch = Callable[[Sites, Callable[[], bool]], None]
"""Called with the sites, and what waits for the beginning of the run: False if it never comes."""


def run_together(
    sites: Sites,
    config: dict[str, Any],
    mode: str,
    factors: Sequence[float],
    *,
    limit_s: float,
    watch: Watch = lambda *_: None,
    more: Sequence[str] = (),
) -> list[Any]:
    """Starts a process in each site, pinned to the cores in turn, and waits for what they write.

    Args:
      sites: where.
      config: of the trainer.
      mode: of the worker.
      factors: how many times as long each site computes.
      limit_s: after which they are stopped [s].
      watch: is called meanwhile.
      more: options of the worker, the same in each site.

    Raises:
      InputError: a process failed or took too long.
    """
    cores = sorted(os.sched_getaffinity(0))
    root = str(HERE.parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    # what was compiled once is not compiled again by each of some hundred processes
    cache = {"JAX_COMPILATION_CACHE_DIR": str(HERE / ".cache"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {**cache, **os.environ, "PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "config.json").write_text(json.dumps(config))
        # nothing here may poll: whatever wakes up takes processor time from the sites
        os.mkfifo(where / "go")
        go = os.open(where / "go", os.O_RDWR)
        processes: list[subprocess.Popen[bytes]] = []
        end = time.monotonic() + limit_s
        try:
            for site, factor in enumerate(factors):
                command = [
                    sys.executable,
                    "-m",
                    "experiments.wan_emulation.worker",
                    mode,
                    "--config",
                    str(where / "config.json"),
                ]
                command += ["--output", str(where / f"{site}.json"), "--coordinator", f"{sites.address(0)}:{PORT}"]
                command += ["--processes", str(len(factors)), "--process", str(site), "--factor", str(factor)]
                command += ["--core", str(cores[site % len(cores)]), *more]
                command += ["--go", str(where / "go")] if site == 0 else []
                with (where / f"{site}.log").open("wb") as log:
                    processes.append(
                        subprocess.Popen(
                            sites.command(site, command),
                            stdout=log,
                            stderr=log,
                            env=environment,
                            start_new_session=True,
                        )
                    )
            watch(sites, lambda: _begins(go, processes, end))
            for site, process in enumerate(processes):
                _wait(process, end, where / f"{site}.log", site)
            return [json.loads((where / f"{site}.json").read_text()) for site in range(len(factors))]
        finally:
            os.close(go)
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _begins(go: int, processes: Sequence[subprocess.Popen[bytes]], end: float) -> bool:
    """Waits until site 0 says that the run begins; False if a process ended or the time is over."""
    while time.monotonic() < end and all(process.poll() is None for process in processes):
        if select.select([go], [], [], 2.0)[0]:
            os.read(go, 1)
            return True
    return False


def _wait(process: subprocess.Popen[bytes], end: float, log: Path, site: int) -> None:
    watchdog = threading.Timer(max(0.1, end - time.monotonic()), os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    code = process.wait()
    watchdog.cancel()
    if code == -signal.SIGKILL and time.monotonic() >= end:
        raise InputError(f"site {site} took too long and was stopped; its last words: {_last(log)}")
    if code:
        raise InputError(f"site {site} ended with {code}; its last words: {_last(log)}")


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:])
