"""Many histories of each case, on all cores where that pays, until their middle is known well enough."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

from ...failures.spent import Spent
from ...shell.progress import Watch
from .cases import History
from .paces import UnknownPaceError

FEWEST, MOST = 100, 1000
"""Histories of a case, unless their number is given."""
NARROW = 0.001
"""The median of the goodput is known well enough when the interval around it is this wide to each side [-]."""
_WORTH_S = 2.0
"""Work on one core that is worth starting processes for [s]."""
_CHUNK = 25


def gather(cases: Sequence[tuple[str, History]], count: int | None, watch: Watch) -> list[list[Spent]]:
    """The histories of each case: the first so many, the same whatever the number of cores.

    Args:
      cases: each with its name.
      count: how many of each; None: at least 100, and on until the median of the goodput is known to 0.1 points, or
        there are 1,000.
      watch: is told how far it is.
    """
    found = []
    with ExitStack() as stack:
        crew = _Crew(stack)
        for number, (name, history) in enumerate(cases):
            watch.doing(f"going through histories of {name}", number, len(cases))
            found.append(_of_one(history, count, crew))
    return found


def _of_one(history: History, count: int | None, crew: _Crew) -> list[Spent]:
    spent: list[Spent] = []
    while len(spent) < (count or MOST):
        if count is None and len(spent) >= FEWEST and half_width([each.goodput for each in spent]) <= NARROW:
            break
        wanted = min((count or MOST) - len(spent), FEWEST)
        spent += crew.histories(history, range(len(spent), len(spent) + wanted))
    return spent


def half_width(values: Sequence[float]) -> float:
    """Half of the 95% interval of the median of what the values were drawn from, by their order."""
    ordered, reach = sorted(values), 0.98 * math.sqrt(len(values))
    low, high = math.floor(len(ordered) / 2 - reach), math.ceil(len(ordered) / 2 + reach)
    return (ordered[min(high, len(ordered) - 1)] - ordered[max(low, 0)]) / 2


class _Crew:
    """Goes through histories in this process, or in several once one has shown that it takes long."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._pool: Executor | None = None
        self._each_s = 0.0

    def histories(self, history: History, numbers: range) -> list[Spent]:
        if self._pool is None and self._each_s * len(numbers) > _WORTH_S and (os.cpu_count() or 1) > 1:
            self._pool = self._stack.enter_context(ProcessPoolExecutor(mp_context=get_context("spawn")))
        if self._pool is None:
            began_s = time.monotonic()
            found = [history.number(number) for number in numbers]
            self._each_s = (time.monotonic() - began_s) / len(numbers)
            return found
        chunks = [numbers[first : first + _CHUNK] for first in range(0, len(numbers), _CHUNK)]
        futures = [self._pool.submit(_chunk, history, chunk) for chunk in chunks]
        return [
            each
            for chunk, future in zip(chunks, futures, strict=True)
            for each in self._of(history, chunk, future.result)
        ]

    def _of(self, history: History, chunk: range, result: Callable[[], list[Spent] | None]) -> list[Spent]:
        found = result()
        return [history.number(number) for number in chunk] if found is None else found


def _chunk(history: History, numbers: range) -> list[Spent] | None:
    """Some histories; None where they need a pace that this process cannot replay."""
    try:
        return [history.number(number) for number in numbers]
    except UnknownPaceError:
        return None
