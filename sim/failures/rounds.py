"""Replicas that exchange now and then: how fast they are, what they do about failures, and where each stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Paces(Protocol):
    """How fast replicas are, each in a site of its own."""

    step_tokens: Sequence[float]
    """Tokens of an inner step of each site [tokens]."""
    weights: Sequence[float]
    """The share of all chips that each site has."""
    full_rate: float
    """Tokens a second of all of them without failures [token/s]."""

    def step_s(self, site: int, computing: frozenset[int]) -> float:
        """Of an inner step of a site while so many compute [s]."""

    def exchange_s(self, members: frozenset[int]) -> float:
        """Of an exchange of some sites [s]."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How replicas go on, and what they do about failures.

    Attributes:
      steps: inner steps between two exchanges of a replica.
      meets: whether they wait for each other; else each goes at its own pace, and nothing is waited for.
      quorum: replicas without which no exchange begins.
      grace_s: how long so many wait for the others; infinite: for all that are not known to be away [s].
      at_once: whether one that is back begins its inner steps at once, rather than with the next round of the others.
      shrinks: whether a replica goes on with the chips that are left, rather than waiting for all of them.
      detect_s: until the others know that one is away, and until itself begins to restart [s].
      restart_s: from then until it trains again, with the parameters of the others [s].
      reconfigure_s: until a replica goes on with fewer chips, or with more again [s].
      quick: whether those who took part in the last exchange begin the next as soon as all of them have come.
      majority: whether more than half of those that are seen must have come.
      hang_s: how long an exchange hangs, and then fails, in which somebody is counted on who is away without being
        missed yet; 0: it is left out at once [s].
      pause_s: after every exchange, before the next inner step [s].
      loads_steps: before its first inner step after a restart a replica loads and compiles what it needs, once it can
        be reached, as long as so many inner steps would take; the others wait for it from then on.
      checks_every, checks_steps: after so many of its own rounds a replica evaluates its model, as long as so many
        inner steps would take; 0: never.
    """

    steps: float
    meets: bool
    quorum: int
    grace_s: float
    at_once: bool
    shrinks: bool
    detect_s: float
    restart_s: float
    reconfigure_s: float
    quick: bool = False
    majority: bool = False
    hang_s: float = 0.0
    pause_s: float = 0.0
    loads_steps: float = 0.0
    checks_every: int = 0
    checks_steps: float = 0.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange that is over.

    Attributes:
      begin_s, end_s: since the begin of the run [s].
      members: the replicas whose steps count from now on, or are lost if it failed.
      fails: whether it hung until its time-out, because of somebody who was away.
    """

    begin_s: float
    end_s: float
    members: frozenset[int]
    fails: bool = False


@dataclass(slots=True)
class Seat:
    """Where a replica stands.

    It may `compute`, have `arrived`, `exchange`, `pause` after that, `wait` for hardware, `start`, or `join`.
    """

    doing: str = "compute"
    until_s: float = math.inf
    done: float = 0.0
    """Inner steps since its last exchange; below 0 while it loads or evaluates."""
    rounds: int = 0
    """Since it started."""
    arrived_s: float = 0.0
    missed_s: float = math.inf
    """When the others know that it is away; infinite while they wait for it."""
    counted_s: float = 0.0
    """Until when it is counted on although it is away, as it had arrived before."""
    then: str = "join"
    """What it does after a start."""
    frozen: str = ""
    """What it did when it was frozen."""
    share: float = 1.0
    step_s: float = 1.0
