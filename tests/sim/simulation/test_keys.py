"""Nothing that is accepted is ignored: every key of the documents changes the answer, or a note names it.

The keys are walked by the models themselves, in every place of several base scenarios. Each key is set to other values
there, found by its type, its literals, the examples of its field, or `OTHERS`. The numbers of the answer must then
differ for one of them; or the answer must have a note that names the key. So a new key is tested without a line here,
unless no base has a place for it.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import re
import tempfile
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.flows import Flows
from sim.questions.flows import answer as follow
from sim.questions.goodput.goodput import answer as goodput
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import STRATEGIES
from sim.topology.model import Topology
from sim.topology.shapes import FullMesh, Ring, Star, TwoTier
from sim.trace.series import recording_path
from sim.workload.documents import AnalyticWorkload, TraceWorkload

RECORDING = "35m-diloco-cpu"
"""A recording that ships."""
FOLDER = Path(tempfile.mkdtemp())
(FOLDER / "quick.csv").write_text("time_s,bandwidth_bits_per_s\n0,1e9\n2,0.7e9\n")
(FOLDER / "slow.csv").write_text("time_s,bandwidth_bits_per_s\n0,1e8\n2,0.7e8\n")
(FOLDER / "slow.jsonl").write_text(
    re.sub(r'"compute_s": ?([0-9.]+)', r'"compute_s": 9\1', recording_path(RECORDING).read_text())
)
SHAPES = {"full-mesh": FullMesh, "ring": Ring, "star": Star, "two-tier": TwoTier}
ECHOED = {"bandwidth_bits_per_s", "replicas", "sync_every"}
"""Numbers of an answer that only repeat the question."""
LABELS = {
    ("Scenario", "name"),
    ("Topology", "name"),
    ("Topology", "description"),
    ("Topology", "source"),
    ("Datacenter", "name"),
    ("Router", "name"),
    ("Host", "name"),
}
"""Keys that name things: they are read, not computed with."""


def site(name, **more):
    return {"name": name, **more}


def link(one, other, bandwidth="1 Gbit/s", latency="10 ms", **more):
    return {"between": [one, other], "bandwidth": bandwidth, "latency": latency, **more}


SITES = [
    site("a", chips=4, chip_speed="300 Tflop/s", inside={"bandwidth": "2 Gbit/s", "latency": "1 ms"}),
    site("b", chips=2, chip_speed="200 Tflop/s", inside={"bandwidth": "3 Gbit/s", "latency": "2 ms"}),
    site("c", chips=2, inside={"bandwidth": "3 Gbit/s", "node_chips": 2, "node_bandwidth": "20 Gbit/s"}),
]
TRIANGLE = [link("a", "b"), link("b", "c", "0.7 Gbit/s", "7 ms"), {**link("c", "ix", "0.5 Gbit/s", "1 ms")}]
TRIANGLE += [link("ix", "a", "0.6 Gbit/s", "2 ms")]
NIGHTLY = {
    "points": [{"at": "0 s", "bandwidth": "0.5 Gbit/s"}, {"at": "3 s", "bandwidth": "0.3 Gbit/s"}],
    "repeat": "5 s",
}
SMALL = {"params": 1e7, "steps": 23, "batch_tokens": 65536}
LAYERED = {"params": 1e7, "steps": 23, "batch_tokens": 65536, "layers": 8}
HOSTS = [
    {"name": "core0", "slowdown": [1, 1.7], "part_of": "box"},
    {"name": "core1", "slowdown": [1, 1.9], "part_of": "box"},
    {"name": "box", "slowdown": [1, 1.3]},
]
DILOCO = {"kind": "diloco", "replicas": 2, "sync_every": 5}


def topology(sites=SITES, links=TRIANGLE, collective="ring", **more):
    return {"name": "t", "datacenters": sites, "routers": ["ix"], "links": links, "collective": collective, **more}


BASES: dict[str, dict] = {
    "flows": {
        "topology": topology(
            routes=[{"between": ["a", "c"], "via": ["b"]}],
            transport={"exchange_overhead": "5 ms", "header": "66 B"},
        ),
        "workload": LAYERED,
        "strategies": [
            {"kind": "data-parallel"},
            {"kind": "data-parallel", "overlap": "layers", "bucket": "5 MB"},
            DILOCO,
            {**DILOCO, "closing_exchange": False},
            {"kind": "streaming-diloco", "replicas": 3, "sync_every": 6},
            {"kind": "eager-diloco", "replicas": 2, "sync_every": 4, "fragments": 3, "overlap": "layers"},
        ],
    },
    "changing": {
        "topology": topology(
            links=[
                link("a", "b", schedule=NIGHTLY),
                link("b", "c", "0.7 Gbit/s", outages=[{"start": "1 s", "duration": "4 s"}]),
                link("a", "ix", "0.6 Gbit/s", burst="2 MB"),
                link("ix", "c", duplex="half"),
            ]
        ),
        "workload": SMALL,
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "lossy": {
        "topology": topology(
            links=[link("a", "b", loss=0.001), link("b", "ix", loss=0.0001), link("ix", "c", loss=0.0002)],
            transport={"streams": 2, "segment": "8960 B"},
        ),
        "workload": SMALL,
        "strategies": [DILOCO, {"kind": "data-parallel"}],
    },
    "windows": {
        "topology": topology(transport={"window": "64 KiB", "streams": 2, "header": "66 B", "segment": "1460 B"}),
        "workload": SMALL,
        "strategies": [DILOCO, {"kind": "data-parallel"}],
    },
    "chunked": {
        "topology": topology(collective="chunked-ring", transport={"send_buffer": "1 MiB"}),
        "workload": SMALL,
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "published": {
        "topology": topology(
            collective="published",
            links=[
                link("a", "b", schedule=NIGHTLY, loss=0.001, burst="2 MB"),
                link("b", "ix", "0.7 Gbit/s", outages=[{"start": "1 s", "duration": "4 s"}]),
                link("ix", "c", duplex="half"),
            ],
            transport={"window": "64 KiB", "streams": 2, "header": "66 B", "send_buffer": "1 MiB"},
        ),
        "workload": LAYERED,
        "strategies": [
            {"kind": "data-parallel"},
            DILOCO,
            {"kind": "streaming-diloco", "replicas": 3, "sync_every": 6, "fragments": 2},
        ],
    },
    "uneven": {
        "topology": topology(
            sites=[site("a", chip_speed="300 Tflop/s"), site("b", chip_speed="100 Tflop/s"), site("c")],
            collective="auto",
        ),
        "workload": {"params": 1e7, "steps": 40, "batch_tokens": 65536, "chips": 6, "chip_speed": "200 Tflop/s"},
        "strategies": [
            {"kind": "async-diloco", "replicas": 2, "sync_every": 5, "server": 1},
            {"kind": "elastic-diloco", "replicas": 3, "sync_every": 5, "quorum": 2, "grace": "20 ms"},
            {"kind": "gossip-diloco", "replicas": 3, "sync_every": 5},
            {"kind": "sparseloco", "replicas": 3, "sync_every": 5, "chunk": 128, "top": 32},
            {"kind": "decoupled-diloco", "replicas": 3, "sync_every": 5, "quorum": 2, "overlap_steps": 3},
            {"kind": "two-level-diloco", "replicas": 3, "regions": 1, "sync_every": 5, "across_every": 2},
            {"kind": "data-parallel"},
        ],
        "collective": "star",
    },
    "hosts": {
        "topology": topology(
            sites=[site("a", host="core0"), site("b", host="core0"), site("c", host="core1")], hosts=HOSTS
        ),
        "workload": {**SMALL, "tokens_per_chip": 8192},
        "strategies": [{**DILOCO, "replicas": 3}],
        "jobs": "together",
    },
    "places": {
        "topology": {
            "name": "t",
            "datacenters": [
                site("a", location={"latitude": 47.37, "longitude": 8.54}),
                site("b", location={"latitude": 52.52, "longitude": 13.4}),
            ],
            "routers": [{"name": "ix", "location": {"latitude": 50.11, "longitude": 8.68}}],
            "links": [
                {"from": "a", "to": "ix", "bandwidth": "1 Gbit/s"},
                {"between": ["ix", "b"], "bandwidth": "1 Gbit/s"},
                {"from": "ix", "to": "a", "bandwidth": "2 Gbit/s"},
            ],
            "fibre_stretch": 1.5,
        },
        "workload": SMALL,
        "strategies": [DILOCO],
    },
    "directed routes": {
        "topology": topology(
            collective="direct", routes=[{"from": "a", "to": "c", "via": ["b"]}, {"between": ["a", "b"], "via": []}]
        ),
        "workload": SMALL,
        "strategies": [{"kind": "data-parallel"}],
    },
    "detours": {
        "topology": {
            "name": "t",
            "datacenters": [site(name) for name in "abcd"],
            "links": [
                link(one, other, latency=f"{3 + len(one + other)} ms")
                for one, other in ("ab", "ac", "ad", "bc", "bd", "cd")
            ],
            "routes": [{"from": "a", "to": "c", "via": ["b"]}, {"between": ["b", "d"], "via": ["c"]}],
            "collective": "direct",
        },
        "workload": SMALL,
        "strategies": [{"kind": "data-parallel"}],
    },
    "from a file": {
        "topology": {
            "name": "t",
            "datacenters": [site("a"), site("b")],
            "links": [
                {
                    "between": ["a", "b"],
                    "latency": "5 ms",
                    "schedule": {"file": str(FOLDER / "quick.csv"), "repeat": "5 s"},
                }
            ],
        },
        "workload": {"trace": RECORDING, "steps": 12, "chips": 6},
        "strategies": [DILOCO],
    },
    "at random": {
        "topology": {
            "name": "t",
            "collective": "ring",
            "datacenters": [site("a"), site("b"), site("c")],
            "links": [
                link("a", "c"),
                link("b", "c"),
                {
                    "between": ["a", "b"],
                    "latency": "5 ms",
                    "schedule": {"random": {"mean": "50 Mbit/s", "spread": 0.5, "every": "1 s", "changes": 5}},
                    "outages": {"mtbf": "5 s", "repair": "1 s", "until": "1 h"},
                },
            ],
        },
        "workload": SMALL,
        "strategies": [DILOCO],
    },
    "measured": {
        "topology": topology(),
        "workload": {"params": 1e7, "tokens": 1e6, "batch_tokens": 65536, "step_time": "50 ms", "split": "by-speed"},
        "strategies": [{"kind": "data-parallel"}, DILOCO],
    },
    "measured, published": {
        "topology": topology(collective="published"),
        "workload": {
            "params": 1e7,
            "overtraining": 0.01,
            "batch_tokens": 65536,
            "step_time": "50 ms",
            "active_params": 5e6,
        },
        "strategies": [{"kind": "data-parallel"}, DILOCO],
    },
    "a mixture of experts": {
        "topology": topology(sites=[site("a"), site("b"), site("c")]),
        "workload": {**SMALL, "active_params": 2e6, "layer_params": [2e6, 1e6, 7e6], "forward_share": 0.4},
        "strategies": [
            {"kind": "data-parallel", "overlap": "layers"},
            {"kind": "diloco", "replicas": 1, "sync_every": 5},
        ],
    },
    "a model of the family": {
        "topology": topology(),
        "workload": {"model": "35m", "steps": 23},
        "strategies": [{"kind": "data-parallel"}, DILOCO],
    },
    "recorded": {
        "topology": topology(sites=[site("a"), site("b"), site("c")]),
        "workload": {"trace": RECORDING, "tokens": 1e6, "chips": 6},
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "rescaled": {
        "topology": topology(sites=[site("a"), site("b"), site("c", chip_speed="100 Tflop/s")]),
        "workload": {"trace": RECORDING, "overtraining": 0.001, "rescale": True, "chip_speed": "200 Tflop/s"},
        "strategies": [{"kind": "data-parallel"}, DILOCO],
    },
    "given seconds": {
        "topology": topology(sites=[site("a"), site("b"), site("c")]),
        "workload": {
            "trace": {
                "seconds": [[0.1, 0.3, 0.2], [0.2, 0.2, 0.1]],
                "params": 3e7,
                "active_params": 1e7,
                "batch_tokens": 65536,
                "chips": 6,
            },
            "rescale": True,
            "chip_speed": "200 Tflop/s",
            "steps": 23,
        },
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "given seconds as they are": {
        "topology": topology(sites=[site("a"), site("b"), site("c")]),
        "workload": {
            "trace": {"seconds": [0.1, 0.3, 0.2], "params": 3e7, "batch_tokens": 65536, "chips": 6},
            "tokens": 1e6,
        },
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "one datacenter": {
        "topology": {
            "name": "t",
            "datacenters": [site("a", inside={"bandwidth": "1 Gbit/s"}, chips=16)],
            "transport": {"window": "64 KiB", "header": "66 B"},
        },
        "workload": LAYERED,
        "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 1, "sync_every": 5}],
    },
    "chips by name": {
        "topology": topology(
            sites=[site("a", chip="h100", mfu=0.3), site("b", chip="a100", chip_speed="100 Tflop/s"), site("c")],
            egress=[{"between": ["b", "c"], "price": 0.03}],
        ),
        "workload": {**SMALL, "chip": "tpu-v4", "mfu": 0.5, "split": "by-speed"},
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "priced": {
        "topology": topology(
            sites=[
                site("a", chip="h100", price_chip_hour=3.0, egress="aws-internet"),
                site("b", price_chip_hour=2.0, egress=0.05, power={"chip": "500 W", "host": "100 W", "pue": 1.2}),
                site("c", price_chip_hour=1.0, egress=[{"up_to": "10 MB", "price_gb": 0.1}, {"price_gb": 0.05}]),
            ],
            egress=[{"from": "a", "to": "b", "price": 0.02}],
        ),
        "workload": {**SMALL, "chip": "a100"},
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "powered": {
        "topology": topology(
            sites=[
                site("a", power={"chip": "700 W", "waiting": 0.3, "carbon": "400 g/kWh"}),
                site("b", power={"chip": "500 W", "host": "100 W", "pue": 1.2, "carbon": "20 g/kWh"}),
                site("c", chip="h100", power={"carbon": "100 g/kWh"}),
            ]
        ),
        "workload": {"trace": RECORDING, "steps": 23},
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "held in memory": {
        "topology": topology(sites=[site("a", chip="h100"), site("b"), site("c")]),
        "workload": {
            **LAYERED,
            "chip": "a100",
            "chips": 12,
            "memory": {"sharding": "gradients", "shards": 2, "rematerialise": "none", "width": 512, "heads": 8},
        },
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    },
    "held in memory, without layers": {
        "topology": topology(sites=[site("a"), site("b"), site("c")]),
        "workload": {**SMALL, "memory": {"sharding": "none"}},
        "strategies": [{"kind": "data-parallel"}],
    },
    "a recording on chips by name": {
        "topology": topology(sites=[site("a"), site("b"), site("c", chip="a100")]),
        "workload": {"trace": RECORDING, "steps": 23, "rescale": True, "chip": "h100", "mfu": 0.3},
        "strategies": [{"kind": "data-parallel"}, DILOCO],
    },
    "lone chips": {
        "topology": topology(sites=[site("a"), site("b", inside={"bandwidth": "2 Gbit/s"}), site("c")]),
        "workload": {**SMALL, "chips": 6},
        "strategies": [{**DILOCO, "replicas": 3}],
    },
} | {
    shape: {
        "topology": {
            "name": "t",
            "collective": "ring",
            "hosts": [{"name": "core0", "slowdown": [1, 1.5]}],
            "generate": {
                "shape": shape,
                "bandwidth": "1 Gbit/s",
                "latency": "5 ms",
                "inside": {"bandwidth": "2 Gbit/s"},
                "chip": "tpu-v4",
                "price_chip_hour": 2.0,
                "egress": 0.05,
                "power": {"host": "100 W"},
                **keys,
            },
        },
        "workload": SMALL,
        "strategies": [{"kind": "data-parallel"}, {**DILOCO, "replicas": 3}],
    }
    for shape, keys in {
        "full-mesh": {"datacenters": 3},
        "ring": {"datacenters": 4},
        "star": {"datacenters": 3},
        "two-tier": {"regions": 2, "sites": 2, "trunk": {"bandwidth": "0.5 Gbit/s", "latency": "20 ms"}},
    }.items()
}
BASES["attention counted"] = {
    "topology": topology(),
    "workload": {**LAYERED, "attention": {"sequence_tokens": 4096, "width": 512}},
    "strategies": [{"kind": "data-parallel"}, DILOCO],
}
BASES["steps that vary"] = {
    "topology": topology(),
    "workload": {
        **SMALL,
        "variation": {
            "spread": 0.3,
            "distribution": "gamma",
            "steps": 3,
            "seed": 1,
            "stragglers": {"share": 0.4, "times": 3.0},
        },
    },
    "strategies": [{"kind": "data-parallel"}, DILOCO],
}
BASES["pipelines"] = {
    "topology": topology(),
    "workload": {**LAYERED, "chip_speed": "250 Tflop/s"},
    "strategies": [
        {"kind": "pipeline"},
        {"kind": "pipeline", "stages": 2, "schedule": "interleaved", "microbatches": 4},
        {"kind": "pipeline", "schedule": "zero-bubble", "weights_share": 0.4, "sites": ["c", "a", "b"]},
        {"kind": "pipeline", "stages": 1, "pipelines": 2, "microbatches": 4},
        {"kind": "pipeline", "stages": 2, "sites": "auto"},
        {"kind": "data-parallel"},
    ],
}
BASES["messages that meet"] = {
    "topology": topology(
        sites=[site(name, chips=2) for name in "abcd"],
        links=[link("a", "ix", "0.7 Gbit/s"), *(link(name, "ix") for name in "bcd"), link("a", "b", "9 Gbit/s")],
    ),
    "workload": {**LAYERED, "chip_speed": "250 Tflop/s"},
    "strategies": [
        {"kind": "pipeline", "pipelines": 2, "microbatches": 4, "sites": ["a", "c", "b", "d"]},
        {"kind": "pipeline", "bandwidth_sharing": "temporal", "schedule": "gpipe"},
        {"kind": "pipeline", "bandwidth_sharing": "temporal", "sites": ["a", "b"], "microbatches": 3},
    ],
}
BASES["through a store"] = {
    "topology": topology(
        routers=["ix", "iy"],
        store={"at": "ix", "request": "20 ms"},
        links=[*TRIANGLE, link("b", "ix", "0.2 Gbit/s", "3 ms"), link("c", "iy", "0.1 Gbit/s")],
    ),
    "workload": {**SMALL, "params": 1e8},
    "strategies": [
        {"kind": "sparseloco", "replicas": 3, "sync_every": 5, "through": "store", "deadline": "90 ms"},
        {"kind": "sparseloco", "replicas": 3, "sync_every": 5, "through": "store"},
        {"kind": "demo", "replicas": 3, "through": "store", "gather": 2},
    ],
}
BASES["all through a store"] = {
    "topology": topology(store={"at": "ix"}, collective="store"),
    "workload": SMALL,
    "strategies": [
        {**DILOCO, "replicas": 3},
        {"kind": "demo", "replicas": 3},
        {"kind": "des-loc", "replicas": 3, "sync_every": 3},
    ],
}
BASES["a ring of its own"] = {
    "topology": topology(
        sites=[*SITES, site("d", chips=2)],
        links=[*TRIANGLE, link("c", "d"), link("d", "a"), link("b", "d", "0.1 Gbit/s")],
        ring=["a", "b", "c", "d"],
    ),
    "workload": SMALL,
    "strategies": [{"kind": "data-parallel"}],
}
BASES["rounds by speed"] = {
    "topology": topology(sites=[site("a", chip_speed="300 Tflop/s"), site("b", chip_speed="100 Tflop/s"), site("c")]),
    "workload": {**SMALL, "batch_tokens": 4e6, "chips": 6, "chip_speed": "200 Tflop/s"},
    "strategies": [
        {"kind": "async-diloco", "replicas": 3, "sync_every": 12, "local_steps": "by-speed"},
        {"kind": "diloco", "replicas": 3, "local_steps": [12, 4, 8]},
        {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 12, "local_steps": "by-speed"},
        {"kind": "two-level-diloco", "replicas": 3, "regions": 3, "local_steps": [12, 4, 9], "across_every": 2},
        {"kind": "data-parallel"},
    ],
}
BASES["regional servers"] = {
    "topology": topology(
        sites=[site("a", chip_speed="300 Tflop/s"), site("b", chip_speed="100 Tflop/s"), site("c")],
    ),
    "workload": {**SMALL, "batch_tokens": 4e6, "chips": 6, "chip_speed": "200 Tflop/s"},
    "strategies": [
        {"kind": "halos", "replicas": 3, "regions": 3, "sync_every": 4, "across_every": 2},
        {"kind": "halos", "replicas": 3, "regions": 1, "sync_every": 5, "across_every": 2},
        {"kind": "data-parallel"},
    ],
}

OTHERS: dict[tuple[str, str], list] = {
    ("Scenario", "strategies"): [[{"kind": "diloco", "replicas": 2, "sync_every": 9}]],
    ("Scenario", "workload"): [{"params": 3e7, "steps": 5, "batch_tokens": 65536}],
    ("TwoLevelDiLoCo", "regions"): [3],
    ("HALoS", "regions"): [1, 3],
    ("HALoS", "replicas"): [2],
    ("GossipDiLoCo", "seed"): [1, 2, 3, 4],
    ("SparseLoCo", "gather"): [1, 2],
    ("Store", "at"): ["iy"],
    ("Topology", "ring"): [["a", "c", "b"], ["a", "c", "b", "d"]],
    # the slower one only where the other does not bind: with it, failures come faster than steps
    ("Datacenter", "endpoint"): ["0.2 Gbit/s", "20 Mbit/s"],
    ("TwoLevelDiLoCo", "replicas"): [2],
    ("DecoupledDiLoCo", "fragments"): [1, 2],
    ("DecoupledDiLoCo", "syncer"): ["a", "b", "c"],
    ("Pipeline", "sites"): [["b", "a"], ["a", "c"]],
    ("Pipeline", "stage_layers"): [[2, 3, 3], [1, 3, 2, 2]],
    ("Pipeline", "pipelines"): [3],
    ("Topology", "hosts"): [[{"name": name, "slowdown": [1, 3.0]} for name in ("core0", "core1")]],
    ("Topology", "routes"): [[{"from": "a", "to": "b", "via": ["ix"]}], [{"from": "a", "to": "b", "via": ["c"]}]],
    ("Datacenter", "chip"): ["h100", "tpu-v3"],
    ("AbstractWorkload", "chip"): ["h100", "tpu-v3"],
    ("Datacenter", "power"): [{"chip": "123 W", "carbon": "100 g/kWh"}],
    ("AbstractShape", "power"): [{"chip": "123 W"}],
    ("Datacenter", "egress"): [0.2, "gcp-premium"],
    ("AbstractShape", "egress"): [0.2],
    ("Topology", "egress"): [[{"from": "a", "to": "c", "price": 0.5}]],
    ("Step", "up_to"): ["20 MB"],
    ("PairPrice", "price"): [0.5],
    ("Datacenter", "inside"): [{"bandwidth": "10 Mbit/s"}, "tpu-v5e"],
    ("AbstractShape", "inside"): [{"bandwidth": "10 Mbit/s"}, "tpu-v5e"],
    ("Datacenter", "location"): [{"latitude": 0.0, "longitude": 9.0}],
    ("Router", "location"): [{"latitude": 0.0, "longitude": 9.0}],
    ("Topology", "transport"): [{"exchange_overhead": "5 ms"}],
    ("Link", "schedule"): [{"points": [{"at": "0 s", "bandwidth": each}]} for each in ("0.1 Gbit/s", "1 Mbit/s")],
    ("Link", "outages"): [[{"start": "0.1 s", "duration": "10 s"}], [{"start": "0.1 s", "duration": "1000 s"}]],
    ("Schedule", "random"): [{"mean": "0.1 Gbit/s", "spread": 0.5, "every": "1 s"}],
    ("Schedule", "repeat"): ["4.5 s"],
    ("RandomBandwidth", "mean"): ["0.1 Gbit/s"],
    ("RandomBandwidth", "every"): ["0.3 s"],
    ("RandomBandwidth", "changes"): [2, 3],
    ("Link", "burst"): ["1 MB"],
    ("Link", "loss"): [0.001, 0.3],
    ("LinkTemplate", "loss"): [0.001],
    ("Transport", "window"): ["1 KiB"],
    ("Scenario", "topology"): [topology(sites=[site("a"), site("b"), site("c")])],
    ("Topology", "datacenters"): [[site("a"), site("b"), site("c")]],
    ("Topology", "routers"): [["ix", "iy"]],
    ("RouteOverride", "via"): [["ix"], ["d"]],
    ("Host", "part_of"): ["box", None],
    ("Schedule", "file"): [str(FOLDER / "slow.csv")],
    ("TraceWorkload", "trace"): [str(FOLDER / "slow.jsonl")],
    ("Schedule", "points"): [[{"at": "0 s", "bandwidth": "0.1 Gbit/s"}]],
    ("TwoTier", "trunk"): [{"bandwidth": "0.1 Gbit/s", "latency": "20 ms"}],
}
"""Other values that neither the type nor the examples of a field tell."""
SILENT = {
    ("Scenario", "replay"): "how, not what: where every step is replayed anyway the answer is the same",
    ("Inside", "latency"): "another datacenter is slower, and this one waits for it",
    ("Inside", "node_bandwidth"): "likewise",
    ("Inside", "overlap"): "likewise, or the backward pass hides it all",
    ("AnalyticWorkload", "forward_share"): "the backward pass hides an exchange for any share",
    ("TraceWorkload", "forward_share"): "likewise",
    ("FlowSpec", "streams"): "nobody shares its links",
    ("Link", "duplex"): "a ring sends one way, and a goodput tells no links",
    ("Topology", "ring"): "of three sites it is the other way around, and a goodput tells no links",
    ("Part", "what"): "a host and a slice of as many chips are the same",
    ("DiLoCo", "kind"): "two algorithms may take equally long",
}
"""Keys that may change nothing in some place without a note, as long as they do in another: and why."""
NO_PAIR = {
    ("TwoTier", "shape"): "the other shapes refuse its keys",
    ("AsyncDiLoCo", "kind"): "the other kinds refuse its keys",
    ("ElasticDiLoCo", "kind"): "likewise",
    ("GossipDiLoCo", "kind"): "likewise",
    ("SparseLoCo", "kind"): "likewise",
    ("DecoupledDiLoCo", "kind"): "likewise",
    ("TwoLevelDiLoCo", "kind"): "likewise",
    ("HALoS", "kind"): "likewise",
}
"""Keys that cannot be changed alone."""


FLOWS: dict[str, dict] = {
    "flows alone": {
        "topology": topology(
            sites=[site("a", chips=4, chip_speed="300 Tflop/s"), site("b"), site("c", host="core0")],
            hosts=HOSTS,
            links=[
                TRIANGLE[0],
                {**TRIANGLE[1], "burst": "1 MB"},
                link("c", "ix", "0.5 Gbit/s", "1 ms", schedule=NIGHTLY),
                link("ix", "a"),
            ],
            transport={"header": "66 B", "exchange_overhead": "5 ms"},
        ),
        "flows": [
            {"from": "a", "to": "b", "size": "100 MB", "streams": 2},
            {"from": "a", "to": "c", "size": "700 MB", "start": "1.5 s"},
            {"from": "c", "to": "b", "size": "300 MB"},
            {"from": "c", "to": "a", "size": "200 MB"},
            {"from": "b", "to": "a", "size": "200 MB"},
            {"from": "a", "to": "ix", "size": "500 MB", "streams": 3},
        ],
    },
}
OTHERS_OF_FLOWS = {
    ("FlowSpec", "from"): ["ix"],
    ("FlowSpec", "to"): ["ix"],
    ("FlowSpec", "streams"): [7],
    ("Flows", "flows"): [[{"from": "a", "to": "b", "size": "1 MB"}]],
    ("Flows", "topology"): [topology()],
}
OTHERS |= OTHERS_OF_FLOWS
BROKEN: dict[str, dict] = {
    "failures": {
        "topology": topology(sites=[site("a", chips=4), site("b", chips=4), site("c", chips=4)]),
        "workload": SMALL,
        "strategies": [
            {"kind": "data-parallel"},
            {"kind": "diloco", "replicas": 3, "sync_every": 5},
            {"kind": "async-diloco", "replicas": 3, "sync_every": 5},
        ],
        "failures": {
            "parts": [
                {"what": "chip", "mtbf": "40 s", "repair": "1 s"},
                {"what": "host", "chips": 2, "mtbf": "20 s", "repair": "2 s", "speed": 0.5, "site": "a"},
            ],
            "away": [{"site": "b", "at": "2 s", "for": "1 s", "every": "9 s"}],
            "spares": 1,
            "detect": "0.1 s",
            "restart": "0.5 s",
            "reconfigure": "0.2 s",
            "checkpoint": {"every": "1 s", "write": "0.05 s"},
            "shrink": True,
        },
    },
}
"""Documents that `simulate goodput` is asked about; a few histories of each do."""
OTHERS |= {
    ("Part", "what"): ["chip", "reach"],
    ("Part", "site"): ["b", "c"],
    ("Away", "site"): ["a", "c"],
    ("Failures", "checkpoint"): [{"every": "0.3 s", "write": "0.3 s"}],
    ("Failures", "seed"): [7],
    ("Failures", "policies"): [["elastic", "leave-out"]],
    ("Failures", "parts"): [[{"what": "site", "mtbf": "9 s", "repair": "1 s"}]],
    ("Failures", "away"): [[{"site": "a", "at": "1 s", "for": "2 s"}]],
    ("Scenario", "failures"): [{"away": [{"site": "a", "at": "1 s", "for": "2 s"}]}],
}
ALL = BASES | FLOWS | BROKEN


def plain(document):
    return json.loads(json.dumps(document))


def inner_models(annotation):
    """The models that a value of a type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in inner_models(part)]


def model_for(models, value):
    """Of the models that a key may hold, the one that a document is."""
    if models == [AnalyticWorkload, TraceWorkload]:
        return TraceWorkload if "trace" in value else AnalyticWorkload
    return STRATEGIES[value["kind"]] if len(models) > 1 else models[0]


def places(model, document, path=()):
    """Every key that a document has or could have: (model, key, field, path)."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield model, key, field, (*path, key)
        models, value = inner_models(field.annotation), document.get(key)
        if models and isinstance(value, dict):
            yield from places(model_for(models, value), value, (*path, key))
        if models and isinstance(value, list):
            for position, each in enumerate(value):
                if isinstance(each, dict):
                    yield from places(model_for(models, each), each, (*path, key, position))
    if model is Topology and "generate" in document:
        yield from places(SHAPES[document["generate"]["shape"]], document["generate"], (*path, "generate"))


def others(model, key, field, value):
    """Other values for a key."""
    registered = [OTHERS.get((each.__name__, key), []) for each in model.__mro__]
    yield from next(filter(None, registered), [])
    literals = [each for each in typing.get_args(field.annotation) if isinstance(each, str)]
    for part in typing.get_args(field.annotation):
        literals += [each for each in typing.get_args(part) if isinstance(each, str)]
    yield from literals
    if "bool" in str(field.annotation):
        yield from (True, False)
    for example in field.examples or []:
        parsed = YAML(typ="safe").load(example) if isinstance(example, str) and example[0] in "[{" else example
        if not inner_models(field.annotation) or isinstance(parsed, dict | list):
            yield parsed
    if value is None:
        value = (field.examples or [None])[0]
    if isinstance(value, str) and (found := re.fullmatch(r"([0-9.e+-]+) (\D+.*)", value)):
        yield from (f"{float(found[1]) * factor:g} {found[2]}" for factor in (0.5, 2, 0.05, 20, 0.001, 1000))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (type(value)(value * 0.5), value * 2, value + 1, max(value - 1, 0), type(value)(value * 1.1))
    elif isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        yield [*value[:-1], value[-1] * 3]
    elif isinstance(value, list) and len(value) > 1:
        yield value[:-1]
    if key in ("between", "from", "to"):
        yield from ([["a", "c"], ["b", "ix"], ["a", "d"]] if key == "between" else ["b", "c", "d"])
    if key in ("kind", "shape"):
        yield from (STRATEGIES if key == "kind" else SHAPES)
    if key == "host":
        yield from ("core0", "core1")


def numbers(value):
    """All numbers of an answer, by their places."""
    if dataclasses.is_dataclass(value):
        shows_unused = getattr(value, "bytes", None) == 0  # a link that carried nothing is told with its bandwidth
        left_out = set() if shows_unused else ECHOED
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in left_out}
    if isinstance(value, dict):
        return {f"{key}.{place}": x for key, each in value.items() for place, x in numbers(each).items()}
    if isinstance(value, tuple):
        return {f"{key}.{place}": x for key, each in enumerate(value) for place, x in numbers(each).items()}
    return {"": value} if isinstance(value, int | float) or value is None else {}


def names(note, path):
    """Whether a note names a key, what it is part of, or a part of it.

    Numbers of entries aside, as a note tells the first of many; and what `generate` makes has the places of its keys, or
    is among links or datacenters that are named as a whole.
    """
    if not note.startswith("without effect"):
        return False
    parts = [part for part in path if isinstance(part, str)]
    whole = [re.sub(r"\[\d+\]", "", word).strip(",") for word in note.split()]
    return any(
        ".".join(parts[: depth + 1]) in whole or any(word.startswith(".".join(parts) + ".") for word in whole)
        for depth in range(len(parts))
    ) or ("generate" in parts and any(word.endswith((*_made(parts), ".links", ".datacenters")) for word in whole))


def _made(parts):
    """How words end that name a key of what `generate` makes, or what it is part of."""
    return (f".{part}" for part in parts[parts.index("generate") + 1 :])


@functools.cache
def _answered(document, asked):
    if "flows" in asked:
        followed = follow(validate(Flows, json.loads(document), source="test"))
        return numbers(followed), followed.notes
    if "failures" in document:
        left = goodput(validate(Scenario, json.loads(document), source="test"), histories=2)
        return numbers(left.rows), left.notes
    result = run(validate(Scenario, json.loads(document), source="test"))
    return numbers(result.runs), result.notes


def answered(document):
    """What was understood, the numbers and the notes of the answer; None if the document is refused."""
    model = Flows if "flows" in document else Scenario
    try:
        asked = validate(model, plain(document), source="test").model_dump_json()
        return asked, *_answered(json.dumps(document), asked)
    except InputError:
        return None


def changed(document, path, value):
    """The document with another value in one place."""
    varied = copy.deepcopy(document)
    here = varied
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return varied


def verdict(document, model, key, field, path, answered=answered):
    """What a key does in a place: `differs`, `noted`, `ignored`, or `refused` where no other value is possible.

    `answered` asks the question: for a document it has what was understood, the numbers of the answer, and its notes.
    """
    here = document
    for part in path[:-1]:
        here = here[part]
    base, found = answered(document), set()
    assert base is not None, "a base scenario must run"
    for value in others(model, key, field, here.get(key)):
        other = answered(changed(document, path, value))
        if other is None or other[0] == base[0]:  # refused, or understood as the same
            continue
        if other[1] != base[1]:
            return "differs"
        found.add("noted" if any(names(note, path) for note in (*base[2], *other[2])) else "ignored")
    return "noted" if found == {"noted"} else "ignored" if found else "refused"


def walked(document):
    """Every key that computes in a document and its place."""
    kind = Flows if "flows" in document else Scenario
    for model, key, field, path in places(kind, document):
        if (model.__name__, key) not in LABELS:
            yield model, key, field, path


@pytest.mark.parametrize("base", ALL)
def test_a_key_changes_the_answer_or_is_named_in_a_note(base):
    document = plain(ALL[base])
    ignored = [
        ".".join(map(str, path))
        for model, key, field, path in walked(document)
        if (model.__name__, key) not in SILENT and verdict(document, model, key, field, path) == "ignored"
    ]
    assert not ignored, (
        f"changed alone these keys change no number, and no note names them: {', '.join(ignored)}. Let them have an "
        "effect, refuse them, or give sim/simulation/without_effect/keys.py a rule that says why they have none here (a value that would bind: "
        "OTHERS)"
    )


def test_a_route_that_leaves_the_shortest_way_is_not_said_to_be_without_effect():
    """Traffic between a and c goes by b, and none on their own link: by hand, from the shares of the links."""
    links = [link("a", "b"), link("b", "c"), link("a", "c", latency="15 ms")]
    bare = {"name": "t", "datacenters": SITES, "links": links, "collective": "direct"}
    by_b = bare | {"routes": [{"between": ["a", "c"], "via": ["b"]}]}
    (only, *_), notes = ran(by_b)
    assert {one.name for one in only.links if one.bytes} == {"a -> b", "b -> a", "b -> c", "c -> b"}
    assert not any("topology.routes[0]" in note for note in notes)
    assert any("topology.links[2] (no route" in note for note in notes)
    anyway = bare | {"routes": [{"between": ["a", "c"], "via": []}]}
    assert any("topology.routes[0] (it is the route of least latency" in note for note in ran(anyway)[1])


def ran(where):
    """Runs on a topology, and the notes."""
    document = {"topology": where, "workload": SMALL, "strategies": [{"kind": "data-parallel"}]}
    found = run(validate(Scenario, document, source="test"))
    return found.runs, found.notes


def all_keys():
    """Every key of every document that computes, with the places for it in the base scenarios."""
    found = {}
    for name, document in ALL.items():
        for model, key, field, path in walked(plain(document)):
            found.setdefault((model.__name__, key), []).append((name, model, field, path))
    return found


def models_of(model, seen=None):
    """A model and all that can be inside it."""
    seen = set() if seen is None else seen
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for inner in inner_models(field.annotation):
                models_of(inner, seen)
    return seen


def test_every_key_has_a_pair_of_values_that_differ():
    known = all_keys()
    everything = {
        (model.__name__, field.alias or name)
        for top in (Scenario, Flows, *SHAPES.values())
        for model in models_of(top)
        for name, field in model.model_fields.items()
    } - LABELS
    without = [
        f"{model}.{key}"
        for model, key in sorted(everything - set(NO_PAIR))
        if not any(
            verdict(plain(ALL[base]), kind, key, field, path) in ("differs", "noted")
            for base, kind, field, path in known.get((model, key), [])
        )
    ]
    assert not without, (
        f"in no base scenario do these keys change the answer: {', '.join(without)}. Give the field an example that "
        "does, a value in OTHERS, or a place in one of BASES"
    )
