"""What a carrier says whose links never change and have no buckets, and whose exchanges begin and end together."""

from __future__ import annotations

import math

from ..engine.ops import Collective


class UnchangingCarrier:
    """Of a `Carrier`, the part that is the same wherever links are as they are for ever; and nobody counts pairs."""

    def apart(self, collective: Collective) -> None:
        """None, as all members begin and end together."""

    def stalled(self) -> list[str]:
        """Empty, as links never change."""
        return []

    def credit_s(self) -> tuple[float, ...]:
        """Empty, as no link has a token bucket."""
        return ()

    def next_change_s(self) -> float:
        """Never: infinite [s]."""
        return math.inf

    def sent(self) -> dict[tuple[int, int], float]:
        """Empty, as nobody counts."""
        return {}

    def clock_leapt(self) -> None:
        """Nothing, as links never change."""

    def decided_s(self) -> float:
        """Nothing: 0, as links never change [s]."""
        return 0.0
