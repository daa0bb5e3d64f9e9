"""Many histories of each case, on all cores where that pays, until their middle is known well enough."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from ...failures.spent import Spent
from ...shell import other_process
from ...shell.progress import Watch
from .cases import History
from .worker import Worker

FEWEST, MOST = 100, 1000
"""Histories of a case, unless their number is given."""
NARROW = 0.001
"""The median of the goodput is known well enough when the interval around it is this wide to each side [-]."""
_WORTH_S = 2.0
"""Work on one core that is worth starting processes for [s]."""


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
        crew = Crew(stack)
        for number, (name, history) in enumerate(cases):
            watch.doing(f"going through histories of {name}", number, len(cases))
            found.append(_of_one(history, count, crew))
    return found


def _of_one(history: History, count: int | None, crew: Crew) -> list[Spent]:
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


class Crew:
    """Goes through histories in this process, and in others beside it once one has shown that it takes long.

    Args:
      stack: of what is to be ended in the end.
      cores: how many processes may be at work at once.
    """

    def __init__(self, stack: ExitStack, cores: int | None = None) -> None:
        self._stack, self._cores = stack, cores or other_process.cores()
        self._workers: list[Worker] = []
        self._each_s = 0.0

    def histories(self, history: History, numbers: range) -> list[Spent]:
        """Those of these numbers."""
        if not self._workers and self._each_s * len(numbers) > _WORTH_S and self._cores > 1:
            self._workers = [Worker() for _ in range(self._cores)]
            for worker in self._workers:
                self._stack.callback(worker.end)
        if not self._workers:
            began_s = time.monotonic()
            found = [history.number(number) for number in numbers]
            self._each_s = (time.monotonic() - began_s) / len(numbers)
            return found
        shares = [numbers[place :: len(self._workers)] for place in range(len(self._workers))]
        with ThreadPoolExecutor(len(self._workers)) as threads:
            told = list(
                threads.map(lambda pair: pair[0].histories(history, pair[1]), zip(self._workers, shares, strict=True))
            )
        by_number: dict[int, Spent] = {}
        for share, each in zip(shares, told, strict=True):
            own = [history.number(number) for number in share] if each is None else each
            by_number |= dict(zip(share, own, strict=True))
        return [by_number[number] for number in numbers]
