"""DiLoCo: M replicas take H inner steps by themselves, and then exchange their parameter changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import REPLICAS, SYNC_EVERY
from ..engine.ops import Collective, Op
from ..errors import InputError
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, gradients_across, of_one_replica, of_replicas, outer_step
from .shared.layer_by_layer import OverlappingStrategy, Sending
from .shared.local_steps import BarrierStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end
from .shared.steps import spanning_steps


class DiLoCo(BarrierStrategy, OverlappingStrategy):
    """DiLoCo. With M >= 2 each replica has its own datacenter; a single replica spans all of them.

    An outer step follows every H inner steps and the last one. A run with M = 1 exchanges its gradients at every step,
    as Data-Parallel does, and also has outer steps, for which compute always waits. With `local_steps` each replica has
    rounds of its own, and all exchange when the last one is done with its steps.

    Source: arXiv 2311.08105 (the algorithm), 2503.09799, appendix A (its wall-clock), 2401.09135 (steps by speed).
    Limits: the time of the outer optimizer counts only if a trace measured it or `compression_time` is given. With
      `layers` an outer exchange does not wait for the gradients of the last step to be averaged inside the datacenter.
    """

    kind: Literal["diloco"] = "diloco"
    replicas: int = Field(default=REPLICAS, gt=0, le=MOST_SITES, examples=[2])
    """Replicas M; two or more have a datacenter each."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between outer steps."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""

    name: ClassVar[str] = "DiLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2311.08105", "2503.09799")
    one_over_all: ClassVar[bool] = True
    law_is_own: ClassVar[bool] = True

    @model_validator(mode="after")
    def _rounds_or_layers(self) -> Self:
        if self.by_layer and not self.alike_rounds:
            raise InputError(
                "local_steps: with overlap: layers all replicas make the same steps in a round, and layers are "
                "exchanged behind them; write overlap: none, or leave local_steps out"
            )
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M, H, the overlap of exchanges, and their payload."""
        own = {"M": f"{self.replicas}"} | self.rounds_in_words()
        return own | self.overlap_parameters() | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """All workers exchange together; only with overlap an exchange may last into the next round."""
        return Meetings(linger=self.by_layer and not self.spans, alike=self.alike_rounds)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas; a list says nothing of who is left."""
        self.check_fewer(replicas)
        return self.replaced(replicas=replicas)

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange after every round."""
        return self.rounds_together(setting)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an outer exchange."""
        outer_bytes = self.outer_bytes(setting)
        if self.by_layer and not self.spans:
            parts = self.whole(setting, outer_bytes)
            outer = (
                Sending(each.end - 1, "outer", each.members, tuple((each.number, part) for part in parts))
                for each in schedule.rounds(worker)
                if each.members
            )
            yield from self.overlapped(worker, setting, schedule, outer, (0, schedule.steps[worker]))
            return
        if not self.spans:
            yield from self.rounds_apart(worker, setting, schedule)
            return
        for each in schedule.rounds(worker):
            if self.by_layer:
                yield from self.gradients_by_layer(worker, setting, schedule, (each.first, each.end))
            else:
                yield from spanning_steps(worker, setting, each.first, each.end - each.first)
            if each.members:
                yield from self.exchange(setting, Collective("outer", each.number, each.members, outer_bytes))

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + inner exchanges x T + [(2Nb/W1)(1 - 1/R) + e1] T/H [s].

        The inner exchange is [(2Nb/W1)(1 - 1/R) + e1] for M = 1 and [(2Nb/W0)(1 - M/R) + e0] for M >= 2. Rounds of h
        steps of their own: see `of_replicas`. With `layers`
        only the part that the backward pass does not hide counts; exchanges inside and across run at the same time.
        """
        load, outer_bytes, packing_s = setting.load, self.outer_bytes(setting), self.packing_s(setting)
        if self.by_layer and packing_s:
            return None
        if self.spans:
            gradients = gradients_across(
                setting, load.gradient_bytes, self.across_exposed_s(setting, load.gradient_bytes)
            )
            parts = self.parts_across(setting, load.gradient_bytes)
            return of_one_replica(
                setting, self.sync_every, gradients, outer_step(setting, outer_bytes), packing_s, parts
            )
        shown_s = [self.inside_exposed_s(worker, setting) for worker in setting.everyone]
        outer_s = self.across_exposed_s(setting, outer_bytes)
        if self.by_layer:
            if min(load.mean_step_s) < max(load.mean_step_s) or min(shown_s) < max(shown_s):
                return None
            outer_s = max(0.0, outer_s - shown_s[0])
        outer = outer_step(setting, outer_bytes, outer_s)
        rounds = self.steps_of_rounds(setting)
        return of_replicas(setting, rounds, shown_s, outer, packing_s, self.parts_across(setting, outer_bytes))

    def link_s(self, setting: Setting) -> float:
        """(2Nb/W1)(1 - 1/R) x (outer steps, and for M = 1 all steps) [s]."""
        steps = setting.load.steps
        outer_s = setting.sending_s(self.outer_bytes(setting)) * self.outer_steps_in(setting)
        return outer_s + (setting.sending_s(setting.load.gradient_bytes) * steps if self.spans else 0.0)
