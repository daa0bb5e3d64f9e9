"""What a replay shows to somebody who looks on: what every worker did, and which exchanges were under way.

Nobody looks on unless asked to: a replay without a `Watch` keeps sums alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import simpy

from ..errors import CrosshaulError
from .joins import Part
from .ops import Collective
from .traffic import UnderWay

MOST_KEPT = 1_000_000
"""A watch keeps as many things and no more: what it holds would otherwise fill the memory."""


class TooMuchToKeepError(CrosshaulError):
    """A watch has seen more than it can keep; watch fewer steps."""


class Stretch(NamedTuple):
    """One stretch of a worker's time.

    Attributes:
      worker: its number, from 0.
      what: `compute`, `pack` (a payload), `wait` (for slower members of a collective), or the collective's name.
      start_s, end_s: when [s].
      step: inner steps that the worker had finished when the stretch began.
      steps: inner steps that it finished in the stretch.
      collective: what it waited for.
      last: the member that it waited for, where it waited for slower ones.
      parts: where an exchange was at work while the worker stood still for it.
      label: which piece of a step it computed, where its program says so.
    """

    worker: int
    what: str
    start_s: float
    end_s: float
    step: int = 0
    steps: int = 0
    collective: Collective | None = None
    last: int | None = None
    parts: tuple[Part, ...] = ()
    label: str = ""


class Watch:
    """Keeps what a replay shows, until enough was seen of every worker.

    The stretch of time that is watched ends when every worker has made the inner steps that are enough and is about to
    begin another, or has come to its end, and all exchanges that are under way then are over. What happens after it is
    kept, too, until it is known of every worker what it did in the end of the stretch.

    Args:
      enough: for each worker, the inner steps after which enough was seen of it; nothing: the replay is watched to its
        end.

    Attributes:
      stretches: what workers did, in order of its end.
      exchanges: what was under way, in order of its beginning.
      end_s: when the stretch that is watched ended; None: it goes to the end of the replay [s].
    """

    def __init__(self, enough: Sequence[int] = ()) -> None:
        self.stretches: list[Stretch] = []
        self.exchanges: list[UnderWay] = []
        self.end_s: float | None = None
        self._enough = enough
        self._missing = set(range(len(enough)))
        """Workers of which not enough was seen."""
        self._busy = set(range(len(enough)))
        """Workers of which it is not known what they did in the end."""
        self._awaited: list[UnderWay] | None = None

    def begins_step(self, worker: int, steps: int) -> None:
        """A worker is about to compute, and has finished so many inner steps."""
        if worker in self._missing and steps >= self._enough[worker]:
            self._missing.remove(worker)

    def did(self, stretch: Stretch) -> None:
        """A worker did something, which is over now."""
        self.stretches.append(stretch)
        if self.end_s is not None and stretch.end_s >= self.end_s:
            self._busy.discard(stretch.worker)

    def ends(self, worker: int) -> None:
        """A worker has come to the end of its program."""
        self._missing.discard(worker)
        self._busy.discard(worker)

    def look_on(self, env: simpy.Environment) -> None:
        """Lets time pass until enough was seen.

        Raises:
          TooMuchToKeepError: there was more than a watch keeps.
        """
        while env.peek() < math.inf and not self._has_seen_enough(env):
            env.step()
            check_room(len(self.stretches) + len(self.exchanges))

    def _has_seen_enough(self, env: simpy.Environment) -> bool:
        if not self._enough or self._missing:
            return False
        if self._awaited is None:
            self._awaited = [each for each in self.exchanges if each.end_s is None]
        if self.end_s is None and all(each.end_s is not None for each in self._awaited):
            self.end_s = float(env.now)
        return self.end_s is not None and env.peek() > self.end_s and not self._busy


def check_room(kept: int) -> None:
    """Demands that so many things fit that are kept.

    Raises:
      TooMuchToKeepError: they are more than a watch keeps.
    """
    if kept > MOST_KEPT:
        raise TooMuchToKeepError(f"more than {MOST_KEPT:,} things happen in what is watched")
