"""When learners hand in fragments to a syncer, and who is in which merge: one rule for simulator and trainer.

Exchange n opens when the first of the members hands in for the n-th time, so that exchanges follow each other at the
pace of whoever is ahead. Who hands in while none is open is *early* for the next one. An exchange begins when a quorum
is there and its grace is over, or when nobody is left who could still come. Here is no clock: whoever has one says when
a grace is over.

Source: arXiv 2604.21428 (quorum, grace, fragments).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


def hand_ins(steps: int, sync_every: int, fragments: int, *, closing: bool) -> Iterator[int]:
    """The inner steps, from 0, after which a learner hands in a fragment, in order.

    Args:
      steps: of the learner.
      sync_every: H.
      fragments: P; a round has so many hand-ins, H/P steps apart, rounded.
      closing: whether it hands in all fragments after its last step, in the place of what is due there.
    """
    moments = [max(1, int(p * sync_every / fragments + 0.5)) for p in range(1, fragments + 1)]
    for first in range(0, steps, sync_every):
        for moment in moments:
            if first + moment < steps or (first + moment == steps and not closing):
                yield first + moment - 1
    if closing and steps:
        yield from (steps - 1 for _ in range(fragments))


def followed(steps_s: Sequence[float], quorum: int) -> list[float]:
    """Time of an inner step of each learner, none of which is faster than exchanges with a quorum are [s].

    Of learners whose hand-ins have the rates r, an exchange at rate x has the sum of min(x, r) / x, and needs K.

    Args:
      steps_s: of each learner by itself [s].
      quorum: K.
    """
    rates = sorted((1 / step_s for step_s in steps_s), reverse=True)
    most = min(math.fsum(rates[first:]) / (quorum - first) for first in range(quorum))
    return [max(step_s, 1 / most) for step_s in steps_s]


def fragment_of(number: int, fragments: int) -> int:
    """The fragment of an exchange, by its number from 0; the first one is of fragment 1, if there are several."""
    return (number + 1) % fragments


@dataclass(slots=True, eq=False)
class Merge:
    """An exchange of a syncer.

    Attributes:
      number: which one it is, from 0.
      joined: who is in it, in the order in which they came.
    """

    number: int
    joined: list[int] = field(default_factory=list)


class Coming(NamedTuple):
    """What comes of a hand-in.

    Attributes:
      merge: the exchange that the member is in.
      new: who came into it at once: the member, and if it opens, those who were early for it before it.
      quorate: whether the quorum is there since now.
    """

    merge: Merge
    new: tuple[int, ...]
    quorate: bool


class Merges:
    """The exchanges of a syncer.

    Args:
      members: who hands in.
      times: how often each does so during the run, in the order of the members.
      quorum: how many must be there; as many as can still come, if those are fewer.
      closing: for how many of its last hand-ins a member opens an exchange itself if none is open.
    """

    def __init__(self, members: Sequence[int], times: Sequence[int], quorum: int, closing: int) -> None:
        self._times = dict(zip(members, times, strict=True))
        self._left = dict(self._times)
        self._quorum, self._closing = quorum, closing
        self._last = dict.fromkeys(members, -1)
        """The last exchange that each member is in."""
        self._open: list[Merge] = []
        self._latest: Merge | None = None
        self._early: dict[int, None] = {}
        """Who has handed in and is in the next exchange, in the order in which they did."""

    def is_early(self, member: int) -> bool:
        """Whether the last hand-in of a member is for an exchange that is not open yet."""
        return member in self._early

    def hand_in(self, member: int) -> Coming | None:
        """A member hands in. Returns None if it is early."""
        opens = self._opens(member)
        self._left[member] -= 1
        here = next((each for each in self._open if each.number > self._last[member]), None)
        if here is None and not opens:
            self._early[member] = None
            return None
        self._early.pop(member, None)
        new: tuple[int, ...] = (member,)
        if here is None:
            new, self._early = (*self._early, member), {}
            here = self._latest = Merge(0 if self._latest is None else self._latest.number + 1)
            self._open.append(here)
        before = len(here.joined)
        here.joined += new
        self._last.update(dict.fromkeys(new, here.number))
        return Coming(here, new, before < self._quorum <= len(here.joined))

    def complete(self) -> list[Merge]:
        """The open exchanges to which nobody could still come, in order."""
        return [
            each
            for each in self._open
            if not any(left for member, left in self._left.items() if member not in each.joined)
        ]

    def begin(self, merge: Merge) -> bool:
        """An exchange begins, so that nobody can join it any more. Returns whether it had not begun before."""
        if merge not in self._open:
            return False
        self._open.remove(merge)
        return True

    def _opens(self, member: int) -> bool:
        """Whether a member that hands in now opens an exchange, if none is open."""
        latest, left = self._latest, self._left[member]
        if latest is None or self._times[member] - left + 1 > latest.number + 1 or left <= self._closing:
            return True
        return not any(self._left[other] for other in latest.joined)
