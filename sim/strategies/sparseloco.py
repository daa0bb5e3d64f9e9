"""SparseLoCo: replicas gather each other's largest changes, in place of the mean of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import permutations
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from ..defaults import SYNC_EVERY
from ..engine.ops import Op, Shape
from ..errors import InputError
from ..network.closed_forms import ideal_gather_s
from ..units.in_words import human_seconds
from ..units.quantities import MOST_SITES, MOST_STEPS
from .shared.closed_form import ClosedForm, Summand, of_replicas
from .shared.outer_steps import OuterStepStrategy
from .shared.schedule import Schedule
from .shared.setting import Setting
from .shared.stated import Meetings, open_end

_VALUE_BITS = 2.0


class SparseLoCo(OuterStepStrategy):
    """SparseLoCo: of every chunk of a change only the largest values are sent, with their places, in few bits.

    Sums of sparse changes are no longer sparse, so replicas do not reduce but gather: each gets the payloads of all
    others, and what comes in grows with M, where that of an all-reduce does not. What is left out is kept and added
    to the next change (error feedback), which costs memory and no time.

    A value takes `payload_bits` (2 unless given), and its place in the chunk `index_bits`.

    Source: arXiv 2508.15706.
    Limits: replay only; the effect of sparsity on the loss is not predicted. Payloads go from site to site, not through
      a store, nobody is left out at a deadline, and handing them on inside a site costs nothing.
    """

    kind: Literal["sparseloco"] = "sparseloco"
    replicas: int = Field(default=4, gt=1, le=MOST_SITES, examples=[4])
    """Replicas M, each in its own datacenter."""
    sync_every: int = Field(default=SYNC_EVERY, gt=0, le=MOST_STEPS, examples=[30])
    """Inner steps H between two exchanges."""
    closing_exchange: bool = True
    """Whether a last round of fewer than H steps ends with an exchange; many trainers stop without one."""
    chunk: int = Field(default=4096, gt=1, le=2**30, examples=[4096])
    """Parameters of a chunk."""
    top: int = Field(default=64, gt=0, le=2**30, examples=[64])
    """Values of a chunk that are sent: the largest."""
    index_bits: float | None = Field(default=None, gt=0, le=64, strict=True, examples=[12.0])
    """Bits of a value's place; default: as many as number the places of a chunk, whole ones [bit]."""
    name: ClassVar[str] = "SparseLoCo"
    cites: ClassVar[tuple[str, ...]] = ("2508.15706",)
    shape: ClassVar[Shape] = "all-gather"

    @model_validator(mode="after")
    def _some_of_each_chunk(self) -> Self:
        if self.top > self.chunk:
            raise InputError(f"top: got {self.top} of the {self.chunk} values of a chunk; write {self.chunk} or less")
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """M and H, what of a chunk is sent, and its bits."""
        own = {"M": f"{self.replicas}", "H": f"{self.sync_every}", "top": f"{self.top}/{self.chunk}"}
        own |= {} if self.index_bits is None else {"index": f"{self.index_bits:g}b"}
        return own | self.payload_parameters() | open_end(self.closing_exchange)

    @property
    def meetings(self) -> Meetings:
        """All replicas exchange together."""
        return Meetings()

    def outer_bytes(self, setting: Setting) -> float:
        """What a replica sends: top/chunk of the parameters, each with its value and its place [byte]."""
        places = self.index_bits if self.index_bits is not None else math.ceil(math.log2(self.chunk))
        bits = (self.payload_bits or _VALUE_BITS) + places
        sent = setting.load.params * self.top / self.chunk
        return sent * bits / 8 * self.payload_factor / self.compression_ratio

    def fewest_bits(self, gradient_bits: float, outer_bits: float) -> float:
        """Bits of a value."""
        return self.payload_bits or _VALUE_BITS

    def schedule(self, setting: Setting) -> Schedule:
        """All workers exchange after every round."""
        return Schedule.among_all(setting, self.sync_every, closing=self.closing_exchange)

    def program(self, worker: int, setting: Setting, schedule: Schedule) -> Iterator[Op]:
        """Repeats H inner steps and an all-gather."""
        return self.rounds_apart(worker, setting, schedule)

    def closed_form(self, setting: Setting) -> ClosedForm | None:
        """Compute + inner exchanges x T + [(M - 1) S/W + e] T/H, S what a replica sends [s]."""
        shown_s = [setting.inside_exposed_s(worker) for worker in setting.everyone]
        each_s = self._gather_s(setting)
        numbers = partial(human_seconds, each_s)
        outer = Summand("all-gathers between datacenters", "[(M - 1) S/W + e]", numbers, each_s, each_s, outer=True)
        return of_replicas(setting, self.sync_every, shown_s, outer, self.packing_s(setting))

    def _gather_s(self, setting: Setting, *, nothing: bool = False) -> float:
        """An all-gather at its published cost, or what it costs without a byte [s]."""
        routes = [setting.route(*ends) for ends in permutations(setting.everyone, 2)]
        bandwidth = min(route.bandwidth_bits_per_s for route in routes)
        latency_s = max(route.latency_s for route in routes)
        return ideal_gather_s(
            0.0 if nothing else self.outer_bytes(setting),
            self.replicas,
            bandwidth,
            latency_s,
            setting.across.overhead_s,
        )

    def link_s(self, setting: Setting) -> float:
        """(M - 1) S/W x exchanges, S what a replica sends [s]."""
        rounds = self.outer_steps(setting.load.steps)
        return (self._gather_s(setting) - self._gather_s(setting, nothing=True)) * rounds
