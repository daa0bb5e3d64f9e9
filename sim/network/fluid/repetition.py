"""The common repetition of links that repeat their schedules.

While the same flows are under way, every repetition carries the same bits. So for a transfer that lasts millions of
repetitions one of them is computed, and the number of repetitions that fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from ...topology.capacity import CapacityOverTime
from .leaping_capacity import LeapingCapacity

_SAME = 1e-13
"""Changes closer than this share of a repetition (or than the clock's resolution) count as one: rounding errors."""


@dataclass(frozen=True)
class Turn:
    """One common repetition of several links.

    Attributes:
      length_s: its duration [s].
      until_s: the end of the time in which the links repeat it; infinite: for ever [s].
      pieces: the duration of each piece [s], and the links whose capacity changes at its begin [bit/s].
    """

    length_s: float
    until_s: float
    pieces: tuple[tuple[float, dict[int, float]], ...]


def turn_of(profiles: Mapping[int, CapacityOverTime | LeapingCapacity], now_s: float, most_pieces: int) -> Turn | None:
    """The common repetition of links; None if there is none, or none with few enough pieces.

    Schedules of different lengths repeat together after the least common multiple of the lengths, which are taken as
    decimal numbers. A schedule that would make too many pieces counts as constant until its next change.

    Args:
      profiles: capacities of the links over time, by their positions.
      now_s: the begin of the repetition [s].
      most_pieces: the largest number of pieces.
    """
    length, until_s = Fraction(0), math.inf
    repeating: dict[int, Fraction] = {}
    for link, profile in sorted(profiles.items(), key=lambda item: item[1].repeat_s or math.inf):
        alike_until_s = profile.alike_until_s(now_s)
        if profile.turn(now_s):
            wider = repeating | {link: Fraction(str(profile.repeat_s))}
            together = _common_multiple(wider.values())
            if sum(int(together / own) * len(profiles[each].times_s) for each, own in wider.items()) <= most_pieces:
                repeating, length = wider, together
            else:
                following_s = profile.next_change_s(now_s)
                alike_until_s = math.inf if following_s is None else following_s
        until_s = min(until_s, alike_until_s)
    if not repeating:
        return None
    turns = {link: (profiles[link].turn(now_s), int(length / own), float(own)) for link, own in repeating.items()}
    return Turn(float(length), until_s, _merged(turns, float(length), max(_SAME * float(length), 4 * math.ulp(now_s))))


def _common_multiple(lengths: Iterable[Fraction]) -> Fraction:
    """The least common multiple of some lengths."""
    some = list(lengths)
    scale = math.lcm(*(length.denominator for length in some))
    return Fraction(math.lcm(*(int(length * scale) for length in some)), scale)


def _merged(
    turns: Mapping[int, tuple[list[tuple[float, float]], int, float]], length_s: float, same_s: float
) -> tuple[tuple[float, dict[int, float]], ...]:
    """The pieces of several links merged, each link repeated as often as it fits; changes within `same_s` are one."""
    begins = sorted(
        (count * own_s + since_s, link, bits_per_s)
        for link, (turn, times, own_s) in turns.items()
        for count in range(times)
        for since_s, bits_per_s in turn
    )
    at_s: list[float] = []
    changes: list[dict[int, float]] = []
    for begin_s, link, bits_per_s in begins:
        if begin_s >= length_s - same_s:
            break
        if not at_s or begin_s > at_s[-1] + same_s:
            at_s.append(begin_s)
            changes.append({})
        changes[-1][link] = bits_per_s
    return tuple(
        (later - now, change) for (now, later), change in zip(pairwise([*at_s, length_s]), changes, strict=True)
    )
