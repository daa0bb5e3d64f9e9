"""Outer synchronisations that others measured, beside what a ring of flows predicts for them.

Claim: bytes over bandwidth is most of the answer. At 1 Gbit/s the bare prediction is 2% short of the measured
synchronisation, and a stated protocol overhead turns that into 3% too much; at 200 Mbit/s it is 11% short, and the
overhead explains less than half of it. What remains is likely the shaper: it drops what its queue cannot hold, TCP then
runs below the line rate, and flows here have no such losses (a topology's `loss` would cap them, but nothing published
says how much). Rounds of 128 steps at 1 Gbit/s are listed with 1.88 s although their bytes are the same, and their
utilisation of 0.7152 belongs to 1.33 s: the two do not agree. The OpenDiLoCo run is predicted from links published as a
range only, placed by assumption; its 298 s would be a narrowest hop of 89 Mbit/s, below that range, so a third of its
time is not bytes over bandwidth.
Run: python experiments/published_syncs.py (a second). Writes results/published_syncs.csv.
"""

from __future__ import annotations

import csv
from pathlib import Path

from sim.document import validate
from sim.run import run
from sim.scenario import Scenario
from sim.topology import Topology, load_topology

HERE = Path(__file__).parent
PAYLOAD_SHARE = 1448 / 1514
"""TCP payload in a full Ethernet frame as a shaper counts it: 1500 less 52 of headers, of 1500 plus 14."""
Row = dict[str, str | float]


def published() -> list[dict[str, str]]:
    """The rows of reference/real_runs.csv."""
    with (HERE / "reference" / "real_runs.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def topology_of(row: dict[str, str], share: float) -> Topology:
    """The sites of a run: nodes shaped at their egress, or OpenDiLoCo's four; links carry `share` of their rate."""
    if "-" in row["link"]:
        there = load_topology("open-diloco")
        links = [link.model_dump(mode="json", exclude_none=True) for link in there.links]
        for document, link in zip(links, there.links, strict=True):
            document["bandwidth"] = f"{link.bandwidth_bits_per_s * share!r} bit/s"
        return there.varied(links=links)
    nodes = [f"node{number}" for number in range(int(row["nodes"]))]
    number, unit = row["link"].split()
    wire = {"bandwidth": f"{float(number) * share!r} {unit}", "latency": "0.1 ms"}
    document = {
        "name": "shaped nodes",
        "datacenters": [{"name": node} for node in nodes],
        "routers": ["switch"],
        "links": [{"between": [node, "switch"], **wire} for node in nodes],
    }
    return validate(Topology, document, source="published_syncs")


def predicted(row: dict[str, str], share: float) -> tuple[float, float]:
    """Seconds of an outer synchronisation, and compute utilisation, of the row's run."""
    replicas, sync_every, step_s = int(row["nodes"]), int(row["sync_every"]), float(row["step_time_s"])
    params, tokens_per_chip = float(row["params"]), 4096
    workload = {
        "params": params,
        "payload_bits": float(row["payload_bits"]),
        "steps": sync_every,
        "chips": replicas,
        "batch_tokens": replicas * tokens_per_chip,
        "chip_speed": f"{6 * params * tokens_per_chip / step_s!r} flop/s",
    }
    document = {
        "topology": topology_of(row, share),
        "workload": workload,
        "strategies": [{"kind": "diloco", "replicas": replicas, "sync_every": sync_every}],
        "collective": "ring",
    }
    (only,) = run(validate(Scenario, document, source="published_syncs")).runs
    return only.exposed_across_s, only.compute_utilization


def rows() -> list[Row]:
    """One row a published run: measured and predicted, without and with the protocol overhead."""
    found: list[Row] = []
    for row in published():
        measured_s, measured_use = float(row["sync_s"]), float(row["utilization"])
        line: Row = {key: row[key] for key in ("source", "nodes", "link", "sync_every")}
        line |= {"measured_sync_s": measured_s, "measured_utilization": measured_use}
        for name, share in (("bare", 1.0), ("overhead", PAYLOAD_SHARE)):
            sync_s, use = predicted(row, share)
            line |= {
                f"{name}_sync_s": round(sync_s, 3),
                f"{name}_sync_error": round(sync_s / measured_s - 1, 4),
                f"{name}_utilization": round(use, 4),
                f"{name}_utilization_error": round(use - measured_use, 4),
            }
        found.append(line)
    return found


def main() -> None:
    """Writes the CSV and prints it."""
    table = rows()
    with (HERE / "results" / "published_syncs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    for row in table:
        ours = (
            f"{name} {row[f'{name}_sync_s']:>7} s ({row[f'{name}_sync_error']:+.1%})" for name in ("bare", "overhead")
        )
        print(f"{row['link']:>16} H={row['sync_every']:>3}  measured {row['measured_sync_s']:>7} s", *ours, sep="  ")


if __name__ == "__main__":
    main()
