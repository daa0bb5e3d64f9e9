"""Two rules by which strategies are compared: equal chips and batch, or each at its own best batch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from ...errors import InputError
from ...scenario.model import Scenario
from ...simulation.jobs import jobs
from ...simulation.results import Job
from ...strategies import Reference, is_reference
from ...workload.load import Load
from ..predict import best_batch

Rule = Literal["equal-chips", "best-batch"]
RULES: tuple[Rule, ...] = ("equal-chips", "best-batch")
ROUNDING = 1e-12
"""A number that is larger by less than this share counts as equal: the difference is floating-point rounding."""


def with_reference(scenario: Scenario) -> Scenario:
    """The scenario with Data-Parallel in it; a plain one is put first if there is none.

    Raises:
      InputError: the strategies compete with each other.
    """
    if scenario.jobs == "together":
        raise InputError("jobs: together: a budget is of one strategy at a time; write jobs: alone")
    if any(is_reference(strategy) for strategy in scenario.strategies):
        return scenario
    return scenario.replaced(strategies=(Reference(), *scenario.strategies))


def on_equal_chips(scenario: Scenario, notes: list[str]) -> Scenario:
    """The scenario with the same number of chips for all strategies, also for those that span more datacenters.

    Args:
      scenario: what is asked.
      notes: a sentence on the change is added to these.

    Raises:
      InputError: there are too few chips to share.
    """
    planned = jobs(scenario)
    chips = {job.setting.load.chips for job in planned}
    if len(chips) == 1:
        return scenario
    split = math.lcm(*(job.setting.workers for job in planned))
    fewest = min(chips) // split * split
    if not fewest:
        raise InputError(
            f"topology {scenario.topology.name}: {min(chips)} chips cannot be shared evenly by {split} datacenters; "
            "set workload.chips, or leave out a strategy"
        )
    notes.append(f"{scenario.topology.name}: {fewest} chips for every strategy, the most that each of them can have")
    return scenario.vary(chips=fewest)


def jobs_by_rule(scenario: Scenario, rule: Rule, notes: list[str]) -> list[Job]:
    """The jobs of a scenario under a rule.

    Args:
      scenario: with one number of chips for all.
      rule: which of the two.
      notes: a sentence is added for each strategy that is left out because a datacenter has too few chips.
    """
    found: list[Job] = []
    for job in jobs(scenario):
        load, law = job.setting.load, job.strategy.law
        if rule == "best-batch":
            load = _grown(load, best_batch(load.params, law))
        short = [
            f"{site.name} has {site.chips} chips and needs {chips:.1f}"
            for site, chips in zip(job.sites, load.deal.worker_chips, strict=True)
            if site.chips is not None and chips > site.chips * (1 + ROUNDING)
        ]
        if short:
            notes.append(f"{scenario.topology.name}: {job.strategy.label} has no {rule} row: {short[0]}")
        else:
            found.append(job.with_load(load))
    return found


def _grown(load: Load, batch_tokens: float) -> Load:
    """A load with another batch, on chips in proportion to it: a step takes as long as before."""
    factor = batch_tokens / load.batch_tokens
    steps = whole_steps(load.steps * load.batch_tokens / batch_tokens)
    return replace(load.scaled(batch=factor, chips=factor), batch_tokens=batch_tokens, steps=steps)


def whole_steps(steps: float) -> int:
    """Rounds up, unless the number is whole up to floating-point rounding; at least one."""
    return max(1, math.ceil(steps * (1 - ROUNDING)))
