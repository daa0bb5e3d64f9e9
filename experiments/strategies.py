"""Every strategy on the same four sites: what a site sends and receives, who waits for whom, what is known of the loss.

Claim: none; the strategies at their defaults, side by side, as the code replays them.
Verdict: `python -m experiments.strategies` (a second) writes the table of docs/strategies.md, to which a test holds it.

The sites are alike: 1B parameters, a step of 1 s on one chip each, a full mesh of 10 Gbit/s and 10 ms, rings, 720 steps
without closing exchange. 24 layers and 1,048,576 tokens a step count for the pipeline alone. Bytes are in units of the
model: 1 is N parameters of 16 bits.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from experiments.tables import markdown, put
from sim.scenario.model import Scenario
from sim.simulation.results import Run
from sim.simulation.run import run
from sim.strategies import STRATEGIES, AbstractStrategy

PAGE = Path(__file__).parent.parent / "docs" / "strategies.md"
BEGIN, END = "<!-- side by side, written by experiments/strategies.py -->\n", "<!-- end of side by side -->\n"
PARAMS, STEPS, LAYERS, SITES = 1e9, 720, 24, "abcd"
HEAD = ("strategy", "up a step", "most", "down a step", "most", "peak", "waits for", "staleness", "loss")


def scenario() -> Scenario:
    """The scenario of the table."""
    pairs = [(one, other) for place, one in enumerate(SITES) for other in SITES[place + 1 :]]
    links = [{"between": list(pair), "bandwidth": "10 Gbit/s", "latency": "10 ms"} for pair in pairs]
    sites = [{"name": name} for name in SITES]
    document = {
        "topology": {"name": "four alike", "datacenters": sites, "links": links, "collective": "ring"},
        "workload": {"params": PARAMS, "step_time": "1 s", "steps": STEPS, "batch_tokens": 2**20, "chips": len(SITES)}
        | {"layers": LAYERS},
        "strategies": [_document(kind, strategy) for kind, strategy in STRATEGIES.items()],
    }
    return Scenario.model_validate(document)


def _document(kind: str, strategy: type[AbstractStrategy]) -> dict[str, Any]:
    has = strategy.model_fields
    values = {"replicas": len(SITES), "closing_exchange": False}
    return {"kind": kind} | {key: value for key, value in values.items() if key in has}


def table() -> str:
    """The table, as Markdown."""
    asked = scenario()
    return markdown(HEAD, [_row(*pair) for pair in zip(run(asked).runs, asked.strategies, strict=True)])


def _row(one: Run, strategy: AbstractStrategy) -> tuple[str, ...]:
    model_bytes = 2 * PARAMS * STEPS
    up, down = ([_carried(one, name, end) / model_bytes for name in SITES] for end in (0, 1))
    stale = "" if one.mean_staleness is None else f"{one.mean_staleness:.2g}"
    return (
        one.label.removesuffix(" open end"),
        *(f"{figure:.3g}" for each in (up, down) for figure in (sum(each) / len(each), max(each))),
        f"{one.peak_bandwidth_bits_per_s / 1e9:.3g} Gbit/s",
        _barrier(strategy),
        stale,
        "no published law" if one.predicted_loss is None else "predicted",
    )


def _carried(one: Run, site: str, end: int) -> float:
    """Bytes on the links from a site (end 0) or to it (end 1) [byte]."""
    return sum(link.bytes for link in one.links if link.name.split(" -> ")[end] == site)


def _barrier(strategy: AbstractStrategy) -> str:
    meetings = strategy.meetings
    if meetings.own_pace:
        return "nobody"
    if meetings.drawn:
        return "a partner"
    if not meetings.of_all:
        return "its neighbours" if meetings.at_once else "some"
    return "all, later" if meetings.linger else "all"


def main() -> int:
    """The command."""
    put(PAGE, BEGIN, table(), END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
