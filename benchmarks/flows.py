"""The network under load: many flows on few links, a wide ring, and a long run over uneven sites.

The yardstick, measured in the same process: bare SimPy, 100,000 timeouts. Prints seconds and the ratio to it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import simpy

from sim.documents.validation import validate
from sim.engine.interpreter import replay
from sim.engine.ops import Collective, Compute, Op, Start, Wait
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.wire import Wire
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.topology.capacity import CapacityOverTime
from sim.topology.model import Topology

FLOWS, LINKS, RING, OUTER_STEPS, SYNC_EVERY = 10_000, 200, 256, 10_000, 30


def drain(flows: int, links: int) -> float:
    """Flows of random sizes, all begun at once, on routes of one to three random links, until the last is done.

    Returns:
      When that is, in simulated time [s].
    """
    dice = random.Random(0)
    env = simpy.Environment()
    wires = [Wire(str(i), CapacityOverTime.of([0.0], [dice.uniform(1e9, 10e9)])) for i in range(links)]
    network = FluidNetwork(env, wires)
    for _ in range(flows):
        network.send(tuple(dice.sample(range(links), dice.randint(1, 3))), dice.uniform(1e6, 1e9))
    env.run()
    assert network.active == 0
    return float(env.now)


def full_mesh(sites: int) -> Topology:
    """Equal sites, a link between every two."""
    shape = {"shape": "full-mesh", "datacenters": sites, "bandwidth": "10 Gbit/s", "latency": "1 ms"}
    return validate(Topology, {"name": "mesh", "generate": shape}, source="benchmark")


def ring(topology: Topology) -> float:
    """One ring all-reduce of 1 GB over all sites, from the topology to the last byte [s]."""
    sites = tuple(site.name for site in topology.datacenters)
    network = LinkNetwork(Placement(topology, sites, (1.0,) * len(sites)), "ring")
    members = tuple(range(len(sites)))
    _, phases = network.plan(members, 1e9)
    return network.alone(phases)[0]


def uneven_run(rounds: int) -> float:
    """DiLoCo over eight sites of different links and speeds, by ring, every round replayed [s]."""
    dice = random.Random(1)
    names = [f"site{i}" for i in range(8)]
    links = [
        {
            "between": [a, b],
            "bandwidth": f"{dice.randint(200, 10_000)} Mbit/s",
            "latency": f"{dice.randint(1, 100)} ms",
        }
        for i, a in enumerate(names)
        for b in names[:i]
    ]
    document = {"name": "uneven", "datacenters": [{"name": name} for name in names], "links": links}
    topology = validate(Topology, document, source="benchmark")
    network = LinkNetwork(Placement(topology, tuple(names), (64.0,) * len(names)), "ring")

    def program(worker: int, seconds: float) -> Iterator[Op]:
        for index in range(rounds):
            inside = Collective("gradients", index, (worker,), 2e9, count=SYNC_EVERY)
            across = Collective("outer", index, tuple(range(len(names))), 2e9)
            yield from (Compute(seconds, SYNC_EVERY), Start(inside), Wait(inside), Start(across), Wait(across))

    return replay([program(worker, dice.uniform(10, 40)) for worker in range(len(names))], network).wall_clock_s


def bare_simpy(events: int = 100_000) -> float:
    """So many timeouts, one after the other."""

    def process(env: simpy.Environment) -> simpy.events.ProcessGenerator:
        for _ in range(events):
            yield env.timeout(1.0)

    env = simpy.Environment()
    env.process(process(env))
    env.run()
    return float(env.now)


def timed(action: Callable[[], float]) -> float:
    """Seconds of this machine."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def main() -> None:
    """Runs all of it and prints one line a figure."""
    drain(100, 10)  # scipy is imported when it is first needed
    yardstick_s = timed(bare_simpy)
    begin = time.perf_counter()
    mesh = full_mesh(RING)
    building_s = time.perf_counter() - begin
    figures = {
        f"drain {FLOWS:,} flows over {LINKS} links": timed(lambda: drain(FLOWS, LINKS)),
        f"build a full mesh of {RING} sites": building_s,
        f"ring all-reduce over {RING} sites": timed(lambda: ring(mesh)),
        f"{OUTER_STEPS:,} outer steps, 8 uneven sites": timed(lambda: uneven_run(OUTER_STEPS)),
    }
    print(f"{'bare SimPy, 100,000 timeouts':<42} {yardstick_s:6.2f} s")
    for name, seconds in figures.items():
        print(f"{name:<42} {seconds:6.2f} s  ratio {seconds / yardstick_s:6.1f}")


if __name__ == "__main__":
    main()
