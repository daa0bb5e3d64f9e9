"""The runs of ft-diloco without storms: two replicas that share a processor, over netem or unshaped."""

from __future__ import annotations

from .calibration import RUNS, unshaped_s
from .runs import WINDOW, Document, Row, Run, Terms, bits, numbers, rows, seconds, without_results

SOURCE = "ft-diloco"
TABLE = "ft_diloco"
ROUNDS = 10
"""In a scenario."""
OTHER_HARDWARE = ("m4-cloud-headline", "m4-twomachine")
"""Pairs of two machines, between which nobody measured a bandwidth: no prediction."""
TENSORS = 51
"""Of the model: an embedding that is the last layer, too, positions, six in each of eight layers, a norm."""
EVALUATION_S = {"100": 6.83, "25": 1.7}
"""An evaluation by its number of batches [s]: rounds with one less rounds without, of the run that calibrates; and what
the source's description of the logs says of 25."""


def document(row: Row, terms: Terms) -> Document:
    """The scenario of a run: a hundred rounds."""
    every, payload_bytes = int(row["sync_every"]), float(row["payload_bytes"])
    rate = float(row["rate_bits_per_s"]) if row["rate_bits_per_s"] else 8 * payload_bytes / unshaped_s()
    latency_s = float(row["rtt_s"]) / 2 if row["rtt_s"] else 0.0
    wire = {"bandwidth": bits(rate), "latency": seconds(latency_s)}
    evaluations = 1 if every >= int(row["eval_every_steps"]) or int(row["eval_every_steps"]) // every == 1 else 0
    after_s = float(row["digest_s"]) + evaluations * EVALUATION_S[row["eval_batches"]]
    return {
        "name": row["run"],
        "topology": {
            "name": "two-namespaces",
            "datacenters": [{"name": "replica0", "chips": 1}, {"name": "replica1", "chips": 1}],
            "links": [{"between": ["replica0", "replica1"], **wire}],
            "transport": _transport(row, terms),
        },
        "workload": {
            "params": float(row["params"]),
            "payload_bits": 32,
            "steps": ROUNDS * every,
            "batch_tokens": 32768,
            "chips": 2,
            "step_time": seconds(float(row["step_s"])),
        },
        "strategies": [
            {"kind": "diloco", "replicas": 2, "sync_every": every, "compression_time": seconds(after_s)},
        ],
        "collective": "ring",
    }


def _transport(row: Row, terms: Terms) -> Document:
    """Over netem: windows, the tensors of an exchange, and what it takes in the host, as without netem."""
    if not row["rate_bits_per_s"]:
        return {}
    found: Document = {"window": WINDOW} if terms.streams else {}
    found |= {"exchange_overhead": seconds(unshaped_s())} if terms.endpoints else {}
    return found | ({"messages": TENSORS} if terms.messages else {})


def kind(row: Row) -> str:
    """Runs over netem, and others."""
    return "over netem" if row["rate_bits_per_s"] else "unshaped"


def runs(terms: Terms, table: list[Row] | None = None) -> list[Run]:
    """All runs of two replicas on one host that are no storm."""
    found = []
    for row in table if table is not None else rows(TABLE):
        known = without_results(row)
        if row["run"] in OTHER_HARDWARE or row["run"].startswith("m2-"):
            continue
        measured = numbers(row, exchange_s="measured_exchange_s", wall_s="measured_round_s")
        if "exchange_s" not in measured:
            measured.pop("wall_s", None)  # a run that broke off
        which = "calibration" if row["run"] in RUNS else known["set"]
        made = document(known, terms)
        name, many = row["run"], ROUNDS
        found.append(Run(SOURCE, name, kind(known), which, made, many, "a round", many, measured=measured))
    return found
