"""The runs of hivemind over zones, continents and clouds: peers with a link for each pair."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import permutations

from .calibration import RUNS, host
from .runs import WINDOW, Document, Row, Run, Terms, bits, numbers, rows, seconds, without_results

SOURCE = "hivemind"
BATCHES = 2
"""In a scenario: as many as were measured."""


@dataclass(frozen=True)
class Peer:
    """A peer: its site, its accelerator, and its name there."""

    site: str
    accelerator: str
    name: str


def peers(row: Row) -> list[Peer]:
    """The peers of a run, from `SITE:NxACCELERATOR;...`."""
    found: list[Peer] = []
    for part in row["sites"].split(";"):
        site, many, accelerator = re.fullmatch(r"([\w-]+):(\d+)x(\w+)", part).groups()  # type: ignore[union-attr]
        first = sum(peer.site == site for peer in found)
        found += [Peer(site, accelerator, f"{site.lower()}-{first + n + 1}") for n in range(int(many))]
    return found


def pair(row: Row, source: str, target: str) -> tuple[float, float]:
    """Bandwidth of one stream from one site to another [bit/s], and the round trip [s], by the run's measurements.

    Means over samples of the folders of the run; of all folders where these have none; of the way back where nobody
    measured the way there.
    """
    patterns = [f"experiment-set-{each}" if each[0].isdigit() else each for each in _folders(row["network"])]
    for ends in ((source, target), (target, source)):
        own = [each for each in rows("hivemind_pairs") if (each["source"], each["target"]) == ends]
        own = [each for each in own if each["streams"] == "1"]
        near = [each for each in own if any(fnmatch(each["group"], pattern) for pattern in patterns)]
        if chosen := near or own:
            count = sum(int(each["samples"]) for each in chosen)
            mean = [sum(int(each["samples"]) * float(each[key]) for each in chosen) for key in ("bits_per_s", "rtt_s")]
            return mean[0] / count, mean[1] / count
    raise KeyError(f"nobody measured {source} to {target}")


def _folders(text: str) -> list[str]:
    """The folders of `experiment-set-1/1-1, 1-2` or `experiment-set-3/3-P.2; experiment-set-4`."""
    found = []
    for part in text.split(";"):
        first, *more = (each.strip() for each in part.split(","))
        found += [first, *(f"{first.split('/')[0]}/{each}" for each in more)]
    return found


def document(row: Row, terms: Terms) -> Document:
    """The scenario of a run, from what was known before it."""
    everyone = peers(row)
    batch_s = float(row["batch_samples"]) / float(row["samples_per_s"])
    return {
        "name": f"hivemind-{row['run']}",
        "topology": {
            "name": row["run"],
            "datacenters": [_site(peer, terms) for peer in everyone],
            "links": _links(row, everyone, terms),
            "transport": _transport(row, everyone, terms),
        },
        "workload": {
            "params": float(row["params"]),
            "payload_bits": float(row["payload_bits"]),
            "steps": BATCHES,
            "batch_tokens": float(row["batch_samples"]),
            "chips": len(everyone),
            "step_time": seconds(batch_s),
        },
        "strategies": [{"kind": "data-parallel"}],
        "collective": "direct",
    }


def _site(peer: Peer, terms: Terms) -> Document:
    """A peer as a site."""
    site = {"name": peer.name, "chips": 1}
    return site | ({"endpoint": bits(host(_kind(peer)).bits_per_s)} if terms.endpoints else {})


def _kind(peer: Peer) -> str:
    """The kind of its host: `8xV100` is one host."""
    return peer.accelerator.removeprefix("8x")


def _transport(row: Row, everyone: list[Peer], terms: Terms) -> Document:
    """Windows of streams, and what the slowest end takes for an exchange beside bytes."""
    payload_bytes = float(row["params"]) * float(row["payload_bits"]) / 8
    found = {"window": WINDOW} if terms.streams else {}
    if terms.endpoints:
        found["exchange_overhead"] = seconds(max(host(_kind(peer)).overhead_s(payload_bytes) for peer in everyone))
    return found


def _links(row: Row, everyone: list[Peer], terms: Terms) -> list[Document]:
    """A link from each peer to each other one, with what one stream had between their sites.

    Between zones of clouds a stream has as much as its window lets it have, so that the link is what a machine reaches
    in its own zone. From and to an on-premise host a stream had less than that: the link is the stream.
    """
    found = []
    for a, b in permutations(everyone, 2):
        bits_per_s, rtt_s = pair(row, a.site, b.site)
        if terms.streams and a.site != b.site and not any("ONPREM" in peer.site for peer in (a, b)):
            bits_per_s = min(pair(row, peer.site, peer.site)[0] for peer in (a, b))
        wire = {"bandwidth": bits(bits_per_s), "latency": seconds(rtt_s / 2)}
        found.append({"from": a.name, "to": b.name, **wire})
    return found


def kind(row: Row) -> str:
    """Runs in one zone, over zones and clouds, and with an on-premise host, are judged apart."""
    where = "one zone" if ";" not in row["sites"] else "on-premise" if "ONPREM" in row["sites"] else "across"
    return f"{row['model']}, {where}"


def runs(terms: Terms, table: list[Row] | None = None) -> list[Run]:
    """All runs of the source."""
    found = []
    for row in table if table is not None else rows(SOURCE):
        known = without_results(row)
        measured = numbers(row, exchange_s="measured_exchange_s", wall_s="measured_batch_s")
        made, which = document(known, terms), "calibration" if row["run"] in RUNS else known["set"]
        name, many = row["run"], BATCHES
        found.append(Run(SOURCE, name, kind(known), which, made, many, "a batch", many, measured=measured))
    return found
