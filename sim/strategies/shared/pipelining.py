"""Pipelines: how a model is cut into stages, and in which order a stage computes its microbatches.

A microbatch passes forward through all stages, and back through them in reverse. A worker may have several stages
(*chunks* of the model: chunk c of worker i of p is stage c p + i). The backward pass is one piece, or with a
zero-bubble schedule two: the gradient of its input, for which the stage before waits, and that of its weights, for
which nobody does.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

from ...errors import InputError

ScheduleName = Literal["gpipe", "1f1b", "interleaved", "zero-bubble"]
Kind = Literal["forward", "backward", "weights"]


class Turn(NamedTuple):
    """A piece of a step.

    Attributes:
      kind: `forward`; `backward`, all of it or that of the input alone; `weights`, the rest of it.
      microbatch, chunk: of which.
    """

    kind: Kind
    microbatch: int
    chunk: int = 0


def turns(name: ScheduleName, stages: int, chunks: int, microbatches: int, place: int) -> list[Turn]:
    """What a worker of a pipeline computes in a step, in order.

    Args:
      name: the schedule.
      stages: workers p of the pipeline.
      chunks: stages of a worker, v.
      microbatches: m.
      place: of the worker, from 0.

    Source: Huang et al., arXiv 1811.06965 (GPipe); Narayanan et al., arXiv 2104.04473 (1F1B and interleaved); Qi et
      al., arXiv 2401.10241 (ZB-H1).
    """
    if name == "interleaved":
        return _interleaved(stages, chunks, microbatches, place)
    if name == "zero-bubble":
        return _zero_bubble(stages, microbatches, place)
    ahead = microbatches if name == "gpipe" else min(stages - 1 - place, microbatches)
    order = [(each, 0) for each in range(microbatches)]
    return _one_by_one(order, order, ahead)


def _one_by_one(forward: Sequence[tuple[int, int]], backward: Sequence[tuple[int, int]], ahead: int) -> list[Turn]:
    """Some forward passes ahead, then one forward and one backward in turn, and the other backward passes."""
    found = [Turn("forward", *each) for each in forward[:ahead]]
    for number, each in enumerate(forward[ahead:]):
        found += [Turn("forward", *each), Turn("backward", *backward[number])]
    return found + [Turn("backward", *each) for each in backward[len(forward) - ahead :]]


def _interleaved(stages: int, chunks: int, microbatches: int, place: int) -> list[Turn]:
    """1F1B with chunks: p microbatches go through one, then through the next; back through the last chunk first."""
    groups = range(0, microbatches, stages)
    forward = [(first + each, chunk) for first in groups for chunk in range(chunks) for each in range(stages)]
    backward = [(each, chunks - 1 - chunk) for each, chunk in forward]
    ahead = len(forward)
    if microbatches > stages:
        ahead = min(ahead, 2 * (stages - 1 - place) + (chunks - 1) * stages)
    return _one_by_one(forward, backward, ahead)


def _zero_bubble(stages: int, microbatches: int, place: int) -> list[Turn]:
    """ZB-H1: worker i does the weights of a microbatch i backward passes later, so that it has p under way at most."""
    found: list[Turn] = []
    for each in turns("1f1b", stages, 1, microbatches, place):
        found.append(each)
        if each.kind == "backward" and each.microbatch >= place:
            found.append(Turn("weights", each.microbatch - place))
    return found + [Turn("weights", each) for each in range(max(0, microbatches - place), microbatches)]


def kept(order: Sequence[Turn], shares: Sequence[float]) -> float:
    """The most activations that a worker keeps at a time: microbatches, each counted by the share of its chunk.

    Those of a microbatch are kept from its forward pass to the last piece of its backward pass.

    Args:
      order: what the worker computes in a step.
      shares: of the layers, in each of its chunks.
    """
    last: Kind = "weights" if any(each.kind == "weights" for each in order) else "backward"
    signs = {"forward": 1.0, last: -1.0}
    return max(accumulate(signs.get(each.kind, 0.0) * shares[each.chunk] for each in order))


def cut(layers: Sequence[float], weights: Sequence[float]) -> tuple[int, ...]:
    """Numbers of neighbouring layers, so that the share of each part is near to its weight; one layer at least.

    Args:
      layers: share of the compute in each layer, as many as there are weights, or more.
      weights: of the parts, which add up to 1.
    """
    upto, count, parts = [0.0, *accumulate(layers)], len(layers), len(weights)
    ends = [0]
    for number, wanted in enumerate(accumulate(weights), start=1):
        place = min(bisect_left(upto, wanted * (1 - 1e-12)), count)
        nearest = place - 1 if place and wanted - upto[place - 1] < (upto[place] - wanted) * (1 - 1e-9) else place
        ends.append(min(max(nearest, ends[-1] + 1), count - (parts - number)))
    ends[-1] = count
    return tuple(end - begin for begin, end in pairwise(ends))


def bubble_s(
    name: ScheduleName,
    stages: int,
    chunks: int,
    microbatches: int,
    forward_s: float,
    backward_s: float,
    weights_s: float,
) -> float | None:
    """Time of a step in which a worker of a pipeline has nothing to do, on links that take no time [s].

    (p - 1)(F + B) for GPipe and 1F1B, a v-th of that with v chunks, and (p - 1)(F + B' - W) for ZB-H1, where
    B' = B - W. Its share of a step is then (p - 1)/(m + p - 1), (p - 1)/(v m + p - 1), and so on.

    Args:
      name: the schedule.
      stages: p.
      chunks: v.
      microbatches: m.
      forward_s: F, of a worker and microbatch, all its chunks together [s].
      backward_s: B, all of it [s].
      weights_s: W, its part for the weights, with a zero-bubble schedule [s].

    Returns:
      The bubble; None for a zero-bubble schedule with fewer microbatches than stages, or whose weights take longer
      than its forward pass or the rest of its backward pass.
    """
    if name != "zero-bubble":
        return (stages - 1) * (forward_s + backward_s) / chunks
    short = weights_s <= min(forward_s, backward_s - weights_s) * (1 + 1e-12)
    return (stages - 1) * (forward_s + backward_s - 2 * weights_s) if short and microbatches >= stages else None


def gpipe_s(
    stages: int, microbatches: int, forward_s: float, backward_s: float, sending_s: float, on_the_way_s: float
) -> float:
    """A step of GPipe with equal stages and borders: p (F + B) + (m - 1)(max(F, t) + max(B, t)) + 2 (p - 1)(t + e) [s].

    Args:
      stages: p.
      microbatches: m.
      forward_s: F, of a stage and microbatch [s].
      backward_s: B, likewise [s].
      sending_s: t, for which a message occupies its connection [s].
      on_the_way_s: e, how much later it arrives [s].
    """
    if stages == 1:
        return microbatches * (forward_s + backward_s)
    pace_s = max(forward_s, sending_s) + max(backward_s, sending_s)
    ways_s = 2 * (stages - 1) * (sending_s + on_the_way_s)
    return stages * (forward_s + backward_s) + (microbatches - 1) * pace_s + ways_s


def check_groups(label: str, stages: int, microbatches: int) -> None:
    """Demands whole groups of as many microbatches as there are workers, as an interleaved schedule needs them.

    Raises:
      InputError: names the numbers that would do.
    """
    if microbatches % stages:
        low = microbatches // stages * stages
        fits = " or ".join(str(each) for each in (low, low + stages) if each)
        raise InputError(
            f"microbatches: {label} sends them through {stages} datacenters in groups of as many; write {fits}"
        )


def shares_of(layers: Sequence[float], counts: Sequence[int]) -> tuple[float, ...]:
    """Share of the layers in each part, by how many it has."""
    ends = [0, *accumulate(counts)]
    return tuple(math.fsum(layers[begin:end]) for begin, end in pairwise(ends))
