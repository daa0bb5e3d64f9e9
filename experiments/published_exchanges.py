"""What others published of exchanges over the Internet, beside what the replay says: a window of Templar, a broadcast.

Claim: bytes and compression of SparseLoCo as run by Covenant-72B; a broadcast of 62 GB in 14 minutes (INTELLECT-2).
Verdict: `python -m experiments.published_exchanges` (a second) writes the second table of docs/strategies.md, to which
a test holds it. Bytes agree; 70 s are a deadline and no transfer time, which the published rates cannot meet.

Sources: arXiv 2603.08163v2 (72.7e9 parameters, H = 30 in a fixed window of 1,200 s, 20 peers gathered, 64 of 4,096
values, caps of 110 Mbit/s up and 500 Mbit/s down assumed by the authors); the code that they released (1,024 Mbit/s
asked for, windows of 115 blocks of 12 s, a deadline of 70 s, a value in 8 bits); INTELLECT-2 (62 GB to all in 14
minutes at some 590 Mbit/s).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from experiments.strategies import PAGE
from experiments.tables import markdown, put
from sim.network.over_links import LinkNetwork
from sim.network.placement import Placement
from sim.network.trees import broadcast
from sim.scenario.model import Scenario
from sim.simulation.results import Run
from sim.simulation.run import run
from sim.topology.model import Topology

BEGIN = "<!-- published exchanges, written by experiments/published_exchanges.py -->\n"
END = "<!-- end of published exchanges -->\n"
HEAD = ("what", "ours", "theirs", "error", "remark")
PEERS, DEADLINE_S, WINDOW_S, COMPUTE_S = 20, 70.0, 115 * 12.0, 1200.0
PARAMS, STEPS, DENSE_BITS, RATIO = 72.7e9, 30, 32.0, 146.0
MODEL_BYTES, BROADCAST_S, BROADCAST_BITS_PER_S, SITES, SHARDS = 62e9, 14 * 60.0, 590e6, 8, 62


def window(
    params: float = PARAMS,
    *,
    bits: float = 2.0,
    up: str = "110 Mbit/s",
    down: str = "500 Mbit/s",
    compute_s: float = COMPUTE_S,
    peers: int = PEERS,
    deadline: str | None = None,
) -> Run:
    """One window of alike peers around a store."""
    sites = [f"p{number}" for number in range(peers)]
    links = [{"from": site, "to": "internet", "bandwidth": up, "latency": "20 ms"} for site in sites]
    links += [{"from": "internet", "to": site, "bandwidth": down, "latency": "20 ms"} for site in sites]
    strategy: dict[str, Any] = {"kind": "sparseloco", "replicas": peers, "sync_every": STEPS, "through": "store"}
    strategy |= {"payload_bits": bits, "index_bits": 12.0} | ({} if deadline is None else {"deadline": deadline})
    document = {
        "topology": {
            "name": "peers",
            "datacenters": [{"name": site, "chips": 8} for site in sites],
            "routers": ["internet"],
            "store": {"at": "internet"},
            "links": links,
            "collective": "published",
        },
        "workload": {
            "params": params,
            "steps": STEPS,
            "batch_tokens": 393_216 * peers,
            "step_time": f"{compute_s / STEPS!r} s",
        },
        "strategies": [strategy],
    }
    return run(Scenario.model_validate(document)).runs[0]


def up_bytes(one: Run) -> float:
    """What a peer uploads in the window: of M (1 + M - 1) payloads that cross, one [byte]."""
    return one.cross_datacenter_bytes / one.replicas**2


def broadcast_seconds() -> float:
    """A broadcast along a binary tree, in shards of 1 GB [s]."""
    topology = Topology.full_mesh(SITES, bandwidth=BROADCAST_BITS_PER_S, latency=0.02)
    names = tuple(site.name for site in topology.datacenters)
    network = LinkNetwork(Placement(topology, names, (1.0,) * SITES), "direct")
    return network.trip(broadcast(MODEL_BYTES, range(SITES), SHARDS)).across_s


def rows() -> Iterator[tuple[str, ...]]:
    """The rows of the table."""
    two, eight = window(), window(bits=8)
    ratio = PARAMS * DENSE_BITS / 8 / up_bytes(two)
    yield "Covenant-72B, compression", f"{ratio:.1f}", f"{RATIO:g}", _error(ratio, RATIO), "of 32 bits a parameter"
    yield "Covenant-72B, a peer's upload", f"{up_bytes(two) / 1e9:.2f} GB", "", "", "2 bits a value, as printed"
    yield "the same as the code stores it", f"{up_bytes(eight) / 1e9:.2f} GB", "", "", "8 bits a value"
    yield _window_row("Covenant-72B, a window at 110 and 500 Mbit/s", two, DEADLINE_S)
    wide = window(up="1024 Mbit/s", down="1024 Mbit/s")
    yield _window_row("the same at 1,024 Mbit/s each way", wide, DEADLINE_S)
    for name, rate in (("110 Mbit/s", "110 Mbit/s"), ("1,024 Mbit/s", "1024 Mbit/s")):
        late = window(up=rate, deadline=f"{DEADLINE_S:g} s").late_merges
        met = "met" if not late else f"missed by {late} of {PEERS}"
        remark = "their mean: 16.9 of 24.4 active peers contribute"
        yield f"the deadline of 70 s at {name} up", met, "", "", remark
    idle_s = WINDOW_S - COMPUTE_S
    yield "what 115 blocks leave for it", f"{idle_s:g} s", "", "", "1,380 s less 1,200 s of compute"
    yield _window_row("SparseLoCo 8B, 15 peers", window(8e9, compute_s=270, peers=15), 12.0)
    took_s = broadcast_seconds()
    remark = f"a binary tree of {SITES} sites; each of {SHARDS} shards is passed on when all of it is there"
    ours, theirs = f"{took_s / 60:.1f} min", f"{BROADCAST_S / 60:g} min"
    yield "broadcast of 62 GB over paths of 590 Mbit/s", ours, theirs, _error(took_s, BROADCAST_S), remark


def _window_row(what: str, one: Run, theirs_s: float) -> tuple[str, ...]:
    took_s = one.wall_clock_s - one.compute_s
    share = f"computes {one.compute_utilization:.1%} of the time"
    return what, f"{took_s:.0f} s", f"{theirs_s:g} s", _error(took_s, theirs_s), share


def _error(ours: float, theirs: float) -> str:
    return f"{ours / theirs - 1:+.1%}"


def table() -> str:
    """The table, as Markdown."""
    return markdown(HEAD, rows())


def main() -> int:
    """The command."""
    put(PAGE, BEGIN, table(), END)
    return 0


if __name__ == "__main__":
    sys.exit(main())
