"""Seconds of CPU of a run of 150,000 steps by strategy and network, each in a process of its own; and steps replayed.

    python -m benchmarks.scenarios [--limit SECONDS] [--only TEXT]

Networks have 3 or 8 sites of uneven speed on uneven links: as they are, with a schedule that repeats, with outages,
with token buckets, as a chunked ring, and with steps that vary as 997 recorded ones do. A dash: not possible there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

STEPS = 150_000
STRATEGIES: dict[str, dict[str, Any]] = {
    "data-parallel": {"kind": "data-parallel"},
    "data-parallel, by layer": {"kind": "data-parallel", "overlap": "layers"},
    "diloco": {"kind": "diloco", "sync_every": 30},
    "diloco, 4 bits": {"kind": "diloco", "sync_every": 30, "payload_bits": 4},
    "streaming-diloco": {"kind": "streaming-diloco", "sync_every": 30},
    "eager-diloco": {"kind": "eager-diloco", "sync_every": 30},
    "async-diloco": {"kind": "async-diloco", "sync_every": 30},
    "elastic-diloco": {"kind": "elastic-diloco", "sync_every": 30},
    "sparseloco": {"kind": "sparseloco", "sync_every": 30},
    "decoupled-diloco": {"kind": "decoupled-diloco", "sync_every": 30},
    "two-level-diloco": {"kind": "two-level-diloco", "sync_every": 30},
}
"""The strategies; the number of replicas is that of the sites."""
NETWORKS = ("plain", "schedule", "outages", "buckets", "chunked", "jittered")


def topology(sites: int, network: str) -> dict[str, Any]:
    """A full mesh of uneven links between sites of uneven speed."""
    links = []
    for one in range(sites):
        for other in range(one):
            link: dict[str, Any] = {
                "between": [f"s{other}", f"s{one}"],
                "latency": f"{5 + 7 * ((one * other + one) % 5)} ms",
                "bandwidth": f"{2 + (3 * one + 5 * other) % 7} Gbit/s",
            }
            if network == "schedule" and other == 0:
                peak, low = link.pop("bandwidth"), "1 Gbit/s"
                points = [{"at": "0 s", "bandwidth": peak}, {"at": "9 h", "bandwidth": low}]
                link["schedule"] = {"points": points, "repeat": "24 h"}
            if network == "outages" and one == 1:
                link["outages"] = [{"start": "10000 s", "duration": "600 s"}, {"start": "50000 s", "duration": "1 h"}]
            if network == "buckets":
                link["burst"] = "200 MB"
            links.append(link)
    datacenters = [{"name": f"s{n}", "chips": 16, "chip_speed": f"{150 + 10 * (n % 4)} Tflop/s"} for n in range(sites)]
    collective = {"collective": "chunked-ring"} if network == "chunked" else {}
    return {"name": f"{network}-{sites}", "datacenters": datacenters, "links": links} | collective


def scenario(strategy: str, sites: int, network: str) -> dict[str, Any]:
    """A run of 150,000 steps of a 1B model."""
    chosen = dict(STRATEGIES[strategy])
    if "replicas" in chosen or chosen["kind"] != "data-parallel":
        chosen["replicas"] = sites
    if chosen["kind"] == "elastic-diloco":
        chosen["quorum"] = sites - 1
    if chosen["kind"] == "decoupled-diloco":
        chosen["quorum"] = sites
    if chosen["kind"] == "two-level-diloco":
        chosen["regions"] = 2 if sites % 2 == 0 else sites
    workload: dict[str, Any] = {"params": "1B", "batch_tokens": 393_216, "layers": 16, "steps": STEPS}
    if network == "jittered":
        import random

        draw = random.Random(1)
        seconds = [[0.4 * draw.lognormvariate(0.0, 0.1) for _ in range(997)] for _ in range(sites)]
        trace = {"seconds": seconds, "params": 1e9, "batch_tokens": 393_216, "chips": 16 * sites}
        workload = {"trace": trace, "steps": STEPS, "layers": 16}
    return {"topology": topology(sites, network), "workload": workload, "strategies": [chosen]}


def measure(strategy: str, sites: int, network: str) -> None:
    """Runs one scenario and prints seconds of CPU, and how many steps were replayed."""
    from sim.scenario.model import Scenario
    from sim.simulation.run import outcomes

    asked = Scenario.model_validate(scenario(strategy, sites, network))
    began_s = time.process_time()
    (found,) = outcomes(asked)
    print(f"{time.process_time() - began_s:.2f} {found.replayed_steps} {found.timeline.wall_clock_s!r}")


def table(limit_s: float, only: str) -> Iterator[str]:
    """Lines of the table, as they are found."""
    for sites in (3, 8):
        for network in NETWORKS:
            for strategy in STRATEGIES:
                name = f"{strategy} / {network} / {sites} sites"
                if only not in name:
                    continue
                words = [sys.executable, "-m", "benchmarks.scenarios", "--one", strategy, str(sites), network]
                try:
                    done = subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=False)
                    said = done.stdout.strip() if done.returncode == 0 else f"- {done.stderr.strip()[-120:]}"
                except subprocess.TimeoutExpired:
                    said = f"> {limit_s:g}"
                yield f"{name}: {said}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--one", nargs=3)
    chosen = parser.parse_args()
    if chosen.one:
        measure(chosen.one[0], int(chosen.one[1]), chosen.one[2])
    else:
        for line in table(chosen.limit, chosen.only):
            print(line, flush=True)
