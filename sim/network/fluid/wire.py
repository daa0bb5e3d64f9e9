"""Wires: the capacity over time that flows use, and the use of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...engine.calendar import Calendar
from ...topology.capacity import CapacityOverTime
from .leaping_capacity import LeapingCapacity


@dataclass(frozen=True)
class Wire:
    """One direction of a link, or both directions if they share its capacity.

    Attributes:
      name: for people.
      profile: its capacity for payload over time.
      burst_bits: size of its token bucket, in payload; 0: no bucket [bit].
    """

    name: str
    profile: CapacityOverTime | LeapingCapacity
    burst_bits: float = 0.0

    def leaping(self, calendar: Calendar) -> Wire:
        """The same wire, which changes by a calendar."""
        base = self.profile.base if isinstance(self.profile, LeapingCapacity) else self.profile
        return self if base.constant else replace(self, profile=LeapingCapacity(base, calendar))


@dataclass(slots=True)
class WireUse:
    """The use of a wire.

    Attributes:
      bits: carried so far [bit].
      busy_s: time with any traffic [s].
      full_s: time in which it was full, so that flows on it slowed each other down [s].
      peak: largest share of its capacity at any moment that was used; 1 if a token bucket let more pass.
    """

    bits: float = 0.0
    busy_s: float = 0.0
    full_s: float = 0.0
    peak: float = 0.0
