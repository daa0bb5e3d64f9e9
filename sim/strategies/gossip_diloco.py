"""Gossip DiLoCo: after each round a replica exchanges with one other, drawn at random, and no other waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from ..defaults import SYNC_EVERY
from ..engine.ops import Collective, Op
from ..pairing import pairs
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, of_replicas, outer_step
from .shared.outer_steps import OuterStepStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import inner_steps


class GossipDiLoCo(OuterStepStrategy):
    """Gossip DiLoCo (NoLoCo): replicas exchange in pairs, which are drawn anew for every round.

    There is no collective among all replicas: the bytes of a replica do not grow with M, and a slow one holds up one
    partner a round, and through it, in later rounds, the others. Partners average their slow weights and their changes,
    so that twice the parameters are sent, in both directions at once. With an odd M one replica a round, another each
    time, has no partner.

    Source: arXiv 2506.10911 (NoLoCo).
    Limits: replayed step by step, as no two rounds have the same pairs; the effect of gossip on the loss is not
      predicted; the trainer can measure it. The replicas end with parameters that are close, and not equal.
    """

    kind: Literal["gossip-diloco"] = "gossip-diloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges of a replica."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    copies: float = Field(default=2.0, gt=0, le=16, strict=True, examples=[2.0])
    """What partners send each other, as a multiple of the parameters: slow weights and change are 2 [-]."""
    seed: int = Field(default=0, ge=0, le=2**53)
    """Of the pairs: the same one gives the same partners in every round."""
    name: ClassVar[str] = "Gossip DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2506.10911",)

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, what is sent, the seed, and the payload."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}"}
        own |= {} if self.copies == 2 else {"copies": f"{self.copies:g}"}
        own |= {"seed": f"{self.seed}"} if self.seed else {}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """Two always exchange with each other; of more, the partners are drawn."""
        return Meetings() if self.replicas == 2 else Meetings(of_all=False, drawn=True)

    def outer_bytes(self, setting: Setting) -> float:
        """What partners send each other [byte]."""
        return self.copies * super().outer_bytes(setting)

    def schedule(self, setting: Setting) -> Schedule:
        """Pairs all workers anew after every round."""
        return Schedule(
            (setting.load.steps,) * setting.workers,
            self.sync_every,
            lambda number: pairs(setting.workers, self.seed, number),
            self.closing_exchange,
        )

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an exchange with the partner of the round, if there is one."""
        size_bytes = self.outer_bytes(setting)
        for each in schedule.rounds(worker):
            yield from inner_steps(worker, setting, each.first, each.end - each.first)
            if each.members:
                yield from self.exchange(setting, Collective("outer", each.number, each.members, size_bytes))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """With two replicas that of DiLoCo with `copies` times the payload; else None, as who waits is drawn [s]."""
        if self.replicas > 2:
            return None
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        outer = outer_step(setting, self.outer_bytes(setting))
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """0, as the pairs that meet over the narrowest link are not known beforehand [s]."""
        return 0.0
