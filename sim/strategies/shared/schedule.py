"""What the workers of a run agree on before it begins: steps, rounds, and who exchanges with whom after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ...engine.ops import Worker
from .setting import Setting

Groups = tuple[tuple[Worker, ...], ...]
"""Workers who exchange with each other, group by group."""


class Round(NamedTuple):
    """Some inner steps of a worker, and with whom it exchanges when they are over.

    Attributes:
      number: which round, from 0.
      first, end: its first inner step, and the one after its last.
      members: the workers who exchange then, itself among them; nobody: the run ends without.
    """

    number: int
    first: int
    end: int
    members: tuple[Worker, ...]


@dataclass(frozen=True)
class Schedule:
    """What all workers of a run know of each other. It is made once for a run, and every program is made from it.

    So what is left to chance (partners that are drawn) or shared out (steps) is decided in one place, and members of an
    exchange agree on it. Whatever draws takes a seed from its strategy: the same scenario has the same schedule.

    Attributes:
      steps: inner steps of each worker.
      every: H, inner steps of a round.
      groups: who exchanges with whom after a round, by its number.
      closing: whether a last round that is shorter than H ends with an exchange, too.
    """

    steps: tuple[int, ...]
    every: int
    groups: Callable[[int], Groups]
    closing: bool = True

    @classmethod
    def among_all(
        cls, setting: Setting, every: int, *, closing: bool = True, steps: tuple[int, ...] | None = None
    ) -> Schedule:
        """All workers exchange with all others after every round.

        Args:
          setting: what they run in.
          every: H.
          closing: whether a last round that is shorter than H ends with an exchange, too.
          steps: inner steps of each worker; those of the workload unless given.
        """
        everyone = (setting.everyone,)
        return cls(steps or (setting.load.steps,) * setting.workers, every, lambda _: everyone, closing)

    def rounds(self, worker: Worker) -> Iterator[Round]:
        """The rounds of a worker."""
        for number, first in enumerate(range(0, self.steps[worker], self.every)):
            end = min(first + self.every, self.steps[worker])
            exchanged = self.closing or end - first == self.every
            yield Round(number, first, end, self.members(worker, number) if exchanged else ())

    def members(self, worker: Worker, number: int) -> tuple[Worker, ...]:
        """Who exchanges with a worker in a round, itself among them."""
        return next((group for group in self.groups(number) if worker in group), ())


def count_rounds(steps: int, every: int, *, closing: bool) -> int:
    """How many exchanges there are: T/H, rounded up, or down without a closing one."""
    return -(-steps // every) if closing else steps // every
