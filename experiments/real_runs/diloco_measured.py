"""The runs of diloco-measured: four nodes behind a switch, whose egress is shaped."""

from __future__ import annotations

from statistics import median

from .runs import Document, Row, Run, Terms, bits, numbers, rows, seconds, without_results

SOURCE = "diloco-measured"
TABLE = "diloco_measured"
LATENCY_S = 1e-4
"""Between two nodes, assumed: nobody recorded it [s]."""
_TOKENS = 2048
"""Of a node and step: 4 sequences of 512."""


def document(row: Row, terms: Terms, inputs: Inputs) -> Document:
    """The scenario of a run, from what was known before it: its counted steps, and the exchanges in them."""
    every, nodes = int(row["sync_every"]), [f"node{number}" for number in range(int(row["nodes"]))]
    into = inputs.unshaped_bits_per_s
    links = [
        {"from": a, "to": b, "bandwidth": bits(rate), "latency": seconds(LATENCY_S / 2)}
        for node in nodes
        for a, b, rate in ((node, "switch", inputs.egress_bits_per_s(row)), ("switch", node, into))
    ]
    own: Document = {"kind": "data-parallel"}
    if row["algorithm"] != "ddp":
        own = {"kind": "diloco", "replicas": len(nodes), "sync_every": every, "closing_exchange": False}
    return {
        "name": row["run"],
        "topology": {
            "name": "four-shaped-nodes",
            "datacenters": [{"name": node, "chips": 1} for node in nodes],
            "routers": ["switch"],
            "links": links,
        },
        "workload": {
            "params": float(row["params"]),
            "payload_bits": 32,
            "steps": int(row["steps"]),
            "batch_tokens": len(nodes) * _TOKENS,
            "chips": len(nodes),
            "step_time": seconds(inputs.step_s(row)),
        },
        "strategies": [own],
        "collective": "ring",
    }


class Inputs:
    """What several runs have in common, from what was known before them."""

    def __init__(self, table: list[Row]) -> None:
        pairs = [each for each in rows("diloco_measured_network") if each["kind"] == "iperf3 pair"]
        self.unshaped_bits_per_s = median(float(each["bits_per_s"]) for each in pairs)
        """What iperf3 measured between two nodes that are not shaped [bit/s]."""
        shaped = [each for each in table if each["goodput_bits_per_s"]]
        self._share = median(float(each["goodput_bits_per_s"]) / float(each["rate_bits_per_s"]) for each in shaped)
        self._step_s = median(float(each["step_s"]) for each in table if each["sync_every"] == "1" and each["step_s"])
        self.start_s = median(float(each["start_s"]) for each in table if each["start_s"])
        """The first step of a run, which starts the program up [s]."""

    def egress_bits_per_s(self, row: Row) -> float:
        """Goodput behind the shaper: as measured before the run, else the usual share of the rate [bit/s]."""
        if row["goodput_bits_per_s"]:
            return float(row["goodput_bits_per_s"])
        if row["rate_bits_per_s"]:
            return self._share * float(row["rate_bits_per_s"])
        return self.unshaped_bits_per_s

    def step_s(self, row: Row) -> float:
        """A step without exchanges, the optimizer included; that of other runs where it was not logged [s]."""
        own = float(row["step_s"]) if row["step_s"] else self._step_s
        return own + (float(row["optimizer_s"]) if row["optimizer_s"] else 0.0)


def kind(row: Row) -> str:
    """Runs of one rate and algorithm are judged together."""
    rates = {1e9: "1 Gbit/s", 5e9: "5 Gbit/s", 2e8: "200 Mbit/s", 5e7: "50 Mbit/s"}
    rate = rates[float(row["rate_bits_per_s"])] if row["rate_bits_per_s"] else "unshaped"
    return f"{'Data-Parallel' if row['algorithm'] == 'ddp' else 'outer steps'}, {rate}"


def runs(terms: Terms, table: list[Row] | None = None) -> list[Run]:
    """All runs of several nodes."""
    table = [row for row in (table if table is not None else rows(TABLE)) if row["nodes"] != "1"]
    inputs, found = Inputs([without_results(row) for row in table]), []
    for row in table:
        known = without_results(row)
        whole = known["phase"] == "convergence"  # these counted no part of a run
        measured = numbers(row, exchange_s="measured_sync_s")
        measured |= numbers(row, wall_s="measured_run_wall_s" if whole else "measured_total_s")
        start_s = inputs.start_s if whole else 0.0
        made = document(known, terms, inputs)
        part, name, many = "the whole run" if whole else "the counted steps", row["run"], int(known["syncs"])
        found.append(Run(SOURCE, name, kind(known), known["set"], made, many, part, 1, start_s, measured))
    return found
