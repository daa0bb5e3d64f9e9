"""What we say of runs whose results we have not seen: the storm of 32 replicas, and runs without storms.

How each number comes about stands in its `how`. Rows of runs whose results are known are there to judge the rest by.
Run: python -m experiments.fault_storms.predict (4 minutes). Writes predictions.csv.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import product

from sim.failures.hardware import Hardware, Outage
from sim.failures.replicas import go_through
from sim.failures.rounds import Exchange

from .check import as_csv
from .data import HERE, Measured, Row, measured, row, table
from .replay import rounds_of

PREDICTIONS = HERE / "predictions.csv"
MADE = "2026-11-27"
"""The day on which they were made, before any of these results was known."""
STORM_S = 1800.0
"""Length of the storm of 32: 30 kills, 9 stops and 9 partitions at means of 60, 240 and 300 s [s]."""
_STEPS_S, _SPREADS, _SEEDS = (0.3, 0.6, 1.2, 2.4), (0.0, 0.05), range(25)
"""Of that storm neither an inner step nor how much replicas differ in it is known."""
_EXCHANGE_S = 1.0
_STATE_BYTES = 922e6
"""Sent to a replica that starts with the others: the difference of the link counters of all visible runs."""


@dataclass(frozen=True)
class Threads:
    """Paces of replicas that have a thread each."""

    steps_s: tuple[float, ...]

    @property
    def weights(self) -> tuple[float, ...]:
        """All alike."""
        return (1 / len(self.steps_s),) * len(self.steps_s)

    @property
    def step_tokens(self) -> tuple[float, ...]:
        """Steps are counted."""
        return (1.0,) * len(self.steps_s)

    @property
    def full_rate(self) -> float:
        """Steps a second of all without faults."""
        return len(self.steps_s) * 20 / (20 * max(self.steps_s) + _EXCHANGE_S)

    def step_s(self, site: int, computing: frozenset[int]) -> float:
        """Whatever the others do [s]."""
        return self.steps_s[site]

    def exchange_s(self, members: frozenset[int]) -> float:
        """However many exchange [s]."""
        return _EXCHANGE_S if len(members) > 1 else 0.0


def _storm_of_many(storm: Row, known: Measured, seed: int) -> list[Outage]:
    """A storm drawn with the means and counts of the schedule; restarts one after another."""
    dice, many = random.Random(seed), int(storm["replicas"])
    kills = sorted(dice.uniform(0.0, STORM_S) for _ in range(int(storm["scheduled_kills"])))
    found, free_s = [], 0.0
    for at_s in kills:
        seen_s = max(at_s + dice.uniform(0.0, float(storm["supervisor_poll_s"])), free_s)
        free_s = seen_s + float(storm["restart_delay_s"])
        found.append(Outage(dice.randrange(many), at_s, free_s + known.spawn_s - at_s))
    for how, count in (("frozen", int(storm["scheduled_stops"])), ("cut", int(storm["scheduled_partitions"]))):
        found += [
            Outage(dice.randrange(many), dice.uniform(0.0, STORM_S), dice.uniform(10.0, 40.0), how)
            for _ in range(count)
        ]
    return found


def efficiencies_of_many(storm: Row, known: Measured, seeds: range, *, stops: bool) -> list[float]:
    """Committed steps over those of the same replicas without faults, one a step time, spread and seed."""
    many, own = int(storm["replicas"]), rounds_of(storm, known)
    # its processes hang for the time that its configuration says, and neither hash, save nor evaluate
    hang_s = float(storm["process_group_timeout_s"])
    rounds = replace(own, hang_s=hang_s, pause_s=0.0, checks_every=0, checks_steps=0.0)
    found = []
    for step_s, spread, seed in product(_STEPS_S, _SPREADS, seeds):
        dice = random.Random(seed)
        paces = Threads(tuple(step_s * (1 + dice.uniform(0.0, spread)) for _ in range(many)))
        happens = [each for each in _storm_of_many(storm, known, seed) if stops or each.how != "frozen"]
        committed = []
        for outages in (happens, []):
            watched: list[Exchange] = []
            hardware = Hardware([1.0] * many, [0.0] * many, [], outages, [0])
            go_through(hardware, rounds, paces, within_s=STORM_S, watch=watched.append)
            committed.append(sum(len(each.members) for each in watched if not each.fails))
        found.append(committed[0] / committed[1])
    return found


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def storm_rows(known: Measured) -> list[Row]:
    """The storm of 32, once with stops that stand still and once with stops that do nothing."""
    storm, found = row("storms.csv", "storm-n32p"), []
    for stops in (True, False):
        values = efficiencies_of_many(storm, known, _SEEDS, stops=stops)
        how = f"{len(values)} drawn storms; stops {'stand still' if stops else 'do nothing'}"
        found.append(_row(storm, "efficiency", values, how))
    return found


def _row(run: Row, what: str, values: list[float], how: str, known: str = "") -> Row:
    low, middle, high = (f"{_quantile(values, share):.4g}" for share in (0.05, 0.5, 0.95))
    return {
        "run": run["run"],
        "what": what,
        "predicted": middle,
        "low": low,
        "high": high,
        "measured": f"{float(known):.4g}" if known else "",
        "made": MADE,
        "how": how,
    }


def run_rows(known: Measured) -> list[Row]:
    """Runs without storms, of two replicas on one processor: the round, the first round, and all of it."""
    found = []
    for run in table("runs.csv"):
        every, wan = int(run["sync_every"]), run["run"].startswith("m4-wan")
        shaped = [each for each in table("runs.csv") if run["run"].removesuffix("-h100") + "-h1" == each["run"]]
        if not (wan or run["run"].startswith("m1-")) or every == 1 or (wan and not shaped[0]["inferred_sync_median_s"]):
            continue
        sync_s = float(shaped[0]["inferred_sync_median_s"]) if wan else known.sync_s
        state_s = _STATE_BYTES * 8 / float(run["requested_rate_bits_per_s"]) if wan else 0.0
        how = "exchange as measured at H = 1" if wan else "exchange as measured at H = 50"
        step_s = float(run["step_compute_median_r0_s"])
        round_s = every * step_s + float(run["digest_median_r0_s"]) + sync_s
        first_s = known.load_steps * known.shared_step_s + state_s + every * step_s + sync_s
        between = max(1, int(run["eval_every_steps"]) // every)
        check_s = known.check_steps * known.shared_step_s
        median_s = round_s + (check_s if between == 1 else 0.0)  # then every round has one
        found.append(_row(run, "round_median_r0_s", [median_s], how, run["round_median_r0_s"]))
        found.append(_row(run, "first_round_r0_s", [first_s], how, run["first_round_r0_s"]))
        if not wan:
            rounds = int(run["max_steps"]) // every
            wall_s = first_s + float(run["digest_median_r0_s"]) + (rounds - 1) * round_s + rounds // between * check_s
            found.append(_row(run, "run_wall_r0_s", [wall_s + known.import_s], how, run["run_wall_r0_s"]))
    return found


def main() -> None:
    """Writes the predictions and prints them."""
    known = measured()
    rows = storm_rows(known) + run_rows(known)
    PREDICTIONS.write_text(as_csv(rows))
    for line in rows:
        print(*line.values(), sep="  ")


if __name__ == "__main__":
    main()
