"""Notes on what a law was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

from ...units.in_words import human_count


def outside(name: str, value: float, ends: Sequence[float]) -> list[str]:
    """A note where a value lies beyond the ends of what a law was fitted to."""
    low, high = ends
    if low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
        return []
    return [f"{name}: {human_count(value)} is extrapolated beyond the fitted {human_count(low)} to {human_count(high)}"]
