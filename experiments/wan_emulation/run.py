"""Real training over real, shaped links on one machine, predicted beforehand.

Run, as root on Linux with iproute2: python experiments/wan_emulation/run.py [CASES.yaml] [--only NAME ...]
First a profile of the unshaped trainer (profile.json), then the prediction of every case, then the runs; each is a
line in results.csv, appended at once. Cases that are there are left alone: remove a line to make it again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cases import Case, Plan, read_plan
from namespaces import Sites, missing
from predict import FRAME_BYTES, SEGMENT_BYTES, Profile, predicted
from tcp import goodput_share

from sim.errors import CrosshaulError, InputError
from sim.output import write_atomically

HERE = Path(__file__).parent
PROFILE, RESULTS = HERE / "profile.json", HERE / "results.csv"
PORT = 9876
STARTUP_S = 90.0
PROFILE_STEPS = 60
Row = dict[str, str | float]


def main() -> None:
    """The command line; a mistake of the user's is one line and exit code 2."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="?", type=Path, default=HERE / "cases.yaml")
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the table to go on with")
    parser.add_argument("--profile", type=Path, default=PROFILE, help="the profile to predict from; made if missing")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was built is taken away
    try:
        emulate(given.cases, given.only, given.results, given.profile)
    except CrosshaulError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; what was finished is in the table", file=sys.stderr)
        sys.exit(130)


def emulate(cases: Path, only: Sequence[str], results: Path, profile_path: Path) -> None:
    """Makes the runs that are missing in the table.

    Raises:
      InputError: a case is wrong, or the machine allows no namespaces.
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
    if not profile_path.exists():
        most = max(case.sites for case in plan.cases)
        write_atomically(profile_path, make_profile(plan, most).model_dump_json(indent=1) + "\n")
    profile = Profile.model_validate_json(profile_path.read_text())
    for case in wanted:
        row = made(plan, case, profile)
        append(results, row)
        print(
            f"{case.name}: predicted {row['predicted_s']} s, measured {row['measured_s']} s, "
            f"error {float(row['error']):+.1%}",
            flush=True,
        )


def made(plan: Plan, case: Case, profile: Profile) -> Row:
    """Predicts a case, then runs it."""
    said, naive = predicted(plan, case, profile), predicted(plan, case, profile, naive=True)
    found, sent_bytes = trained(plan, case, limit_s=STARTUP_S + 4 * said.wall_clock_s)
    measured_s = max(site["wall_clock_s"] for site in found)
    exchanges = [step["exchange_s"] for step in found[0]["steps"] if step["exchange_s"]]
    return {
        "case": case.name,
        "algorithm": case.algorithm,
        "sites": case.sites,
        "sync_every": case.sync_every or "",
        "fragments": case.fragments or "",
        "links": links_of(case),
        "straggler": f"site {case.straggler.site} x{case.straggler.factor:g}" if case.straggler else "",
        "steps": case.steps,
        "naive_s": f"{naive.wall_clock_s:.3f}",
        "predicted_s": f"{said.wall_clock_s:.3f}",
        "measured_s": f"{measured_s:.3f}",
        "error": f"{said.wall_clock_s / measured_s - 1:.4f}",
        "inner_step_s": f"{statistics.median(step['inner_s'] for step in found[0]['steps']):.4f}",
        "exchange_s": f"{statistics.median(exchanges):.4f}" if exchanges else "",
        "predicted_bytes": f"{said.cross_datacenter_bytes * FRAME_BYTES / SEGMENT_BYTES:.0f}",
        "sent_bytes": sent_bytes,
    }


def links_of(case: Case) -> str:
    """The links of a case in a few words."""
    rates = [f"{rate / 1e6:g}" for rate in case.rates]
    text = f"{rates[0] if len(set(rates)) == 1 else ' / '.join(rates)} Mbit/s"
    if case.change:
        whose = "" if case.change.site is None else f" of site {case.change.site}"
        text += f", {case.change.rate_bits_per_s / 1e6:g}{whose} after {case.change.after_s:g} s"
    return text


def trained(plan: Plan, case: Case, *, limit_s: float) -> tuple[list[dict[str, Any]], int]:
    """Runs a case; what each site wrote, and what all their interfaces sent while they trained [byte]."""
    before: list[int] = []

    def watch(sites: Sites, go: Path, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        while not go.exists():
            if any(process.poll() is not None for process in processes):
                return
            time.sleep(0.002)
        begin = time.monotonic()
        before.extend(sites.sent_bytes(site) for site in range(case.sites))
        if case.change:
            time.sleep(max(0.0, begin + case.change.after_s - time.monotonic()))
            changed = range(case.sites) if case.change.site is None else [case.change.site]
            for site in changed:
                sites.shape(site, case.change.rate_bits_per_s, change=True)

    factors = [1.0] * case.sites
    if case.straggler:
        factors[case.straggler.site] = case.straggler.factor
    with Sites(case.rates, burst_bytes=plan.burst_bytes) as sites:
        found = together(sites, config_of(plan, case), "train", factors, limit_s=limit_s, watch=watch)
        after = [sites.sent_bytes(site) for site in range(case.sites)]
    return found, sum(after) - sum(before)


def make_profile(plan: Plan, most_sites: int) -> Profile:
    """Measures the unshaped trainer: its steps alone and together, an exchange of nothing, the outer arithmetic."""
    cores = len(os.sched_getaffinity(0))
    crowds = [*range(1, min(most_sites, cores) + 1), *range(2 * cores, most_sites + cores, cores)]
    counts = sorted({*crowds, *range(2, most_sites + 1)})
    steps_s, start_s, outer_s, params = {}, {}, {}, 0
    for count in counts:
        print(f"profile: {count} at once", flush=True)
        case = Case(name="profile", algorithm="diloco", sites=max(2, count), rate="1 Gbit/s", sync_every=PROFILE_STEPS,
                    steps=PROFILE_STEPS)  # fmt: skip
        config = config_of(plan, case) | {"replicas": count}
        with Sites([None] * count, burst_bytes=plan.burst_bytes) as sites:
            found = together(sites, config, "profile", [1.0] * count, limit_s=STARTUP_S + PROFILE_STEPS * count)
        steps_s[str(count)] = tuple(statistics.fmean(site["steps_s"]) for site in found)
        start_s[str(count)] = statistics.fmean(site["exchange_start_s"] for site in found)
        outer_s[str(count)] = statistics.fmean(site["outer_s"] for site in found)
        params = found[0]["params"]
    share = goodput_share(plan.burst_bytes)
    return Profile(
        params=params, cores=cores, steps_s=steps_s, exchange_start_s=start_s, outer_s=outer_s, goodput_share=share
    )


def config_of(plan: Plan, case: Case) -> dict[str, Any]:
    """The case as a configuration of the trainer."""
    spread = case.algorithm == "data-parallel"
    outer = {} if spread else {"sync_every": case.sync_every}
    if case.algorithm == "streaming-diloco":
        outer |= {"fragments": case.fragments}
    return {
        "model": {
            "layers": plan.layers,
            "width": plan.width,
            "heads": plan.heads,
            "hidden": 4 * plan.width,
            "vocab": plan.vocab,
        },
        "algorithm": case.algorithm,
        "replicas": 1 if spread else case.sites,
        "devices_per_replica": case.sites if spread else 1,
        "steps": case.steps,
        "sequence_length": plan.sequence_length,
        "sequences": plan.sequences,
        "microbatches": 1,
        "learning_rate": 4e-3,
        "corpus": "docstrings",
        "tokenizer": "bytes",
        **outer,
    }


def together(
    sites: Sites,
    config: dict[str, Any],
    mode: str,
    factors: Sequence[float],
    *,
    limit_s: float,
    watch: Any = lambda *_: None,
) -> list[dict[str, Any]]:
    """Starts a process in each site, pinned to the cores in turn, and waits for what they write.

    Raises:
      InputError: a process failed or took too long.
    """
    cores = sorted(os.sched_getaffinity(0))
    root = str(HERE.parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "config.json").write_text(json.dumps(config))
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for site, factor in enumerate(factors):
                command = [sys.executable, str(HERE / "worker.py"), mode, "--config", str(where / "config.json")]
                command += ["--output", str(where / f"{site}.json"), "--coordinator", f"{sites.address(0)}:{PORT}"]
                command += ["--processes", str(len(factors)), "--process", str(site), "--factor", str(factor)]
                command += ["--core", str(cores[site % len(cores)])]
                command += ["--go", str(where / "go")] if site == 0 else []
                with (where / f"{site}.log").open("wb") as log:
                    processes.append(
                        subprocess.Popen(
                            sites.command(site, command),
                            stdout=log,
                            stderr=log,
                            env=environment,
                            start_new_session=True,
                        )
                    )
            end = time.monotonic() + limit_s
            watch(sites, where / "go", processes)
            for site, process in enumerate(processes):
                _wait(process, end, where / f"{site}.log", site)
            return [json.loads((where / f"{site}.json").read_text()) for site in range(len(factors))]
        finally:
            for process in processes:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(process: subprocess.Popen[bytes], end: float, log: Path, site: int) -> None:
    try:
        code = process.wait(max(0.1, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise InputError(f"site {site} took too long and was stopped; its last words: {_last(log)}") from None
    if code:
        raise InputError(f"site {site} ended with {code}; its last words: {_last(log)}")


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:])


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
