"""Real training over real, shaped links on one machine, predicted beforehand.

Run, as root on Linux with iproute2: python -m experiments.wan_emulation.run [CASES.yaml] [--only NAME ...]
First a profile of the unshaped trainer (*.profile.json), then the prediction of every case, then the runs; each is a
line in results.csv, appended at once. Cases that are there are left alone: remove a line to make it again.
"""

from __future__ import annotations

import argparse
import csv
import io
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import CrosshaulError, InputError
from sim.shell.delivery import write_atomically
from sim.simulation.results import Run

from .cases import Case, Plan, config_of, read_plan
from .namespaces import Distance, Sites, missing
from .predict import TERMS, predicted
from .processes import STARTUP_S, run_together
from .unshaped import Profile, profile_of, read_profile

HERE = Path(__file__).parent
CASES, RESULTS = HERE / "cases.yaml", HERE / "results.csv"
Row = dict[str, str | float]


def main() -> None:
    """The command line; a mistake of the user's is one line and exit code 2."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="?", type=Path, default=CASES)
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    parser.add_argument("--again", action="store_true", help="only predict the table's cases again, and run nothing")
    parser.add_argument("--results", type=Path, help="the table to go on with (mine.yaml: mine.csv)")
    parser.add_argument("--profile", type=Path, help="what to predict from; measured if missing (mine.profile.json)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was built is taken away
    results = given.results or (RESULTS if given.cases == CASES else given.cases.with_suffix(".csv"))
    profile = given.profile or results.with_suffix(".profile.json")
    try:
        if given.again:
            predict_again(given.cases, results, profile)
        else:
            emulate(given.cases, given.only, results, profile)
    except CrosshaulError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; what was finished is in the table", file=sys.stderr)
        sys.exit(130)


def emulate(cases: Path, only: Sequence[str], results: Path, profile_path: Path) -> None:
    """Makes the runs that are missing in the table.

    Raises:
      InputError: a case is wrong, or failed when all others had run, or the machine allows no namespaces.
    """
    plan = read_plan(cases)
    unknown = set(only) - {case.name for case in plan.cases}
    if unknown:
        raise InputError(f"--only: no case is named {', '.join(sorted(unknown))}; {cases} has the names")
    if (reason := missing()) is not None:
        raise InputError(reason)
    done = {row["case"] for row in read_rows(results)}
    wanted = [case for case in plan.cases if case.name not in done and (not only or case.name in only)]
    if not wanted:
        print(f"nothing is missing in {results}")
        return
    profile = profile_of(plan, profile_path)
    failed = []
    for number, case in enumerate(wanted, start=1):
        try:
            row = made(plan, case, profile)
        except InputError as error:
            failed.append(case.name)
            print(f"{number} of {len(wanted)}, {case.name}: {error}", file=sys.stderr, flush=True)
            continue
        append(results, row)
        print(
            f"{number} of {len(wanted)}, "
            f"{case.name}: predicted {row['predicted_s']} s, measured {row['measured_s']} s, "
            f"error {float(row['error']):+.1%}",
            flush=True,
        )
    if failed:
        raise InputError(f"{len(failed)} cases failed: {', '.join(failed)}; the same command tries them again")


def predict_again(cases: Path, results: Path, profile_path: Path) -> None:
    """Puts what the simulator says now into the table, beside what was measured then.

    Raises:
      InputError: the table has a case that is not among the cases.
    """
    plan = read_plan(cases)
    known = {case.name: case for case in plan.cases}
    profile = read_profile(profile_path, plan)
    table: list[Row] = []
    for row in read_rows(results):
        if row["case"] not in known:
            raise InputError(f"{results}: case {row['case']!r} is not in {cases}; remove its line, or name its file")
        said, naive = _both(plan, known[row["case"]], profile)
        table.append({**row, **_beside(said, naive, float(row["measured_s"]))})
    if table:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        write_atomically(results, text.getvalue())


def _both(plan: Plan, case: Case, profile: Profile) -> tuple[Run, Run]:
    """The prediction, and the one without any of the measured terms."""
    return predicted(plan, case, profile), predicted(plan, case, profile, without=TERMS)


def _beside(said: Run, naive: Run, measured_s: float) -> Row:
    return {
        "naive_s": f"{naive.wall_clock_s:.3f}",
        "predicted_s": f"{said.wall_clock_s:.3f}",
        "measured_s": f"{measured_s:.3f}",
        "error": f"{said.wall_clock_s / measured_s - 1:.4f}",
    }


def made(plan: Plan, case: Case, profile: Profile) -> Row:
    """Predicts a case, then runs it."""
    said, naive = _both(plan, case, profile)
    limit_s = STARTUP_S + 4 * plan.runs * said.wall_clock_s
    tries = [trained(plan, case, limit_s=limit_s) for _ in range(plan.repeats)]
    runs = [run for found, _ in tries for run in zip(*found, strict=True)]
    walls_s = [max(site["wall_clock_s"] for site in run) for run in runs]
    steps = [step for run in runs for step in run[0]["steps"]]
    exchanges = [s for run in runs for s in run[0]["beside_s"]] or [
        step["exchange_s"] for step in steps if step["exchange_s"]
    ]
    return {
        "case": case.name,
        "algorithm": case.algorithm,
        "sites": case.sites,
        "sync_every": case.sync_every or "",
        "fragments": case.fragments or "",
        "links": links_of(case),
        **({"exchange": case.exchange, "overlap_steps": case.overlap_steps} if case.distant else {}),
        "straggler": f"site {case.straggler.site} x{case.straggler.factor:g}" if case.straggler else "",
        "steps": case.steps,
        **_beside(said, naive, statistics.median(walls_s)),
        "runs_s": " / ".join(f"{wall_s:.3f}" for wall_s in walls_s),
        "inner_step_s": f"{statistics.median(step['inner_s'] for step in steps):.4f}",
        "exchange_s": f"{statistics.median(exchanges):.4f}" if exchanges else "",
        "payload_bytes": f"{said.cross_datacenter_bytes:.0f}",
        "sent_bytes": round(tries[0][1].sent_bytes / plan.runs),
        **({"relay_share": f"{statistics.fmean(sent.relay_share for _, sent in tries):.4f}"} if case.distant else {}),
    }


def links_of(case: Case) -> str:
    """The links of a case in a few words."""
    rates = [f"{rate / 1e6:g}" for rate in case.rates]
    text = f"{rates[0] if len(set(rates)) == 1 else ' / '.join(rates)} Mbit/s"
    if case.change:
        whose = "" if case.change.site is None else f" of site {case.change.site}"
        text += f", {case.change.rate_bits_per_s / 1e6:g}{whose} after {case.change.after_s:g} s"
    if case.distant:
        trips = [f"{4000 * latency_s:g}" for latency_s in case.latencies_s]
        text += f", {trips[0] if len(set(trips)) == 1 else ' / '.join(trips)} ms"
    text += f", {100 * case.loss:g}% lost" if case.loss else ""
    return text + (f", {case.streams} streams" if case.streams > 1 else "")


@dataclass(frozen=True)
class Sent:
    """What the network did while processes ran: bytes of all interfaces, and the relay's share of a core."""

    sent_bytes: int
    relay_share: float


def trained(plan: Plan, case: Case, *, limit_s: float) -> tuple[list[list[dict[str, Any]]], Sent]:
    """Starts a case's processes once: for each site what each of its runs took, and what the network did."""
    before: list[tuple[float, int, float]] = []

    def state(sites: Sites) -> tuple[float, int, float]:
        return time.monotonic(), sum(sites.sent_bytes(site) for site in range(case.sites)), sites.relay_s()

    def watch(sites: Sites, begins: Callable[[], bool]) -> None:
        if not begins():
            return
        before.append(state(sites))
        if case.change:
            time.sleep(max(0.0, before[0][0] + case.change.after_s - time.monotonic()))
            for site in range(case.sites) if case.change.site is None else [case.change.site]:
                sites.shape(site, case.change.rate_bits_per_s, change=True)

    factors = [1.0] * case.sites
    if case.straggler:
        factors[case.straggler.site] = case.straggler.factor
    distance = Distance(case.latencies_s, loss=case.loss) if case.distant else None
    with Sites(case.rates, burst_bytes=plan.burst_bytes, distance=distance, congestion=plan.congestion) as sites:
        more = ["--runs", str(plan.runs)]
        if case.exchange == "ring":
            more += ["--ring", *(sites.address(site) for site in range(case.sites)), "--streams", str(case.streams)]
        found = run_together(sites, config_of(plan, case), "train", factors, limit_s=limit_s, watch=watch, more=more)
        begin, end = before[0], state(sites)
        return found, Sent(end[1] - begin[1], (end[2] - begin[2]) / (end[0] - begin[0]))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The finished runs of a table."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: Row) -> None:
    """One more line, written at once."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
