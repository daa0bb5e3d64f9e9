"""Formulas of runs that fail: the best time between checkpoints, the wall-clock with restarts, availability.

| symbol | meaning | unit |
|---|---|---|
| M | mean time between failures of the whole job | s |
| d | time that writing a checkpoint takes | s |
| R | time that a restart takes | s |
| t | training between two checkpoints | s |
"""

from __future__ import annotations

import math


def young_interval_s(mtbf_s: float, write_s: float) -> float:
    """Training between two checkpoints that loses least, to first order: sqrt(2 d M) [s].

    Source: Young, Comm. ACM 17 (1974).
    Limits: failures much rarer than checkpoints.
    """
    return math.sqrt(2 * write_s * mtbf_s)


def daly_interval_s(mtbf_s: float, write_s: float) -> float:
    """The same to higher order: sqrt(2 d M) (1 + sqrt(d/2M)/3 + d/18M) - d; M where d is 2 M or more [s].

    Source: Daly, Future Generation Computer Systems 22 (2006), equation 37.
    """
    if write_s >= 2 * mtbf_s:
        return mtbf_s
    ratio = write_s / (2 * mtbf_s)
    return young_interval_s(mtbf_s, write_s) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - write_s


def daly_wall_clock_s(train_s: float, interval_s: float, mtbf_s: float, write_s: float, restart_s: float) -> float:
    """Mean wall-clock of a run that starts again from its last checkpoint: M e^(R/M) (e^((t + d)/M) - 1) T/t [s].

    Failures come at random at all times, also while a checkpoint is written and while the run restarts.

    Args:
      train_s: T, training without failures [s].
      interval_s: t [s].
      mtbf_s: M [s].
      write_s: d [s].
      restart_s: R [s].

    Source: Daly, Future Generation Computer Systems 22 (2006), equation 20.
    """
    each_s = mtbf_s * math.exp(restart_s / mtbf_s) * math.expm1((interval_s + write_s) / mtbf_s)
    return each_s * train_s / interval_s


def availability(mtbf_s: float, repair_s: float) -> float:
    """Share of the time in which a part works that fails and is repaired: M / (M + repair) [-]."""
    return mtbf_s / (mtbf_s + repair_s)
