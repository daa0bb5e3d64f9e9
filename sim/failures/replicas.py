"""Replicas that exchange now and then: one that fails stops alone, and the others go on without it."""

from __future__ import annotations

import math
from collections.abc import Callable

from .hardware import Change, Hardware
from .meeting import Group, begins_or_changes_s, begins_s, who_came
from .rounds import Exchange, Paces, Rounds, Seat
from .spent import Spent, is_now


def go_through(
    hardware: Hardware,
    rounds: Rounds,
    paces: Paces,
    *,
    tokens: float = math.inf,
    within_s: float = math.inf,
    watch: Callable[[Exchange], None] | None = None,
) -> Spent:
    """Trains until so many tokens count, or until a moment, whichever is first.

    Args:
      hardware: of the sites.
      rounds: how the replicas go on.
      paces: how fast they are.
      tokens: that shall count in the end [tokens].
      within_s: from the begin of the run [s].
      watch: is told every exchange when it is over; no round is passed over then.
    """
    run = _Run(hardware, rounds, paces, watch)
    while run.now_s < within_s and not is_now(run.to_go(tokens) / paces.full_rate, run.now_s):
        if not watch:
            run.leap(tokens, within_s)
        run.to(min(run.next_s(tokens), within_s))
    return run.ended(tokens)


class _Run:
    def __init__(
        self, hardware: Hardware, rounds: Rounds, paces: Paces, watch: Callable[[Exchange], None] | None
    ) -> None:
        self._hardware, self._rounds, self._paces, self._watch = hardware, rounds, paces, watch
        self.sites = [Seat() for _ in paces.weights]
        self.spent, self.now_s = Spent(), 0.0
        self._groups: list[Group] = []
        self._last: frozenset[int] = frozenset()
        """Who took part in the last exchange; nobody once one of them started anew."""
        self._set_paces()

    def _those(self, *doing: str) -> list[int]:
        return [number for number, site in enumerate(self.sites) if site.doing in doing]

    def _set_paces(self) -> None:
        computing = frozenset(self._those("compute"))
        for number in computing:
            self.sites[number].step_s = self._paces.step_s(number, computing) / self._hardware.speed(number)

    def to_go(self, tokens: float) -> float:
        """How many are left; of replicas that wait for nobody, those since their last exchange count, too [tokens]."""
        own = 0.0 if self._rounds.meets else sum(self._tokens(n, site.done) for n, site in enumerate(self.sites))
        return tokens - self.spent.tokens - own

    def next_s(self, tokens: float) -> float:
        """When something happens next [s]."""
        rounds, moments = self._rounds, [self._hardware.next_s]
        moments += [site.until_s for site in self.sites if site.doing in ("start", "pause")]
        if not rounds.meets:
            rate = sum(self._tokens(number, 1 / self.sites[number].step_s) for number in self._those("compute"))
            return min(*moments, self.now_s + self.to_go(tokens) / rate) if rate else min(moments)
        for site in self.sites:
            if site.doing == "compute":
                moments.append(self.now_s + (rounds.steps - site.done) * site.step_s)
        moments += [group.end_s for group in self._groups]
        came = who_came(self.sites, self._hardware.reached, self.now_s)
        moments.append(begins_or_changes_s(rounds, self.sites, came, self._last, self.now_s))
        return max(self.now_s, min(moments))

    def _tokens(self, number: int, steps: float) -> float:
        return steps * self._paces.step_tokens[number] * self.sites[number].share

    def to(self, moment_s: float) -> None:
        """Goes on until then, and does what is due."""
        passed_s, self.now_s = moment_s - self.now_s, moment_s
        for number, site in enumerate(self.sites):
            self._pass(number, site, passed_s)
        while self._hardware.next_s <= moment_s:
            if change := self._hardware.step():
                self._changed(change)
        self._end_exchanges()
        for number, site in enumerate(self.sites):
            if site.until_s <= moment_s:
                self._goes_on(number, site)
        if self._those("join") and not self._those("compute", "arrived", "exchange", "pause"):
            self._let_in()
        if self._rounds.meets:
            self._begin_exchange()
        self._set_paces()

    def _goes_on(self, number: int, site: Seat) -> None:
        """It has paused or started for as long as that takes."""
        rounds = self._rounds
        if site.doing == "pause":
            site.doing = "compute"
        elif site.doing == "start" and rounds.loads_steps and not self._hardware.reached(number):
            site.until_s = math.inf  # it has to be reached for loading
        elif site.doing == "start":
            self._hardware.use(number, self.now_s)
            site.doing, site.missed_s, site.until_s = site.then, math.inf, math.inf
            self.spent.copies += site.doing == "join"
            if site.doing == "join" and (rounds.at_once or not rounds.meets):
                site.doing, site.done = "compute", -rounds.loads_steps

    def _pass(self, number: int, site: Seat, passed_s: float) -> None:
        spent, weight, rounds = self.spent, self._paces.weights[number], self._rounds
        if site.doing == "compute":
            site.done += passed_s / site.step_s
            if not rounds.meets:
                self._keep(number, site, math.floor(site.done / rounds.steps * (1 + 1e-12)) * rounds.steps)
            elif is_now((rounds.steps - site.done) * site.step_s, self.now_s):
                site.done, site.doing, site.arrived_s = rounds.steps, "arrived", self.now_s
        if site.doing == "start":
            spent.restarting_s += weight * passed_s
        elif site.doing in ("wait", "frozen"):
            spent.down_s += weight * passed_s
        else:
            spent.down_s += weight * (1 - site.share) * passed_s

    def _keep(self, number: int, site: Seat, steps: float) -> None:
        if steps > 0:
            self.spent.tokens += self._tokens(number, steps)
            site.done = max(0.0, site.done - steps)

    def _lose(self, number: int, steps: float) -> None:
        site = self.sites[number]
        steps = max(0.0, min(steps, site.done))
        self.spent.redone_s += self._tokens(number, steps) / self._paces.full_rate
        site.done -= steps

    def _begin_exchange(self) -> None:
        rounds, now_s = self._rounds, self.now_s
        came = who_came(self.sites, self._hardware.reached, now_s)
        if begins_s(rounds, self.sites, came, self._last, now_s) > now_s:
            return
        members = {number for number in came if now_s >= self.sites[number].counted_s}
        fails = len(members) < len(came)
        for number in came:
            self.sites[number].counted_s = 0.0
        for number in members:
            self.sites[number].doing = "exchange"
        takes_s = rounds.hang_s if fails else self._paces.exchange_s(frozenset(members))
        self._groups.append(Group(now_s, now_s + takes_s, members, fails))
        self._last = frozenset(members) if rounds.quick and not fails else frozenset()
        self._end_exchanges()

    def _end_exchanges(self) -> None:
        over = [group for group in self._groups if group.end_s <= self.now_s]
        self._groups = [group for group in self._groups if group.end_s > self.now_s]
        for group in over:
            if self._watch and group.members:
                self._watch(Exchange(group.begin_s, group.end_s, frozenset(group.members), group.fails))
            for number in group.members:
                self._end_round(number, self.sites[number], fails=group.fails)
        if over:
            self._let_in()

    def _end_round(self, number: int, site: Seat, *, fails: bool) -> None:
        rounds = self._rounds
        if fails:
            self._lose(number, site.done)
        else:
            self._keep(number, site, site.done)
        site.rounds += 1
        if rounds.checks_every and site.rounds % rounds.checks_every == 0:
            site.done = -rounds.checks_steps
        site.doing, site.until_s = ("pause", self.now_s + rounds.pause_s) if rounds.pause_s else ("compute", math.inf)

    def _let_in(self) -> None:
        """Those who are back begin a round with the others."""
        for number in self._those("join"):
            self.sites[number].doing, self.sites[number].done = "compute", -self._rounds.loads_steps

    def _changed(self, change: Change) -> None:
        number, site, rounds = change.site, self.sites[change.site], self._rounds
        before, share = site.share, self._hardware.share(change.site)
        if change.kind in ("down", "planned", "frozen", "cut"):
            self.spent.faults += 1
            if change.kind in ("down", "planned"):
                self._stops(number, site, share, planned=change.kind == "planned")
            else:
                self._is_missed(number, site, frozen=change.kind == "frozen")
            return
        site.share = share
        if change.kind == "on" and site.doing == "start" and self._hardware.reached(number):
            site.until_s = self.now_s if site.until_s == math.inf else site.until_s
        elif change.kind == "on" and site.doing not in ("wait", "start"):
            if site.doing == "frozen" and share:
                site.doing = site.frozen
            if site.doing != "frozen" and self._hardware.reached(number):
                site.missed_s, site.counted_s = math.inf, 0.0
        elif change.kind == "back" and site.doing == "wait" and self._enough(site):
            self._start(number, site, rounds.restart_s, "join")
        elif change.kind == "back" and rounds.shrinks and site.share > before and site.doing != "wait":
            starts, under_way_s = site.doing == "start", site.until_s - self.now_s  # what began is not cut short
            takes_s = max(rounds.reconfigure_s, under_way_s if starts else 0.0)
            self._start(number, site, takes_s, "join" if starts else "compute")

    def _enough(self, site: Seat) -> bool:
        return site.share > 0 if self._rounds.shrinks else site.share == 1

    def _leave_exchange(self, number: int, *, told: bool = False) -> None:
        """It drops out of the exchange that it is in; or, if others do not know, is counted on in one to come."""
        site, hang_s = self.sites[number], 0.0 if told else self._rounds.hang_s
        for group in self._groups:
            if hang_s and number in group.members and not group.fails:
                group.fails, group.end_s = True, self.now_s + hang_s
            group.members.discard(number)
        if hang_s and site.doing == "arrived":
            site.counted_s = site.missed_s

    def _is_missed(self, number: int, site: Seat, *, frozen: bool) -> None:
        """It stands still, or is out of reach; it keeps what it has, and comes to the next exchange that it can."""
        if site.doing in ("wait", "start", "frozen"):
            return
        site.missed_s = self.now_s + self._rounds.detect_s
        self._leave_exchange(number)
        if site.doing == "exchange":
            site.doing, site.arrived_s = "arrived", self.now_s
        if frozen:
            site.frozen, site.doing = site.doing, "frozen"

    def _stops(self, number: int, site: Seat, share: float, *, planned: bool) -> None:
        was, detect_s, goes_on = site.doing, 0.0 if planned else self._rounds.detect_s, self._rounds.shrinks and share
        if planned:  # it sends what it has before it goes
            self._keep(number, site, site.done)
        else:
            self._lose(number, 0.5 if goes_on else site.done)
        site.share = share
        if goes_on:
            then = site.then if was == "start" else "join" if was in ("wait", "join") else "compute"
            self._leave_exchange(number, told=True)
            self._start(number, site, detect_s + self._rounds.reconfigure_s, then)
            return
        site.done, site.rounds = 0.0, 0
        if number in self._last:
            self._last = frozenset()
        missed_s = self.now_s + detect_s
        site.missed_s = min(site.missed_s, missed_s) if was in ("wait", "start") else missed_s
        self._leave_exchange(number, told=planned)
        if self._enough(site):
            self._start(number, site, detect_s + self._rounds.restart_s, "join")
        else:
            site.doing = "wait"
            self._hardware.hold(number, self.now_s)

    def _start(self, number: int, site: Seat, takes_s: float, then: str) -> None:
        site.doing, site.until_s, site.then = "start", self.now_s + takes_s, then
        self._hardware.hold(number, self.now_s)

    def leap(self, tokens: float, within_s: float) -> None:
        """Passes over rounds of all who are there, in which nothing else happens."""
        rounds, computing = self._rounds, self._those("compute")
        if not (rounds.meets and computing) or any(self.sites[number].done for number in computing):
            return
        if rounds.checks_every or (rounds.quick and self._last != set(computing)):
            return
        if len(computing) + len(self._those("wait", "start")) < len(self.sites) or len(computing) < rounds.quorum:
            return
        if any(self.now_s < site.missed_s for site in self.sites if site.doing != "compute"):
            return
        each_s = [rounds.steps * self.sites[number].step_s for number in computing]
        if not all(map(self._hardware.reached, computing)) or max(each_s) - min(each_s) > rounds.grace_s:
            return
        round_s = max(each_s) + self._paces.exchange_s(frozenset(computing)) + rounds.pause_s
        kept = sum(self._tokens(number, rounds.steps) for number in computing)
        starts_s = min((site.until_s for site in self.sites if site.doing == "start"), default=math.inf)
        left_s = min(self._hardware.next_s, within_s, starts_s) - self.now_s
        many = math.floor(min(left_s / round_s, (tokens - self.spent.tokens) / kept)) - 1
        if many < 1:
            return
        self.now_s += many * round_s
        self.spent.tokens += many * kept
        for number, site in enumerate(self.sites):
            if site.doing == "compute":
                self.spent.down_s += self._paces.weights[number] * (1 - site.share) * many * round_s
            else:
                self._pass(number, site, many * round_s)

    def ended(self, tokens: float) -> Spent:
        """The sums at the end; steps that were not exchanged yet count, but no more tokens than were asked for."""
        spent = self.spent
        if spent.tokens < tokens:
            for number, site in enumerate(self.sites):
                self._keep(number, site, site.done)
        over = max(0.0, spent.tokens - tokens)
        spent.tokens -= over
        spent.settle(self.now_s - over / self._paces.full_rate, self._paces.full_rate)
        return spent
