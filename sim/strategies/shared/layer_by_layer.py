"""Exchanges behind compute: a step layer by layer, and exchanges that are waited for later than they begin.

A step is a forward pass through the layers (a third of it unless said) and a backward pass through them in reverse. In
`overlap: layers` the exchange of a layer is queued when its backward pass is done, so the last layer goes first, and
the forward pass of that layer waits for it: in the next step, or `delay` steps later. A site sends one exchange after
the other, in the order in which they were queued.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from pydantic import Field

from ...engine.ops import Collective, Compute, Op, Start, Wait
from ...topology.model import Route
from ...units.in_words import human_bytes
from ...units.quantities import Size
from .setting import Setting
from .steps import inner_steps, inside
from .strategy import AbstractStrategy


@dataclass(frozen=True)
class Part:
    """Parameters that are exchanged together.

    Attributes:
      number: its place among all parts.
      share: its share of all parameters.
      layer: the lowest layer in it: it can begin after that one's backward pass, and is needed by its forward pass.
    """

    number: int
    share: float
    layer: int = 0


@dataclass(frozen=True)
class Sending:
    """Parts whose exchange begins in an inner step (from 0), each the `index`th time."""

    step: int
    name: str
    parts: tuple[tuple[int, Part], ...]


class OverlappingStrategy(AbstractStrategy, ABC):
    """A strategy whose exchange across datacenters may run behind compute."""

    overlap: Literal["none", "layers"] = "none"
    """`none`: an exchange begins when a step is over, as a whole; `layers`: layer by layer in its backward pass."""
    bucket_bytes: Size | None = Field(default=None, alias="bucket", examples=["25 MB"])
    """With `layers`: layers are exchanged together until they make up this much; each alone unless given [byte]."""

    @property
    def by_layer(self) -> bool:
        """Whether it needs to know how many layers there are."""
        return self.overlap == "layers"

    def overlap_parameters(self) -> dict[str, str]:
        """How exchanges overlap, for `parameters`."""
        if not self.by_layer:
            return {}
        what = "layer" if self.bucket_bytes is None else human_bytes(self.bucket_bytes).replace(" ", "")
        return {f"by {what}": ""}

    def parts(self, setting: Setting, layers: Sequence[int], payload_bytes: float, first: int = 0) -> list[Part]:
        """Some layers as parts, in the order of the backward pass.

        Args:
          setting: what it runs in; says how large each layer is.
          layers: which layers.
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
        """How many parts an exchange of all parameters across datacenters goes in."""
        return len(self.whole(setting, payload_bytes))

    def exposed_s(
        self, setting: Setting, step_s: float, payload_bytes: float, exchange_s: float, route: Route
    ) -> float:
        """What an exchange of all parameters adds to a step whose next step waits for it [s].

        The last part is there after the largest, over the parts, of: when it is ready, and from it on all one after
        the other.

        Args:
          setting: what it runs in.
          step_s: compute of the step [s].
          payload_bytes: of an exchange of all parameters [byte].
          exchange_s: of all parameters at once, latency and overhead included [s].
          route: the way that it takes; each part pays the overhead.
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
        """What a gradient exchange inside a datacenter adds to a mean step [s]."""
        if not self.by_layer:
            return setting.inside_exposed_s(worker)
        step_s, size_bytes = setting.load.mean_step_s[worker], setting.load.gradient_bytes
        return self.exposed_s(setting, step_s, size_bytes, setting.inside_s(worker), setting.inside[worker])

    def across_exposed_s(self, setting: Setting, payload_bytes: float) -> float:
        """What an exchange across datacenters adds to the slowest worker's mean step [s]."""
        if not self.by_layer or (setting.workers == 1 and setting.load.inside_included):
            return setting.spanning_exposed_s(payload_bytes)
        step_s = max(setting.load.mean_step_s)
        return self.exposed_s(setting, step_s, payload_bytes, setting.across_s(payload_bytes), setting.across)

    def gradients_by_layer(
        self, worker: int, setting: Setting, span: tuple[int, int], payload_bytes: float, *, packed: bool
    ) -> Iterator[Op]:
        """Steps of a replica that spans all datacenters, each exchange of gradients behind the backward pass.

        Args:
          worker: whose steps.
          setting: what it runs in.
          span: the first step, and the one after the last.
          payload_bytes: of all gradients [byte].
          packed: whether they are compressed first.
        """
        parts = self.whole(setting, payload_bytes)
        each = (Sending(step, "gradients", tuple((step, part) for part in parts)) for step in range(*span))
        return self.overlapped(worker, setting, each, span, payload_bytes, alone=False, packed=packed)

    def overlapped(
        self,
        worker: int,
        setting: Setting,
        sendings: Iterable[Sending],
        span: tuple[int, int],
        payload_bytes: float,
        *,
        delay: int = 0,
        alone: bool = True,
        packed: bool = True,
    ) -> Iterator[Op]:
        """Inner steps with exchanges across datacenters behind them.

        Args:
          worker: whose steps.
          setting: what it runs in.
          sendings: what begins in which step, in order; at most one in a step.
          span: the first step, and the one after the last; all is waited for in the end.
          payload_bytes: of an exchange of all parameters [byte].
          delay: steps that still begin without the result (the tau of Streaming DiLoCo); a part that begins again
            earlier is waited for just before.
          alone: whether each worker is a replica, which exchanges gradients inside its datacenter besides.
          packed: whether what is sent is compressed first.
        """
        behind_s = setting.inside_s(worker) - self.inside_exposed_s(worker, setting) if alone else None
        everyone = setting.everyone
        unpaid = alone or not setting.load.inside_included  # gradients; outer exchanges are never in measured steps
        walk = _Walk(worker, setting, span[0], behind_s, by_layer=self.by_layer)
        for sending in sendings:
            begun = [
                (
                    part,
                    Collective(
                        sending.name, index, everyone, payload_bytes * part.share, part=part.number, parts_inside=unpaid
                    ),
                )
                for index, part in sending.parts
            ]
            begins = {
                part.number: (part.layer, tuple(self.start(setting, one, part.share)) if packed else (Start(one),))
                for part, one in begun
            }
            if self.by_layer:
                yield from walk.until(sending.step)
                yield from walk.step_by_layer(begins)
            else:
                yield from walk.until(sending.step + 1)
                for number, (_, ops) in begins.items():
                    yield from (*walk.again(number), *ops)
            # what was queued later arrives later, so the forward pass waits for all of it at its lowest layer
            layer = min(part.layer for part, _ in begun)
            for part, one in begun:
                walk.flight[part.number] = _Flying(sending.step + 1 + delay, layer, Wait(one))
        yield from walk.until(span[1])
        yield from walk.arrivals(span[1] + delay)


@dataclass(frozen=True)
class _Flying:
    """A part under way: the step that waits for it, and before which of its layers."""

    step: int
    layer: int
    wait: Wait


class _Walk:
    """A worker on its way through its steps, with exchanges under way."""

    def __init__(self, worker: int, setting: Setting, first: int, behind_s: float | None, *, by_layer: bool) -> None:
        self._worker, self._setting, self._behind_s, self._by_layer = worker, setting, behind_s, by_layer
        self._at = first
        self._below = [0.0, *accumulate(setting.load.layers)]
        """Share of the parameters below each layer."""
        self.flight: dict[int, _Flying] = {}

    def until(self, step: int) -> Iterator[Op]:
        """The steps before one, waiting for what each of them needs."""
        while self._at < step:
            needed = min((flying.step for flying in self.flight.values()), default=step)
            if needed > self._at:
                yield from self._plain(min(needed, step) - self._at)
            elif self._by_layer:
                yield from self.step_by_layer({})
            else:
                yield from self.arrivals(self._at)

    def arrivals(self, step: int) -> Iterator[Op]:
        """Waits for all that is needed by a step."""
        yield from (flying.wait for flying in self._needed(step))

    def again(self, number: int) -> tuple[Op, ...]:
        """Waits for a part that begins again, should it still be under way."""
        flying = self.flight.pop(number, None)
        return (flying.wait,) if flying else ()

    def step_by_layer(self, begins: Mapping[int, tuple[int, tuple[Op, ...]]]) -> Iterator[Op]:
        """One step in pieces: waits before layers of its forward pass, beginnings behind layers of its backward pass.

        Args:
          begins: for each part that begins in this step, its layer and how.
        """
        load, worker, step = self._setting.load, self._worker, self._at
        waits: dict[int, list[Wait]] = {}
        for flying in self._needed(step):
            waits.setdefault(flying.layer, []).append(flying.wait)
        after = {layer: (*self.again(number), *ops) for number, (layer, ops) in begins.items()}
        forward_s = load.compute_s(worker, step, 1) * load.forward_share
        backward_s = load.compute_s(worker, step, 1) - forward_s
        done = 0.0
        for layer in sorted(waits):
            if layer:
                yield Compute(forward_s * (self._below[layer] - done), steps=0)
            yield from waits[layer]
            done = self._below[layer]
        piece_s, done = forward_s * (1 - done), 1.0
        for layer in sorted({0, *after}, reverse=True):
            yield Compute(piece_s + backward_s * (done - self._below[layer]), steps=int(layer == 0))
            yield from after.get(layer, ())
            piece_s, done = 0.0, self._below[layer]
        self._at += 1
        if self._behind_s is not None:
            yield from inside(worker, self._setting, step, 1, self._behind_s)

    def _needed(self, step: int) -> list[_Flying]:
        """What is needed by a step; it is under way no longer."""
        numbers = [number for number, flying in self.flight.items() if flying.step <= step]
        return [self.flight.pop(number) for number in numbers]

    def _plain(self, count: int) -> Iterator[Op]:
        first, self._at = self._at, self._at + count
        if self._behind_s is None:
            yield Compute(self._setting.load.compute_s(self._worker, first, count), count)
        else:
            yield from inner_steps(
                self._worker, self._setting, first, count, self._behind_s, one_by_one=bool(self.flight)
            )
