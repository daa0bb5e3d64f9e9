"""Messages on connections: those of one connection leave one after the other, and follow each other on the way."""

from __future__ import annotations

from collections.abc import Hashable

import simpy

from ..engine.ops import Collective
from ..engine.ports import Served
from .phase import Send


class Connections:
    """The connections of a replay, one for each name of messages and pair of workers.

    Args:
      env: the clock.
      overhead_s: of each message, before its first byte [s].
    """

    def __init__(self, env: simpy.Environment, overhead_s: float) -> None:
        self._env, self._overhead_s = env, overhead_s
        self._last: dict[Hashable, simpy.Event] = {}
        """When the last bit of the last message has left."""

    def message(self, collective: Collective, send: Send) -> simpy.Event:
        """Sends a message when the one before it has left; the event fires when it has arrived."""
        return self._env.process(self._sent(collective, send))

    def _sent(self, collective: Collective, send: Send) -> simpy.events.ProcessGenerator:
        source, target = collective.touches
        connection, own = (collective.name, source, target), self._env.event()
        before, self._last[connection] = self._last.get(connection), own
        if before is not None and not before.processed:
            yield before
        began_s = float(self._env.now)
        if self._overhead_s:
            yield self._env.timeout(self._overhead_s)
        left, delay_s = send(source, target, collective.payload_bytes, 1)
        yield left
        own.succeed()
        if delay_s:
            yield self._env.timeout(delay_s)
        return Served(began_s, 0.0, 0.0)
