"""The end of an instant of simulated time: after all else that happens at it."""

from __future__ import annotations

from collections.abc import Callable

import simpy
from simpy.events import NORMAL, EventPriority


class EndOfInstant(simpy.Event):
    """Happens now, after every other event of now, also after those that others of now bring about.

    Args:
      env: the clock.
      action: what to do then.
    """

    def __init__(self, env: simpy.Environment, action: Callable[[simpy.Event], None]) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        self.callbacks = [action]
        env.schedule(self, EventPriority(NORMAL + 1))
