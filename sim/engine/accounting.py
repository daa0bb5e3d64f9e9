"""The sums of one worker while time passes; a timeline's `Totals` when it is over."""

from __future__ import annotations

from typing import NamedTuple

from .ops import Compute
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


class Tally:
    """The sums of one worker while time passes."""

    __slots__ = (
        "across",
        "behind",
        "burst",
        "compute",
        "crossing",
        "finish",
        "hidden",
        "inside",
        "known",
        "late",
        "merges",
        "packing",
        "peak",
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
        self.behind: bool = False
        self.known = 0.0
        self.waited_for = [0.0] * workers

    def at(self, now_s: float, *, behind: bool | None = None, under_way: int = 0) -> None:
        """Brings `hidden` up to date, and notes what begins or ends now.

        Time counts as hidden while the worker computes and at least one exchange is under way for it; it counts once,
        however many exchanges these are.

        Args:
          now_s: the moment [s].
          behind: whether the worker computes from now on; None: as before.
          under_way: exchanges that begin now, or minus those that end.
        """
        if self.behind and self.under_way:
            self.hidden += now_s - self.known
        self.known = now_s
        self.under_way += under_way
        if behind is not None:
            self.behind = behind

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
