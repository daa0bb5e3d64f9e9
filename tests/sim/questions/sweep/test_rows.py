"""The rows of a sweep, against the same scenarios asked one by one."""

import json

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.bandwidth.bandwidth import answer as bandwidths
from sim.questions.budget.budget import answer as budgets
from sim.questions.plan.plan import answer as plan
from sim.questions.sweep.asked import Asked, Work
from sim.questions.sweep.asks import ask_of
from sim.questions.sweep.engines.here import Here
from sim.questions.sweep.section import Section, space_of
from sim.questions.sweep.summary import metric_of, summarise
from sim.questions.sweep.sweep import sweep
from sim.scenario.model import Scenario
from sim.simulation.run import run


def records(asked):
    return list(sweep(asked, Here()).rows.records())


def test_a_point_answers_what_the_varied_scenario_answers(question, scenario):
    found = records(question(bandwidth_across="1,3", sync_every="5,20"))
    expected = [
        (across, every, one)
        for across in (1, 3)
        for every in (5, 20)
        for one in run(scenario.vary(bandwidth_across=across, sync_every=every)).runs
    ]
    assert len(found) == len(expected) == 8
    for number, (row, (across, every, one)) in enumerate(zip(found, expected, strict=True)):
        assert row["point"] == number // 2
        assert (row["vary_bandwidth_across_factor"], row["vary_sync_every"]) == (across, every)
        assert row["error"] is None
        own = {name: value for name, value in vars(one).items() if name not in ("sites", "links", "loss_notes")}
        assert {name: row[name] for name in own} == own


PATHS = {
    "workload.params": ("2B", 2e9, "vary_workload_params"),
    "workload.chip_speed": ("100 Tflop/s", 1e14, "vary_workload_chip_speed_flop_per_s"),
    "topology.links[0].bandwidth": ("1 Gbit/s", 1e9, "vary_topology_links_0_bandwidth_bits_per_s"),
    "topology.links[0].latency": ("1 s", 1.0, "vary_topology_links_0_latency_s"),
    "topology.transport.window": ("1 MB", 1e6, "vary_topology_transport_window_bytes"),
    "strategies[1].sync_every": (7, 7, "vary_strategies_1_sync_every"),
    "collective": ("ring", "ring", "vary_collective"),
}


@pytest.mark.parametrize("key", PATHS)
def test_a_place_in_the_scenario_is_set_as_by_hand_and_its_column_has_the_unit(key, question):
    from .conftest import DOCUMENT

    value, number, column = PATHS[key]
    row = records(question(**{key: [value]}))[-1]
    document = json.loads(json.dumps(DOCUMENT))
    here = document
    *parts, last = key.replace("[", ".").replace("]", "").split(".")
    for part in parts:
        here = here[int(part)] if part.isdigit() else here.setdefault(part, {})
    here[last] = value
    assert row["wall_clock_s"] == run(validate(Scenario, document, source="test")).runs[-1].wall_clock_s
    assert row[column] == number
    assert type(row[column]) is type(number)


def test_strategies_and_topologies_are_varied_by_name(question, scenario):
    found = records(question(strategy="data-parallel,diloco:replicas=2", sync_every="10,20"))
    assert [row["label"] for row in found] == ["Data-Parallel", "Data-Parallel", "DiLoCo M=2 H=10", "DiLoCo M=2 H=20"]
    assert [row["vary_sync_every"] for row in found] == [None, None, 10, 20]  # Data-Parallel has no such key
    found = records(question(topology="low-bw,high-bw"))
    assert [row["topology"] for row in found] == ["low-bw"] * 2 + ["high-bw"] * 2


def test_the_chip_is_varied_by_name(question):
    slow, fast = records(question(strategy="data-parallel", chip="tpu-v5e,h100"))
    assert slow["compute_s"] / fast["compute_s"] == pytest.approx(989.4 / 197.0, rel=0.01)


def test_a_bandwidth_and_a_budget_at_every_point(question, scenario):
    found = records(question("bandwidth", options={"targets": (0.3,)}, sync_every="5,10"))
    expected = [need for every in (5, 10) for need in bandwidths(scenario.vary(sync_every=every), (0.3,)).rows]
    assert [row["bandwidth_bits_per_s"] for row in found] == [need.bandwidth_bits_per_s for need in expected]
    found = records(question("budget", options={"rules": ("equal-chips",)}, sync_every="5,10"))
    rows = [row for every in (5, 10) for row in budgets([scenario.vary(sync_every=every)], rules=("equal-chips",)).rows]
    assert [row["steps"] for row in found] == [row.steps for row in rows]


def test_a_plan_at_every_point():
    space = space_of(Section(), vary=[("days", [0.05, 0.1]), ("bandwidth_across", [1, 10])])
    base = ask_of(space, {"topology": "low-bw", "chips": 8, "params": "10M"}, None)
    found = records(Asked("plan", base, space))
    for row, days in zip(found[::2], (0.05, 0.1), strict=True):
        best = plan(ask_of(space, {"topology": "low-bw", "chips": 8, "params": "10M", "days": days}, None)).best
        assert (row["tokens"], row["predicted_loss"]) == (best.tokens, best.predicted_loss)
    assert found[1]["tokens"] >= found[0]["tokens"]


def test_a_point_that_fails_is_a_row_with_its_error(question):
    found = records(question(replicas="2,3"))
    assert [row["error"] is None for row in found] == [True, True, False]
    assert found[-1]["vary_replicas"] == 3
    assert "needs 3 datacenters" in found[-1]["error"]
    assert found[-1]["wall_clock_s"] is None


def test_a_defect_at_a_point_is_a_row_too(question, monkeypatch):
    def broken(scenario):
        raise ZeroDivisionError("here")

    monkeypatch.setattr("sim.simulation.run.run", broken)
    (row,) = records(question(sync_every=[10]))
    assert row["error"] == "ZeroDivisionError: here; a defect of crosshaul"


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ({"sync_evry": [1]}, "did you mean 'sync_every'"),
        ({"workload.foo": [1]}, "unknown key"),
        ({"workloads.steps": [1]}, "did you mean 'workload'"),
        ({"sync_every": [0, 10]}, "greater than 0"),
        ({"strategy": ["diloco"], "strategies[0].replicas": [1]}, "strategy is varied, too"),
        ({"bandwidth_across": [-1, 1]}, "a factor above 0"),
        ({"quorum": [2]}, "there is no such key"),
        ({"tokens": ["1B"], "workload.steps": [5, 6]}, "tokens is varied, too"),
        ({"sync_every": [5], "strategies[1].sync_every": [5, 6]}, "sync_every is varied, too"),
        ({"replicas": [3]}, "needs 3 datacenters"),
    ],
)
def test_a_key_or_a_value_that_no_point_can_have_is_refused_before_the_work(vary, told, question):
    with pytest.raises(InputError, match=told):
        sweep(question(**vary), Here())


def test_values_that_only_fit_together_are_not_refused(question):
    asked = question(strategy=["elastic-diloco:replicas=4,quorum=1"], replicas=[2, 4], quorum=[1, 4])
    Work(asked).check()


def test_the_summary_tells_the_best_point_and_what_each_key_does(question):
    swept = sweep(question(compute="1,2,4", bandwidth_across="1,2"), Here())
    summary = summarise(swept, metric_of(swept, "compute_s"))
    effects = {(each.keys, each.series): each for each in summary.effects}
    one = effects[("compute",), "DiLoCo M=2 H=10"]
    assert (one.low, one.high) == ((1.0,), (4.0,))
    assert one.change == pytest.approx(1 / 4)
    assert one.spread == pytest.approx(4)
    assert effects[("bandwidth_across",), "Data-Parallel"].spread == pytest.approx(1)
    assert summary.best.values["compute"] == 4
    assert (summary.points, summary.failed) == (6, 0)
    busy = summarise(swept, metric_of(swept, "compute_utilization"))
    assert busy.best.values == {"compute": 1.0, "bandwidth_across": 2.0}  # of which more is better


def test_a_key_that_changes_no_answer_is_named(question):
    swept = sweep(question(**{"workload.forward_share": [0.2, 0.4], "sync_every": [5, 10]}), Here())
    notes = summarise(swept, "wall_clock_s").notes
    assert [note for note in notes if "no answer changes" in note] == [
        "without effect: workload.forward_share (no answer changes with it)"
    ]


def test_drawn_keys_have_a_rank_correlation(question):
    section = Section(draw={"count": 32, "from": {"compute": "uniform:1:2", "bandwidth_across": "uniform:1:2"}})
    swept = sweep(question(section=section), Here())
    effects = {(each.keys[0], each.series): each.correlation for each in summarise(swept, "compute_s").effects}
    assert effects["compute", "Data-Parallel"] == pytest.approx(-1)
    assert abs(effects["bandwidth_across", "Data-Parallel"]) < 0.3


def test_an_unknown_column_is_refused_with_the_nearest(question):
    swept = sweep(question(sync_every=[10]), Here())
    with pytest.raises(InputError, match="did you mean 'wall_clock_s'"):
        metric_of(swept, "wall_clock")
