"""Strategies whose replicas gather each other's largest changes, from site to site or through a store."""

from __future__ import annotations

import math
from abc import ABC
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ...engine.mailbox import Mailbox
from ...engine.ops import STORE, Op, Shape
from ...errors import InputError
from ...network.closed_forms import ideal_gather_s, one_way_s
from ...units.in_words import human_seconds
from ...units.quantities import MOST_SITES, Latency
from .closed_form import ClosedForm, Summand, of_replicas
from .outer_steps import OuterStepStrategy
from .schedule import Schedule
from .setting import Setting
from .stated import Meetings


class SparseStrategy(OuterStepStrategy, ABC):
    """Of every chunk of a change only the largest values are sent, each with its place in the chunk.

    Sums of sparse changes are no longer sparse, so replicas do not reduce but gather: each gets the payloads of all
    others, and what comes in grows with M, where that of an all-reduce does not. Payloads go from site to site, or
    through a store: each replica uploads when it is ready, and downloads when the window has closed.
    """

    if TYPE_CHECKING:
        chunk: int
        top: int
        index_bits: float | None

    through: Literal["sites", "store"] = "sites"
    """`sites`: payloads go from site to site; `store`: each is put once into the topology's store, and read there."""
    gather: int | None = Field(default=None, gt=0, le=MOST_SITES, examples=[20])
    """Payloads that count, of those that arrive first at the store; default: those of all replicas."""
    deadline_s: Latency | None = Field(default=None, alias="deadline", examples=["70 s"])
    """Time from the first replica's being ready until the store takes no more; default: it waits for all [s]."""

    @model_validator(mode="after")
    def _is_sparse(self) -> Self:
        if self.top > self.chunk:
            raise InputError(f"top: got {self.top} of the {self.chunk} values of a chunk; write {self.chunk} or less")
        if (self.gather or 0) > self.replicas:
            raise InputError(f"gather: got {self.gather} of {self.replicas} replicas; write {self.replicas} or less")
        for key, value in (("gather", self.gather), ("deadline", self.deadline_s)):
            if value is not None and self.through == "sites":
                raise InputError(f"{key}: only a store can leave replicas out; write through: store beside it")
        return self

    def sparse_parameters(self) -> dict[str, str]:
        """What of a chunk is sent, the bits of places, and what goes through a store, for `parameters`."""
        own = {"top": f"{self.top}/{self.chunk}"}
        own |= {} if self.index_bits is None else {"index": f"{self.index_bits:g}b"}
        own |= {} if self.through == "sites" else {"by store": ""}
        own |= {} if self.gather is None else {"gather": f"{self.gather}"}
        return own | ({} if self.deadline_s is None else {"deadline": f"{self.deadline_s:g}s"})

    @property
    def shape(self) -> Shape:
        """Payloads are kept apart."""
        return "mailbox" if self.through == "store" else "all-gather"

    @property
    def meetings(self) -> Meetings:
        """All replicas exchange together; through a store each comes and goes by itself, and some may be left out."""
        return Meetings() if self.through == "sites" else Meetings(of_all=False, at_once=True, opens=False)

    def with_replicas(self, replicas: int) -> Self:
        """The same with fewer replicas, of which no more can be gathered."""
        return self.replaced(replicas=replicas, gather=None if self.gather is None else min(self.gather, replicas))

    def sparse_bytes(self, setting: Setting, value_bits: float) -> float:
        """N top/chunk (value bits + index bits) / 8: what a replica sends [byte]."""
        places = self.index_bits if self.index_bits is not None else math.ceil(math.log2(self.chunk))
        sent = setting.load.params * self.top / self.chunk
        return sent * (value_bits + places) / 8 * self.payload_factor / self.compression_ratio

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange after every round."""
        return Schedule.among_all(setting, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an all-gather."""
        deadline_s = math.inf if self.deadline_s is None else self.deadline_s
        join = None if self.through == "sites" else Mailbox(self.gather, deadline_s)
        return self.rounds_apart(worker, setting, schedule, join)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + inner exchanges x T + [(M - 1) S/W + e] T/H, S what a replica sends [s].

        Through a store [S/W_up + e + (M - 1) S/W_down + e] T/H, if replicas and their ways to it are alike, no two
        ways share a link, and none is left out.
        """
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        if self.through == "sites":
            each_s, letters = self._gather_s(setting), "[(M - 1) S/W + e]"
        else:
            visits = {self._visit_s(worker, setting) for worker in setting.everyone}
            steps_s = {each + shown for each, shown in zip(setting.load.mean_step_s, shown_s, strict=True)}
            (up_s, down_s), *others = visits
            late = self.deadline_s is not None and up_s >= self.deadline_s
            fewer = self.gather not in (None, self.replicas)
            if others or len(steps_s) > 1 or late or fewer or _share_links(setting):
                return None
            each_s, letters = up_s + down_s, "[S/W_up + e + (M - 1) S/W_down + e]"
        numbers = partial(human_seconds, each_s)
        what = "all-gathers " + ("between datacenters" if self.through == "sites" else "through the store")
        outer = Summand(what, letters, numbers, each_s, each_s, outer=True)
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))

    def _visit_s(self, worker: int, setting: Setting) -> tuple[float, float]:
        """What a replica takes to put its payload into the store, and to read those of all others [s]."""
        size_bytes = self.outer_bytes(setting)
        up_s = one_way_s(size_bytes, *setting.route(worker, STORE)[:3])
        return up_s, one_way_s((self.replicas - 1) * size_bytes, *setting.route(STORE, worker)[:3])

    def _gather_s(self, setting: Setting, *, nothing: bool = False) -> float:
        """An all-gather at its published cost, or what it costs without a byte [s]."""
        routes = [setting.route(*ends) for ends in permutations(setting.everyone, 2)]
        bandwidth = min(route.bandwidth_bits_per_s for route in routes)
        latency_s = max(route.latency_s for route in routes)
        size_bytes = 0.0 if nothing else self.outer_bytes(setting)
        return ideal_gather_s(size_bytes, self.replicas, bandwidth, latency_s, setting.across.overhead_s)

    def link_s(self, setting: Setting) -> float:
        """(M - 1) S/W x exchanges; through a store also S/W up, and 0 if replicas may be left out [s]."""
        rounds = self.outer_steps(setting.load.steps)
        if self.through == "sites":
            return (self._gather_s(setting) - self._gather_s(setting, nothing=True)) * rounds
        if self.deadline_s is not None or self.gather not in (None, self.replicas):
            return 0.0
        bits = 8 * self.outer_bytes(setting)
        ways = ((setting.route(worker, STORE), setting.route(STORE, worker)) for worker in setting.everyone)
        busy_s = (
            bits / up.bandwidth_bits_per_s + (self.replicas - 1) * bits / down.bandwidth_bits_per_s for up, down in ways
        )
        return max(busy_s) * rounds


def _share_links(setting: Setting) -> bool:
    """Whether two replicas have a link in common on their ways to the store, or on those back."""
    if setting.hops is None:
        return False
    there = Counter(hop for worker in setting.everyone for hop in setting.hops(worker, STORE))
    back = Counter(hop for worker in setting.everyone for hop in setting.hops(STORE, worker))
    return max([*there.values(), *back.values()]) > 1
