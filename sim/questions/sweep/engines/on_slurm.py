"""The points as an array of Slurm jobs, by submitit."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ....errors import ArgumentError
from ..asked import Asked, Work
from .engine import Part, begun, cut

WORKERS = 16
"""Jobs at once, unless somebody says."""
TRIES = 3
"""Times that a point is handed in, before it is a row with an error."""
_EACH = 4
"""Chunks for each of the jobs at once."""
_POLL_S = 0.5
_SHARED = (
    "timeout_min",
    "mem_gb",
    "cpus_per_task",
    "gpus_per_node",
    "nodes",
    "tasks_per_node",
    "name",
    "stderr_to_stdout",
)
"""Parameters that submitit has for every kind of cluster; all others are Slurm's."""


class OnSlurm:
    """Slurm, from one of its login nodes.

    Args:
      workers: jobs at once; None: 16.
      options: `partition`, `account`, `time`, ... of every job, and submitit's own (`timeout_min`, `mem_gb`); `folder`,
        where jobs and their logs are kept, on a file system that the nodes share; `cluster=local` for processes here.
      folder: that folder, unless the options say.
    """

    def __init__(self, workers: int | None, options: Mapping[str, Any], folder: Path) -> None:
        self._options = dict(options)
        self._workers = workers or WORKERS
        self._cluster = str(self._options.pop("cluster", "slurm"))
        self._folder = Path(str(self._options.pop("folder", folder)))
        if self._cluster == "slurm" and shutil.which("sbatch") is None:
            raise ArgumentError("{on:slurm}: there is no sbatch here; run it on a login node of the cluster")

    @property
    def where(self) -> str:
        """How many jobs at once."""
        return f"Slurm, {self._workers} jobs at once"

    def parts(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """The rows of all points, a chunk at a time."""
        executor = self._executor()
        chunks = cut(missing, self._workers, _EACH)
        failed: list[tuple[range, str]] = []
        for _ in range(TRIES):
            failed = []
            yield from self._handed_in(executor, asked, chunks, failed)
            if not failed:
                shutil.rmtree(self._folder, ignore_errors=True)
                return
            chunks = [
                chunk[place : place + 1] for chunk, _ in failed for place in range(len(chunk))
            ]  # which one is it?
        work = Work(asked)  # the logs of the jobs stay
        for chunk, why in failed:
            for number in chunk:
                yield Part(number, 1, work.lost(number, f"its job failed {TRIES} times: {why}"))

    def _executor(self) -> Any:
        submitit: Any = import_module("submitit")
        try:
            executor = submitit.AutoExecutor(folder=self._folder, cluster=self._cluster)
            parameters = {
                key if key in _SHARED or key.startswith("slurm_") else f"slurm_{key}": value
                for key, value in self._options.items()
            }
            executor.update_parameters(name="simulate-sweep", slurm_array_parallelism=self._workers, **parameters)
        except (NameError, RuntimeError, TypeError, ValueError, AssertionError) as error:
            raise ArgumentError("{on_option}: {why}", why=str(error).strip().splitlines()[0]) from None
        return executor

    def _handed_in(
        self, executor: Any, asked: Asked, chunks: Sequence[range], failed: list[tuple[range, str]]
    ) -> Iterator[Part]:
        """Hands in chunks and waits for them; those that fail are put into the list. What ends this ends the jobs."""
        errors = import_module("submitit.core.utils")
        jobs = dict(zip(executor.map_array(_rows, [asked] * len(chunks), chunks), chunks, strict=True))
        try:
            while jobs:
                for job in [each for each in jobs if each.done()]:
                    chunk = jobs.pop(job)
                    try:
                        part: Part = job.result()
                    except (errors.FailedJobError, errors.UncompletedJobError) as error:
                        lines = [line for line in str(error).splitlines() if line.strip()]
                        failed.append((chunk, lines[-1].strip() if lines else "no reason is given"))
                    else:
                        yield part
                if jobs:
                    time.sleep(_POLL_S)
        finally:
            for job in jobs:
                job.cancel(check=False)


def _rows(asked: Asked, chunk: range) -> Part:
    """The rows of a chunk, in a job."""
    return begun(Work(asked), chunk, math.inf)
