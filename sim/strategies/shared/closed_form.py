"""The closed form of a wall-clock, summand by summand: the time of each, its exposed part, and its formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ...topology.model import Route
from ...units.in_words import human_quantity, human_seconds
from ...units.quantities import BANDWIDTH, Unit
from .setting import Setting

_NONE = 1e-9
"""A time below this share of the wall-clock is a rounding error."""
_BITS = Unit("bit", "a payload", "1 Gbit")


@dataclass(frozen=True)
class Term:
    """One summand of a closed form over a whole run, for people.

    Attributes:
      what: in words.
      letters: the published formula.
      numbers: the formula with the numbers of this run.
      seconds: its value [s].
    """

    what: str
    letters: str
    numbers: str
    seconds: float


@dataclass(frozen=True)
class Summand:
    """A summand that comes once in every step, or once in every outer step.

    Attributes:
      what: in words.
      letters: the published formula of one.
      numbers: returns the formula with the numbers of a run.
      each_s: time of one [s].
      shown_s: its exposed part, which adds to the wall-clock; the backward pass may hide the rest [s].
      outer: whether it comes in every outer step; else in every step.
    """

    what: str
    letters: str
    numbers: Callable[[], str]
    each_s: float
    shown_s: float
    outer: bool = False


@dataclass(frozen=True)
class ClosedForm:
    """The wall-clock of a run: (C + summands of a step + summands of an outer step / H) T.

    T/H is a real number here; a replay makes whole outer steps. Where replicas make different numbers of steps in a
    round, S together, it is (h (C + summands of a step) + summands of an outer step) T M/S, h those of the slowest.

    Attributes:
      steps: T.
      every: H.
      compute_s: C, the mean step of the slowest worker [s].
      summands: the other summands.
      own: h, the steps of the slowest worker in a round, where they differ; None: all make H.
      share: M/S, rounds for each inner step in the mean of all replicas, as its two numbers.

    Source: arXiv 2503.09799, appendix A; docs/strategies.md for the descendants.
    """

    steps: int
    every: int
    compute_s: float
    summands: tuple[Summand, ...]
    own: int | None = None
    share: tuple[int, int] = (1, 1)

    @property
    def rounds(self) -> float:
        """T/H, or T M/S."""
        return self.steps / self.every if self.own is None else self.steps * self.share[0] / self.share[1]

    @property
    def seconds(self) -> float:
        """The wall-clock [s]."""
        step_s = self.compute_s + sum(each.shown_s for each in self.summands if not each.outer)
        outer_s = sum(each.shown_s for each in self.summands if each.outer)
        if self.own is None:
            return (step_s + outer_s / self.every) * self.steps
        return (step_s * self.own + outer_s) * self.rounds

    def terms(self) -> tuple[Term, ...]:
        """The summands for people; they add up to the wall-clock.

        The time hidden behind the backward pass is a negative term after all others.
        """
        inner, times = self._times(outer=False)
        compute_s = f"{human_seconds(self.compute_s)} x {times}"
        terms = [Term("compute", f"C {inner}", compute_s, self.compute_s * self._count(outer=False))]
        terms += [self._term(each) for each in self.summands]
        hidden_s = self.seconds - math.fsum(term.seconds for term in terms)
        if abs(hidden_s) > _NONE * self.seconds:
            numbers = f"-{human_seconds(-hidden_s / self.steps)} x {self.steps:,}"
            terms.append(
                Term("hidden behind the backward pass", "-(what the backward pass hides) T", numbers, hidden_s)
            )
        return tuple(terms)

    def _term(self, each: Summand) -> Term:
        letters, numbers = self._times(each.outer)
        seconds = each.each_s * self._count(each.outer)
        return Term(each.what, f"{each.letters} {letters}", f"{each.numbers()} x {numbers}", seconds)

    def _times(self, outer: bool) -> tuple[str, str]:
        """How often a summand comes, in letters and in numbers."""
        if self.own is None:
            rounds = f"{self.steps:,}/{self.every}" if outer and self.every > 1 else f"{self.steps:,}"
            return ("T/H" if outer else "T"), rounds
        rounds = f"{self.steps:,} x {self.share[0]}/{self.share[1]}"
        return ("T M/S", rounds) if outer else ("h T M/S", f"{self.own} x {rounds}")

    def _count(self, outer: bool) -> float:
        """How often a summand comes."""
        if outer:
            return self.rounds
        return self.steps if self.own is None else self.own * self.rounds


def of_replicas(
    setting: Setting,
    every: int | Sequence[int],
    shown_s: Sequence[float],
    outer: Summand,
    packing_s: float,
    parts: int = 1,
) -> ClosedForm:
    """Replicas in a datacenter each, which wait at every outer step for the slowest of them.

    Args:
      setting: their setting.
      every: H; or the inner steps of each replica in a round.
      shown_s: exposed time of the exchange inside the datacenter in a step, for each replica [s].
      outer: their outer step.
      packing_s: compute for an outer step [s].
      parts: number of exchanges of an outer step, each with its overhead.
    """
    load = setting.load
    rounds = (every,) * setting.workers if isinstance(every, int) else tuple(every)
    slowest = max(setting.everyone, key=lambda worker: rounds[worker] * (load.mean_step_s[worker] + shown_s[worker]))
    inside_s = setting.inside_s(slowest)
    summands = []
    if inside_s:
        peers, route = load.deal.worker_chips[slowest], setting.inside[slowest]
        numbers = partial(_exchange, load.gradient_bytes, peers, route)
        what, letters = "gradients inside a datacenter", "[(2 N b/W0)(1 - M/R) + e0]"
        summands.append(Summand(what, letters, numbers, inside_s, shown_s[slowest]))
    summands += [outer, *more_starts(setting, parts, outer=True), *packing(packing_s, outer=True)]
    form = ClosedForm(load.steps, max(rounds), load.mean_step_s[slowest], tuple(summands))
    alike = min(rounds) == max(rounds)
    return form if alike else replace(form, own=rounds[slowest], share=(setting.workers, sum(rounds)))


def of_one_replica(
    setting: Setting, every: int, gradients: Sequence[Summand], outer: Summand, packing_s: float, parts: int = 1
) -> ClosedForm:
    """One replica over all datacenters, which exchanges its gradients at every step and also has outer steps."""
    starts, packed = more_starts(setting, parts, outer=False), packing(packing_s, outer=True)
    compute_s = max(setting.load.mean_step_s)
    return ClosedForm(setting.load.steps, every, compute_s, (*gradients, outer, *starts, *packed))


def gradients_across(setting: Setting, payload_bytes: float, shown_s: float) -> tuple[Summand, ...]:
    """The exchange of gradients between all datacenters after a step; none if the measured times contain it.

    Args:
      setting: the setting of the run.
      payload_bytes: of all gradients [byte].
      shown_s: its exposed time in a step [s].
    """
    if setting.workers == 1 and setting.load.inside_included:
        return ()
    numbers = partial(_exchange, payload_bytes, setting.load.chips, setting.across)
    each_s = setting.across_s(payload_bytes)
    return (Summand("gradients across datacenters", _across(setting), numbers, each_s, shown_s),)


def outer_step(setting: Setting, payload_bytes: float, shown_s: float | None = None) -> Summand:
    """An outer step; all of its time is exposed unless `shown_s` is given."""
    numbers = partial(_exchange, payload_bytes, setting.load.chips, setting.across)
    each_s = setting.across_s(payload_bytes)
    what = "outer steps across datacenters"
    return Summand(what, _across(setting), numbers, each_s, each_s if shown_s is None else shown_s, outer=True)


def outer_fragments(setting: Setting, payload_bytes: float, fragments: int) -> Summand:
    """An outer step in fragments, each with its own latency and overhead."""
    bandwidth, latency_s, overhead_s = setting.across[:3]
    route = Route(bandwidth, latency_s * fragments, overhead_s * fragments)
    each_s = setting.sending_s(payload_bytes) + setting.across_s(0.0) * fragments
    letters = _across(setting)
    letters = letters if fragments == 1 else letters.replace("e1", "P e1").replace("o1", "P o1")
    numbers = partial(_exchange, payload_bytes, setting.load.chips, route)
    return Summand("outer steps across datacenters", letters, numbers, each_s, each_s, outer=True)


def more_starts(setting: Setting, parts: int, *, outer: bool) -> Iterator[Summand]:
    """The overheads of all parts of an exchange but the first; its exposed time is in the exchange's `shown_s`."""
    overhead_s, more = setting.across.overhead_s, parts - 1
    if more and overhead_s:
        what, letters = "overhead of the other layers' exchanges", "(n - 1) o1"
        yield Summand(what, letters, lambda: f"{more} x {human_seconds(overhead_s)}", more * overhead_s, 0.0, outer)


def packing(packing_s: float, *, outer: bool) -> Iterator[Summand]:
    """Compute that compresses payloads and restores them, if there is any."""
    if packing_s:
        yield Summand("packing payloads", "c", partial(human_seconds, packing_s), packing_s, packing_s, outer)


def _across(setting: Setting) -> str:
    return "[(2 N b/W1)(1 - 1/R) + e1 + o1]" if setting.across.overhead_s else "[(2 N b/W1)(1 - 1/R) + e1]"


def _exchange(payload_bytes: float, peers: float, route: Route) -> str:
    """(2 S/W)(1 - 1/R) + e with its numbers."""
    if peers <= 1:
        return "0 s (a lone chip)"
    bits, bandwidth = human_quantity(8 * payload_bytes, _BITS), human_quantity(route.bandwidth_bits_per_s, BANDWIDTH)
    overhead = f" + {human_seconds(route.overhead_s)}" if route.overhead_s else ""
    return f"[2 x {bits} / {bandwidth} x (1 - 1/{peers:g}) + {human_seconds(route.latency_s)}{overhead}]"
