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


@dataclass(slots=True)
class Seat:
    """Where a replica stands: it may `compute`, have `arrived`, `exchange`, `wait` for hardware, `start`, or `join`."""

    doing: str = "compute"
    until_s: float = math.inf
    done: float = 0.0
    """Inner steps since its last exchange."""
    arrived_s: float = 0.0
    missed_s: float = math.inf
    """When the others know that it is away; infinite while they wait for it."""
    then: str = "join"
    """What it does after a start."""
    frozen: str = ""
    """What it did when it was frozen."""
    share: float = 1.0
    step_s: float = 1.0
