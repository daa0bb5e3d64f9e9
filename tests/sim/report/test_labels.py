"""Two rows of a report never have the same name: strategies that differ in any key are told apart, and so are topologies."""

import json

import pytest

from sim.documents.validation import validate
from sim.questions.bandwidth.bandwidth import answer as bandwidth
from sim.questions.budget.budget import answer as budget
from sim.questions.plan.options import Ask
from sim.questions.plan.plan import answer as plan
from sim.report.answers.bandwidth import report
from sim.report.drawing.screen import Screen
from sim.report.render.terminal import render
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.strategies import STRATEGIES
from sim.strategies.shared.strategy import told_apart
from tests.sim.simulation.test_keys import others

LINK = {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}
TOPOLOGY = {"name": "t", "datacenters": [{"name": "a", "chips": 2}, {"name": "b", "chips": 2}], "links": [LINK]}
TOPOLOGY |= {"routers": ["box"], "store": {"at": "box"}}
TOPOLOGY["links"] = [LINK, *(LINK | {"between": [name, "box"]} for name in "ab")]
WORKLOAD = {"params": 1e7, "steps": 12, "batch_tokens": 65536, "layers": 8}
MORE = {
    "elastic-diloco": {"replicas": 2, "quorum": 1},
    "gossip-diloco": {"replicas": 2},
    "two-level-diloco": {"replicas": 2},
    "halos": {"replicas": 2},
    "sparseloco": {"replicas": 2, "through": "store"},
    "demo": {"replicas": 2, "through": "store"},
    "des-loc": {"replicas": 2},
    "decoupled-diloco": {"replicas": 2},
    "streaming-diloco": {"fragments": 2},
}


def scenario(strategies):
    document = {"topology": TOPOLOGY, "workload": WORKLOAD, "strategies": strategies}
    return validate(Scenario, document, source="test")


def pairs(kind):
    """Strategies of a kind that differ in a single key; also by less than a label shows."""
    base = {"kind": kind, **MORE.get(kind, {})}
    for name, field in STRATEGIES[kind].model_fields.items():
        key = field.alias or name
        for value in [*others(STRATEGIES[kind], key, field, base.get(key, field.default)), *(1.0, 1.0 + 1e-9)]:
            if key != "kind":
                yield base, base | {key: value}


@pytest.mark.parametrize("kind", STRATEGIES)
def test_strategies_that_differ_in_a_key_have_other_labels(kind):
    told = 0
    for one, other in pairs(kind):
        try:
            asked = scenario([one, other, one])
            labels = [each.label for each in run(asked).runs]
        except ValueError:  # not every value goes with the others
            continue
        assert len(set(labels)) == 3, labels
        told += asked.strategies[0] != asked.strategies[1]
    assert told >= len(STRATEGIES[kind].model_fields) - 4


ALIKE = [{"kind": "diloco", "sync_every": 5, "payload_factor": factor} for factor in (0.8, 0.80000001)]
"""What `:g` shows alike."""


def test_no_row_is_lost_among_those_with_its_label():
    asked = scenario(ALIKE)
    assert len({each.label for each in asked.strategies}) == 1
    one, other = (each.label for each in run(asked).runs)
    assert other == f"{one} (2)"
    found = bandwidth(asked, (0.5,))
    assert [row.label for row in found.rows] == [one, other]
    assert {point.label for point in found.curve} == {one, other}
    assert render(report(found), Screen(width=200)).count("(2)") == 2  # what it needs, and its curve
    rows = budget([asked], rules=["equal-chips"], target_losses=(7.0,))
    assert [row.label for row in rows.rows[1:]] == [row.label for row in rows.times[1:]] == [one, other]
    entries = tuple(f"diloco:replicas=2,sync_every=5,payload_factor={each['payload_factor']}" for each in ALIKE)
    best = plan(Ask(asked.topology, days=0.002, strategies=entries, params=(1e7,)))
    assert best.runner_up is not None
    assert {best.best.label, best.runner_up.label} == {one, other}


def test_topologies_of_one_name_are_told_apart(simulate, scenario_file):
    wide = TOPOLOGY | {"links": [LINK | {"bandwidth": "9 Gbit/s"}]}
    files = [scenario_file(TOPOLOGY, "thin.yaml"), scenario_file(wide, "wide.yaml")]
    words = ["--strategy", "diloco", "--set", "workload.steps=60", "--rule", "equal-chips"]
    words += ["--workload", "35m", *(word for file in files for word in ("--topology", file))]
    code, out, error = simulate("budget", *words, "--format", "json")
    assert code == 0, error
    assert list(dict.fromkeys(row["topology"] for row in json.loads(out)["rows"])) == ["t", "t (2)"]
    assert "t (2), equal chips" in simulate("budget", *words)[1]


def test_a_number_is_added_to_what_is_there_already():
    assert told_apart(["x", "y", "x", "x"]) == ["x", "y", "x (2)", "x (3)"]
