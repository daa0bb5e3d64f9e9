"""Inner steps as ops: compute, and the exchanges of their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...engine.ops import Compute, Inside, Op, Start, Wait
from .setting import Setting


def inner_steps(
    worker: int, setting: Setting, first: int, count: int, behind_s: float | None = None, *, one_by_one: bool = False
) -> Iterator[Op]:
    """Some inner steps whose gradients are exchanged inside the worker's datacenter.

    The worker exchanges with no other worker in them, so one op computes all steps and one pair of ops exchanges for
    all of them. Each step has its own ops if the moments of compute matter to others: to workers on the same host, or
    to an exchange under way.

    Args:
      worker: the worker.
      setting: its setting.
      first: the first step, from 0.
      count: number of steps.
      behind_s: the part of each exchange that the step's backward pass hides; None: by the setting [s].
      one_by_one: whether each step has its own ops.
    """
    if not count:
        return
    if behind_s is None:
        behind_s = setting.inside_behind_s[worker]
    at_once = 1 if one_by_one or (setting.places and setting.places[worker]) else count
    compute_s, gradients = setting.load.compute_s, setting.gradients_inside(worker, at_once, behind_s)
    for step in range(first, first + count, at_once):
        yield Compute(compute_s(worker, step, at_once), at_once)
        if gradients is not None:
            yield Inside(gradients, step)


def in_turn_inside(ops: Iterable[Op]) -> Iterator[Op]:
    """The ops of a worker in whose datacenter others exchange, too: its exchanges there wait their turn."""
    for op in ops:
        if isinstance(op, Inside):
            yield from (Start(op.numbered), Wait(op.numbered))
        else:
            yield op


def spanning_steps(worker: int, setting: Setting, first: int, count: int) -> Iterator[Op]:
    """Some inner steps of a replica that spans all datacenters and exchanges its gradients at every step."""
    load = setting.load
    gradients = setting.gradients(load.gradient_bytes)
    for step in range(first, first + count):
        each = gradients(step)
        yield from (Compute(load.compute_s(worker, step, 1)), Start(each), Wait(each))


def inside(worker: int, setting: Setting, first: int, count: int, behind_s: float = 0.0) -> Iterator[Op]:
    """The exchanges of gradients of some steps inside the worker's datacenter.

    There is none for a single chip, or if the times of the steps contain it already.
    """
    gradients = setting.gradients_inside(worker, count, behind_s)
    if gradients is not None:
        yield Inside(gradients, first)
