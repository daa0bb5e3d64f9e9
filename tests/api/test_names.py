"""The names of the public API: which there are, that they cost nothing until they are used, and that they are typed."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import crosshaul as ch
from sim.strategies import STRATEGIES

TOPOLOGIES = {"Topology", "Datacenter", "Inside", "Link", "Transport", "topology"}
WORKLOADS = {"Workload", "TraceWorkload"}
ALGORITHMS = {"DataParallel", "DiLoCo", "StreamingDiLoCo", "EagerDiLoCo", "AsyncDiLoCo", "ElasticDiLoCo"}
ALGORITHMS |= {"GossipDiLoCo", "TwoLevelDiLoCo", "HALoS", "SparseLoCo", "DecoupledDiLoCo", "DeMo", "DesLoc", "Pipeline"}
QUESTIONS = {
    "run",
    "bandwidth",
    "budget",
    "explain",
    "plan",
    "predict",
    "flows",
    "validate",
    "reproduce",
    "sweep",
    "goodput",
}
ANSWERS = {"Runs", "Run", "Bandwidth", "Budget", "Explanation", "Plan", "Prediction", "FlowTimes", "Validation"}
ANSWERS |= {"Reproduction", "Sweep", "Goodput"}
RECORDING = {"Recorder"}
FAILURES = {"Failures", "Part", "Away", "Checkpoint"}
OTHERS = {"Scenario", "load", "flow", "CrosshaulError", "InputError"}
UNITS = {
    *("bit", "kbit", "Mbit", "Gbit", "Tbit", "byte", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB"),
    *("s", "ms", "us", "minute", "hour", "day", "flop", "Gflop", "Tflop", "Pflop"),
}


def test_these_names_are_exported_and_no_others():
    groups = (TOPOLOGIES, WORKLOADS, ALGORITHMS, QUESTIONS, ANSWERS, FAILURES, OTHERS, RECORDING, UNITS)
    assert set(ch.__all__) == set().union(*groups)
    assert len(set(ch.__all__)) == len(ch.__all__)
    assert sorted(dir(ch)) == sorted([*ch.__all__, "__version__"])


def test_every_strategy_has_a_name():
    assert {type(each).__name__ for each in (strategy() for strategy in STRATEGIES.values())} == ALGORITHMS
    assert all(getattr(ch, name) in STRATEGIES.values() for name in ALGORITHMS)


@pytest.mark.parametrize("name", ch.__all__)
def test_a_name_is_there_and_documented(name):
    value = getattr(ch, name)
    assert isinstance(value, float) or value.__doc__
    assert getattr(ch, name) is value


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'crosshaul' has no attribute 'diloco'"):
        ch.diloco  # noqa: B018
    assert ch.__version__.count(".") == 2


def test_type_checkers_see_the_same_names_from_the_same_homes():
    tree = ast.parse(Path(ch.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in guarded.body for alias in node.names}
    assert set(seen) == set(ch.__all__)
    for name, home in seen.items():
        assert getattr(import_module(home), name) is getattr(ch, name), name


def test_importing_it_imports_nothing_else():
    # counted and not timed: what a fresh interpreter has loaded after it
    code = "import sys, crosshaul, json; print(json.dumps([sorted(sys.modules), len(dir(crosshaul))]))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    modules, _ = json.loads(done.stdout)
    assert [
        name for name in modules if name.split(".")[0] in {"sim", "numpy", "pydantic", "simpy", "pint", "rich"}
    ] == []


def test_units_alone_load_no_models():
    code = "import sys, crosshaul as ch; ch.Gbit, ch.ms; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_units_are_those_that_people_write():
    from sim.units.quantities import BANDWIDTH, CHIP_SPEED, DURATION, LATENCY, SIZE, parse

    for unit, names in {
        BANDWIDTH: ("kbit", "Mbit", "Gbit", "Tbit"),
        SIZE: ("kB", "MB", "GB", "TB", "KiB", "MiB", "GiB"),
        LATENCY: ("us", "ms", "s"),
        DURATION: ("minute", "hour", "day"),
        CHIP_SPEED: ("Gflop", "Tflop", "Pflop"),
    }.items():
        rate = "/s" if unit in (BANDWIDTH, CHIP_SPEED) else ""
        for name in names:
            assert getattr(ch, name) == parse(f"1 {name}{rate}", unit), name
