"""DES-LOC: replicas average their parameters, and more seldom the moments of their optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from ..defaults import SYNC_EVERY
from ..engine.ops import Collective, Op
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, of_replicas, outer_step
from .shared.outer_steps import OuterStepStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import inner_steps


class DesLoc(OuterStepStrategy):
    """DES-LOC: local steps of Adam, whose state is averaged in parts, each at a period of its own.

    After every H inner steps all replicas average their parameters; every A-th time also the first moments of Adam, and
    every B-th time the second moments, in the same exchange. With A = B = 1 all of it goes every time (Local Adam).

    Source: arXiv 2505.22549; its periods of the moments are 3 and 6 times that of the parameters.
    Limits: replay only; the effect of the periods on the loss is not predicted. Periods of the moments are multiples of
      that of the parameters, and all three parts have the same bits.
    """

    kind: Literal["des-loc"] = "des-loc"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two averages of the parameters."""
    first_moment_every: int = Field(default=3, gt=0, le=1000, examples=[3])
    """Which exchanges carry the first moments, too: every A-th."""
    second_moment_every: int = Field(default=6, gt=0, le=1000, examples=[6])
    """Which exchanges carry the second moments, too: every B-th."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    name: ClassVar[str] = "DES-LOC"
    cites: ClassVar[tuple[str, ...]] = ("2505.22549",)

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, the periods of the moments, and the payload."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"}
        own |= {"A": f"{self.first_moment_every}", "B": f"{self.second_moment_every}"}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def steps_per_sync(self) -> int:
        """Inner steps until all parts have come round together."""
        return self.sync_every * math.lcm(self.first_moment_every, self.second_moment_every)

    @property
    def meetings(self) -> Meetings:
        """All replicas exchange together."""
        return Meetings()

    def outer_copies(self, setting: Setting) -> float:
        """None: averages need no outer optimizer."""
        return 0.0

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange after every round."""
        return Schedule.among_all(setting, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an average of what is due."""
        part_bytes = self.outer_bytes(setting)
        for each in schedule.rounds(worker):
            yield from inner_steps(worker, setting, each.first, each.end - each.first)
            if each.members:
                due = [(each.number + 1) % every == 0 for every in (self.first_moment_every, self.second_moment_every)]
                one = Collective("outer", each.number, each.members, part_bytes * (1 + sum(due)))
                yield from self.exchange(setting, one)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + inner exchanges x T + [(1 + 1/A + 1/B)(2Nb/W1)(1 - 1/R) + e1] T/H [s]."""
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        outer = outer_step(setting, self._mean_bytes(setting))
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))

    def _mean_bytes(self, setting: Setting) -> float:
        """Payload of an exchange in the mean: (1 + 1/A + 1/B) times the parameters [byte]."""
        return self.outer_bytes(setting) * (1 + 1 / self.first_moment_every + 1 / self.second_moment_every)

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) x exchanges, of the parameters and of each moment [s]."""
        rounds = self.outer_steps(setting.load.steps)
        parts = rounds + rounds // self.first_moment_every + rounds // self.second_moment_every
        return setting.sending_s(self.outer_bytes(setting)) * parts
