"""The schedule of a run: the steps and rounds of each worker, and who exchanges with whom after each round."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from itertools import tee
from typing import Any, NamedTuple, TypeVar

from ...engine.ops import Worker
from ...pairing import Groups
from .setting import Setting

_T = TypeVar("_T")


class Round(NamedTuple):
    """The inner steps of a worker between two exchanges.

    Attributes:
      number: of the round, from 0.
      first, end: its first inner step, and the one after its last.
      members: the workers that exchange after it, itself among them; empty: the run ends without an exchange.
    """

    number: int
    first: int
    end: int
    members: tuple[Worker, ...]


@dataclass(frozen=True)
class Schedule:
    """The schedule of a run, made once; the programs of all workers are made from it.

    So everything that is drawn at random (partners) or shared (steps) is decided in one place, and the members of an
    exchange agree on it. A strategy that draws at random has a seed, so the same scenario has the same schedule.

    Attributes:
      steps: inner steps of each worker.
      every: H, inner steps of a round.
      groups: the groups of workers that exchange after a round, by its number.
      closing: whether a last round that is shorter than H ends with an exchange, too.
      own_every: H of each worker, where replicas have rounds of different lengths; empty: all have `every`.
      whole: where these end together, how many whole rounds there are before a last one of fewer steps, in which a
        worker may have none; None: the rounds of each worker follow from its own steps.
    """

    steps: tuple[int, ...]
    every: int
    groups: Callable[[int], Groups]
    closing: bool = True
    own_every: tuple[int, ...] = field(default=(), kw_only=True)  # so that fields of subclasses keep their places
    whole: int | None = field(default=None, kw_only=True)
    _shared: dict[Hashable, dict[Worker, Iterator[Any]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `shared` has made, for those workers who have not asked for it yet."""

    @classmethod
    def among_all(
        cls,
        setting: Setting,
        every: int,
        *,
        closing: bool = True,
        steps: tuple[int, ...] | None = None,
        own_every: tuple[int, ...] = (),
    ) -> Schedule:
        """A schedule in which all workers exchange with each other after every round.

        Args:
          setting: their setting.
          every: H.
          closing: whether a last round that is shorter than H ends with an exchange, too.
          steps: inner steps of each worker; None: those of the workload.
          own_every: H of each worker, where they differ.
        """
        everyone = (setting.everyone,)
        steps = steps or (setting.load.steps,) * setting.workers
        return cls(steps, every, lambda _: everyone, closing, own_every=own_every)

    def every_of(self, worker: Worker) -> int:
        """H, the inner steps of a round of a worker."""
        return self.own_every[worker] if self.own_every else self.every

    def rounds(self, worker: Worker) -> Iterator[Round]:
        """The rounds of a worker."""
        every, steps = self.every_of(worker), self.steps[worker]
        whole, left = divmod(steps, every) if self.whole is None else (self.whole, self._left)
        for number in range(whole + bool(left)):
            exchanged = self.closing or number < whole
            members = self.members(worker, number) if exchanged else ()
            yield Round(number, number * every, min((number + 1) * every, steps), members)

    @property
    def _left(self) -> int:
        """Inner steps of all workers after the whole rounds that they make together."""
        return sum(self.steps) - (self.whole or 0) * sum(self.own_every)

    def shared(self, worker: Worker, name: Hashable, make: Callable[[], Iterator[_T]]) -> Iterator[_T]:
        """Something that is the same for all workers: each part of it is made once, as the first of them comes to it.

        Args:
          worker: who asks.
          name: tells it from others.
          make: makes it.
        """
        left = self._shared.get(name, {})
        if worker not in left:
            left = self._shared[name] = dict(enumerate(tee(make(), len(self.steps))))
        found = left.pop(worker)
        if not left:
            del self._shared[name]
        return found

    def members(self, worker: Worker, number: int) -> tuple[Worker, ...]:
        """The workers that exchange with a worker after a round, itself among them."""
        return next((group for group in self.groups(number) if worker in group), ())


def count_rounds(steps: int, every: int, *, closing: bool) -> int:
    """Number of exchanges: T/H, rounded up with a closing exchange, else down."""
    return -(-steps // every) if closing else steps // every
