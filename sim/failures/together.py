"""A run that stands or goes as a whole: every failure stops all of it, for a restart or to go on with what is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul

from .hardware import Change, Hardware
from .spent import Spent, is_now

Rate = Callable[[tuple[float, ...], tuple[float, ...]], float]
"""Tokens a second of a run, from the share of the chips of each site that compute, and from the speed of each site."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What such a run does about failures.

    Attributes:
      shrinks: whether it goes on with the chips that are left, rather than waiting for all of them.
      detect_s: until a failure is noticed [s].
      restart_s: from then until it trains again after going back to a checkpoint [s].
      reconfigure_s: from then until it trains on with fewer chips, or with more again [s].
      step_s: of one step, half of which is lost on average where no checkpoint is needed [s].
      every_s, write_s: training between two checkpoints, infinite for none; how long training stops for one [s].
    """

    shrinks: bool
    detect_s: float
    restart_s: float
    reconfigure_s: float
    step_s: float
    every_s: float = math.inf
    write_s: float = 0.0


def go_through(
    hardware: Hardware,
    weights: Sequence[float],
    manner: Manner,
    rate: Rate,
    *,
    tokens: float = math.inf,
    within_s: float = math.inf,
) -> Spent:
    """Trains until so many tokens count, or until a moment, whichever is first.

    Args:
      hardware: of the sites.
      weights: the share of all chips that each site has.
      manner: what is done about failures.
      rate: of what is left.
      tokens: that shall count in the end [tokens].
      within_s: from the begin of the run [s].
    """
    run = _Run(hardware, weights, manner, rate)
    while run.now_s < within_s and not run.has(tokens):
        run.leap(tokens, within_s)
        run.to(min(run.next_s(tokens), within_s))
    run.spent.wall_clock_s = run.now_s
    return run.spent


class _Run:
    """Where a run stands: `train` until something happens, `wait` for hardware, `start` or `save` until a moment."""

    def __init__(self, hardware: Hardware, weights: Sequence[float], manner: Manner, rate: Rate) -> None:
        self._hardware, self._weights, self._manner, self._rate = hardware, weights, manner, rate
        self._sites = range(len(weights))
        self.spent = Spent()
        self.now_s = 0.0
        self._full = rate((1.0,) * len(weights), (1.0,) * len(weights))
        self._doing, self._until_s = "train", math.inf
        self._unsaved, self._since_s = 0.0, 0.0
        """Tokens since the last checkpoint, and how long was trained since."""
        self._owed_s = 0.0
        """How long a restart takes once there is hardware again: nothing where no part lost what it held."""
        self._look()

    def _look(self) -> None:
        """What is there of the hardware, and how fast it trains together."""
        hardware = self._hardware
        self._shares = tuple(hardware.share(site) if hardware.reached(site) else 0.0 for site in self._sites)
        speeds = tuple(map(hardware.speed, self._sites))
        complete = self._manner.shrinks or min(self._shares) == 1
        self._now = self._rate(self._shares, speeds) if complete and any(self._shares) else 0.0
        self._present = sum(map(mul, self._weights, self._shares))

    def has(self, tokens: float) -> bool:
        """Whether so many count."""
        return is_now((tokens - self.spent.tokens) / self._full, self.now_s)

    def next_s(self, tokens: float) -> float:
        """When something happens next [s]."""
        happens_s = min(self._hardware.next_s, self._until_s)
        if self._doing != "train":
            return happens_s
        return min(happens_s, self._saves_s(), self.now_s + (tokens - self.spent.tokens) / self._now)

    def _saves_s(self) -> float:
        return self.now_s + self._manner.every_s - self._since_s

    def leap(self, tokens: float, within_s: float) -> None:
        """Passes over checkpoints between which nothing else happens."""
        manner = self._manner
        if self._doing != "train" or self._since_s or manner.every_s == math.inf:
            return
        cycle_s, kept = manner.every_s + manner.write_s, manner.every_s * self._now
        left_s = min(self._hardware.next_s, within_s) - self.now_s
        cycles = min(left_s / cycle_s, (tokens - self.spent.tokens) / kept) - 1
        if cycles >= 1:
            whole = math.floor(cycles)
            self._account(whole * manner.every_s)
            self.spent.saving_s += whole * manner.write_s
            self.now_s += whole * cycle_s
            self._unsaved = self._since_s = 0.0

    def to(self, moment_s: float) -> None:
        """Goes on until then, and does what is due."""
        passed_s, self.now_s = moment_s - self.now_s, moment_s
        self._account(passed_s)
        if self._hardware.next_s <= moment_s:
            change = self._hardware.step()
            if change is not None:
                self._changed(change)
        elif self._until_s <= moment_s:
            if self._doing == "save":
                self._unsaved = self._since_s = 0.0
            self._train()
        elif self._doing == "train" and (
            is_now(self._manner.every_s - self._since_s, moment_s) or self._saves_s() <= moment_s
        ):
            self._do("save", moment_s + self._manner.write_s)

    def _account(self, passed_s: float) -> None:
        spent = self.spent
        if self._doing == "train":
            useful_s = passed_s * self._now / self._full
            spent.training_s += useful_s
            spent.down_s += passed_s * (1 - self._present)
            spent.waiting_s += passed_s * self._present - useful_s
            spent.tokens += passed_s * self._now
            self._unsaved += passed_s * self._now
            self._since_s += passed_s
        elif self._doing == "wait":
            spent.down_s += passed_s
        elif self._doing == "start":
            spent.restarting_s += passed_s
        else:
            spent.saving_s += passed_s

    def _do(self, what: str, until_s: float = math.inf) -> None:
        self._doing, self._until_s = what, until_s
        for site in self._sites:
            if what in ("train", "save"):
                self._hardware.use(site, self.now_s)
            else:
                self._hardware.hold(site, self.now_s)

    def _train(self) -> None:
        self._do("train" if self._now else "wait")

    def _changed(self, change: Change) -> None:
        before = self._present
        self._look()
        if change.kind == "back":
            self._is_back(self._manner.restart_s, more=self._present > before)
        elif change.kind == "on":
            self._is_back(0.0, more=self._present > before)
        elif change.kind != "slow":
            self._stops(change.kind)

    def _is_back(self, restart_s: float, *, more: bool) -> None:
        if self._doing == "wait" and self._now:
            self._do("start", self.now_s + max(restart_s, self._owed_s))
        elif self._manner.shrinks and more and self._doing != "wait":
            under_way_s = self._until_s if self._doing == "start" else 0.0  # what began is not cut short
            self._do("start", max(under_way_s, self.now_s + self._manner.reconfigure_s))

    def _stops(self, how: str) -> None:
        manner, was = self._manner, self._doing
        self.spent.faults += 1
        detect_s = 0.0 if how == "planned" else manner.detect_s
        keeps = how in ("cut", "frozen") or (how == "planned" and was == "train")
        if manner.shrinks and self._now:
            self._lose(min(self._unsaved, self._now * manner.step_s / 2) if was == "train" else 0.0)
            self._do("start", self.now_s + detect_s + manner.reconfigure_s)
            return
        if not keeps:
            self._lose(self._unsaved)
        if self._now:
            self._do("start", self.now_s + detect_s + manner.restart_s)
        else:
            self._owed_s = max(
                self._owed_s if was == "wait" else 0.0, 0.0 if keeps and was == "train" else manner.restart_s
            )
            self._do("wait")

    def _lose(self, tokens: float) -> None:
        spent, lost_s = self.spent, tokens / self._full
        spent.tokens -= tokens
        spent.training_s -= lost_s
        spent.redone_s += lost_s
        self._unsaved = max(0.0, self._unsaved - tokens)
        if not self._unsaved:
            self._since_s = 0.0
