"""Outer synchronisations that others measured, predicted from the published description of the run.

Three predictions of the time of one synchronisation, each with one effect more than the one before:

- `bare`: a ring of flows over the links, at the stated bandwidth.
- `overhead`: the links carry only the share that is left for payload: the goodput that iperf3 measured over the link
  before the run if that was published, else the payload of a full 1500-byte Ethernet frame.
- `corrected`: also the cost of an exchange on that cluster beyond its bytes: `fixed_s` for every exchange (tensors are
  summed one after another) and `setup_s` for the first of a run (it opens the connections). Both are taken from the two
  runs at 5 Gbit/s that synchronise the most and the least often, and are used at the other bandwidths unchanged.

Limits: no packet loss in a shaper whose queue overflows, and no TCP dynamics. Both are missing at 200 and 50 Mbit/s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...documents.validation import validate
from ...scenario.model import Scenario
from ...simulation.run import run
from ...topology.model import Topology, load_topology

PAYLOAD_SHARE = 1448 / 1514
"""TCP payload over a full Ethernet frame as a shaper counts it: 1500 - 52 (headers) over 1500 + 14 bytes."""
CALIBRATED_AT = "5 Gbit/s"
REASONS = {
    "5 Gbit/s": "gives the fixed costs: for H = 1 and 128 `corrected` is no prediction",
    "1 Gbit/s": "bytes over goodput; the first exchange of a run opens its connections besides (H = 32, 128)",
    "200 Mbit/s": "the shaper drops what its queue cannot hold, and TCP waits: no such losses here",
    "50 Mbit/s": "as at 200 Mbit/s, more so",
    "127-935 Mbit/s": "which pair had which bandwidth is not published; hivemind's peer-to-peer averaging is no ring",
}
"""The reasons for the remaining error, by link."""
Published = Mapping[str, str]
"""A row of the file of measured runs."""


@dataclass(frozen=True)
class SyncCosts:
    """The cost of an exchange beyond its bytes.

    Attributes:
      fixed_s: of every exchange [s].
      setup_s: of the first one of a run, in addition [s].
    """

    fixed_s: float
    setup_s: float


@dataclass(frozen=True)
class SyncPrediction:
    """One published run, measured and predicted; `corrected` is None where the goodput was not published.

    Attributes:
      published: the row as it was read.
      bare_s, overhead_s, corrected_s: a mean synchronisation among the counted steps [s].
      bare_utilization, overhead_utilization, corrected_utilization: compute over total of the counted steps.
    """

    published: Published
    bare_s: float
    overhead_s: float
    corrected_s: float | None
    bare_utilization: float
    overhead_utilization: float
    corrected_utilization: float | None

    @property
    def measured_s(self) -> float:
        """A mean synchronisation among the counted steps [s]."""
        return float(self.published["sync_s"])

    @property
    def measured_utilization(self) -> float:
        """Compute over total of the counted steps."""
        return float(self.published["utilization"])

    @property
    def calibrates(self) -> bool:
        """Whether the costs of an exchange were taken from this run."""
        return self.published["link"] == CALIBRATED_AT and self.published["sync_every"] in ("1", "128")

    @property
    def reason(self) -> str:
        """The reason for the remaining error."""
        return REASONS[self.published["link"]]


def predictions(rows: Sequence[Published]) -> list[SyncPrediction]:
    """The prediction for every published run.

    Args:
      rows: of `real_runs.csv`, among them the two at 5 Gbit/s with H = 1 and H = 128.
    """
    overhead = [sync_s(row, share(row)) for row in rows]
    costs = _costs(rows, overhead)
    found = []
    for row, overhead_s in zip(rows, overhead, strict=True):
        bare_s = sync_s(row, 1.0)
        first = int(row["first"]) / int(row["syncs"])
        corrected_s = overhead_s + costs.fixed_s + first * costs.setup_s if row["goodput"] else None
        found.append(
            SyncPrediction(
                published=row,
                bare_s=bare_s,
                overhead_s=overhead_s,
                corrected_s=corrected_s,
                bare_utilization=_utilization(row, bare_s),
                overhead_utilization=_utilization(row, overhead_s),
                corrected_utilization=None if corrected_s is None else _utilization(row, corrected_s),
            )
        )
    return found


def _costs(rows: Sequence[Published], overhead: Sequence[float]) -> SyncCosts:
    """The costs from two runs at 5 Gbit/s: H = 1 did not count its first exchange, and H = 128 counted only that."""
    rest = {
        row["sync_every"]: float(row["sync_s"]) - predicted_s
        for row, predicted_s in zip(rows, overhead, strict=True)
        if row["link"] == CALIBRATED_AT
    }
    return SyncCosts(fixed_s=rest["1"], setup_s=rest["128"] - rest["1"])


def _utilization(row: Published, predicted_s: float) -> float:
    compute_s = int(row["steps"]) * float(row["step_time_s"])
    return compute_s / (compute_s + int(row["syncs"]) * predicted_s)


def share(row: Published) -> float:
    """The share of a link's bandwidth that is left for payload."""
    if not row["goodput"]:
        return PAYLOAD_SHARE
    number, unit = row["link"].split()
    return float(row["goodput"]) / (float(number) * {"Gbit/s": 1e9, "Mbit/s": 1e6}[unit])


def sync_s(row: Published, payload_share: float) -> float:
    """The time for which one outer synchronisation of a run stops compute, from a replay with a ring of flows [s]."""
    replicas, sync_every, params = int(row["nodes"]), int(row["sync_every"]), float(row["params"])
    tokens_per_chip = 4096
    document = {
        "topology": _topology(row, payload_share),
        "workload": {
            "params": params,
            "payload_bits": float(row["payload_bits"]),
            "steps": sync_every,
            "chips": replicas,
            "batch_tokens": replicas * tokens_per_chip,
            "chip_speed": f"{6 * params * tokens_per_chip / float(row['step_time_s'])!r} flop/s",
        },
        "strategies": [{"kind": "diloco", "replicas": replicas, "sync_every": sync_every}],
        "collective": "ring",
    }
    (only,) = run(validate(Scenario, document, source="published syncs")).runs
    return only.exposed_across_s


def _topology(row: Published, payload_share: float) -> Topology:
    """The sites of a run: nodes shaped at their egress, or OpenDiLoCo's four; links have a share of their bandwidth."""
    if "-" in row["link"]:
        there = load_topology("open-diloco")
        return there.replaced(
            links=tuple(link.with_bandwidth(lambda bits_per_s: bits_per_s * payload_share) for link in there.links)
        )
    nodes = [f"node{number}" for number in range(int(row["nodes"]))]
    number, unit = row["link"].split()
    wire = {"bandwidth": f"{float(number) * payload_share!r} {unit}", "latency": "0.1 ms"}
    document = {
        "name": "shaped nodes",
        "datacenters": [{"name": node} for node in nodes],
        "routers": ["switch"],
        "links": [{"between": [node, "switch"], **wire} for node in nodes],
    }
    return validate(Topology, document, source="published syncs")
