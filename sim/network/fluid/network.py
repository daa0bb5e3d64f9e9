"""Flows on links under contention, in simulated time.

A flow has a size, a route and a cap of its sender. The rates of the flows are max-min fair (`max_min`). They are solved
anew when flows come or leave or a link changes its capacity, and are constant in between; so finish times are exact,
without any time step. Rate and latency are separate: a flow occupies its links until its last bit has left, and is
delivered one latency of its route later. Flows that come at the same instant are solved for together. A wire with a
token bucket does not limit its flows while the bucket has credit (`token_buckets`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import simpy

from .capacities import Capacities
from .division import Divider, Division
from .flow_table import Slots
from .instant import EndOfInstant
from .log import Log
from .max_min import load_of
from .repetition import Turn
from .token_buckets import Buckets
from .wire import Wire, WireUse

_ROUNDING = 1e-12
"""Floating-point errors: flows whose ends differ by less end together; a flow is done with less of its size left."""
_PATIENCE, _WORTH, _MOST_CHANGES = 64, 2, 1_000_000
"""Capacity changes under the same flows after which repetitions are skipped, if so many; changes that are refused."""


class FluidNetwork:
    """The links of a run and the flows on them.

    Args:
      env: the clock.
      wires: the links; a route is a tuple of positions in this sequence.
      log: who is told whenever links carry something else from then on; None: nobody.
      credit_s: the credit of every token bucket in the beginning, as for `Buckets`.
    """

    def __init__(
        self, env: simpy.Environment, wires: Sequence[Wire], log: Log | None = None, credit_s: Sequence[float] = ()
    ) -> None:
        self._env, self._log, count = env, log, len(wires)
        self.capacities = Capacities(wires, env.now)
        self._capacity = self.capacities.bits_per_s
        self._slots = Slots(count)
        self._buckets = Buckets(wires, credit_s) if any(wire.burst_bits for wire in wires) else None
        self._divider = Divider(self._slots, count, leveled=not self._buckets)
        self._course = [(math.inf, self._divider.idle)]
        """The divisions of the wires since the last change, each with its duration [s]; they repeat in a cycle."""
        self._turn_s = math.inf
        self._sent_bits = [0.0] * count
        self._busy_s, self._full_s, self._peak = (np.zeros(count + 1) for _ in range(3))
        self._settled_s = env.now
        self._lived_s = self._timed_s = self._level = 0.0
        self._solving, self._timer, self._changes, self._patience = False, 0, 0, _PATIENCE
        self._capacity_changed()

    @property
    def active(self) -> int:
        """Flows under way."""
        return self._slots.n

    def send(
        self, route: tuple[int, ...], size_bytes: float, *, streams: float = 1.0, cap_bits_per_s: float = math.inf
    ) -> simpy.Event:
        """Starts a flow now.

        Args:
          route: positions of the wires that it crosses; an empty route takes no time.
          size_bytes: bytes to send [byte].
          streams: weight in the fair share.
          cap_bits_per_s: largest rate of the sender [bit/s].

        Returns:
          An event that fires when the last bit has left the sender; its value is the duration [s].
        """
        done = self._env.event()
        if not route or size_bytes <= 0:
            return done.succeed(0.0)
        self._settle()
        if not self._slots.n:
            self._lived_s = 0.0  # small numbers keep more digits
        self._slots.add(route, 8.0 * size_bytes, streams, cap_bits_per_s, self._lived_s, done)
        for wire in route:
            self._sent_bits[wire] += 8.0 * size_bytes
        self._changes, self._patience = 0, _PATIENCE
        self._changed(math.inf)
        return done

    def use(self) -> list[WireUse]:
        """The use of each wire so far: all bits of its flows, minus those that are still to be sent."""
        self._settle()
        for division in (*(each for _, each in self._course), *self._divider.remembered):
            division.book(self._busy_s, self._full_s, self._peak)
        n = self._slots.n
        left = load_of(self._slots.routes[:, :n], self._slots.left[:n], len(self._capacity))
        columns = (
            column[:-1].tolist() for column in ([*self._sent_bits, 0.0] - left, self._busy_s, self._full_s, self._peak)
        )
        return [WireUse(*row) for row in zip(*columns, strict=True)]

    def stalled(self) -> list[str]:
        """Names of wires without capacity on which flows wait."""
        self.capacities.take(self._env.now)
        return self.capacities.stalled(self._slots.routes[:, : self._slots.n])

    def credit_s(self) -> tuple[float, ...]:
        """The credit of every token bucket, as the time in which its wire would fill it so far [s]."""
        self._settle()
        return self._buckets.credit_s(self._capacity) if self._buckets else ()

    def clock_leapt(self) -> None:
        """The calendar has leapt: the next changes are looked up anew; capacities are as before."""
        self._settle()
        self.capacities.look_again(self._env.now)
        self._changed(0.0)

    def _settle(self, elapsed_s: float | None = None) -> None:
        """Counts the bits that were sent since the rates last changed.

        Args:
          elapsed_s: the time since then, if it is known more exactly than from the clock, which rounds [s].
        """
        begin_s, self._settled_s = self._settled_s, self._env.now
        elapsed_s = self._settled_s - begin_s if elapsed_s is None else elapsed_s
        if elapsed_s <= 0:
            return
        if not self._slots.n:
            if self._buckets:
                self._buckets.rest(begin_s, self._settled_s)
            return
        self._lived_s += elapsed_s
        self._timed_s += elapsed_s
        turns, rest_s = divmod(elapsed_s, self._turn_s) if self._turn_s < math.inf else (0.0, elapsed_s)
        for seconds, division in self._course:
            held_s = min(rest_s, seconds) + (turns * seconds if turns else 0.0)
            rest_s = max(0.0, rest_s - seconds)
            self._slots.left[: self._slots.n] -= division.rates * held_s
            division.held_s += held_s
        if self._buckets:
            now = self._course[0][1]
            self._buckets.spend(self._capacity, now.load, now.full, begin_s, elapsed_s)

    def _changed(self, level: float) -> None:
        """Requests new rates at the end of this instant, for flows of at least a level."""
        self._level = min(self._level, level)
        if not self._solving:
            self._solving = True
            EndOfInstant(self._env, self._solve)

    def _solve(self, _event: simpy.Event) -> None:
        """Sets the rates of all flows from now on, and the timer for the next change."""
        self._solving = False
        if self.capacities.take(self._env.now):
            self._capacity_changed()
        for old in (each for _, each in self._course if not each.kept):
            old.book(self._busy_s, self._full_s, self._peak)
        if self._buckets:
            self._spend_credit(self._buckets)
        self._course, self._turn_s = [(math.inf, self._divide())], math.inf
        self._level = math.inf
        if self._log is not None:
            self._log.divided(self._env.now, self._course[0][1].load, self._capacity)
        self._set_timer()

    def _spend_credit(self, buckets: Buckets) -> None:
        """Sends at once the bits that token buckets have credit for; wires with credit left have no limit."""
        slots, n = self._slots, self._slots.n
        routes, left = slots.routes[:, :n], slots.left[:n]
        poured = buckets.pour(self._capacity, routes, slots.weights[:n], slots.caps[:n], left)
        if poured is not None:
            left -= poured
            passed = load_of(routes, poured, len(self._capacity))
            self._peak[passed > 0] = 1.0
            if self._log is not None:
                self._log.passed_at_once(self._env.now, passed)
            self._drop(np.flatnonzero((poured > 0) & (left <= _ROUNDING * poured)))
        self._divider.limit(np.where(buckets.open(self._capacity), math.inf, self._capacity))
        self._level = 0.0

    def _divide(self) -> Division:
        """Max-min fair rates for the flows under way."""
        division = self._divider.divide(self._level)
        if self._buckets:  # the share of a wire with credit is that of its capacity, though it has no limit now
            # book with the old share: a cached division may be used with another capacity
            division.book(self._busy_s, self._full_s, self._peak)
            division.share = self._buckets.share(self._capacity, division.load)
        return division

    def _set_timer(self) -> None:
        """Sets a timer for the end of the first flow, or for the next change of a capacity."""
        self._timer += 1
        self._timed_s = 0.0
        n, division = self._slots.n, self._course[0][1]
        if not n:
            return
        left, rates = self._slots.left[:n], division.rates
        to_go = left / rates if division.moving else np.divide(left, rates, out=np.full(n, math.inf), where=rates > 0)
        first = int(to_go.argmin())
        soonest = max(float(to_go[first]), 0.0)
        awaited = self.capacities.awaited(self._slots.routes[:, :n])
        change_s = self.capacities.change_s(awaited)
        to_change, action = change_s - self._env.now, partial(self._new_capacity, change_s)
        if self._buckets:
            to_empty = self._buckets.lasts_s(self._capacity, division.load)
            if to_empty < to_change:
                to_change, action = to_empty, partial(self._run_dry, self._buckets)
        if soonest < math.inf and soonest <= to_change + _ROUNDING * self._slots.size[first] / rates[first]:
            (done,) = (to_go <= soonest * (1 + _ROUNDING)).nonzero()
            self._after(soonest, lambda: self._finish(done))
        elif to_change < math.inf and not self._skip_turns(awaited):
            self._after(max(to_change, 0.0), action)

    def _skip_turns(self, awaited: list[int]) -> bool:
        """Skips whole repetitions of the schedules if many of them pass before the first flow ends.

        Returns:
          Whether repetitions are skipped; for ever, if no flow moves in them.

        Raises:
          InputError: the bandwidth changes too often without a repetition.
        """
        self._changes += 1
        if self._changes > _MOST_CHANGES:
            raise self.capacities.endless(awaited, _MOST_CHANGES)
        if self._changes < self._patience or self._buckets or self._log is not None:  # a log has every change
            return False
        turn = self.capacities.turn(awaited, self._env.now, self._changes)
        self._patience = 2 * self._changes
        if turn is None or (turn.until_s - self._env.now) / turn.length_s < _WORTH:
            return False
        course = self._course_of(turn)
        left = self._slots.left[: self._slots.n]
        sent = sum((division.rates * seconds for seconds, division in course), np.zeros(len(left)))
        moves = sent > 0
        turns = (turn.until_s - self._env.now) / turn.length_s
        if moves.any():  # the last repetition is simulated, so that the end of each flow is exact
            turns = min(turns, float((left[moves] / sent[moves]).min()) * (1 - _ROUNDING) - 1e-6)
        if turns < _WORTH:
            return False
        self._course, self._turn_s = course, turn.length_s
        if turns < math.inf:
            span_s = math.floor(turns) * turn.length_s
            self._after(span_s, partial(self._new_capacity, self._env.now + span_s))
        return True

    def _course_of(self, turn: Turn) -> list[tuple[float, Division]]:
        """The division of the wires among the flows under way in each piece of a repetition."""
        now, rates, course = self._capacity.copy(), self._slots.rates[: self._slots.n].copy(), []
        for seconds, changes in turn.pieces:
            self._capacity[list(changes)] = list(changes.values())
            self._capacity_changed()
            course.append((seconds, self._divide()))
        self._capacity[:], self._slots.rates[: self._slots.n] = now, rates
        self._capacity_changed()
        return course

    def _after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Calls an action after a time, unless the rates change before."""
        timer = self._timer

        def fire(_: simpy.Event) -> None:
            if timer == self._timer:
                self._settle(0.0 if self._solving else delay_s - self._timed_s)  # solving: a flow came at this instant
                action()

        self._env.timeout(delay_s).callbacks.append(fire)

    def _finish(self, done: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        level = self._divider.level_of(done)
        self._drop(done)
        self._changed(level)

    def _drop(self, done: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Removes flows whose last bit has left."""
        for slot in done[::-1].tolist():
            self._divider.leaves(slot)
            took_s = self._lived_s - float(self._slots.begin_s[slot])
            self._slots.remove(slot).succeed(took_s)
            self._changes, self._patience = 0, _PATIENCE

    def _run_dry(self, buckets: Buckets) -> None:
        buckets.run_dry()
        self._changed(0.0)

    def _new_capacity(self, due_s: float) -> None:
        self.capacities.take(max(self._env.now, due_s))  # the clock may be early by a rounding error
        self._capacity_changed()
        self._changed(0.0)

    def _capacity_changed(self) -> None:
        """Sets new limits; all flows have to be solved for."""
        self._divider.limit(self._capacity)
        self._level = 0.0
