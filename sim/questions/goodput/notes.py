"""What is assumed where hardware fails, and which keys change nothing there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...scenario.failures import Failures, Policy
from ...scenario.model import Scenario
from ...simulation.cost import assumed
from ...simulation.results import Outcome
from ...simulation.without_effect.given import given
from ...simulation.without_effect.keys import Reason, by_path, sentences
from ...simulation.without_effect.prices import unused_prices
from ..without_effect import NOT_HELD, of_jobs
from .assumed import PATIENCE
from .histories import MOST


def assumptions(
    scenario: Scenario,
    failures: Failures,
    found: Sequence[Outcome],
    asked: set[Policy],
    given_up: Mapping[str, int],
    *,
    unsure: bool,
) -> Iterator[str]:
    """Sentences on what the bands rest on.

    Args:
      scenario: as it was given.
      failures: its own, or the assumed ones.
      found: the replays without failures.
      asked: what they do about failures.
      given_up: histories that never ended, by the label of the strategy.
      unsure: whether more histories might move the median of the goodput.
    """
    if scenario.failures is None:
        yield (
            "failures: those of Llama 3 (arXiv 2407.21783: a chip fails once in 5.8 years), with 8 spare chips a site "
            "and repairs of 4 h assumed; write a section failures for your own"
        )
    yield (
        "the pace of fewer sites is that of a replay among them, each with its own part of the batch; the loss counts "
        "tokens, and not which replicas they came from"
    )
    if given_up:
        each = ", ".join(f"{label} {count:,}" for label, count in given_up.items())
        yield f"given up after {PATIENCE:g} times the wall-clock without failures: {each} histories"
    if unsure:
        yield f"{MOST:,} histories at most; the median of the goodput may be off by more than 0.1 points"
    money = list(assumed(scenario, found))
    yield from money
    if money and failures.spares:
        yield "cost: spare chips are rented, too, and draw nothing"
    jobs = [outcome.job for outcome in found]
    reasons = [*of_jobs(scenario.replaced(failures=None), jobs), *unused_prices(scenario, found)]
    reasons += _of_failures(scenario, failures, asked)
    yield from sentences(by_path([*reasons, (NOT_HELD, given(scenario.workload, "workload", "memory"))]))


def _of_failures(scenario: Scenario, failures: Failures, asked: set[Policy]) -> Iterator[Reason]:
    if scenario.failures is None:
        return
    waits = "restarts wait for all chips, and elastic runs go on with fewer anyway"
    rules = (
        (waits, "shrink", not asked & {"leave-out", "own-pace"}),
        ("replicas get their state from each other", "checkpoint", not asked & {"restart", "elastic"}),
        ("nothing goes on with fewer chips", "reconfigure", "elastic" not in asked and not failures.shrink),
        ("nothing fails at random", "ageing", not failures.parts),
        ("nothing fails at random", "seed", not failures.parts),
    )
    for why, key, unused in rules:
        if unused:
            yield why, given(failures, "failures", key)
