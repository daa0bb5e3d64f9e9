"""Keys that an entry of a plan leaves open: M, H, and where its workers stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import laws
from ...scenario.model import Scenario
from ...simulation.jobs import plan_job
from ...strategies import STRATEGIES, AbstractStrategy

Document = dict[str, Any]
_FLOP = 120.0
"""Flops of training on 20 tokens a parameter, over the square of the parameters."""
_STEPS = 50


def with_open_keys(document: Document, sites: int, sync_every: Sequence[int]) -> Iterator[Document]:
    """An entry with its open keys filled in: one replica in each datacenter, or one over all (some kinds); every H."""
    strategy = STRATEGIES[document["kind"]]
    keys = strategy.model_fields
    replicas: list[int | None] = [None]
    rounds = document.get("local_steps")
    listed = len(rounds) if isinstance(rounds, list) else None
    if "replicas" in document or listed:
        replicas = [document.get("replicas", listed)]
    elif "replicas" in keys:
        replicas = [*([1] if strategy.one_over_all else []), *([sites] if sites > 1 else [])]
    cadence = [None] if "sync_every" in document or listed or "sync_every" not in keys else list(sync_every)
    for count in dict.fromkeys(replicas):
        for every in cadence:
            more = {"replicas": count, "sync_every": every}
            yield document | {key: value for key, value in more.items() if value is not None}


def at_best(
    strategy: AbstractStrategy,
    sites: Sequence[str],
    scenario: Callable[[float, float, int], Scenario],
    params: Sequence[float] | None,
    flop: float,
) -> AbstractStrategy:
    """The strategy at the best placement for an N in the middle of the range that a plan has to choose from.

    B is the law's best for it.

    Args:
      strategy: as it was asked for; one that has no placements to choose from stays as it is.
      sites: names of its datacenters.
      scenario: the run with so many parameters, tokens in a batch, and steps.
      params: the ends of the range; None: the N that the chips train on 20 tokens a parameter.
      flop: of all chips within the deadline [flop].
    """
    if strategy.placements(sites) is None:
        return strategy
    sizes = params or (math.sqrt(flop / _FLOP),)
    middle = math.sqrt(min(sizes) * max(sizes))
    batch_tokens = float(laws.batch_tokens(np.asarray(middle), strategy.law.algorithm, strategy.law.replicas))
    return plan_job(scenario(middle, batch_tokens, _STEPS), strategy, 1).strategy
