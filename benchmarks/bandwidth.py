"""`simulate bandwidth` for 5 targets and 5 strategies on a model of 100B parameters and 108 layers: seconds.

The yardstick is one long replay, 100 rounds of Streaming DiLoCo layer by layer, every step: what a single point of a
single curve would cost without the steady replay.
"""

from __future__ import annotations

import time

from sim.questions.bandwidth.bandwidth import TARGETS, answer
from sim.questions.bandwidth.published_setting import study
from sim.scenario.model import Scenario
from sim.simulation.run import run

ROUNDS, EVERY = 100, 100


def main() -> None:
    """Runs it and prints one line a figure."""
    scenario = study(params=100e9, layers=108, step_time_s=4.9, parameters={"sync_every": EVERY})
    begin = time.perf_counter()
    found = answer(scenario)
    seconds = time.perf_counter() - begin
    document = scenario.model_dump(mode="json", exclude_none=True)
    document["workload"]["steps"] = ROUNDS * EVERY
    document["strategies"] = [each for each in document["strategies"] if each["kind"] == "streaming-diloco"]
    begin = time.perf_counter()
    run(Scenario.model_validate(document | {"replay": "full"}))
    yardstick = time.perf_counter() - begin
    answers = len(found.rows)
    print(f"{answers} answers ({len(TARGETS)} targets), {len(found.curve)} points of curves   {seconds:.2f} s")
    print(f"one replay of {ROUNDS * EVERY:,} steps, layer by layer   {yardstick:.2f} s")
    print(f"ratio   {seconds / yardstick:.1f}; an answer costs {seconds / answers / yardstick:.2f} of a long replay")


if __name__ == "__main__":
    main()
