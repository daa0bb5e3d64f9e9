"""The question of many scenarios at once as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..errors import InputError, brief
from ..questions.sweep import parquet
from ..questions.sweep.asked import Asked
from ..questions.sweep.asks import ask_of
from ..questions.sweep.engines.choice import engine
from ..questions.sweep.scenarios import base_from
from ..questions.sweep.section import Section, space_of
from ..questions.sweep.space import Space
from ..questions.sweep.summary import metric_of, summarise
from ..questions.sweep.sweep import sweep as swept_by
from ..scenario.sweep import Answer, Method
from ..shell.progress import UNWATCHED, Progress
from ..strategies import AbstractStrategy
from ..topology.model import Topology
from ..workload.extent import AbstractWorkload
from .given import Where, scenario, strategy_entry
from .questions import Strategies
from .swept import Sweep


def sweep(
    where: Where,
    workload: AbstractWorkload | None = None,
    strategies: Strategies | None = None,
    *,
    vary: Mapping[str, Any] | None = None,
    zip: Mapping[str, Any] | None = None,
    draw: Mapping[str, Any] | None = None,
    count: int | None = None,
    seed: int = 0,
    method: Method = "sobol",
    answer: Answer = "run",
    targets: Sequence[float] | float | None = None,
    days: float | None = None,
    metric: str | None = None,
    results: str | Path | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    on: str | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Sweep:
    """The same question for many scenarios, on all cores.

    Args:
      where: as of `run`, like the next two; for a plan the topology alone.
      workload: what is trained.
      strategies: what to compare.
      vary: values of keys, of which all combinations are points: `{"sync_every": [10, 30], "compute": "1:4:log:9"}`.
      zip: values of keys that go together.
      draw: keys and their distributions, `{"bandwidth_across": "log-uniform:1:100"}`.
      count: how many draws.
      seed: of the draws.
      method: of the draws: `sobol`, `halton` or `random`.
      answer: what each point answers: `run`, `bandwidth`, `budget` or `plan`.
      targets: of a bandwidth: shares of the time to compute.
      days: of a plan: the deadline [days].
      metric: the column to look at; the one that the answer is about unless given.
      results: a Parquet file for the rows, with which an interrupted sweep goes on (extra `sweep`).
      overwrite: whether a file of another sweep may be replaced.
      workers: how many compute at once; a process a core unless given.
      on: `processes`, `ray`, `ray://host:10001` or `slurm`.
      options: of Ray's tasks or Slurm's jobs.
      progress: whether a terminal shows how far it is.

    Raises:
      InputError: a key, a value or another argument is wrong, or the file is of another sweep.
    """
    drawing = {"count": count, "seed": seed, "method": method} if draw else {} if count is None else {"count": count}
    space = space_of(Section(), _entries("vary", vary), _entries("zip", zip), _entries("draw", draw), drawing)
    asked = _asked(where, workload, strategies, space, answer, targets, days)
    path = None if results is None else Path(results)
    if path is not None:
        parquet.check_installed()
    chosen = engine(on, workers, options, points=space.count, results=path)
    with Progress() if progress else nullcontext(UNWATCHED) as watch:
        found = swept_by(asked, chosen, path, overwrite=overwrite, watch=watch)
    return Sweep(found, summarise(found, metric_of(found, metric)))


def _entries(argument: str, given: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    if not isinstance(given, Mapping | None):
        raise InputError(f"{argument}: got {brief(given)}; write a mapping, such as {{'sync_every': [10, 30]}}")
    return [(str(key), _plain(value)) for key, value in (given or {}).items()]


def _plain(value: Any) -> Any:
    """Values as a sweep takes them: strategies as text, arrays as lists of numbers."""
    if isinstance(value, AbstractStrategy):
        return strategy_entry(value)
    if isinstance(value, str | Mapping | None):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, Sequence | set | range) else value


def _asked(
    where: Where,
    workload: AbstractWorkload | None,
    strategies: Strategies | None,
    space: Space,
    answer: Answer,
    targets: Sequence[float] | float | None,
    days: float | None,
) -> Asked:
    if targets is not None and answer != "bandwidth":
        raise InputError("targets: goes with answer='bandwidth'; leave it out")
    if answer == "plan":
        if workload is not None or not isinstance(where, Topology | str):
            raise InputError("where: a plan is of a topology alone, and chooses the workload; give a topology")
        fixed = {"topology": where} | ({} if days is None else {"days": days})
        several = [strategies] if isinstance(strategies, AbstractStrategy) else strategies
        return Asked(answer, ask_of(space, fixed, [strategy_entry(each) for each in several or ()]), space)
    if days is not None:
        raise InputError("days: goes with answer='plan'; leave it out")
    base = base_from(scenario(where, workload, strategies), space)
    if targets is None:
        return Asked(answer, base, space)
    shares = (targets,) if isinstance(targets, int | float) else tuple(targets)
    return Asked(answer, base, space, {"targets": shares})
