"""The example of HALoS's simulator, 4 regions of 4 workers: wall-clock by the replay, and by the simulator's rules.

Claim: HALoS and asynchronous local SGD take within 1% of what the simulator released with arXiv 2506.04531 counts, and
DiLoCo within 0.1% on its ring.
Verdict: true: -0.3, -0.1 and -0.0%. `python -m experiments.published_halos` (6 seconds) writes the third table of
docs/strategies.md, to which a test holds it.

Inputs: examples/ of github.com/utnslab/halos at 4b5bf73: bandwidths between and in regions (Gbit/s, no latency), speeds
of the workers, Pythia-70M (70,426,624 parameters of 32 bits), local steps of 64 sequences in 238.391 ms at speed 1,
6,144 x 16 of them; HALoS: H = 8, K = 32; the others: H = 32. A worker of speed v makes ceil(H v) steps of a round.
Theirs: the simulator trains a model to tell its loss, and prints no wall-clock that its authors published. What it
counts of time depends on no training: tests/experiments/test_published_halos.py writes those rules anew, and holds
THEIRS_S to them. In them every two workers have a link of their own, a worker beside a server pays the link like any
other, and a run ends when the global server has heard of all steps. A ring there goes from region to region.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from experiments.strategies import PAGE
from experiments.tables import markdown, put
from sim.scenario.model import Scenario
from sim.simulation.results import Run
from sim.simulation.run import run

BEGIN = "<!-- published halos, written by experiments/published_halos.py -->\n"
END = "<!-- end of published halos -->\n"
HEAD = ("what", "ours", "theirs", "error", "remark")
GBITS = (
    (100.0, 0.537, 0.935, 0.202),
    (0.537, 100.0, 0.386, 0.117),
    (0.935, 0.386, 100.0, 0.127),
    (0.202, 0.117, 0.127, 100.0),
)
"""Bandwidth between regions, and in each of them [Gbit/s]."""
SPEEDS = (
    *(0.232, 0.907, 0.828, 0.347),
    *(0.574, 0.531, 0.722, 0.194),
    *(0.852, 0.132, 0.896, 0.107),
    *(0.827, 0.515, 0.527, 0.788),
)
"""Of the workers, region by region; only their shares of the largest count [-]."""
REGIONS, PARAMS, BITS = 4, 70_426_624, 32
SEQUENCES, SEQUENCE_TOKENS, STEP_S, STEPS = 64, 2048, 0.238391, 6144
THEIRS_S = {"halos": 2434.417, "async-diloco": 4098.169, "diloco": 18803.815}
"""What the rules of the simulator give [s]."""


def local_steps(every: int) -> list[int]:
    """Steps of a round of each worker: in proportion to its speed, rounded up."""
    return [max(1, math.ceil(every * (speed / max(SPEEDS)))) for speed in SPEEDS]


def names() -> list[str]:
    """Of the sites: a region and a worker."""
    return [f"r{worker // REGIONS}w{worker % REGIONS}" for worker in range(len(SPEEDS))]


def replayed(strategy: dict[str, Any], ring: tuple[int, ...] = ()) -> Run:
    """A strategy on the example; `ring`: the order in which exchanges of all go through the regions."""
    flops = 6.0 * PARAMS * SEQUENCES * SEQUENCE_TOKENS  # of a local step
    speeds = [flops * (speed / max(SPEEDS)) / STEP_S for speed in SPEEDS]
    sites = [
        {"name": name, "chips": 1, "chip_speed": f"{speed!r} flop/s"}
        for name, speed in zip(names(), speeds, strict=True)
    ]
    links = [
        {
            "between": [names()[one], names()[other]],
            "bandwidth": f"{GBITS[one // REGIONS][other // REGIONS]} Gbit/s",
            "latency": "0 s",
        }
        for one, other in combinations(range(len(SPEEDS)), 2)
    ]
    topology: dict[str, Any] = {"name": "halos", "datacenters": sites, "links": links, "collective": "ring"}
    if ring:
        topology["ring"] = [name for region in ring for name in names() if name.startswith(f"r{region}")]
    workload = {"params": PARAMS, "steps": STEPS, "payload_bits": BITS}
    workload |= {"batch_tokens": len(SPEEDS) * SEQUENCES * SEQUENCE_TOKENS}
    document = {"topology": topology, "workload": workload, "strategies": [{"replicas": len(SPEEDS)} | strategy]}
    return run(Scenario.model_validate(document)).runs[0]


def halos() -> Run:
    """HALoS with the released hyper-parameters."""
    return replayed({"kind": "halos", "regions": REGIONS, "across_every": 32, "local_steps": local_steps(8)})


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    own = halos()
    stale = f"{own.mean_staleness:.2f} changes stale at the local servers"
    yield _row("HALoS, 4 regions of 4 workers, H = 8, K = 32", own, "halos", stale)
    alone = replayed({"kind": "async-diloco", "local_steps": local_steps(32)})
    stale = f"{alone.mean_staleness:.2f} changes stale at the one server"
    yield _row("asynchronous local SGD, H = 32", alone, "async-diloco", stale)
    diloco = {"kind": "diloco", "sync_every": 32}
    yield _row("DiLoCo, H = 32, a ring region after region", replayed(diloco, (0, 1, 2, 3)), "diloco", "0.127 Gbit/s")
    remark = "0.202 Gbit/s: passes twice through region 0, between two pairs of workers"
    yield _row("the same, the best ring of workers", replayed(diloco), "diloco", remark)


def _row(what: str, one: Run, kind: str, remark: str) -> tuple[str, ...]:
    ours_s, theirs_s = one.wall_clock_s, THEIRS_S[kind]
    return what, f"{ours_s:,.0f} s", f"{theirs_s:,.0f} s", f"{ours_s / theirs_s - 1:+.1%}", remark


def table() -> str:
    """The table, as Markdown."""
    return markdown(HEAD, rows())


def main() -> int:
    """The command."""
    put(PAGE, BEGIN, table(), END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
