"""The end of an instant of simulated time: after all other events of that instant."""

from __future__ import annotations

from collections.abc import Callable

import simpy
from simpy.events import NORMAL, EventPriority


class EndOfInstant(simpy.Event):
    """An event at the current time, after all other events of that time and those that they cause.

    Args:
      env: the clock.
      action: called then.
    """

    def __init__(self, env: simpy.Environment, action: Callable[[simpy.Event], None]) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        self.callbacks = [action]
        env.schedule(self, EventPriority(NORMAL + 1))
