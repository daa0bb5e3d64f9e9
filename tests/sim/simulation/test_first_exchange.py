"""What opening connections costs: it lengthens a run, or is named as without effect, whatever the strategy."""

import pytest

from sim.documents.validation import validate
from sim.scenario.model import Scenario
from sim.simulation.run import run

STRATEGIES = [
    {"kind": "data-parallel"},
    {"kind": "diloco", "replicas": 3, "sync_every": 2},
    {"kind": "streaming-diloco", "replicas": 3, "sync_every": 4, "fragments": 2},
    {"kind": "async-diloco", "replicas": 3, "sync_every": 2},
    {"kind": "decoupled-diloco", "replicas": 3, "sync_every": 4, "fragments": 2},
    {"kind": "gossip-diloco", "replicas": 3, "sync_every": 2},
    {"kind": "two-level-diloco", "replicas": 3, "regions": 3, "sync_every": 2, "across_every": 2},
    {"kind": "sparseloco", "replicas": 3, "sync_every": 2},
    {"kind": "sparseloco", "replicas": 3, "sync_every": 2, "through": "store"},
    {"kind": "demo", "replicas": 3},
    {"kind": "des-loc", "replicas": 3, "sync_every": 2},
    {"kind": "pipeline", "microbatches": 3},
    {"kind": "pipeline", "microbatches": 2, "stages": 1, "pipelines": 3},
]


def outcome(strategy, **transport):
    names = ("a", "b", "c")
    document = {
        "topology": {
            "name": "t",
            "datacenters": [{"name": name} for name in names],
            "routers": ["ix"],
            "links": [{"between": [name, "ix"], "bandwidth": "1 Gbit/s", "latency": "5 ms"} for name in names],
            "store": {"at": "ix"},
            "transport": transport,
        },
        "workload": {"params": 1e8, "layers": 6, "steps": 8, "batch_tokens": 98304, "chips": 3},
        "strategies": [strategy],
    }
    result = run(validate(Scenario, document, source="test"))
    return result.runs[0].wall_clock_s, " ".join(result.notes)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda each: " ".join(map(str, each.values())))
def test_it_lengthens_the_run_or_is_named(strategy):
    plain_s, _ = outcome(strategy)
    late_s, notes = outcome(strategy, first_exchange="50 s")
    named = "transport.first_exchange" in notes
    assert (late_s == plain_s) == named
    assert late_s >= plain_s
