"""A plan for a model that must answer in time: which models do, on which mesh of chips, and what that limit costs."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...documents.chip_keys import known_name
from ...errors import ArgumentError, InputError
from ...units.in_words import human_bytes, human_count, human_seconds
from .options import Ask
from .replay import Entry
from .serving import Serving

_BISECTIONS = 50
_LEAST_PARAMS = 1.0


@dataclass(frozen=True)
class InTime:
    """When the model of the best plan answers, and what the limit costs.

    Attributes:
      chip, mesh, chips: the smallest mesh on which it answers in time.
      answer_assumed_s, answer_least_s: there; as assumed, and at the peaks [s].
      largest_params: N of the largest model tried that answers in time.
      without: the best plan without the limit; with failures, of the options that may win with it.
      without_s: the shortest answer of its model; None where no mesh holds it [s].
      loss_cost: loss of the best plan above the one without the limit [nats per token].
    """

    chip: str
    mesh: str
    chips: int
    answer_assumed_s: float
    answer_least_s: float
    largest_params: float
    without: Entry
    without_s: float | None
    loss_cost: float


def with_serving_chip(ask: Ask) -> Ask:
    """The request, its serving chip named; numbers that cannot be meant are refused.

    Raises:
      InputError: one is out of range, or nobody names a chip that is known.
    """
    asked = ask.serving
    if asked is None:
        return ask
    for name, value, low, high in (
        ("max_latency", asked.max_latency_s, 1e-9, 1e9),
        ("serve_chips", asked.chips, 1, 1e6),
        ("prompt_tokens", asked.prompt_tokens, 1, 1e8),
        ("output_tokens", asked.output_tokens, 1, 1e8),
        ("serve_batch", asked.batch, 1, 1e6),
        ("weight_bytes", asked.weight_bytes, 0.1, 16),
    ):
        if value is not None and not low <= value <= high:
            raise ArgumentError(f"{{{name}}}: got {value:g}; write {low:g} to {high:g}")
    return replace(ask, serving=replace(asked, chip=_chip(ask, asked)))


def _chip(ask: Ask, asked: Serving) -> str:
    training = {ask.chip} if ask.says_the_chip else {site.chip for site in ask.topology.datacenters}
    name = asked.chip or (training.pop() if len(training) == 1 else None)
    if name is None:
        raise ArgumentError("{max_latency}: on which chip? write {serve_chip} with its name, such as tpu-v5e")
    try:
        return known_name(name)
    except InputError:
        known = "; `simulate list chips` has their names"
        raise ArgumentError("{serve_chip}: there is none named {got!r}{known}", got=name, known=known) from None


def quick_enough(asked: Serving | None, params: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those models that answer in time.

    Args:
      asked: what must; None: all do.
      params: N to choose from, of shape (N,), ascending.

    Raises:
      InputError: none does; the message names the nearest that would.
    """
    if asked is None:
        return params
    few = params[: bisect_right(params, asked.max_latency_s, key=lambda each: asked.quickest_s(float(each)))]
    if not few.size:
        raise _too_slow(asked, float(params[0]))
    return few


def _too_slow(asked: Serving, smallest: float) -> ArgumentError:
    """That the smallest model is too slow or too large, and what would do."""
    low, high = math.log(_LEAST_PARAMS), math.log(smallest)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        quick = asked.quickest_s(math.exp(middle)) <= asked.max_latency_s
        low, high = (middle, high) if quick else (low, middle)
    digits = 10.0 ** (math.floor(low / math.log(10)) - 1)
    would = human_count(math.floor(math.exp(low) / digits) * digits)
    size, most = human_count(smallest), "" if asked.chips is None else f"up to {asked.chips} "
    rows = asked.answering(smallest)
    if rows:
        best = min(rows, key=lambda row: row.answer_assumed_s)
        short = f"answers in {_longer(best.answer_assumed_s)} at best, on a mesh {best.mesh} of {asked.chip}"
        remedy = f"write {{max_latency:'{_longer(best.answer_assumed_s)}'}}"
    else:
        weights = human_bytes(asked.weight_bytes * smallest)
        short = f"needs {weights} for weights, which no mesh of {most}{asked.chip} holds"
        remedy = "write fewer {weight_bytes}"
    larger = "more {serve_chips}" if asked.chips is not None else "another {serve_chip}"
    limit = human_seconds(asked.max_latency_s)
    return ArgumentError(
        f"{{max_latency:'{limit}'}}: the smallest model that is tried, {size} parameters, {short}; one of {would} "
        f"would answer in time: {remedy}, {larger}, or smaller {{params}}"
    )


def _longer(seconds: float) -> str:
    """A duration in words, of three digits and no shorter than it is."""
    digits = 10.0 ** (math.floor(math.log10(seconds)) - 2)
    return human_seconds(math.ceil(seconds / digits) * digits)


def in_time(asked: Serving, best: Entry, without: Entry, largest_params: float) -> InTime:
    """What becomes of a limit.

    Args:
      asked: what must answer.
      best: the best plan.
      without: the best one without the limit.
      largest_params: N of the largest model tried that answers in time.
    """
    row = next(row for row in asked.answering(best.params) if row.answer_assumed_s <= asked.max_latency_s)
    longest_s = asked.quickest_s(without.params)
    return InTime(
        chip=asked.chip or "",
        mesh=row.mesh,
        chips=row.chips,
        answer_assumed_s=row.answer_assumed_s,
        answer_least_s=row.answer_least_s,
        largest_params=largest_params,
        without=without,
        without_s=longest_s if math.isfinite(longest_s) else None,
        loss_cost=best.compared_loss - without.compared_loss,
    )
