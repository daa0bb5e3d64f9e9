"""Inner steps as ops: compute, and the exchanges of their gradients."""

from __future__ import annotations

from collections.abc import Iterator

from ...engine.ops import Collective, Compute, Op, Start, Wait
from .setting import Setting


def inner_steps(
    worker: int, setting: Setting, first: int, count: int, behind_s: float | None = None, *, one_by_one: bool = False
) -> Iterator[Op]:
    """Some inner steps whose gradients are exchanged inside the worker's datacenter.

    Nobody else is met, so all the steps are one op and their exchanges another; not so where it matters to others who
    compute on the same host, or to an exchange under way, when the worker computes and when it does not.

    Args:
      worker: whose steps.
      setting: what it runs in.
      first: the first step, from 0.
      count: how many.
      behind_s: how much of each exchange runs behind the step's own backward pass, unless as the setting says [s].
      one_by_one: whether each step has ops of its own.
    """
    if count:
        if behind_s is None:
            behind_s = setting.inside_s(worker) - setting.inside_exposed_s(worker)
        at_once = 1 if one_by_one or (setting.places and setting.places[worker]) else count
        for step in range(first, first + count, at_once):
            yield Compute(setting.load.compute_s(worker, step, at_once), at_once)
            yield from inside(worker, setting, step, at_once, behind_s)


def spanning_steps(worker: int, setting: Setting, first: int, count: int) -> Iterator[Op]:
    """Some inner steps of a replica that spans all datacenters: its gradients cross them at every step."""
    load = setting.load
    gradients = setting.gradients(load.gradient_bytes)
    for step in range(first, first + count):
        each = gradients(step)
        yield from (Compute(load.compute_s(worker, step, 1)), Start(each), Wait(each))


def inside(worker: int, setting: Setting, first: int, count: int, behind_s: float = 0.0) -> Iterator[Op]:
    """The exchanges of gradients of some steps inside the worker's datacenter.

    A lone chip has none, nor have steps whose seconds hold it already.
    """
    if setting.load.deal.worker_chips[worker] <= 1 or setting.load.inside_included:
        return
    gradients = Collective("gradients", first, (worker,), setting.load.gradient_bytes, count, behind_s=behind_s)
    yield Start(gradients)
    yield Wait(gradients)
