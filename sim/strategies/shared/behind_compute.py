"""Exchanges behind compute, as events: an exchange begins or is waited for at a moment of an inner step.

`events` lists the events in the order of time, and `steps_between` makes the ops of a worker from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...engine.ops import Collective, Compute, Op, Wait, Worker
from .setting import Setting
from .steps import inner_steps, inside


class Moment(NamedTuple):
    """A time in an inner step, which is a forward pass through the layers and a backward pass in reverse.

    Attributes:
      forward: share of the forward pass that is over.
      to_come: share of the parameters whose backward pass is still to come.
    """

    forward: float
    to_come: float


BEGIN, END = Moment(0.0, 1.0), Moment(1.0, 0.0)


class Event(NamedTuple):
    """The ops of a worker at some moment, beside its compute.

    Attributes:
      step: the inner step, from 0.
      moment: the moment in it; None: before it, after all of the step before.
      ops: begin an exchange (and pack for it), or wait for one.
      more: change of the number of exchanges under way.
    """

    step: int
    moment: Moment | None
    ops: tuple[Op, ...]
    more: int


@dataclass(frozen=True)
class Part:
    """Parameters that are exchanged together.

    Attributes:
      number: its position among all parts.
      share: its share of all parameters.
      layer: its lowest layer: its exchange begins after the backward pass of that layer, whose forward pass needs it.
    """

    number: int
    share: float
    layer: int = 0


class Leaving(NamedTuple):
    """A part, its exchange, and the ops with which a worker begins the exchange."""

    part: Part
    collective: Collective
    begin: tuple[Op, ...]


class Departure(NamedTuple):
    """Parts whose exchange begins in an inner step."""

    step: int
    leaving: tuple[Leaving, ...]


class _Flight(NamedTuple):
    """A part whose exchange is under way: the step and moment at which a worker waits for it."""

    step: int
    moment: Moment | None
    wait: Wait


def events(departures: Iterable[Departure], end: int, delay: int, below: Sequence[float] | None) -> Iterator[Event]:
    """All begins of exchanges and waits for them behind some inner steps, in the order of time.

    If a part begins again while it is under way, the worker waits for it just before. At the end it waits for all.

    Args:
      departures: the parts that begin in a step, in order; at most one departure in a step.
      end: the step after the last.
      delay: steps that still begin without a result (the tau of Streaming DiLoCo).
      below: share of the parameters below each layer, if an exchange begins in the backward pass of its layers and is
        needed by their forward pass; None: an exchange begins between two steps, and is needed there.
    """
    flights: dict[int, _Flight] = {}
    for departure in departures:
        yield from _arrivals(flights, departure.step)
        yield from _beginnings(departure, flights, below)
        # exchanges arrive in the order in which they were queued, so the forward pass waits for all at the lowest layer
        layer = min(each.part.layer for each in departure.leaving)
        needed = None if below is None else Moment(below[layer], BEGIN.to_come)
        for part, collective, _ in departure.leaving:
            flights[part.number] = _Flight(departure.step + 1 + delay, needed, Wait(collective))
    yield from _arrivals(flights, end - 1)
    yield from (Event(end, None, (flight.wait,), -1) for flight in flights.values())


def _arrivals(flights: dict[int, _Flight], last: int) -> Iterator[Event]:
    """The waits up to a step; their parts are removed from the flights."""
    due = [number for number, flight in flights.items() if flight.step <= last]
    together: dict[tuple[int, Moment | None], list[Wait]] = {}
    for number in due:
        step, moment, wait = flights.pop(number)
        together.setdefault((step, moment), []).append(wait)
    for step, moment in sorted(together, key=lambda when: (when[0], when[1] or BEGIN)):
        waits = together[step, moment]
        yield Event(step, moment, tuple(waits), -len(waits))


def _beginnings(departure: Departure, flights: dict[int, _Flight], below: Sequence[float] | None) -> list[Event]:
    """The exchanges that begin in a step; the backward pass ends first for the last layer."""
    found = []
    for part, _, begin in departure.leaving:
        flight = flights.pop(part.number, None)
        ops, more = ((flight.wait, *begin), 0) if flight else (begin, 1)
        if below is None:
            found.append(Event(departure.step + 1, None, ops, more))
        else:
            found.append(Event(departure.step, Moment(END.forward, below[part.layer]), ops, more))
    return found if below is None else sorted(found, key=lambda each: -(each.moment or END).to_come)


def steps_between(
    found: Iterable[Event], worker: Worker, setting: Setting, span: tuple[int, int], behind_s: float | None
) -> Iterator[Op]:
    """The inner steps of a worker with some events between and within them.

    Args:
      found: the events, in the order of time.
      worker: the worker.
      setting: its setting.
      span: the first step, and the one after the last.
      behind_s: the part of the exchange of gradients inside its datacenter that each step hides; None: it has no such
        exchange [s].
    """
    steps = _Steps(worker, setting, span[0], behind_s)
    for event in found:
        if event.step > steps.step:
            yield from steps.until(event.step)
        if event.moment is not None and (piece := steps.reach(event.moment)):
            yield piece
        yield from event.ops
        steps.under_way += event.more
    yield from steps.until(span[1])


class _Steps:
    """The progress of a worker through its steps: steps with events in pieces, all others as a whole."""

    def __init__(self, worker: Worker, setting: Setting, first: int, behind_s: float | None) -> None:
        self._worker, self._setting, self._behind_s = worker, setting, behind_s
        self.step = first
        self._at: Moment | None = None
        """The moment reached in the step; None: it has not begun."""
        self._forward_s = self._backward_s = 0.0
        self.under_way = 0

    def until(self, step: int) -> Iterator[Op]:
        """The rest of a step that has begun, and whole steps up to another."""
        if self._at is not None and self.step < step:
            if piece := self.reach(END):
                yield piece
            if self._behind_s is not None:
                yield from inside(self._worker, self._setting, self.step, 1, self._behind_s)
            self.step, self._at = self.step + 1, None
        first, count = self.step, step - self.step
        self.step = step
        if not count:
            return
        if self._behind_s is None:
            yield Compute(self._setting.load.compute_s(self._worker, first, count), count)
        else:
            one_by_one = self.under_way > 0
            yield from inner_steps(self._worker, self._setting, first, count, self._behind_s, one_by_one=one_by_one)

    def reach(self, moment: Moment) -> Compute | None:
        """The compute of the step up to a moment; None if that moment is reached already."""
        if self._at is None:
            load = self._setting.load
            whole_s = load.compute_s(self._worker, self.step, 1)
            self._forward_s = whole_s * load.forward_share
            self._backward_s = whole_s - self._forward_s
        at, self._at = self._at or BEGIN, moment
        if moment == at:
            return None
        piece_s = self._forward_s * (moment.forward - at.forward) + self._backward_s * (at.to_come - moment.to_come)
        return Compute(piece_s, steps=int(moment == END))
