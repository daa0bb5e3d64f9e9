"""Links as flows see them: a capacity over time, and what was carried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Profile(Protocol):
    """Capacity of a link over time."""

    def capacity_at(self, t_s: float) -> float:
        """Capacity from t_s on [bit/s]."""
        ...

    def next_change_s(self, t_s: float) -> float | None:
        """The first time after t_s at which the capacity changes; None if it never does [s]."""
        ...


@dataclass(frozen=True)
class Wire:
    """One direction of a link (or both, where they share its capacity), as flows see it."""

    name: str
    profile: Profile


@dataclass(slots=True)
class WireUse:
    """What a wire carried.

    Attributes:
      bits: carried so far [bit].
      busy_s: time with anything on it [s].
      full_s: time that it was full: flows on it waited for each other [s].
      peak: highest share of the capacity of the moment that was used.
    """

    bits: float = 0.0
    busy_s: float = 0.0
    full_s: float = 0.0
    peak: float = 0.0
