"""How long a training run takes over the links between datacenters: the public Python API (docs/api.md).

    import crosshaul as ch

    world = ch.Topology.full_mesh(4, bandwidth="10 Gbit/s", latency="10 ms")
    work = ch.Workload(params=7e9, tokens=140e9, chips=256, chip="h100")
    runs = ch.run(world, work, [ch.DataParallel(), ch.DiLoCo(replicas=4)])

Importing this costs nothing: a name is looked up in its home when it is first used. Numbers are SI (bit/s, byte, s,
flop/s), times a constant such as `Gbit`, or text with a unit. Whatever is wrong with an argument is an `InputError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosshaul.recorder import Recorder
    from sim.api.answers import (
        Bandwidth,
        Budget,
        Explanation,
        FlowTimes,
        Goodput,
        Plan,
        Prediction,
        Reproduction,
        Validation,
    )
    from sim.api.constants import (
        GB,
        MB,
        TB,
        Gbit,
        Gflop,
        GiB,
        KiB,
        Mbit,
        MiB,
        Pflop,
        Tbit,
        Tflop,
        bit,
        byte,
        day,
        flop,
        hour,
        kB,
        kbit,
        minute,
        ms,
        s,
        us,
    )
    from sim.api.given import Workload, flow, load, topology
    from sim.api.planning import plan
    from sim.api.questions import bandwidth, budget, explain, flows, goodput, predict, reproduce, run, validate
    from sim.api.runs import Runs
    from sim.api.sweeps import sweep
    from sim.api.swept import Sweep
    from sim.errors import CrosshaulError, InputError
    from sim.scenario.failures import Away, Checkpoint, Failures, Part
    from sim.scenario.model import Scenario
    from sim.simulation.results import Run
    from sim.strategies import (
        AsyncDiLoCo,
        DataParallel,
        DecoupledDiLoCo,
        DeMo,
        DesLoc,
        DiLoCo,
        EagerDiLoCo,
        ElasticDiLoCo,
        GossipDiLoCo,
        HALoS,
        Pipeline,
        SparseLoCo,
        StreamingDiLoCo,
        TwoLevelDiLoCo,
    )
    from sim.topology.inside import Inside
    from sim.topology.links import Link, Transport
    from sim.topology.model import Topology
    from sim.topology.sites import Datacenter
    from sim.workload.documents import TraceWorkload

__all__ = [
    "GB",
    "MB",
    "TB",
    "AsyncDiLoCo",
    "Away",
    "Bandwidth",
    "Budget",
    "Checkpoint",
    "CrosshaulError",
    "DataParallel",
    "Datacenter",
    "DeMo",
    "DecoupledDiLoCo",
    "DesLoc",
    "DiLoCo",
    "EagerDiLoCo",
    "ElasticDiLoCo",
    "Explanation",
    "Failures",
    "FlowTimes",
    "Gbit",
    "Gflop",
    "GiB",
    "Goodput",
    "GossipDiLoCo",
    "HALoS",
    "InputError",
    "Inside",
    "KiB",
    "Link",
    "Mbit",
    "MiB",
    "Part",
    "Pflop",
    "Pipeline",
    "Plan",
    "Prediction",
    "Recorder",
    "Reproduction",
    "Run",
    "Runs",
    "Scenario",
    "SparseLoCo",
    "StreamingDiLoCo",
    "Sweep",
    "Tbit",
    "Tflop",
    "Topology",
    "TraceWorkload",
    "Transport",
    "TwoLevelDiLoCo",
    "Validation",
    "Workload",
    "bandwidth",
    "bit",
    "budget",
    "byte",
    "day",
    "explain",
    "flop",
    "flow",
    "flows",
    "goodput",
    "hour",
    "kB",
    "kbit",
    "load",
    "minute",
    "ms",
    "plan",
    "predict",
    "reproduce",
    "run",
    "s",
    "sweep",
    "topology",
    "us",
    "validate",
]

_HOMES = {
    "crosshaul.recorder": ("Recorder",),
    "sim.api.answers": (
        "Bandwidth",
        "Budget",
        "Explanation",
        "FlowTimes",
        "Goodput",
        "Plan",
        "Prediction",
        "Reproduction",
        "Validation",
    ),
    "sim.api.given": ("Workload", "flow", "load", "topology"),
    "sim.api.planning": ("plan",),
    "sim.api.questions": (
        "bandwidth",
        "budget",
        "explain",
        "flows",
        "goodput",
        "predict",
        "reproduce",
        "run",
        "validate",
    ),
    "sim.api.runs": ("Runs",),
    "sim.api.sweeps": ("sweep",),
    "sim.api.swept": ("Sweep",),
    "sim.errors": ("CrosshaulError", "InputError"),
    "sim.scenario.failures": ("Away", "Checkpoint", "Failures", "Part"),
    "sim.scenario.model": ("Scenario",),
    "sim.simulation.results": ("Run",),
    "sim.strategies": (
        "AsyncDiLoCo",
        "DataParallel",
        "DecoupledDiLoCo",
        "DeMo",
        "DesLoc",
        "DiLoCo",
        "EagerDiLoCo",
        "ElasticDiLoCo",
        "GossipDiLoCo",
        "HALoS",
        "Pipeline",
        "SparseLoCo",
        "StreamingDiLoCo",
        "TwoLevelDiLoCo",
    ),
    "sim.topology.inside": ("Inside",),
    "sim.topology.links": ("Link", "Transport"),
    "sim.topology.model": ("Topology",),
    "sim.topology.sites": ("Datacenter",),
    "sim.workload.documents": ("TraceWorkload",),
}
"""Which module holds which names; the units are in `sim.api.constants`."""
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("crosshaul")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME.get(name, "sim.api.constants")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
