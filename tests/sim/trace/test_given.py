"""Measured seconds written out in a scenario: the same run as from a trace file that holds them."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.workload.documents import TraceWorkload

GIVEN = {"seconds": [[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], "params": 1_000_000, "batch_tokens": 8192, "chips": 8}
LINK = {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "10 ms"}
TOPOLOGY = {"name": "t", "datacenters": [{"name": "a"}, {"name": "b"}], "links": [LINK]}
STRATEGIES = [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2, "sync_every": 5}]


def scenario(**workload):
    document = {"topology": TOPOLOGY, "workload": {"steps": 30, **workload}, "strategies": STRATEGIES}
    return validate(Scenario, document, source="scenario")


def test_seconds_in_a_scenario_are_the_run_that_a_trace_of_them_is(trace):
    file = trace(GIVEN["seconds"], payload_bytes=0)
    ours, theirs = run(scenario(trace=GIVEN)), run(scenario(trace=str(file), payload_bits=16))
    assert [each.wall_clock_s for each in ours.runs] == [each.wall_clock_s for each in theirs.runs]
    assert ours.runs[0].chips == 8
    assert ours.runs[0].cross_datacenter_bytes == theirs.runs[0].cross_datacenter_bytes > 0


def test_a_barrier_waits_for_the_slower_replica_of_every_step():
    # Data-Parallel computes max(1, 2) + max(2, 2) + max(3, 2) = 7 s a cycle, ten cycles
    free = {**LINK, "bandwidth": "1e29 bit/s", "latency": "0 s"}
    document = {"topology": {**TOPOLOGY, "links": [free]}, "workload": {"steps": 30, "trace": GIVEN}}
    found = run(validate(Scenario, document | {"strategies": STRATEGIES[:1]}, source="scenario"))
    assert found.runs[0].wall_clock_s == pytest.approx(70, rel=1e-3)


def test_seconds_survive_being_written_to_json():
    first = scenario(trace=GIVEN)
    again = validate(Scenario, first.model_dump(mode="json", exclude_none=True), source="again")
    assert again == first


def test_the_seconds_of_one_replica_need_no_list_around_them():
    one = TraceWorkload(trace={**GIVEN, "seconds": (0.5, 0.25)})
    assert one.trace.seconds == ((0.5, 0.25),)
    assert TraceWorkload(trace={**GIVEN, "params": "7B"}).trace.params == 7_000_000_000


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seconds": []}, "seconds: got 0 entries; must have at least 1"),
        ({"seconds": [1.0, -2.0]}, r"must be greater than or equal to 0.000000000001"),
        ({"params": "seven"}, "params: 'seven' is not a number; write a plain number such as 10e9, or 10B"),
        ({"params": 2.5}, r"params: got 2\.5; must be a whole number"),
        ({"chip": 4}, "chip: unknown key; did you mean 'chips'"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(wrong, told):
    with pytest.raises(InputError, match=told):
        scenario(trace=GIVEN | wrong)


def test_the_report_says_that_the_seconds_were_given():
    notes = "\n".join(run(scenario(trace=GIVEN)).notes)
    assert "given: 3 steps of 2 replica(s) on 8 chip(s), 2.00 s a step" in notes
    assert "16 bits per parameter" in notes


def test_layers_are_asked_for_where_an_exchange_goes_layer_by_layer():
    strategy = [{"kind": "diloco", "replicas": 2, "overlap": "layers"}]
    document = {"topology": TOPOLOGY, "workload": {"steps": 30, "trace": GIVEN}, "strategies": strategy}
    with pytest.raises(InputError, match="layers"):
        run(validate(Scenario, document, source="scenario"))
