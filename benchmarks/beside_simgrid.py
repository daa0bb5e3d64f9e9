"""The same flows here, in SimGrid, and as events of bare SimPy: seconds of CPU, and by how much the ends differ.

    python -m benchmarks.beside_simgrid [--flows 10000] [--links 200]    # needs Debian's python3-simgrid

Flows of random sizes begin at once between 40 sites, over routes of one to three random links, without latency. SimGrid
runs in Debian's Python, one actor (a thread) a flow, with the model of `experiments.simgrid_check`; its seconds are
those of the whole process less those of the same process with a single flow.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import resource
import subprocess
import time
from typing import Any

import simpy

from experiments.simgrid_check.check import PYTHON
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.wire import Wire
from sim.topology.capacity import CapacityOverTime

SITES = 40


def world(flows: int, links: int) -> dict[str, Any]:
    """Links, a route for every pair of sites, and flows between random pairs, as SimGrid's script reads them."""
    dice = random.Random(0)
    hosts = [f"s{number}" for number in range(SITES)]
    names = [f"l{number}" for number in range(links)]
    routes = [
        {"from": one, "to": other, "links": dice.sample(names, dice.randint(1, 3))}
        for one, other in itertools.permutations(hosts, 2)
    ]
    return {
        "links": [{"name": name, "bytes_per_s": dice.uniform(1e8, 1e9), "latency_s": 0.0} for name in names],
        "hosts": hosts,
        "routes": routes,
        "flows": [
            {"from": way["from"], "to": way["to"], "bytes": dice.randint(10**6, 10**9), "start_s": 0.0, "after_s": 0.0}
            for way in dice.choices(routes, k=flows)
        ],
    }


def here(case: dict[str, Any]) -> list[float]:
    """When each flow ends in our network [s]."""
    env = simpy.Environment()
    position = {link["name"]: number for number, link in enumerate(case["links"])}
    wires = [Wire(link["name"], CapacityOverTime.of([0.0], [8 * link["bytes_per_s"]])) for link in case["links"]]
    ways = {(way["from"], way["to"]): tuple(position[name] for name in way["links"]) for way in case["routes"]}
    network = FluidNetwork(env, wires)
    done = [network.send(ways[flow["from"], flow["to"]], flow["bytes"]) for flow in case["flows"]]
    env.run()
    return [float(event.value) for event in done]


def inside_simgrid(case: dict[str, Any]) -> tuple[list[float], float]:
    """When each flow ends in SimGrid [s], and seconds of CPU of its process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = "experiments/simgrid_check/inside_simgrid.py"
    done = subprocess.run([PYTHON, script], input=json.dumps(case), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout.splitlines()[-1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bare_simpy_s(events: int) -> float:
    """Seconds of CPU that SimPy alone takes for so many timeouts, begun at once."""
    env = simpy.Environment()
    for number in range(events):
        env.timeout(float(number))
    began_s = time.process_time()
    env.run()
    return time.process_time() - began_s


def main() -> None:
    """Prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000)
    parser.add_argument("--links", type=int, default=200)
    asked = parser.parse_args()
    case = world(asked.flows, asked.links)
    began_s = time.process_time()
    ours = here(case)
    ours_s = time.process_time() - began_s
    _, empty_s = inside_simgrid(case | {"flows": case["flows"][:1]})
    theirs, whole_s = inside_simgrid(case)
    worst = max(abs(one - other) / other for one, other in zip(ours, theirs, strict=True))
    bare_s = bare_simpy_s(asked.flows)
    print(f"{asked.flows:,} flows over {asked.links} links, CPU seconds in one run:")
    print(f"  here      {ours_s:8.2f}")
    print(f"  SimGrid   {whole_s - empty_s:8.2f}   ({empty_s:.2f} for the process with one flow)")
    print(f"  bare SimPy{bare_s:8.2f}   ({asked.flows:,} timeouts)")
    print(f"  the ends of flows differ by {worst:.1e} at most")


if __name__ == "__main__":
    main()
