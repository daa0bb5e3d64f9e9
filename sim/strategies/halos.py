"""HALoS: replicas push to a server in their region, and regional servers now and then exchange with a global one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import ACROSS_EVERY, REGIONS, SYNC_EVERY
from ..engine.ops import Collective, Merge, Op, Start, Wait, Worker
from ..engine.relay import Relay, Settled
from ..errors import InputError
from ..pairing import regions, regions_mistake
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm
from .shared.schedule import Schedule, count_rounds
from .shared.served import ServedStrategy
from .shared.setting import Setting
from .shared.stated import Meetings
from .shared.steps import inner_steps


class HALoS(ServedStrategy):
    """HALoS: hierarchical asynchronous local SGD. Nobody waits for other replicas, nor for links between regions.

    Neighbouring replicas, in the order of the datacenters, make a region, all of the same size. A local server beside
    the first of them merges a change when it arrives and sends the parameters back. When it has merged K changes since
    it last heard from the global server, it sends its parameters there and gets the global ones back, while it goes on
    to serve its replicas. The global server is beside the local one of a region. Who brings the last change of a region
    waits until the global server has it and has answered. *Staleness* is that at the local server.

    Source: arXiv 2506.04531, and github.com/utnslab/halos.
    Limits: replay only; the loss is not predicted. Servers take no time of their own.
    """

    kind: Literal["halos"] = "halos"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    regions: int = Field(default=REGIONS, gt=0, le=MOST_SITES, examples=[2])
    """Regions, of equally many replicas each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges of a replica with its local server."""
    across_every: int = Field(default=ACROSS_EVERY, gt=0, le=MOST_STEPS, examples=[4])
    """Changes K that a local server merges before it exchanges with the global one."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange, and the last changes of a region go up."""
    server: int = Field(default=0, ge=0, le=MOST_SITES, examples=[0])
    """The region (from 0) beside whose local server the global one is."""
    name: ClassVar[str] = "HALoS"
    cites: ClassVar[tuple[str, ...]] = ("2506.04531",)

    @model_validator(mode="after")
    def _regions_are_equal(self) -> Self:
        if mistake := regions_mistake(self.replicas, self.regions):
            raise InputError(mistake)
        if self.server >= self.regions:
            raise InputError(
                f"server: got {self.server}, and the regions are 0 to {self.regions - 1}; write one of them"
            )
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M, regions, H and K, whether rounds go by speed, the global server, and the payload."""
        own = {"M": f"{self.replicas}", "regions": f"{self.regions}"} | self.rounds_in_words()
        own |= {"K": f"{self.across_every}"} | ({"server": f"{self.server}"} if self.server else {})
        return own | self.last_parameters()

    @property
    def meetings(self) -> Meetings:
        """Replicas never exchange with each other, and what servers exchange shares the links with what they do."""
        return Meetings(of_all=False, own_pace=True, at_once=True, knows_the_end=True, opens=False)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas, and in one region where they do not fill them evenly."""
        self.check_fewer(replicas)
        even = replicas % self.regions == 0
        return self.replaced(replicas=replicas, regions=self.regions if even else 1, server=self.server if even else 0)

    def server_of(self, worker: Worker, setting: Setting) -> Worker:
        """The first of the replica's region."""
        size = self.replicas // self.regions
        return worker - worker % size

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats the inner steps of a round, a push, a merge (and after the last, what goes up) and a pull."""
        region = next(each for each in regions(setting.workers, self.regions) if worker in each)
        merge, relay = Merge(region), self._relay(region, setting, schedule)
        for each in schedule.rounds(worker):
            yield from inner_steps(worker, setting, each.first, each.end - each.first)
            if not each.members:
                return
            push, pull = self.push_and_pull(worker, each.number, setting, relay)
            yield from self.exchange(setting, push)
            yield merge
            if self.closing_exchange and each.end == schedule.steps[worker]:
                own, above = region[0], region[0] + relay.above
                last = Collective("global", each.number, (worker,), 0.0, source=own, target=above, join=Settled())
                yield from (Start(last), Wait(last))
            yield from (Start(pull), Wait(pull))

    def _relay(self, region: tuple[int, ...], setting: Setting, schedule: Schedule) -> Relay:
        pushes = sum(
            count_rounds(schedule.steps[each], schedule.every_of(each), closing=self.closing_exchange)
            for each in region
        )
        above = self.server * (setting.workers // self.regions) - region[0]
        return Relay(self.across_every, above, pushes)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """None, as it depends on which replicas meet at a server."""
        return None

    def link_s(self, setting: Setting) -> float:
        """The pushes and pulls of the replica whose path is busy for longest: 2 S/W x exchanges [s]."""
        return self.served_s(setting)
