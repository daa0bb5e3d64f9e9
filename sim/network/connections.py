"""Messages on connections: those of one connection leave one after the other, and follow each other on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import simpy

from ..engine.ops import Collective
from ..engine.ports import Served
from .fluid.instant import EndOfInstant
from .phase import Send


class Connections:
    """The connections of a replay, one for each name of messages and pair of workers.

    Args:
      env: the clock.
      overhead_s: of each message, before its first byte [s].
      links: those of a message, on which it takes turns with others if it goes in turn.
    """

    def __init__(
        self, env: simpy.Environment, overhead_s: float, links: Callable[[Collective], Sequence[Hashable]]
    ) -> None:
        self._env, self._overhead_s, self._links = env, overhead_s, links
        self._last: dict[Hashable, simpy.Event] = {}
        """When the last bit of the last message has left, on a connection or, of those in turn, on a link."""
        self._asking: list[tuple[Collective, Send, simpy.Event]] = []
        """Messages that were handed over at this instant and go in turn, with what fires when they have arrived."""

    def message(self, collective: Collective, send: Send) -> simpy.Event:
        """Sends a message when those before it have left; the event fires when it has arrived."""
        if not collective.in_turn:
            return self._env.process(self._sent(collective, send))
        if not self._asking:
            EndOfInstant(self._env, self._in_turn)
        self._asking.append((collective, send, self._env.event()))
        return self._asking[-1][2]

    def _in_turn(self, _: simpy.Event) -> None:
        """Gives the messages of this instant their turns."""
        asking, self._asking = self._asking, []
        for collective, send, arrived in sorted(asking, key=lambda each: (*each[0].touches, each[0].name)):
            self._env.process(self._told(self._sent(collective, send), arrived))

    @staticmethod
    def _told(sent: simpy.events.ProcessGenerator, arrived: simpy.Event) -> simpy.events.ProcessGenerator:
        arrived.succeed((yield from sent))

    def _sent(self, collective: Collective, send: Send) -> simpy.events.ProcessGenerator:
        source, target = collective.touches
        own, takes = self._env.event(), list[Hashable]([(collective.name, source, target)])
        takes += self._links(collective) if collective.in_turn else []
        before = [self._last[each] for each in takes if each in self._last]
        self._last.update(dict.fromkeys(takes, own))
        for each in before:
            if not each.processed:
                yield each
        began_s = float(self._env.now)
        if self._overhead_s:
            yield self._env.timeout(self._overhead_s)
        left, delay_s = send(source, target, collective.payload_bytes, 1)
        yield left
        own.succeed()
        if delay_s:
            yield self._env.timeout(delay_s)
        return Served(began_s, 0.0, 0.0)
