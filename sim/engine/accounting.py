"""The sums of one worker while time passes; a timeline's `Totals` when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .ops import Compute, Inside
from .timeline import Totals


class Mark(NamedTuple):
    """When an op of a worker was over, and the times that led to it."""

    step: int
    """Inner steps that the worker had finished when the op began."""
    end_s: float
    begin_s: float
    done_s: float | None = None
    """When the exchange was done that the op waited for; `begin_s` is then when it began."""
    credit_s: tuple[float, ...] = ()
    """What the buckets of the links held when it was over (see `Carrier.credit_s`), where somebody looked [s]."""


Doing = tuple[Compute | Inside, float, float]
"""Something that a worker does by itself, and when it begins and ends, from when the worker sets out [s]."""


class Tally:
    """The sums of one worker while time passes."""

    __slots__ = (
        "across",
        "burst",
        "compute",
        "counted",
        "crossing",
        "doings",
        "finish",
        "hidden",
        "inside",
        "known",
        "late",
        "merges",
        "packing",
        "peak",
        "set_out",
        "staleness",
        "stalest",
        "stepped",
        "steps",
        "straggler",
        "under_way",
        "waited_for",
    )

    def __init__(self, workers: int) -> None:
        self.compute = self.packing = self.straggler = self.inside = self.across = self.hidden = self.finish = 0.0
        self.crossing = self.burst = self.peak = 0.0
        self.merges = self.late = self.staleness = self.stalest = self.steps = 0
        self.stepped = False
        self.under_way = 0
        self.known = self.set_out = 0.0
        self.doings: Sequence[Doing] = ()
        """What the worker does by itself since it set out."""
        self.counted = 0
        """How many of these are counted."""
        self.waited_for = [0.0] * workers

    def at(self, now_s: float, under_way: int = 0) -> None:
        """Brings `hidden` up to date, and notes what begins or ends now.

        Time counts as hidden while the worker computes and at least one exchange is under way for it; it counts once,
        however many exchanges these are.

        Args:
          now_s: the moment [s].
          under_way: exchanges that begin now, or minus those that end.
        """
        if self.under_way:
            for op, begin_s, end_s in self.doings:
                first_s = max(self.set_out + begin_s, self.known)
                last_s = min(self.set_out + end_s, now_s)
                if first_s < last_s and isinstance(op, Compute):
                    self.hidden += last_s - first_s
        self.known = now_s
        self.under_way += under_way

    def sets_out(self, now_s: float, doings: Sequence[Doing]) -> None:
        """The worker does something by itself from now on; nothing of it is counted before it is over."""
        self.at(now_s)
        self.set_out, self.doings, self.counted = now_s, doings, 0

    def comes_back(self, now_s: float) -> None:
        """All that the worker did by itself is over."""
        self.at(now_s)
        self._count(len(self.doings))
        self.doings = ()

    def stops(self, now_s: float, op: Compute, took_s: float) -> None:
        """The only thing that the worker did by itself is over, after so long."""
        self.at(now_s)
        self.doings = ()
        self.computed(op, took_s)

    def count_until(self, now_s: float) -> None:
        """Counts what the worker has done by itself so far, as others are about to give its site something to send."""
        while self.counted < len(self.doings) and self.set_out + self.doings[self.counted][2] <= now_s:
            self._count(self.counted + 1)

    def _count(self, first: int) -> None:
        for op, begin_s, end_s in self.doings[self.counted : first]:
            if isinstance(op, Compute):
                self.computed(op, op.seconds)
            else:
                self.inside += end_s - begin_s
                self.hidden += op.collective.count * op.collective.behind_s
        self.counted = first

    def computed(self, op: Compute, took_s: float) -> None:
        """A compute op is over, after so long. A burst is counted from the beginning of a step to that of the next."""
        if not op.useful:
            self.packing += took_s
            return
        if self.stepped:
            self.peak = max(self.peak, self.burst)
            self.burst = 0.0
        self.stepped = op.steps > 0
        self.steps += op.steps
        self.compute += took_s

    def handed_over(self, size_bytes: float) -> None:
        """The worker's site was given that much to send to other sites."""
        self.burst += size_bytes

    def stood_still(self, straggler_s: float, inside_s: float, across_s: float, last: int) -> None:
        """The worker waited for slower ones, the last of which was `last`, and then for the parts of an exchange."""
        self.straggler += straggler_s
        self.waited_for[last] += straggler_s
        self.inside += inside_s
        self.across += across_s

    def merged(self, staleness: int) -> None:
        """The worker's change was merged; so many updates by others were in between."""
        self.merges += 1
        self.staleness += staleness
        self.stalest = max(self.stalest, staleness)

    def end(self, now_s: float) -> None:
        """The worker has finished. What closes the run counts as a burst only where there was no other."""
        self.finish = now_s
        self.peak = self.peak or self.burst

    def totals(self) -> Totals:
        """The sums, for good."""
        return Totals(
            compute_s=self.compute,
            packing_s=self.packing,
            straggler_wait_s=self.straggler,
            exposed_inside_s=self.inside,
            exposed_across_s=self.across,
            hidden_s=self.hidden,
            finish_s=self.finish,
            crossing_bytes=self.crossing,
            peak_bytes=self.peak,
            merges=self.merges,
            late=self.late,
            staleness=self.staleness,
            stalest=self.stalest,
            waited_for_s=tuple(self.waited_for),
        )
