"""The runs of diloco-measured: four nodes behind a switch, whose egress is shaped."""

from __future__ import annotations

from statistics import median

from .calibration import RUNS, drops_share, first_s
from .runs import Document, Row, Run, Terms, bits, numbers, rows, seconds, without_results

SOURCE = "diloco-measured"
TABLE = "diloco_measured"
LATENCY_S = 1e-4
"""Between two nodes, assumed: nobody recorded it [s]."""
BUFFER_BYTES = 6 * 131072 * 8 * 8
"""What PyTorch DDP sends from the first node to all others before each step, by its default (`broadcast_buffers`): the
tables of angles of six layers, for 131,072 positions of eight complex numbers (torchtitan's llama3 debugmodel) [byte].
Along the chain of N nodes it takes as long as an all-reduce of N/(2 (N - 1)) of it on the ring, and is counted so."""
_HOLDS_BITS_PER_S = 1e9
"""At this rate the shaper's queue of 50 ms (6 MB) drops nothing, as runs at it show; at lower ones it is shorter."""
_LARGE_BYTES = 16e6
_TOKENS = 2048
"""Of a node and step: 4 sequences of 512."""


def document(row: Row, terms: Terms, inputs: Inputs) -> Document:
    """The scenario of a run, from what was known before it: its counted steps, and the exchanges in them."""
    every, nodes = int(row["sync_every"]), [f"node{number}" for number in range(int(row["nodes"]))]
    into = inputs.many_bits_per_s if terms.streams else inputs.unshaped_bits_per_s
    links = [
        {"from": a, "to": b, "bandwidth": bits(rate), "latency": seconds(LATENCY_S / 2)}
        for node in nodes
        for a, b, rate in ((node, "switch", inputs.shaped_bits_per_s(row, terms) or into), ("switch", node, into))
    ]
    own: Document = {"kind": "data-parallel"}
    if terms.buffers:
        own["payload_factor"] = 1 + BUFFER_BYTES / 4 / float(row["params"]) * len(nodes) / (2 * len(nodes) - 2)
    if row["algorithm"] != "ddp":
        own = {"kind": "diloco", "replicas": len(nodes), "sync_every": every, "closing_exchange": False}
    return {
        "name": row["run"],
        "topology": {
            "name": "four-shaped-nodes",
            "datacenters": [{"name": node, "chips": 1} for node in nodes],
            "routers": ["switch"],
            "links": links,
            "transport": _transport(row, terms),
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


def _transport(row: Row, terms: Terms) -> Document:
    """The tensors of an exchange, and what its first one takes longer where that is among the counted steps."""
    found: Document = {"messages": int(row["tensors"])} if terms.messages and row["tensors"] else {}
    if terms.first and int(row["syncs"]) and row["first_sync_counted"] != "0":
        found["first_exchange"] = seconds(first_s(row["algorithm"]))
    return found


class Inputs:
    """What several runs have in common, from what was known before them."""

    def __init__(self, table: list[Row]) -> None:
        pairs = [each for each in rows("diloco_measured_network") if each["kind"] == "iperf3 pair"]
        self.unshaped_bits_per_s = median(float(each["bits_per_s"]) for each in pairs)
        """What iperf3 measured between two nodes that are not shaped, with one stream [bit/s]."""
        large = [each for each in rows("diloco_measured_network") if each["message_bytes"]]
        self.many_bits_per_s = median(
            float(each["bits_per_s"]) for each in large if float(each["message_bytes"]) >= _LARGE_BYTES
        )
        """What an all-reduce of large messages reaches, over many streams; taken for the rate of the bus, as that of
        the algorithm would be more than the nodes' 20 Gbit/s on the wire [bit/s]."""
        shaped = [each for each in table if each["goodput_bits_per_s"]]
        self._share = median(float(each["goodput_bits_per_s"]) / float(each["rate_bits_per_s"]) for each in shaped)
        self._step_s = median(float(each["step_s"]) for each in table if each["sync_every"] == "1" and each["step_s"])
        self.start_s = median(float(each["start_s"]) for each in table if each["start_s"])
        """The first step of a run, which starts the program up [s]."""

    def shaped_bits_per_s(self, row: Row, terms: Terms) -> float | None:
        """Goodput behind the shaper: as measured before the run, else the usual share of the rate; None: no shaper."""
        if not row["rate_bits_per_s"]:
            return None
        rate = float(row["rate_bits_per_s"])
        goodput = float(row["goodput_bits_per_s"]) if row["goodput_bits_per_s"] else self._share * rate
        return goodput * (drops_share() if terms.drops and rate < _HOLDS_BITS_PER_S else 1.0)

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
        if (
            whole and measured and int(row["syncs"])
        ):  # what is logged of these is a median without the first, and the first
            many, first = int(row["syncs"]), float(row["measured_first_sync_s"])
            measured["exchange_s"] += (first - measured["exchange_s"]) / many
        measured |= numbers(row, wall_s="measured_run_wall_s" if whole else "measured_total_s")
        start_s = inputs.start_s if whole else 0.0
        made = document(known, terms, inputs)
        part, name, many = "the whole run" if whole else "the counted steps", row["run"], int(known["syncs"])
        which = "calibration" if name in RUNS else known["set"]
        found.append(Run(SOURCE, name, kind(known), which, made, many, part, 1, start_s, measured))
    return found
