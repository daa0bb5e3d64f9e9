"""The runs of hivemind over zones, continents and clouds: peers with a link for each pair that is not in one zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import combinations
from statistics import fmean

from .runs import Document, Row, Run, Terms, bits, numbers, rows, seconds, without_results

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
            "datacenters": [{"name": peer.name, "chips": 1} for peer in everyone],
            "routers": list(dict.fromkeys(peer.site.lower() for peer in everyone)),
            "links": [*_inside(row, everyone), *_across(row, everyone)],
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


def _inside(row: Row, everyone: list[Peer]) -> list[Document]:
    """The link of each peer to the router of its zone, where it has a neighbour there."""
    found = []
    for peer in everyone:
        if sum(other.site == peer.site for other in everyone) > 1:
            bits_per_s, rtt_s = pair(row, peer.site, peer.site)
            between = [peer.name, peer.site.lower()]
            found.append({"between": between, "bandwidth": bits(bits_per_s), "latency": seconds(rtt_s / 4)})
    return found


def _across(row: Row, everyone: list[Peer]) -> list[Document]:
    """The links between peers of different zones, each way with its own bandwidth."""
    found = []
    for one, other in combinations(everyone, 2):
        if one.site == other.site:
            continue
        for a, b in ((one, other), (other, one)):
            bits_per_s, rtt_s = pair(row, a.site, b.site)
            ends = {"from": a.name, "to": b.name}
            found.append({**ends, "bandwidth": bits(bits_per_s), "latency": seconds(rtt_s / 2)})
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
        made = document(known, terms)
        name, many = row["run"], BATCHES
        found.append(Run(SOURCE, name, kind(known), known["set"], made, many, "a batch", many, measured=measured))
    return found


def spread(row: Row) -> float:
    """How far the two measured exchanges of a run are apart, over their mean [-]."""
    two = [float(row[f"measured_exchange{number}_s"]) for number in (2, 3)]
    return (max(two) - min(two)) / fmean(two)
