"""Elastic DiLoCo: an outer step begins when K of the M replicas have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import SYNC_EVERY
from ..engine.joins import Quorum
from ..engine.ops import Op
from ..errors import InputError
from ..units.quantities import MOST_SITES, MOST_STEPS, Latency
from .shared.closed_form import ClosedForm, of_replicas, outer_step
from .shared.local_steps import BarrierStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end


class ElasticDiLoCo(BarrierStrategy):
    """DiLoCo that does not wait for all replicas: an outer step begins with a quorum of K, after a time of grace.

    A replica that arrives later sends its change to a member of the quorum, gets the parameters from it, and continues.
    Every replica makes all its inner steps, so a replica that is always slow ends later than the others; with
    `local_steps` it may make fewer of them in a round.

    Source: the quorum of torchft's LocalSGD and DiLoCo; arXiv 2311.08105 (the algorithm).
    Limits: replay only; the effect of late changes on the loss is not predicted.
    """

    kind: Literal["elastic-diloco"] = "elastic-diloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between outer steps."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    quorum: int = Field(default=3, gt=0, le=MOST_SITES, examples=[3])
    """Replicas K that an outer step needs before it begins."""
    grace_s: Latency = Field(default=0.0, alias="grace", examples=["2 s"])
    """Time for which the quorum waits for further replicas [s]."""
    name: ClassVar[str] = "Elastic DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("torchft", "2311.08105")

    @model_validator(mode="after")
    def _quorum_can_be_reached(self) -> Self:
        if self.quorum > self.replicas:
            raise InputError(f"quorum: got {self.quorum} of {self.replicas} replicas; write {self.replicas} or less")
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M, K and H, the grace, and the payload."""
        own = {"M": f"{self.replicas}", "K": f"{self.quorum}"} | self.rounds_in_words()
        own |= {"grace": f"{self.grace_s:g}s"} if self.grace_s else {}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """With K = M all replicas exchange together; else some may be late."""
        return Meetings(of_all=self.quorum == self.replicas, alike=self.alike_rounds)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas, of which no more can be demanded; a list says nothing of who is left."""
        self.check_fewer(replicas)
        return self.replaced(replicas=replicas, quorum=min(self.quorum, replicas))

    def schedule(self, setting: Setting) -> Schedule:
        """All workers may exchange after every round."""
        return self.rounds_together(setting)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an outer exchange with the replicas that have arrived."""
        join = None if self.meetings.of_all else Quorum(self.quorum, self.grace_s)
        return self.rounds_apart(worker, setting, schedule, join)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """That of DiLoCo if all replicas take part in every outer step; else None [s].

        Replicas whose rounds take as long by different numbers of steps may come apart by rounding, which decides who
        is late.
        """
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        step_s = [mean_s + each_s for mean_s, each_s in zip(setting.load.mean_step_s, shown_s, strict=True)]
        rounds = self.steps_of_rounds(setting)
        if self.quorum < self.replicas and (min(step_s) < max(step_s) or min(rounds) < max(rounds)):
            return None
        outer = outer_step(setting, self.outer_bytes(setting))
        return of_replicas(setting, rounds, shown_s, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """0, as the number of members of an exchange is not known beforehand [s]."""
        return 0.0
