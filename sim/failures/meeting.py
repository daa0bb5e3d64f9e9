"""When replicas begin an exchange: who has come, who is waited for, and how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .rounds import Rounds, Seat

_AWAITED = ("compute", "pause", "wait", "start", "frozen")


@dataclass(slots=True)
class Group:
    """An exchange under way: since when, until when, who takes part, and whether it will have hung."""

    begin_s: float
    end_s: float
    members: set[int]
    fails: bool


def who_came(seats: Sequence[Seat], reached: Callable[[int], bool], now_s: float) -> list[int]:
    """Those that wait for an exchange, as they came; if there are any, also who went since and is counted on."""
    there = [number for number, seat in enumerate(seats) if seat.doing == "arrived" and reached(number)]
    gone = [number for number, seat in enumerate(seats) if there and now_s < seat.counted_s and number not in there]
    return sorted(there + gone, key=lambda number: seats[number].arrived_s)


def begins_s(rounds: Rounds, seats: Sequence[Seat], came: Sequence[int], last: frozenset[int], now_s: float) -> float:
    """When those who have come begin an exchange if nothing else happens; infinite: not without others [s].

    Args:
      rounds: how they go on.
      seats: where each stands.
      came: those who have come.
      last: who took part in the last exchange, if all of them are still the same; else nobody.
      now_s: by now.
    """
    if len(came) < rounds.quorum:
        return math.inf
    if rounds.quick and last and last <= set(came):
        return now_s
    seen = [number for number, seat in enumerate(seats) if now_s < seat.missed_s or number in came]
    if rounds.majority and 2 * len(came) <= len(seen):
        return math.inf
    if not any(seats[number].doing in _AWAITED for number in seen if number not in came):
        return now_s
    return max(now_s, seats[came[rounds.quorum - 1]].arrived_s + rounds.grace_s)


def begins_or_changes_s(
    rounds: Rounds, seats: Sequence[Seat], came: Sequence[int], last: frozenset[int], now_s: float
) -> float:
    """When those who have come begin an exchange, or somebody is missed from then on, whichever is first [s]."""
    missed = [moment_s for seat in seats for moment_s in (seat.missed_s, seat.counted_s) if now_s < moment_s]
    return min([begins_s(rounds, seats, came, last, now_s), *missed]) if came else math.inf
