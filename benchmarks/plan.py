"""`simulate plan` on the README's worked example: three topologies, beside one replay of the main kind."""

from __future__ import annotations

import time

from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer
from sim.scenario.loading import load_scenario
from sim.simulation.run import outcomes
from sim.topology.model import load_topology

TOPOLOGIES = ("h100-one-site", "h100-two-sites", "h100-four-sites")
REPLAYS = 20


def main() -> None:
    """Prints one line a topology, and the sum."""
    scenario = load_scenario(
        topology="h100-two-sites", workload="10b", strategies=["diloco"], settings=["workload.chips=1000"]
    )
    outcomes(scenario)  # what is imported and read once is no part of a replay
    begin = time.perf_counter()
    for _ in range(REPLAYS):
        outcomes(scenario)
    replay_s = (time.perf_counter() - begin) / REPLAYS
    print(f"one replay of DiLoCo M=2 on h100-two-sites: {1e3 * replay_s:.1f} ms")
    total_s = 0.0
    for name in TOPOLOGIES:
        begin = time.perf_counter()
        plan = answer(Ask(load_topology(name), days=30))
        seconds = time.perf_counter() - begin
        total_s += seconds
        each = seconds / plan.combinations / replay_s
        print(f"{name:<16} {plan.combinations:6,} combinations, {plan.replays} replayed: {seconds:.2f} s", end="; ")
        print(f"ratio {seconds / replay_s:.0f} replays in all, {each:.4f} for a combination")
    print(f"{'all three':<16} {total_s:.2f} s; ratio {total_s / replay_s:.0f} replays")


if __name__ == "__main__":
    main()
