"""What the time of all chips went into, in one history of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(slots=True)
class Spent:
    """Time by what it went into, each a mean over all chips; together they are the wall-clock.

    Attributes:
      training_s: that would have been needed for the same tokens without any failure [s].
      redone_s: training that was lost and had to be done again [s].
      down_s: standing still because something is broken, missing chips of a run that goes on included [s].
      restarting_s: noticing a failure, starting again, and getting the state back [s].
      saving_s: writing checkpoints [s].
      waiting_s: the rest: for replicas that are late, for the next round, and for slow chips. It is below 0 where those
        who are left train faster than all together do [s].
      tokens: that count in the end [tokens].
      wall_clock_s: from begin to end [s].
      faults: failures that stopped something.
      copies: how often a replica that came back got the parameters from another one.
    """

    training_s: float = 0.0
    redone_s: float = 0.0
    down_s: float = 0.0
    restarting_s: float = 0.0
    saving_s: float = 0.0
    waiting_s: float = 0.0
    tokens: float = 0.0
    wall_clock_s: float = 0.0
    faults: int = 0
    copies: int = 0

    def settle(self, wall_clock_s: float, full_rate: float) -> None:
        """Ends the run: training is what its tokens need at full rate [token/s], and waiting all that is left."""
        self.wall_clock_s, self.training_s = wall_clock_s, self.tokens / full_rate
        others_s = self.training_s + self.redone_s + self.down_s + self.restarting_s + self.saving_s
        self.waiting_s = wall_clock_s - others_s

    @property
    def goodput(self) -> float:
        """The tokens that count over those that the same chips train on in the same time without failures [-]."""
        return self.training_s / self.wall_clock_s


def is_now(left_s: float, now_s: float) -> bool:
    """Whether what is to happen in so long happens now, as the clock cannot tell the two moments apart."""
    return left_s <= 8 * math.ulp(now_s)


PARTS = tuple(each.name for each in fields(Spent) if each.name.endswith("_s") and each.name != "wall_clock_s")
"""The parts of the wall-clock."""
