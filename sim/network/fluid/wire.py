"""Links as flows see them: a capacity over time, and what was carried."""

from __future__ import annotations

from dataclasses import dataclass

from ...topology.capacity import CapacityOverTime


@dataclass(frozen=True)
class Wire:
    """One direction of a link (or both, where they share its capacity), as flows see it.

    Attributes:
      name: for people.
      profile: what it can carry of payload, over time.
      burst_bits: the bucket of its shaper, payload; 0: none [bit].
    """

    name: str
    profile: CapacityOverTime
    burst_bits: float = 0.0


@dataclass(slots=True)
class WireUse:
    """What a wire carried.

    Attributes:
      bits: carried so far [bit].
      busy_s: time with anything on it [s].
      full_s: time that it was full: flows on it waited for each other [s].
      peak: highest share of the capacity of the moment that was used; 1 where more passed, out of a bucket.
    """

    bits: float = 0.0
    busy_s: float = 0.0
    full_s: float = 0.0
    peak: float = 0.0
