"""Who looks on at the flows of a network: told of every change of what links carry, and of nothing in between."""

from __future__ import annotations

from typing import Protocol

from .max_min import Floats


class Log(Protocol):
    """Who is told what the links carry."""

    def divided(self, now_s: float, load: Floats, capacity: Floats) -> None:
        """From now on they carry this, and could carry that, shape (L + 1,) [bit/s]."""
        ...

    def passed_at_once(self, now_s: float, bits: Floats) -> None:
        """They let this pass in no time out of their buckets, shape (L + 1,) [bit]."""
        ...
