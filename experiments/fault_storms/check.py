"""Replays the four measured storms and compares; README.md says what is known, what is assumed, and what comes out.

Run: python -m experiments.fault_storms.check (a few seconds). Writes results.csv.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from statistics import fmean, median

from .data import HERE, Measured, Row, measured, table
from .replay import (
    Commit,
    backs_s,
    commits,
    efficiency,
    faults,
    in_window,
    logged,
    restarts_s,
    resumes_s,
)

RESULTS = HERE / "results.csv"
SEEDS = range(20)


def storms() -> list[Row]:
    """Those whose results are known."""
    return [each for each in table("storms.csv") if each["commits"]]


def _line(storm: Row, what: str, found: Sequence[Sequence[Commit]], restart_s: Sequence[Sequence[float]]) -> Row:
    """Medians over histories; a row of the results."""
    windows = [in_window(storm, list(each)) for each in found]
    efficiencies = [efficiency(storm, list(each)) for each in found]
    resumes = [resumes_s(storm, list(each)) for each in found]
    backs = [backs_s(storm, list(each)) for each in found]
    alone = [sum(each.participants == 1 for each in window) for window in windows]
    failed = [sum(not each.committed for each in history) for history in found]
    return {
        "storm": storm["run"],
        "what": what,
        "histories": str(len(found)),
        "commits": f"{median(map(len, windows)):g}",
        "efficiency": f"{median(efficiencies):.4f}",
        "efficiency_low": f"{min(efficiencies):.4f}",
        "efficiency_high": f"{max(efficiencies):.4f}",
        "commits_alone": f"{median(alone):g}",
        "uncommitted": f"{median(failed):g}",
        "resume_median_s": f"{median(map(median, resumes)):.2f}",
        "resume_mean_s": f"{median(map(fmean, resumes)):.2f}",
        "restart_median_s": f"{median(map(median, restart_s)):.2f}",
        "back_median_s": f"{median(map(median, backs)):.2f}",
        "back_mean_s": f"{median(map(fmean, backs)):.2f}",
    }


def rows(storm: Row, known: Measured) -> list[Row]:
    """What was measured, and what comes out with restarts drawn, as logged, and if stopped replicas stood still."""
    starts_s = [restarts_s(storm, known, None)]
    drawn_s = [restarts_s(storm, known, seed) for seed in SEEDS]
    return [
        _line(storm, "measured", [logged(storm)], starts_s),
        _line(storm, "replayed", [commits(storm, known, seed) for seed in SEEDS], drawn_s),
        _line(storm, "replayed, starts as logged", [commits(storm, known, None)], starts_s),
        _line(storm, "if stops stood", [commits(storm, known, seed, stops=True) for seed in SEEDS], drawn_s),
    ]


def stopped_and_committed() -> tuple[int, int]:
    """Stops of all storms, and how many of them held a commit of the replica that was stopped."""
    stops = [(storm, each) for storm in storms() for each in faults(storm, "stop")]
    through = 0
    for storm, stop in stops:
        begin_s, end_s = float(stop["t_s"]) + 1.0, float(stop["t_s"]) + float(stop["lasted_s"]) - 1.0
        dead = [float(each["t_s"]) for each in faults(storm, "kill") if each["replica"] == stop["replica"]]
        end_s = min([end_s, *(at_s for at_s in dead if at_s > begin_s)])
        own = [each.at_s for each in logged(storm) if str(each.replica) == stop["replica"]]
        through += any(begin_s < at_s < end_s for at_s in own)
    return len(stops), through


def as_csv(results: list[Row]) -> str:
    """The rows as the file holds them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(results[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(results)
    return text.getvalue()


def main() -> None:
    """Replays all storms, writes the results and prints them."""
    known = measured()
    print(known)
    results = [line for storm in storms() for line in rows(storm, known)]
    RESULTS.write_text(as_csv(results))
    for line in results:
        print(*line.values(), sep="  ")
    stops, through = stopped_and_committed()
    print(f"{through} of {stops} stops held a commit of the replica that was stopped")


if __name__ == "__main__":
    main()
