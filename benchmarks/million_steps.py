"""A million-step DiLoCo run, M = 8, H = 30, on a jittered trace, replayed in full: seconds and peak memory.

N = 1e9 parameters, B = 2e4 tokens, D = 2e10 tokens, so T = 1e6. The yardstick is bare SimPy: as many timeouts as the
replay schedules events, on as many processes.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from pathlib import Path

import simpy

from sim.scenario.loading import load_scenario
from sim.simulation.run import run
from sim.trace.file import Exchange, Header, Step, TraceWriter

REPLICAS, SYNC_EVERY, RECORDED_STEPS, STEPS = 8, 30, 1_009, 1_000_000
MODEL = {"name": "custom", "params": 10**9, "layers": 24, "heads": 16, "width": 1792, "hidden": 7168, "vocab": 32768}


def write_trace(path: Path) -> None:
    """A recording whose steps vary by a tenth, as a busy machine's do; its length shares no factor with H."""
    dice = random.Random(0)
    header = Header.model_validate(
        {
            "algorithm": "diloco",
            "model": MODEL,
            "replicas": REPLICAS,
            "sync_every": SYNC_EVERY,
            "steps": RECORDED_STEPS,
            "batch_tokens": 20_000,
            "sequence_length": 2_500,
            "device": {"platform": "gpu", "kind": "synthetic", "count": REPLICAS},
        }
    )
    with TraceWriter(path, header) as writer:
        for step in range(1, RECORDED_STEPS + 1):
            for replica in range(REPLICAS):
                seconds = 0.1 * dice.lognormvariate(0.0, 0.1)
                writer.write(Step(step=step, replica=replica, compute_s=seconds, tokens=2_500))
        writer.write(Exchange(step=RECORDED_STEPS, kind="outer", group_size=REPLICAS, payload_bytes=4 * 10**9))


def bare_simpy_s(processes: int, events: int) -> float:
    """Seconds that SimPy alone takes for that many timeouts."""

    def process(env: simpy.Environment) -> object:
        for _ in range(events // processes):
            yield env.timeout(1.0)

    env = simpy.Environment()
    for _ in range(processes):
        env.process(process(env))
    begin = time.perf_counter()
    env.run()
    return time.perf_counter() - begin


def main() -> None:
    """Runs it and prints one line a figure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jittered.jsonl"
        write_trace(path)
        scenario = load_scenario(
            trace=str(path),
            strategies=[f"diloco:replicas={REPLICAS},sync_every={SYNC_EVERY}"],
            settings=["workload.tokens=2e10", "replay=full"],
        )
        begin = time.perf_counter()
        (only,) = run(scenario).runs
        seconds = time.perf_counter() - begin
    # Each round: a compute and an inside exchange a worker, one outer exchange and its completion.
    events = only.outer_steps * (REPLICAS * 2 + 2)
    yardstick = bare_simpy_s(REPLICAS, events)
    assert only.steps == only.replayed_steps == STEPS
    rounds = f"{only.outer_steps:,} outer steps, M = {REPLICAS}, H = {SYNC_EVERY}"
    waiting = f"{only.straggler_wait_s / 3600:.2f} h of it waiting for stragglers"
    print(f"steps replayed           {only.steps:,} ({rounds})")
    print(f"simulated wall-clock     {only.wall_clock_s / 86400:.2f} days, {waiting}")
    print(f"replay                   {seconds:.2f} s ({events / seconds:,.0f} events/s)")
    print(f"bare SimPy, same events  {yardstick:.2f} s; ratio {seconds / yardstick:.2f}")
    print(f"peak memory              {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
