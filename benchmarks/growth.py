"""How the time of a replay grows: seconds of CPU against steps, workers, links, flows, jobs, fragments and changes.

    python -m benchmarks.growth [--only TEXT]    # writes growth.csv and growth.png beside it

Each family is measured over two decades or more, the better of two tries a point. The exponent is the slope of a
straight line through the logarithms of the upper decade, where what a run costs anyway no longer counts.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim.documents.validation import validate
from sim.questions.flows import Flows
from sim.questions.flows import answer as flows_answer
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes

from .flows import drain

HERE = Path(__file__).parent
_TRIES = 2


class Family(NamedTuple):
    """One thing that grows.

    Attributes:
      name: what it is.
      sizes: how much of it, rising.
      make: for a size, what is measured.
    """

    name: str
    sizes: tuple[int, ...]
    make: Callable[[int], Callable[[], object]]


def _run(
    *,
    sites: int = 2,
    steps: int = 3000,
    strategies: list[dict[str, Any]] | None = None,
    replay: str = "full",
    collective: str = "ring",
    workload: dict[str, Any] | None = None,
    mesh: bool = False,
    jobs: str = "alone",
    schedule: dict[str, Any] | None = None,
) -> Callable[[], object]:
    """A run of a 1B model over sites around a router, or all joined to each other."""
    names = [f"s{n}" for n in range(sites)]
    pairs = [[a, b] for i, a in enumerate(names) for b in names[:i]] if mesh else [[name, "hub"] for name in names]
    own = {"schedule": schedule} if schedule else {"bandwidth": "10 Gbit/s"}
    topology: dict[str, Any] = {
        "name": "growth",
        "datacenters": [{"name": name, "chips": 4} for name in names],
        "links": [{"between": pair, "latency": "5 ms"} | own for pair in pairs],
        "collective": collective,
    }
    topology |= {} if mesh else {"routers": ["hub"]}
    document = {
        "topology": topology,
        "workload": workload or {"params": "1B", "batch_tokens": 4096 * 4 * sites, "layers": 100, "steps": steps},
        "strategies": strategies or [{"kind": "diloco", "replicas": sites, "sync_every": 30}],
        "replay": replay,
        "jobs": jobs,
    }
    asked = Scenario.model_validate(document)
    return lambda: outcomes(asked)


def _jittered(steps: int, replay: str) -> Callable[[], object]:
    dice = random.Random(1)
    seconds = [[0.1 * dice.lognormvariate(0.0, 0.1) for _ in range(1009)] for _ in range(8)]
    trace = {"seconds": seconds, "params": 1e9, "batch_tokens": 8 * 4 * 4096, "chips": 32}
    return _run(sites=8, workload={"trace": trace, "steps": steps}, replay=replay, collective="published")


def _changes(count: int) -> Callable[[], object]:
    """A link that has other bandwidths so many times within the run, and Data-Parallel over it."""
    dice = random.Random(1)
    points = [{"at": f"{600 * n} s", "bandwidth": f"{dice.randint(2, 10)} Gbit/s"} for n in range(count)]
    steps = 100 * count
    return _run(strategies=[{"kind": "data-parallel"}], steps=steps, replay="steady", schedule={"points": points})


def _flows(count: int) -> Callable[[], object]:
    """So many flows over one link, from the text of each to its end."""
    dice = random.Random(1)
    flows = [
        {"from": "a", "to": "b", "size": f"{dice.randint(1, 1000)} MB", "start": f"{dice.uniform(0, 100):.3f} s"}
        for _ in range(count)
    ]
    link = {"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "1 ms"}
    document = {
        "topology": {"name": "two", "datacenters": [{"name": "a"}, {"name": "b"}], "links": [link]},
        "flows": flows,
    }
    return lambda: flows_answer(validate(Flows, document, source="growth"))


FAMILIES = (
    Family("steps, every one replayed", (10_000, 100_000, 1_000_000), lambda n: _jittered(n, "full")),
    Family(
        "steps, steady",
        (1_000, 100_000, 10_000_000, 1_000_000_000),
        lambda n: _run(sites=4, steps=n, replay="steady", strategies=[{"kind": "eager-diloco", "replicas": 4}]),
    ),
    Family("workers", (4, 16, 64, 256), lambda n: _run(sites=n, steps=300, collective="published")),
    Family(
        "links", (6, 28, 120, 496), lambda n: _run(sites=round((1 + math.sqrt(1 + 8 * n)) / 2), steps=300, mesh=True)
    ),
    Family("flows over one link, from their text", (80, 800, 8_000), _flows),
    Family("flows over 200 links", (100, 1_000, 10_000), lambda n: lambda: drain(n, 200)),
    Family(
        "jobs together",
        (1, 10, 100),
        lambda n: _run(
            strategies=[{"kind": "diloco", "replicas": 2, "sync_every": 30}] * n, steps=300, jobs="together"
        ),
    ),
    Family(
        "fragments",
        (1, 10, 100),
        lambda n: _run(
            strategies=[{"kind": "streaming-diloco", "replicas": 2, "sync_every": 100, "fragments": n}], steps=3000
        ),
    ),
    Family("changes of a link", (10, 100, 1_000), _changes),
)


def measure(family: Family) -> list[tuple[int, float]]:
    """CPU seconds by size."""
    found = []
    for size in family.sizes:
        work = family.make(size)
        tries = []
        for _ in range(_TRIES):
            began_s = time.process_time()
            work()
            tries.append(time.process_time() - began_s)
        found.append((size, min(tries)))
    return found


def exponent(points: list[tuple[int, float]]) -> float:
    """The slope of log seconds over log size, between the last two sizes."""
    (a, one), (b, other) = points[-2:]
    return float(np.log(other / one) / np.log(b / a))


def main() -> None:
    """Measures, prints a table, and writes the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    found = {family.name: measure(family) for family in FAMILIES if only in family.name}
    for name, points in found.items():
        cells = ", ".join(f"{size:,}: {seconds:.3g} s" for size, seconds in points)
        print(f"{name:38}  exponent {exponent(points):5.2f}   {cells}", flush=True)
    if only:
        return
    with (HERE / "growth.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["family", "size", "cpu_s"])
        rows.writerows([name, size, f"{seconds:.4g}"] for name, points in found.items() for size, seconds in points)
    draw(found)


def draw(found: dict[str, list[tuple[int, float]]]) -> None:
    """Seconds over size, both in powers of ten, with the exponents in the legend."""
    from matplotlib.figure import Figure

    figure = Figure((7.2, 4.6), layout="constrained", dpi=160)
    axes = figure.subplots()
    for (name, points), marker in zip(found.items(), "osD^vP*Xh", strict=False):
        label = f"{name}: exponent {exponent(points):.2f}"
        axes.loglog(*zip(*points, strict=True), marker=marker, markersize=4, linewidth=1.2, label=label)
    axes.set(xlabel="how much of it", ylabel="CPU time [s]", title="What a replay costs as it grows")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    figure.savefig(HERE / "growth.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
