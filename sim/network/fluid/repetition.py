"""Links that repeat their schedules: what one whole repetition of several of them looks like.

As long as the same flows are under way, every repetition carries the same. So a transfer that lasts millions of
repetitions needs only one of them, and how often it fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from ...topology.capacity import CapacityOverTime

_SAME = 1e-13
"""Changes less than this share of a repetition apart (or than the clock can tell) are one: rounding parted them."""


@dataclass(frozen=True)
class Turn:
    """One repetition of several links together, from an instant on.

    Attributes:
      length_s: how long it takes [s].
      until_s: until when the links do nothing but repeat it; infinite: for ever [s].
      pieces: how long each piece lasts [s], and the links that begin it with another capacity [bit/s].
    """

    length_s: float
    until_s: float
    pieces: tuple[tuple[float, dict[int, float]], ...]


def turn_of(profiles: Mapping[int, CapacityOverTime], now_s: float, most_pieces: int) -> Turn | None:
    """The repetition that links are in; None if there is none, or none of so few pieces.

    Schedules of different lengths repeat together after their least common multiple, lengths taken as the decimal
    numbers that people write. One that would make too many pieces counts as constant until its next change.

    Args:
      profiles: of the links, by their positions.
      now_s: when the repetition begins [s].
      most_pieces: pieces that are few enough.
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
    """The least length that is a whole number of times each of some others."""
    some = list(lengths)
    scale = math.lcm(*(length.denominator for length in some))
    return Fraction(math.lcm(*(int(length * scale) for length in some)), scale)


def _merged(
    turns: Mapping[int, tuple[list[tuple[float, float]], int, float]], length_s: float, same_s: float
) -> tuple[tuple[float, dict[int, float]], ...]:
    """The pieces of several links put together, each one as often as it takes; changes `same_s` apart are one."""
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
