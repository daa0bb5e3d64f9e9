"""Runs that others measured: a synchronisation and the utilisation, predicted."""

from __future__ import annotations

from collections.abc import Callable

from ..validate.evidence_files import read
from ..validate.published_syncs import SyncPrediction, predictions
from .model import Pair, Part

_COSTS = (
    "Ours: a ring of flows over the shaped links, and the costs of an exchange beside its bytes (NCCL's first use, and "
    "a fixed part). Those were taken from the runs at 5 Gbit/s with H = 1 and H = 128, which therefore are not listed.",
    "200 and 50 Mbit/s fall short: likely what the shaper drops and TCP waits for; no such losses were published.",
)
_RANGE = "Its links were published as a range only (127 to 935 Mbit/s), and which pair had which is our assumption."


def shaped() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Four nodes over links of four rates."""
    runs = [one for one in predictions(list(read("real_runs.csv"))) if one.corrected_s is not None]
    rest = [one for one in runs if not one.calibrates]
    return _parts(rest, lambda one: (one.corrected_s, one.corrected_utilization)), _COSTS


def over_the_internet() -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Four sites, as far as their links are known."""
    runs = [one for one in predictions(list(read("real_runs.csv"))) if one.corrected_s is None]
    return _parts(runs, lambda one: (one.overhead_s, one.overhead_utilization)), (_RANGE,)


def _parts(
    runs: list[SyncPrediction], ours: Callable[[SyncPrediction], tuple[float | None, float | None]]
) -> tuple[Part, ...]:
    seconds, shares = [], []
    for one in runs:
        what = f"{one.published['link']}, H = {one.published['sync_every']}"
        sync_s, utilization = ours(one)
        assert sync_s is not None
        assert utilization is not None
        seconds.append(Pair(what, one.measured_s, sync_s))
        shares.append(Pair(what, one.measured_utilization, utilization))
    return (
        Part("Seconds of an outer synchronisation", "s", "relative", tuple(seconds), theirs="measured"),
        Part("Compute utilisation (1 is all of the time)", "", "absolute", tuple(shares), theirs="measured"),
    )
