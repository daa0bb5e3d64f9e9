"""Finish times of random flows: ours against SimGrid's flow model, case by case.

Claim: with latency left out or counted once, max-min fair flows on routed links finish when SimGrid says, within 0.1%.
SimGrid is run as `network/model:CM02` with `TCP-gamma:0` and `crosstraffic:0`: in that model the latency factor is 1,
so a flow waits for the latency of its route once, and shares links by max-min fairness while it sends.

Four families of cases, 3 to 8 sites with routers, 5 to 20 flows with staggered starts:

- `no-latency`: random graphs, latency 0.
- `equal-latency`: every route has the same latency, and SimGrid counts it.
- `added-latency`: every route has its own; SimGrid carries the bytes without, and its script adds the latency once, at
  the end, as our model does.
- `round-trip`: every route has its own, and SimGrid counts it. Not held to the tolerance: there CM02 gives a flow
  a share in proportion to 1 / latency (the bias of old TCP against long round trips), and the latency comes before the
  first byte takes bandwidth and not after the last. We share evenly among streams, whatever the distance.
- `round-trip-told`: the same cases with our network told to do so: each flow weighs 1 / latency and starts that much
  later. That they agree again says that the bias is all there is between us.

Source: SimGrid, "The SimGrid models", network models CM02; Casanova and Marchal, INRIA RR-4596 (2002).
Run: python -m experiments.simgrid_check.check (needs Debian's python3-simgrid; a minute). Writes results.csv.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import simpy

from sim.documents.validation import validate
from sim.network.fluid.network import FluidNetwork
from sim.network.paths import Paths
from sim.questions.flows import Flows, FlowSpec, answer

HERE = Path(__file__).parent
RESULTS = HERE / "results.csv"
PYTHON = "/usr/bin/python3"
TOLERANCE = 1e-3
CASES = {"no-latency": 40, "equal-latency": 20, "added-latency": 20, "round-trip": 10, "round-trip-told": 10}
Case = dict[str, Any]


def cases() -> Iterator[tuple[str, int, Case]]:
    """Family, number, and the document that `simulate flows` reads; always the same ones."""
    for family, count in CASES.items():
        for number in range(count):
            yield family, number, _case(family, random.Random(f"{family.removesuffix('-told')} {number}"))


def _case(family: str, dice: random.Random) -> Case:
    sites = [f"s{i}" for i in range(dice.randint(3, 8))]
    routers = [f"r{i}" for i in range(dice.randint(1, 3))]
    if family == "equal-latency":  # a star of equal arms: two hops between any two sites
        pairs, routers = [(site, "r0") for site in sites], ["r0"]
    else:
        nodes = dice.sample(sites + routers, len(sites) + len(routers))
        pairs = [(node, dice.choice(nodes[:i])) for i, node in enumerate(nodes) if i]
        spare = [(a, b) for a in nodes for b in nodes if a < b and (a, b) not in pairs and (b, a) not in pairs]
        pairs += dice.sample(spare, min(len(spare), dice.randint(0, 5)))
    shared_ms = dice.randint(1, 50)
    latency_ms = {
        pair: {"no-latency": 0, "equal-latency": shared_ms}.get(family, dice.randint(1, 80)) for pair in pairs
    }
    links = [
        {"from": a, "to": b, "bandwidth": f"{dice.randint(100, 10_000)} Mbit/s", "latency": f"{latency_ms[pair]} ms"}
        for pair in pairs
        for a, b in (pair, pair[::-1])
    ]
    flows = []
    for _ in range(dice.randint(5, 20)):
        start, end = dice.sample(sites, 2)
        size, at = dice.randint(1, 2_000), round(dice.uniform(0, 4), 3)
        flows.append({"from": start, "to": end, "size": f"{size} MB", "start": f"{at} s"})
    topology = {"name": family, "datacenters": [{"name": site} for site in sites], "routers": routers, "links": links}
    return {"topology": topology, "flows": flows}


def for_simgrid(family: str, document: Flows) -> Case:
    """The same case as inside_simgrid.py reads it, with our routes written out link by link."""
    wiring, topology = Paths(document.topology), document.topology
    counted = family != "added-latency"
    ends = list(dict.fromkeys((flow.source, flow.target) for flow in document.flows))
    return {
        "hosts": list(topology.nodes),
        "links": [
            {"name": " ".join(hop), "bytes_per_s": link.bandwidth_bits_per_s / 8, "latency_s": link.latency_s * counted}
            for hop, link in topology.wires.items()
        ],
        "routes": [{"from": a, "to": b, "links": [" ".join(hop) for hop in topology.path(a, b)]} for a, b in ends],
        "flows": [
            {
                "from": flow.source,
                "to": flow.target,
                "bytes": int(flow.size_bytes),
                "start_s": flow.start_s,
                "after_s": 0.0 if counted else wiring.way(flow.source, flow.target).latency_s,
            }
            for flow in document.flows
        ],
    }


def simgrid_finishes(case: Case) -> list[float]:
    """What SimGrid says, in a process of its own [s]."""
    done = subprocess.run(
        [PYTHON, str(HERE / "inside_simgrid.py")], input=json.dumps(case), capture_output=True, text=True, check=True
    )
    finishes: list[float] = json.loads(done.stdout.splitlines()[-1])
    return finishes


def why_not() -> str | None:
    """Why SimGrid cannot be run here; None if it can."""
    try:
        done = subprocess.run([PYTHON, "-c", "import simgrid"], capture_output=True, text=True)
    except OSError as error:
        return f"{PYTHON} cannot be run: {error}"
    return None if done.returncode == 0 else f"{PYTHON} has no simgrid: apt-get install python3-simgrid"


def our_finishes(family: str, document: Flows) -> list[float]:
    """What we say [s]."""
    if family != "round-trip-told":
        return [row.finish_s for row in answer(document).flows]
    wiring, env = Paths(document.topology), simpy.Environment()
    network = FluidNetwork(env, wiring.wires)
    finish_s = [0.0] * len(document.flows)

    def send(position: int, flow: FlowSpec) -> simpy.events.ProcessGenerator:
        way = wiring.way(flow.source, flow.target)
        yield env.timeout(flow.start_s + way.latency_s)
        yield network.send(way.wires, flow.size_bytes, streams=1 / way.latency_s)
        finish_s[position] = env.now

    for position, flow in enumerate(document.flows):
        env.process(send(position, flow))
    env.run()
    return finish_s


def rows() -> Iterator[dict[str, Any]]:
    """A row for every flow of every case."""
    for family, number, case in cases():
        document = validate(Flows, case, source=f"{family} {number}")
        theirs = simgrid_finishes(for_simgrid(family, document))
        for flow, (ours_s, theirs_s) in enumerate(zip(our_finishes(family, document), theirs, strict=True)):
            yield {
                "family": family,
                "case": number,
                "flow": flow,
                "ours_s": f"{ours_s:.12g}",
                "simgrid_s": f"{theirs_s:.12g}",
                "relative_difference": f"{ours_s / theirs_s - 1:.1e}",
            }


def summary(results: list[dict[str, Any]]) -> str:
    """One line a family."""
    lines = []
    for family in CASES:
        own = [row for row in results if row["family"] == family]
        apart = [abs(float(row["relative_difference"])) for row in own]
        verdict = f"{sum(d <= TOLERANCE for d in apart)} within {TOLERANCE:.1%}"
        lines.append(
            f"{family:<14} {len({row['case'] for row in own}):>3} cases {len(own):>4} flows: {verdict}, "
            f"largest difference {max(apart):.1e}, median {sorted(apart)[len(apart) // 2]:.1e}"
        )
    return "\n".join(lines)


def main() -> None:
    """Runs all cases, writes the results and prints the summary."""
    if reason := why_not():
        raise SystemExit(f"SimGrid is not here: {reason}")
    results = list(rows())
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(results[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(results)
    print(summary(results))


if __name__ == "__main__":
    main()
