"""Exchanges behind compute: layer by layer in the backward pass, with a wait in a later forward pass.

A step is a forward pass through the layers (a third of its time by default) and a backward pass through them in
reverse. With `overlap: layers` the exchange of a layer is queued at the end of its backward pass, so the last layer is
first. The forward pass of that layer waits for it, in the next step or `delay` steps later. A site sends one exchange
after the other, in the order in which they were queued.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from pydantic import Field

from ...engine.ops import Collective, Op, Start, Worker
from ...topology.model import Route
from ...units.in_words import human_bytes
from ...units.quantities import Size
from .behind_compute import Departure, Leaving, Part, events, steps_between
from .schedule import Schedule
from .setting import Setting
from .strategy import AbstractStrategy


@dataclass(frozen=True)
class Sending:
    """Parts whose exchange begins in an inner step.

    Attributes:
      step: the inner step, from 0.
      name: the kind of exchange: `outer` or `gradients`.
      members: the workers that exchange.
      parts: each part with the number of its exchange, from 0.
    """

    step: int
    name: str
    members: tuple[Worker, ...]
    parts: tuple[tuple[int, Part], ...]


class OverlappingStrategy(AbstractStrategy, ABC):
    """A strategy whose exchange across datacenters may run behind compute."""

    overlap: Literal["none", "layers"] = "none"
    """`none`: an exchange of all parameters begins after a step; `layers`: one layer at a time in its backward pass."""
    bucket_bytes: Size | None = Field(default=None, alias="bucket", examples=["25 MB"])
    """With `layers`: layers are exchanged together in buckets of this size; default: each layer by itself [byte]."""

    @property
    def by_layer(self) -> bool:
        """Whether it needs the number of layers."""
        return self.overlap == "layers"

    def overlap_parameters(self) -> dict[str, str]:
        """The overlap of exchanges, for `parameters`."""
        if not self.by_layer:
            return {}
        what = "layer" if self.bucket_bytes is None else human_bytes(self.bucket_bytes).replace(" ", "")
        return {f"by {what}": ""}

    def parts(self, setting: Setting, layers: Sequence[int], payload_bytes: float, first: int = 0) -> list[Part]:
        """Some layers as parts, in the order of the backward pass.

        Args:
          setting: its setting, with the size of each layer.
          layers: the layers.
          payload_bytes: of an exchange of all parameters [byte].
          first: number of the first part.
        """
        if self.overlap == "none":
            return [Part(first, sum(setting.load.layers[layer] for layer in layers))]
        found: list[Part] = []
        share = 0.0
        for layer in sorted(layers, reverse=True):
            share += setting.load.layers[layer]
            if share * payload_bytes >= (self.bucket_bytes or 0.0) or layer == min(layers):
                found.append(Part(first + len(found), share, layer))
                share = 0.0
        return found

    def whole(self, setting: Setting, payload_bytes: float) -> list[Part]:
        """All parameters as parts."""
        if self.overlap == "none":
            return [Part(0, 1.0)]
        return self.parts(setting, range(len(setting.load.layers)), payload_bytes)

    def parts_across(self, setting: Setting, payload_bytes: float) -> int:
        """Number of parts of an exchange of all parameters across datacenters."""
        return len(self.whole(setting, payload_bytes))

    def exposed_s(
        self, setting: Setting, step_s: float, payload_bytes: float, exchange_s: float, route: Route
    ) -> float:
        """Exposed time of an exchange of all parameters for which the next step waits [s].

        The parts are sent one after the other. A part begins when it is ready and the part before it has been sent.

        Args:
          setting: its setting.
          step_s: compute time of the step [s].
          payload_bytes: of an exchange of all parameters [byte].
          exchange_s: time of an exchange of all parameters at once, with latency and overhead [s].
          route: its route; each part pays the overhead.
        """
        if self.overlap == "none" or not exchange_s:
            return exchange_s
        load = setting.load
        end_s, backward_s = 0.0, step_s * (1 - load.forward_share)
        bytes_s = exchange_s - route.latency_s - route.overhead_s
        for part in self.whole(setting, payload_bytes):
            ready_s = backward_s * (1 - sum(load.layers[: part.layer]))
            end_s = max(end_s, ready_s) + route.overhead_s + bytes_s * part.share
        return end_s - backward_s + route.latency_s

    def inside_exposed_s(self, worker: int, setting: Setting) -> float:
        """Exposed time of the exchange of gradients inside a datacenter in a mean step [s]."""
        if not self.by_layer:
            return setting.inside_exposed_s(worker)
        step_s, size_bytes = setting.load.mean_step_s[worker], setting.load.gradient_bytes
        return self.exposed_s(setting, step_s, size_bytes, setting.inside_s(worker), setting.inside[worker])

    def across_exposed_s(self, setting: Setting, payload_bytes: float) -> float:
        """Exposed time of an exchange across datacenters in the mean step of the slowest worker [s]."""
        if not self.by_layer or (setting.workers == 1 and setting.load.inside_included):
            return setting.spanning_exposed_s(payload_bytes)
        step_s = max(setting.load.mean_step_s)
        return self.exposed_s(setting, step_s, payload_bytes, setting.across_s(payload_bytes), setting.across)

    def gradients_by_layer(
        self, worker: Worker, setting: Setting, schedule: Schedule, span: tuple[int, int]
    ) -> Iterator[Op]:
        """Steps of a replica that spans all datacenters, with each exchange of gradients behind the backward pass.

        Args:
          worker: the worker.
          setting: its setting.
          schedule: of the run.
          span: the first step, and the one after the last.
        """
        parts = self.whole(setting, self.gradient_bytes_across(setting))
        each = (
            Sending(step, "gradients", setting.everyone, tuple((step, part) for part in parts)) for step in range(*span)
        )
        return self.overlapped(worker, setting, schedule, each, span)

    def overlapped(
        self,
        worker: Worker,
        setting: Setting,
        schedule: Schedule,
        sendings: Iterable[Sending],
        span: tuple[int, int],
        delay: int = 0,
    ) -> Iterator[Op]:
        """Inner steps with exchanges across datacenters behind them.

        Args:
          worker: the worker.
          setting: its setting.
          schedule: of the run.
          sendings: the exchanges that begin in a step, in order; at most one sending in a step. They are the same for
            all workers.
          span: the first step, and the one after the last; the worker waits for all exchanges at the end.
          delay: steps that still begin without the result (the tau of Streaming DiLoCo).
        """
        below = [0.0, *accumulate(setting.load.layers)] if self.by_layer else None
        departures = (self._departure(setting, sending) for sending in sendings)
        # a replica in a single datacenter also exchanges gradients inside it
        behind_s = None if self.spans else setting.inside_s(worker) - self.inside_exposed_s(worker, setting)
        found = schedule.shared(worker, span, lambda: events(departures, span[1], delay, below))
        return steps_between(found, worker, setting, span, behind_s)

    def _departure(self, setting: Setting, sending: Sending) -> Departure:
        """A sending as ops. Payloads are packed first; in a strategy with outer steps only those of outer steps are."""
        outer = sending.name == "outer"
        payload_bytes = self.outer_bytes(setting) if outer else self.gradient_bytes_across(setting)
        unpaid = outer or not setting.load.inside_included  # measured steps never contain outer exchanges
        packed = self.packing_s(setting) > 0 and (outer or not self.has_outer_steps)
        leaving = []
        for index, part in sending.parts:
            size_bytes = payload_bytes * part.share
            one = Collective(sending.name, index, sending.members, size_bytes, part=part.number, parts_inside=unpaid)
            begin = tuple(self.start(setting, one, part.share)) if packed else (Start(one),)
            leaving.append(Leaving(part, one, begin))
        return Departure(sending.step, tuple(leaving))
