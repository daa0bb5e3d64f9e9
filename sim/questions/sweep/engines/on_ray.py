"""The points on a Ray cluster: one that is there, or one that is started on this machine."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ....errors import ArgumentError
from ..asked import Asked, Work
from .engine import PATIENCE_S, Part, begun, cut

TRIES = 3
"""Times that Ray begins a task again whose worker is gone."""
_AHEAD = 2
"""Tasks for each worker that are handed out at once, so that none waits for the next."""


def _ray() -> Any:
    """The package, whose types depend on its version."""
    return import_module("ray")


class OnRay:
    """A Ray cluster.

    Args:
      address: `ray://host:10001` of its client server; None: the one that this process is in, that of the variable
        `RAY_ADDRESS`, or a new one on this machine.
      workers: tasks at once; None: as many as the cluster has processors.
      options: of every task, as Ray calls them: `num_cpus`, `memory`, ...
    """

    def __init__(self, address: str | None, workers: int | None, options: Mapping[str, Any]) -> None:
        self._address, self._workers, self._options = address, workers, dict(options)

    @property
    def where(self) -> str:
        """Which cluster."""
        return f"Ray at {self._address}" if self._address else "Ray"

    def parts(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """The rows of all points, as they come."""
        ray = _ray()
        ours = not ray.is_initialized()
        if ours:
            self._connect()
        try:
            yield from self._answered(asked, missing)
        finally:
            if ours:
                ray.shutdown()

    def _connect(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        there = self._address or os.environ.get("RAY_ADDRESS")
        more: dict[str, Any] = {} if there else {"num_cpus": self._workers, "include_dashboard": False}
        try:
            with warnings.catch_warnings(action="ignore"):
                _ray().init(there, log_to_driver=False, logging_level="ERROR", **more)
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            reason = str(error).strip().splitlines()
            told = "{on:ray}: no cluster can be reached or started ({why}); check its address, such as ray://host:10001"
            raise ArgumentError(told, why=reason[0] if reason else type(error).__name__) from None

    def _answered(self, asked: Asked, missing: Sequence[range]) -> Iterator[Part]:
        """Hands out chunks while points are left. Where Ray has given a task up, its points are tried one by one."""
        ray, errors = _ray(), import_module("ray.exceptions")
        task = ray.remote(max_retries=TRIES, **self._options)(_rows)
        question, own = ray.put(asked), version("crosshaul")
        workers = self._workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting, under_way = cut(missing, workers)[::-1], dict[Any, range]()
        while waiting or under_way:
            while waiting and len(under_way) < _AHEAD * workers:
                chunk = waiting.pop()
                under_way[task.remote(question, chunk, own)] = chunk
            (done, *_), _ = ray.wait(list(under_way))
            chunk = under_way.pop(done)
            try:
                part: Part = ray.get(done)
            except errors.RayTaskError as error:
                raise error.as_instanceof_cause() from None
            except errors.RayError as error:
                if len(chunk) > 1:
                    waiting += [chunk[place : place + 1] for place in reversed(range(len(chunk)))]
                    continue
                why = f"its worker was gone {TRIES + 1} times ({type(error).__name__})"
                part = Part(chunk.start, 1, Work(asked).lost(chunk.start, why))
            yield part
            if rest := chunk[part.points :]:
                waiting.append(rest)


def _rows(asked: Asked, chunk: range, wanted: str) -> Part:
    """The rows of the beginning of a chunk, on a worker of the cluster."""
    found = version("crosshaul")
    if found != wanted:
        told = "{on:ray}: the cluster has crosshaul {found}, and this is {wanted}; install the same there"
        raise ArgumentError(told, found=found, wanted=wanted)
    return begun(Work(asked), chunk, PATIENCE_S)
