"""Descendants of DiLoCo at the smallest size of the study: loss at equal time on a thin network.

How long an algorithm takes says the simulator: the recorded trace of 35M parameters that ships, on `thin-access`, with
the study's M, H and number of steps. Each is then trained here for as many steps as it makes there in the time in which
SparseLoCo with 1 of 8 values makes those of the study, with a learning-rate schedule of that length: nothing is
extrapolated. With one site at half speed, DiLoCo waits for it, and Decoupled DiLoCo (K = 3) does not.

Run: python -m experiments.small_scale.equal_time (again, until it says that nothing is missing). Every finished run is
a line of equal_time.csv, appended at once; `--table` writes the table of README.md alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sim.scenario.loading import load_scenario
from sim.shell.delivery import write_atomically
from sim.simulation.run import run as replay

from .cases import Row
from .descendants import KINDS, REPLICAS, SYNC_EVERY, append, config_of, read, run
from .figure import filled

RUNS = Path(__file__).with_name("equal_time.csv")
TOPOLOGY = "thin-access"
SLOW = "topology.datacenters.0.chip_speed=120 Tflop/s"
"""One site at half the speed of the others, which is that of the recorded chip (240 Tflop/s)."""
RATE, SEED = 8e-3, 0
BUDGET = "SparseLoCo, 1 of 8 values"
"""What makes the steps of the study in the time that all have."""
_MOST = 8
"""Times the steps of the study that are looked through."""


class Timed(NamedTuple):
    """What is trained for as many steps as fit.

    Attributes:
      name: as in `KINDS`.
      slow: whether one site is slow.
    """

    name: str
    slow: bool = False


TIMED = (
    Timed("DiLoCo, less momentum"),
    Timed("Decoupled DiLoCo"),
    Timed("DiLoCo, less momentum", slow=True),
    Timed("Decoupled DiLoCo, one learner at half pace", slow=True),
    Timed("Gossip DiLoCo"),
    Timed("Two-level DiLoCo, less momentum"),
    Timed(BUDGET),
    Timed("DiLoCo, outer SGD"),
    Timed("SparseLoCo"),
)


def strategy_of(name: str) -> dict[str, Any]:
    """The simulator's strategy of what is trained."""
    own = {key: KINDS[name][key] for key in ("top", "fragments", "overlap_steps", "quorum") if key in KINDS[name]}
    return {"kind": KINDS[name]["algorithm"], "replicas": REPLICAS, "sync_every": SYNC_EVERY, **own}


@lru_cache(maxsize=1024)
def seconds(timed: Timed, steps: int) -> float:
    """Wall-clock of so many steps [s]."""
    own = strategy_of(timed.name)
    asked = ",".join(f"{key}={value}" for key, value in own.items() if key != "kind")
    settings = [f"workload.steps={steps}", *([SLOW] if timed.slow else [])]
    scenario = load_scenario(topology=TOPOLOGY, strategies=[f"{own['kind']}:{asked}"], settings=settings)
    return replay(scenario).runs[0].wall_clock_s


def full_steps() -> int:
    """Steps of the study."""
    return config_of(BUDGET, RATE, SEED).steps


def budget_s() -> float:
    """The time that all have [s]."""
    return seconds(Timed(BUDGET), full_steps())


def steps_within(timed: Timed, budget: float) -> int:
    """The most steps of each replica, in the mean, that end within a time [s]."""
    fits, beyond = 1, _MOST * full_steps()
    while beyond - fits > 1:
        middle = (fits + beyond) // 2
        fits, beyond = (middle, beyond) if seconds(timed, middle) <= budget else (fits, middle)
    return fits


def found(timed: Timed, done: Sequence[Row]) -> Row | None:
    """The run of as many steps as fit; None while it is missing."""
    steps = steps_within(timed, budget_s())
    key = (timed.name, RATE, SEED, steps)
    return next((row for row in done if (row["name"], *_numbers(row)) == key), None)


def _numbers(row: Row) -> tuple[float, int, int]:
    return float(row["learning_rate"]), int(row["seed"]), int(row["steps"])


def runs() -> list[Row]:
    """The finished runs, with those of all steps that `descendants.csv` has."""
    return [*read(), *read(RUNS)]


def table(done: Sequence[Row]) -> Iterator[str]:
    """Steps and losses as lines of Markdown."""
    budget, full = budget_s(), full_steps()
    yield (
        f"| trained | all {full:,} steps take | steps in {budget:.1f} s | held-out loss then | after {full:,} steps |"
    )
    yield "|---" * 5 + "|"
    for timed in TIMED:
        row, all_s = found(timed, done), seconds(timed, full)
        full_loss = " / ".join(
            f"{float(each['held_out_loss']):.3f}"
            for each in done
            if each["name"] == timed.name and (float(each["learning_rate"]), int(each["steps"])) == (RATE, full)
        )
        loss = f"{float(row['held_out_loss']):.3f}" if row else "not run"
        slow = "; one site at half speed" if timed.slow else ""
        name = timed.name.removesuffix(", one learner at half pace")
        yield (f"| {name}{slow} | {all_s:.1f} s | {steps_within(timed, budget):,} | {loss} | {full_loss} |")


def write_table() -> None:
    """Puts the table into the page."""
    page = RUNS.with_name("README.md")
    write_atomically(page, filled(page.read_text(), "equal time", table, runs()))


def main() -> None:
    """Makes what is missing, in order, and writes the table."""
    parser = argparse.ArgumentParser(description="Make the runs at equal time that are missing.")
    parser.add_argument("--table", action="store_true", help="only write the table of README.md")
    if parser.parse_args().table:
        write_table()
        return
    for timed in TIMED:
        if found(timed, runs()) is None:
            steps = steps_within(timed, budget_s())
            print(f"now {timed.name}, {steps} steps", flush=True)
            append(run(timed.name, RATE, SEED, steps), RUNS)
    write_table()
    print("nothing is missing")


if __name__ == "__main__":
    main()
