"""The verdict on the runs of a scenario: which is fastest, and which reaches the lowest loss in equal time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..simulation.results import Run


@dataclass(frozen=True)
class Verdict:
    """The verdict of the main job as data.

    Attributes:
      fastest, speedup: label of the run with the shortest wall-clock; Data-Parallel's wall-clock over that one.
      loses_most_to: the largest loss of time of the fastest run, in words; None if it only computes.
      loses_most_s, loses_most_share: the seconds; over its wall-clock [s].
      lowest_loss_in_equal_time: label of the run that reaches the lowest loss within Data-Parallel's wall-clock (the
        rule `equal-chips` of `simulate budget`); None if no loss is predicted.
      equal_time_loss: that loss [nats per token].
    """

    fastest: str
    speedup: float
    loses_most_to: str | None
    loses_most_s: float
    loses_most_share: float
    lowest_loss_in_equal_time: str | None
    equal_time_loss: float | None


def verdict(runs: Sequence[Run]) -> Verdict:
    """The verdict on some runs."""
    best, lowest = fastest(runs), lowest_loss(runs)
    parts = time_lost(best)
    cause = max(parts, key=lambda name: parts[name])
    return Verdict(
        fastest=best.label,
        speedup=best.speedup,
        loses_most_to=cause if parts[cause] else None,
        loses_most_s=parts[cause],
        loses_most_share=parts[cause] / best.wall_clock_s,
        lowest_loss_in_equal_time=lowest.label if lowest else None,
        equal_time_loss=lowest.equal_time_loss if lowest else None,
    )


def fastest(runs: Sequence[Run]) -> Run:
    """The run with the shortest wall-clock; of equal ones the first."""
    return max(runs, key=lambda run: run.speedup)


def lowest_loss(runs: Sequence[Run]) -> Run | None:
    """The run that reaches the lowest loss in Data-Parallel's wall-clock; None if no loss is predicted."""
    known = [(run.equal_time_loss, run) for run in runs if run.equal_time_loss is not None]
    return min(known, key=lambda each: each[0])[1] if known else None


def time_lost(run: Run) -> dict[str, float]:
    """The wall-clock without compute, by cause: means over the workers, which add up to `lost_s` [s]."""
    return {
        "exchanges across datacenters": run.exposed_across_s,
        "exchanges inside the datacenters": run.exposed_inside_s,
        "waiting for slower replicas": run.straggler_wait_s,
        "packing payloads": run.packing_s,
        "replicas that end before the last": run.ended_early_s,
    }
