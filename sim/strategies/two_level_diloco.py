"""Two-level DiLoCo: outer steps within regions, and now and then one among all replicas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import ACROSS_EVERY, REGIONS, SYNC_EVERY
from ..engine.ops import Collective, Op
from ..errors import InputError
from ..pairing import Groups, regions, regions_mistake
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, of_replicas, outer_step
from .shared.local_steps import BarrierStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import inner_steps


class TwoLevelDiLoCo(BarrierStrategy):
    """DiLoCo in DiLoCo: after every H inner steps the replicas of a region exchange, after every K-th time all of them.

    Neighbouring replicas, in the order of the datacenters, make a region, all of the same size. Links between regions
    carry an exchange every K H steps, and those within a region one every H steps. The last exchange of a run is among
    all. With `local_steps` each replica has its own number of steps in place of H.

    Source: arXiv 2506.04531 (HALoS) for two levels; synchronous at both of them here.
    Limits: the effect of two levels on the loss is not predicted; the trainer can measure it.
    """

    kind: Literal["two-level-diloco"] = "two-level-diloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    regions: int = Field(default=REGIONS, gt=0, le=MOST_SITES, examples=[2])
    """Regions, of equally many replicas each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges of a region."""
    across_every: int = Field(default=ACROSS_EVERY, gt=0, le=MOST_STEPS, examples=[4])
    """Which exchanges are among all replicas: every K-th; the others are within the regions."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    name: ClassVar[str] = "Two-level DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2506.04531",)

    @model_validator(mode="after")
    def _regions_are_equal(self) -> Self:
        if mistake := regions_mistake(self.replicas, self.regions):
            raise InputError(mistake)
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M, regions, H and K, and the payload."""
        own = {"M": f"{self.replicas}", "regions": f"{self.regions}"}
        own |= self.rounds_in_words() | {"K": f"{self.across_every}"}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def steps_per_sync(self) -> int:
        """H K inner steps from one exchange among all replicas to the next."""
        return self.sync_every * (1 if self._flat else self.across_every)

    @property
    def _flat(self) -> bool:
        """Whether all exchanges are among all replicas: it is DiLoCo."""
        return self.regions == 1 or self.across_every == 1

    @property
    def meetings(self) -> Meetings:
        """With one region, or one level, all replicas exchange together; else most exchanges are among some."""
        opens = self._flat or self.replicas > self.regions
        return Meetings(of_all=self._flat, opens=opens, alike=self.alike_rounds)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas, in one region if they do not fill them; a list says nothing of who is left."""
        self.check_fewer(replicas)
        return self.replaced(replicas=replicas, regions=self.regions if replicas % self.regions == 0 else 1)

    def schedule(self, setting: Setting) -> Schedule:
        """Exchanges within the regions, and among all after every K-th round and the last one."""
        last = self.outer_steps_in(setting) - 1
        within = regions(setting.workers, self.regions)
        everyone = (setting.everyone,)

        def groups(number: int) -> Groups:
            return everyone if number == last or (number + 1) % self.across_every == 0 else within

        return self.rounds_together(setting, groups)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an exchange with the region (if there is another in it), or with all."""
        size_bytes = self.outer_bytes(setting)
        for each in schedule.rounds(worker):
            yield from inner_steps(worker, setting, each.first, each.end - each.first)
            if len(each.members) > 1:
                yield from self.exchange(setting, Collective("outer", each.number, each.members, size_bytes))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """That of DiLoCo where all exchanges are among all; else None [s]."""
        if not self._flat:
            return None
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        outer = outer_step(setting, self.outer_bytes(setting))
        return of_replicas(setting, self.steps_of_rounds(setting), shown_s, outer, self.packing_s(setting))

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) x exchanges among all [s]."""
        rounds = self.outer_steps_in(setting)
        among_all = rounds if self._flat else rounds // self.across_every
        return setting.sending_s(self.outer_bytes(setting)) * among_all
