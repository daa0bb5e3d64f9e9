"""The hardware of some sites as time passes: what fails, how much is left, and when it is repaired."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

_DRAWS = 64
"""Random numbers that are drawn at once."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Alike parts of a site that fail at random, each by itself.

    Attributes:
      site: its place among the sites.
      parts: how many there are.
      chips: that stop, or become slow, with one of them.
      life_s: mean time that a part works [s].
      shape: of the Weibull distribution of that time; 1: exponential, more: parts wear out, less: new ones fail more.
      repair_s: mean time until it is back [s].
      random_repair: whether that time is exponential, rather than always the same.
      speed: what is left of the speed of its chips meanwhile; 0: they stand still.
      cuts: whether the site cannot be reached meanwhile, and its chips go on.
    """

    site: int
    parts: int
    chips: float
    life_s: float
    shape: float = 1.0
    repair_s: float = 0.0
    random_repair: bool = False
    speed: float = 0.0
    cuts: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a whole site is away, known beforehand or recorded.

    Attributes:
      site: its place among the sites.
      begin_s, seconds: since the start of the run; how long [s].
      how: `down`: it loses what it holds; `planned`: it is told in time to save that; `frozen`: it stands still and
        goes on where it was; `cut`: nobody reaches it, and it goes on computing.
    """

    site: int
    begin_s: float
    seconds: float
    how: str = "down"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a site at a moment.

    Attributes:
      site: its place among the sites.
      kind: `down`, `planned`, `frozen` or `cut`, as of an outage, of all or some of its chips; `back`: some that were
        down are there again; `on`: the site goes on where it was, or can be reached; `slow`: its speed changed.
    """

    site: int
    kind: str


@dataclass(order=True, slots=True)
class _Event:
    at_s: float
    number: int
    cause: int = field(compare=False)
    outage: Outage | None = field(default=None, compare=False)


class Hardware:
    """What of some sites works, from one change to the next.

    Args:
      chips: of each site.
      spares: further chips of each site, which take the place of those that stand still.
      causes: what fails at random.
      outages: times in which sites are away.
      seed: of all draws; the same seed gives the same history.
      while_held: whether parts go on ageing while nobody uses them (see `hold`).
    """

    def __init__(
        self,
        chips: Sequence[float],
        spares: Sequence[float],
        causes: Sequence[Cause],
        outages: Sequence[Outage],
        seed: Sequence[int],
        *,
        while_held: bool = True,
    ) -> None:
        self._chips, self._spares, self._causes = chips, spares, causes
        self._while_held, self._random = while_held, np.random.default_rng(seed)
        self._numbers = count()
        self._exponential = self._draws()
        self._age_s = [0.0] * len(chips)
        self._held_s: list[float | None] = [None] * len(chips)
        """Since when the parts of a site do not age."""
        self._failing: list[list[_Event]] = [[] for _ in chips]
        """By site, at ages of its parts; the others are at moments of the run."""
        self._coming: list[_Event] = []
        self._down = [0.0] * len(causes)
        self._away, self._cut = [0] * len(chips), [0] * len(chips)
        for number, cause in enumerate(causes):
            for _ in range(1 if cause.shape == 1 else cause.parts):
                self._fail_later(number, 0.0)
        for outage in outages:
            self._coming.append(_Event(outage.begin_s, next(self._numbers), -1, outage))
        heapq.heapify(self._coming)

    def _draws(self) -> Iterator[float]:
        while True:
            yield from self._random.standard_exponential(_DRAWS).tolist()

    def _fail_later(self, number: int, age_s: float) -> None:
        """One part, or all alike parts whose lives are exponential, gets its next failure."""
        cause, drawn = self._causes[number], next(self._exponential)
        if cause.shape == 1:
            life_s = cause.life_s / cause.parts * drawn
        else:
            life_s = cause.life_s / math.gamma(1 + 1 / cause.shape) * drawn ** (1 / cause.shape)
        heapq.heappush(self._failing[cause.site], _Event(age_s + life_s, next(self._numbers), number))

    def hold(self, site: int, now_s: float) -> None:
        """The chips of a site are not used from now on, so their parts stop ageing, unless they do so anyway."""
        if not self._while_held and self._held_s[site] is None:
            self._held_s[site] = now_s

    def use(self, site: int, now_s: float) -> None:
        """The chips of a site are used again."""
        since_s = self._held_s[site]
        if since_s is not None:
            self._age_s[site] -= now_s - since_s
            self._held_s[site] = None

    def _failure_s(self, site: int) -> float:
        """When a part of a site fails next."""
        if self._held_s[site] is not None or not self._failing[site]:
            return math.inf
        return self._failing[site][0].at_s - self._age_s[site]

    @property
    def next_s(self) -> float:
        """When something changes next; infinite if nothing does [s]."""
        fails_s = min(map(self._failure_s, range(len(self._chips))), default=math.inf)
        return min(fails_s, self._coming[0].at_s if self._coming else math.inf)

    def step(self) -> Change | None:
        """Goes to the next change; None if it is none, as the part that would fail was not there."""
        coming_s = self._coming[0].at_s if self._coming else math.inf
        site = min(range(len(self._chips)), key=self._failure_s)
        if self._failure_s(site) < coming_s:
            return self._fails(site, self._failure_s(site))
        event = heapq.heappop(self._coming)
        if event.outage is not None:
            return self._goes_or_returns(event.outage, event.at_s)
        return self._returns(event)

    def _fails(self, site: int, now_s: float) -> Change | None:
        event = heapq.heappop(self._failing[site])
        cause = self._causes[event.cause]
        if cause.shape == 1:  # thinning: those that are down do not fail
            self._fail_later(event.cause, event.at_s)
            if self._down[event.cause] and self._random.random() * cause.parts < self._down[event.cause]:
                return None
        self._down[event.cause] += 1
        back_s = now_s + cause.repair_s * (next(self._exponential) if cause.random_repair else 1.0)
        heapq.heappush(self._coming, _Event(back_s, next(self._numbers), event.cause))
        if cause.cuts:
            self._cut[site] += 1
            return Change(site, "cut")
        return Change(site, "slow" if cause.speed else "down")

    def _returns(self, event: _Event) -> Change:
        cause = self._causes[event.cause]
        self._down[event.cause] -= 1
        if cause.shape != 1:
            held_s = self._held_s[cause.site]
            self._fail_later(event.cause, (event.at_s if held_s is None else held_s) + self._age_s[cause.site])
        if cause.cuts:
            self._cut[cause.site] -= 1
            return Change(cause.site, "on")
        return Change(cause.site, "slow" if cause.speed else "back")

    def _goes_or_returns(self, outage: Outage, now_s: float) -> Change:
        counts, keeps = (self._cut if outage.how == "cut" else self._away), outage.how in ("cut", "frozen")
        if outage.seconds:
            counts[outage.site] += 1
            end = replace(outage, begin_s=now_s + outage.seconds, seconds=0.0)
            heapq.heappush(self._coming, _Event(end.begin_s, next(self._numbers), -1, end))
            return Change(outage.site, outage.how)
        counts[outage.site] -= 1
        return Change(outage.site, "on" if keeps else "back")

    def reached(self, site: int) -> bool:
        """Whether the others can reach a site."""
        return not self._cut[site]

    def share(self, site: int) -> float:
        """The share of a site's chips that can compute, spares counted, but no more than all [-]."""
        if self._away[site]:
            return 0.0
        chips = self._chips[site]
        own = zip(self._causes, self._down, strict=True)
        missing = sum(
            down * each.chips for each, down in own if down and each.site == site and not (each.speed or each.cuts)
        )
        return min(1.0, max(0.0, chips + self._spares[site] - missing) / chips)

    def speed(self, site: int) -> float:
        """The speed of the slowest chips of a site that compute, as a share of their usual one [-]."""
        own = zip(self._causes, self._down, strict=True)
        return min((cause.speed for cause, down in own if down and cause.site == site and cause.speed), default=1.0)
