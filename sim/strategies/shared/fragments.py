"""Strategies that exchange fragments of the parameters at different moments of a round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from ...defaults import REPLICAS, SYNC_EVERY
from ...engine.ops import Op, Worker
from ...errors import InputError
from ...units.quantities import MOST_SITES, MOST_STEPS
from .behind_compute import Part
from .layer_by_layer import OverlappingStrategy, Sending
from .outer_steps import OuterStepStrategy
from .schedule import Schedule
from .setting import Setting
from .stated import Meetings


class FragmentedStrategy(OuterStepStrategy, OverlappingStrategy, ABC):
    """Replicas in a datacenter each, which exchange fragments of the parameters at different moments of a round."""

    replicas: int = Field(default=REPLICAS, gt=1, le=MOST_SITES, examples=[2])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[100])
    """Inner steps H from one exchange of a fragment to its next."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    pattern: Literal["strided", "sequential"] = "strided"
    """Layers of fragment p of P: p, p + P, p + 2P, ... (`strided`), or neighbouring layers (`sequential`)."""

    @property
    def meetings(self) -> Meetings:
        """All workers exchange together, and an exchange may last into the next round."""
        return Meetings(linger=True)

    @property
    @abstractmethod
    def delay(self) -> int:
        """Inner steps that still begin without the result of an exchange."""

    def pattern_parameters(self, fragments: int | None) -> dict[str, str]:
        """The number of fragments and their pattern, for `parameters`."""
        count = {"P": f"{fragments}"} if fragments else {}
        return count | ({"sequential": ""} if self.pattern == "sequential" else {})

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) x rounds [s]."""
        return setting.sending_s(self.outer_bytes(setting)) * self.outer_steps(setting.load.steps)

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange every fragment in every round."""
        return Schedule.among_all(setting, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: Worker, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Inner steps with the exchanges of fragments behind them.

        Fragment p of P is exchanged after step round(p H/P) of each round, and fragment 0 after the last step of it.
        After the last inner step of a run all fragments are exchanged, so that the replicas end equal (unless there is
        no closing exchange).
        """
        fragments = self.fragment_count(setting)
        moments = [self.moment(p, fragments) for p in range(fragments)]
        sendings = _sendings(self._fragments(setting, fragments), moments, schedule, worker)
        return self.overlapped(worker, setting, schedule, sendings, (0, schedule.steps[worker]), self.delay)

    def moment(self, fragment: int, fragments: int) -> int:
        """The step of a round (1 to H) after which a fragment is exchanged."""
        return max(1, int(fragment * self.sync_every / fragments + 0.5)) if fragment else self.sync_every

    def _fragments(self, setting: Setting, fragments: int) -> list[list[Part]]:
        layers = len(setting.load.layers)
        if not layers:
            return [[Part(p, 1 / fragments)] for p in range(fragments)]
        if fragments > layers:
            raise InputError(
                f"{self.label}: {fragments} fragments cannot be made of {layers} layers; write fragments: {layers} "
                "or fewer"
            )
        found: list[list[Part]] = []
        for p in range(fragments):
            chosen = range(p, layers, fragments)
            if self.pattern == "sequential":
                chosen = range(p * layers // fragments, (p + 1) * layers // fragments)
            first = found[-1][-1].number + 1 if found else 0
            found.append(self.parts(setting, chosen, self.outer_bytes(setting), first))
        return found


def _sendings(
    fragments: Sequence[Sequence[Part]], moments: Sequence[int], schedule: Schedule, worker: Worker
) -> Iterator[Sending]:
    """The exchanges of a worker by inner step: each fragment at its moment of every round, and all at the end."""
    steps = schedule.steps[worker]
    by_moment: dict[int, list[int]] = {}
    for fragment, moment in enumerate(moments):
        by_moment.setdefault(moment, []).append(fragment)
    times = [0] * len(fragments)

    def sending(number: int, chosen: Sequence[int], step: int) -> Sending:
        parts = tuple((times[fragment], part) for fragment in chosen for part in fragments[fragment])
        for fragment in chosen:
            times[fragment] += 1
        return Sending(step, "outer", schedule.members(worker, number), parts)

    for number, first in enumerate(range(0, steps, schedule.every)):
        for moment in sorted(by_moment):
            if first + moment < steps or (first + moment == steps and not schedule.closing):
                yield sending(number, by_moment[moment], first + moment - 1)
    if schedule.closing:
        yield sending((steps - 1) // schedule.every, range(len(fragments)), steps - 1)
