"""The steady replay of overlapped strategies is the full one, and the mechanism is that of the published tables."""

import pytest

from sim.run import run
from sim.scenario import Scenario

CASES = [
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 2, "sync_every": 10, "overlap": "layers"},
    {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "overlap": "layers", "overlap_steps": 0},
    {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "overlap": "layers", "overlap_steps": 3},
    {"kind": "streaming-diloco", "replicas": 3, "sync_every": 10, "fragments": 4, "overlap_steps": 9},
    {"kind": "eager-diloco", "replicas": 2, "sync_every": 10},
    {"kind": "eager-diloco", "replicas": 2, "sync_every": 10, "fragments": 3, "overlap": "layers"},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 10, "grace": "0.5 s"},
]


def scenario(strategy, bandwidth, *, collective="ideal", steps=1003, workload=None, replay="steady"):
    sites = [{"name": name} for name in "abc"]
    links = [{"between": pair, "bandwidth": bandwidth, "latency": "20 ms"} for pair in ("ab", "bc", "ac")]
    links = [{**link, "between": list(link["between"])} for link in links]
    return Scenario.model_validate(
        {
            "topology": {"name": "three", "datacenters": sites, "links": links, "collective": collective},
            "workload": workload
            or {"params": 1e9, "layers": 9, "step_time": "0.2 s", "steps": steps, "batch_tokens": 3e5, "chips": 6},
            "strategies": [strategy],
            "replay": replay,
        }
    )


@pytest.mark.parametrize("strategy", CASES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("bandwidth", ["1 Gbit/s", "6.3 Gbit/s", "9.99 Gbit/s", "10.1 Gbit/s", "40 Gbit/s", "1 Tbit/s"])
@pytest.mark.parametrize("collective", ["ideal", "ring"])
def test_a_steady_replay_is_the_full_one(strategy, bandwidth, collective):
    short, full = (
        run(scenario(strategy, bandwidth, collective=collective, replay=how)).runs[0] for how in ("steady", "full")
    )
    assert full.replayed_steps == 1003
    for key in (
        "wall_clock_s",
        "compute_s",
        "exposed_communication_s",
        "straggler_wait_s",
        "hidden_communication_s",
        "cross_datacenter_bytes",
        "peak_bandwidth_bits_per_s",
    ):
        assert getattr(short, key) == pytest.approx(getattr(full, key), rel=1e-9, abs=1e-9), key
    for one, other in zip(short.links, full.links, strict=True):
        assert one.bytes == pytest.approx(other.bytes, rel=1e-9)
        assert one.busy_share == pytest.approx(other.busy_share, rel=1e-9)
