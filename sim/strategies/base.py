"""What every strategy is: parameters, a program of ops for each worker, and its closed form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from ..collectives import ideal_all_reduce_s
from ..document import Frozen
from ..load import Load
from ..ops import Collective, Compute, Op, Start, Wait
from ..topology import Route


@dataclass(frozen=True)
class Setting:
    """What a strategy runs in.

    Attributes:
      load: the workload, spread over the workers.
      inside: the network inside the datacenter of each worker, W0 and e0.
      across: the narrowest way between the datacenters, W1 and e1; their own network where there is one datacenter.
    """

    load: Load
    inside: tuple[Route, ...]
    across: Route

    @property
    def workers(self) -> int:
        """Datacenters that take part."""
        return len(self.inside)

    @property
    def everyone(self) -> tuple[int, ...]:
        """All workers, as members of a collective."""
        return tuple(range(self.workers))

    def step_across_s(self) -> float:
        """A step whose gradients all R chips exchange: compute + (2Nb/W1)(1 - 1/R) + e1 [s]."""
        exchange_s = ideal_all_reduce_s(self.load.gradient_bytes, self.load.chips, *self.across)
        return max(self.load.mean_step_s) + exchange_s

    def step_inside_s(self) -> float:
        """A step in which every worker exchanges gradients for itself: compute + (2Nb/W0)(1 - M/R) + e0 [s].

        Of the slowest worker, where they differ.
        """
        return max(
            step_s + ideal_all_reduce_s(self.load.gradient_bytes, chips, *route)
            for step_s, chips, route in zip(
                self.load.mean_step_s, self.load.deal.worker_chips, self.inside, strict=True
            )
        )

    def outer_s(self) -> float:
        """Ideal exchange of the parameter change among all R chips: (2Nb/W1)(1 - 1/R) + e1 [s]."""
        return ideal_all_reduce_s(self.load.outer_bytes, self.load.chips, *self.across)


class AbstractStrategy(Frozen, ABC):
    """An algorithm. Final subclasses hold its parameters; nothing here has a clock."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The strategy with its parameters, for people."""

    @property
    @abstractmethod
    def replica_count(self) -> int:
        """Replicas M."""

    @property
    @abstractmethod
    def steps_per_sync(self) -> int:
        """Inner steps H from one exchange between all workers to the next."""

    @abstractmethod
    def workers(self, datacenters: int) -> int:
        """How many datacenters the strategy uses of those that there are."""

    @abstractmethod
    def outer_steps(self, steps: int) -> int:
        """Outer steps in a run of `steps` inner steps, as a replay makes them: whole ones."""

    @abstractmethod
    def program(self, worker: int, setting: Setting) -> Iterator[Op]:
        """The ops of one worker, from the first step to the last."""

    @abstractmethod
    def ideal_s(self, setting: Setting) -> float | None:
        """The closed form of the wall-clock, compute included, or None where none applies [s]."""


def blocking(collective: Collective) -> Iterator[Op]:
    """An exchange that its members stand still for."""
    yield Start(collective)
    yield Wait(collective)


def inner_steps(worker: int, setting: Setting, group: tuple[int, ...], first: int, count: int) -> Iterator[Op]:
    """Some inner steps, the gradients of each exchanged among a group of workers.

    A group of one exchanges inside its datacenter and meets nobody, so all its steps are one op and their
    exchanges another; a larger group meets at every step.
    """
    load = setting.load
    each = count if len(group) == 1 else 1
    for step in range(first, first + count, each):
        yield Compute(load.compute_s(worker, step, each), each)
        yield from blocking(Collective("gradients", step, group, load.gradient_bytes, each))
