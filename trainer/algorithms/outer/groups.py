"""The schedule of exchanges among some of the replicas: who meets whom after each round.

The replicas share one device, as the groups change from round to round; what each would send is counted all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sim.pairing import Groups

from .programs import Event


@dataclass(frozen=True)
class GroupSchedule:
    """A round of H steps, and then an exchange within each group of replicas; one more after the last step.

    An exchange among all replicas is a `finish`, any other one `send` and `arrive`. A round in which nobody has a
    partner has no event.

    Attributes:
      steps: T.
      sync_every: H.
      replicas: M.
      groups: the groups of a round, by its number from 0; whoever is in none is alone.
    """

    steps: int
    sync_every: int
    replicas: int
    groups: Callable[[int], Groups]

    def events(self, step: int) -> Iterator[Event]:
        """The events after an inner step, in order."""
        if step % self.sync_every and step != self.steps:
            return
        groups = self.groups(-(-step // self.sync_every) - 1)
        if max(map(len, groups), default=1) == 1:
            return
        members = self._numbered(groups)
        if len(groups) == 1 and len(groups[0]) == self.replicas:
            yield Event("finish", 0, members)
            return
        yield Event("send", 0, members)
        yield Event("arrive", 0, members)

    def under_way(self, step: int) -> tuple[int, ...]:
        """Nothing: every exchange ends before the next step."""
        return ()

    def most_under_way(self, sizes: Sequence[int]) -> int:
        """0."""
        return 0

    def exchanges(self) -> int:
        """Number of exchanges in a run."""
        ends = {*range(self.sync_every, self.steps + 1, self.sync_every), self.steps}
        return sum(any(True for _ in self.events(step)) for step in ends)

    def _numbered(self, groups: Groups) -> tuple[int, ...]:
        """The group of each replica, by a number below M."""
        of = {replica: number for number, group in enumerate(groups) for replica in group}
        alone = iter(range(len(groups), len(groups) + self.replicas))
        return tuple(of[replica] if replica in of else next(alone) for replica in range(self.replicas))
