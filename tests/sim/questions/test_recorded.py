"""A recorded run beside its replay: sums by hand, and replays of exchanges that took what the network's formula says."""

import csv
import io
import json

import pytest

from sim.api.runs import Runs
from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions.bottleneck import answer
from sim.questions.compare import Ask
from sim.questions.compare import answer as compare
from sim.scenario.loading import load_scenario
from sim.simulation.run import run
from sim.topology.model import Topology
from sim.trace.totals import read_totals

STEP_S, BYTES, RATE, LATENCY_S = 0.5, 2e6, 1e8, 0.01
TWO = {
    "name": "two",
    "collective": "ring",
    "datacenters": [{"name": "a"}, {"name": "b"}],
    "links": [{"between": ["a", "b"], "bandwidth": "100 Mbit/s", "latency": "10 ms"}],
}
RING_S = 2 * (LATENCY_S + 8 * BYTES / 2 / RATE)
"""A ring of two: each half of the parameters crosses twice."""


def header(**more):
    said = {
        "record": "header",
        "schema": "crosshaul-trace",
        "schema_version": 1,
        "algorithm": "diloco",
        "model": {"name": "custom", "params": 1_000_000},
        "replicas": 1,
        "replicas_per_device": 1,
        "sync_every": 4,
        "batch_tokens": 512,
        "device": {"platform": "gpu", "kind": "chip", "count": 1},
        "origin": "crosshaul.Recorder",
    }
    return said | more


def step(number, seconds=STEP_S, replica=0, **more):
    return {"record": "step", "step": number, "replica": replica, "compute_s": seconds, "tokens": 512} | more


def exchange(number, seconds=RING_S, **more):
    said = {"record": "exchange", "step": number, "kind": "outer", "group_size": 2, "payload_bytes": int(BYTES)}
    return said | {"seconds": seconds} | more


def diloco(steps, every=4, seconds=RING_S, loss=None):
    for n in range(1, steps + 1):
        if n % every == 0:
            yield exchange(n, seconds)  # as the recorder does: before its step ends
        yield step(n, loss=loss(n) if loss else None)


@pytest.fixture
def trace(tmp_path):
    def write(records, name="run.jsonl", **more):
        file = tmp_path / name
        file.write_text("".join(json.dumps(each) + "\n" for each in (header(**more), *records)))
        return file

    return write


@pytest.fixture
def two(scenario_file):
    return str(scenario_file(TWO, "two.yaml"))


def recorded(file, topology, *strategies, settings=()):
    strategies = strategies or ["diloco:replicas=2,sync_every=4"]
    loaded = load_scenario(topology=topology, trace=str(file), strategies=strategies, settings=settings)
    return answer(loaded).recorded


def test_seconds_add_up_with_the_slowest_replica_of_each_round(trace):
    records = []
    for n in range(1, 5):
        records += [step(n, 1.0 if n < 3 else 2.0, 0), step(n, 4.0 if n == 1 else 1.0, 1)]
        if n % 2 == 0:
            records.append(exchange(n, 0.25))
    file = trace([step(0, 9.0, 0, warmup=True), step(0, 9.0, 1, warmup=True), *records], replicas=2, sync_every=2)
    found = read_totals(file)
    assert found.wall_clock_s == pytest.approx(5.0 + 0.25 + 4.0 + 0.25)
    assert found.compute_s == pytest.approx((6.0 + 7.0) / 2)
    assert (found.steps, found.outer_exchanges, found.replicas, found.warmup_s) == (4, 2, 2, 9.0)


def test_gradient_exchanges_count_within_whole_steps_or_beside_them(trace):
    gradient = {"kind": "gradient", "group_size": 8}
    within = trace([step(1, 1.0, whole_s=1.5), exchange(1, 0.5, **gradient)], algorithm="data-parallel")
    beside = trace([step(1, 1.0), exchange(1, 0.5, **gradient)], "beside.jsonl", algorithm="data-parallel")
    assert read_totals(within).wall_clock_s == read_totals(beside).wall_clock_s == 1.5


def test_a_run_on_the_network_of_the_formula_is_replayed_without_error(trace, two):
    found = recorded(trace(diloco(13)), two)
    assert found.why_not == ""
    assert (found.steps, found.outer_exchanges) == (13, 3)
    assert found.wall_clock_s == pytest.approx(13 * STEP_S + 3 * RING_S)
    assert found.replayed_wall_clock_s == pytest.approx(found.wall_clock_s, rel=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_a_run_whose_exchanges_took_twice_as_long_shows_it(trace, two):
    found = recorded(trace(diloco(12, seconds=2 * RING_S)), two)
    assert found.exchange_error == pytest.approx(-0.5, abs=1e-9)
    assert found.error == pytest.approx((12 * STEP_S + 3 * RING_S) / (12 * STEP_S + 6 * RING_S) - 1)


def test_a_last_round_cut_short_is_replayed_with_its_exchange_only_if_it_had_one(trace, two):
    ended = [*diloco(12), step(13), exchange(14), step(14)]
    found = recorded(trace(ended), two)
    assert found.outer_exchanges == 4
    assert found.error == pytest.approx(0, abs=1e-9)


def test_data_parallel_is_compared_exchange_by_exchange(trace, two):
    gradient = {"kind": "gradient", "group_size": 2}
    records = [each for n in (1, 2, 3) for each in (step(n, whole_s=STEP_S + RING_S), exchange(n, RING_S, **gradient))]
    device = {"platform": "gpu", "kind": "chip", "count": 2}
    found = recorded(trace(records, algorithm="data-parallel", sync_every=None, device=device), two, "data-parallel")
    assert found.error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("more", "strategy", "told"),
    [
        ({"algorithm": "unknown"}, "diloco:replicas=2,sync_every=4", "does not say its algorithm"),
        ({"sync_every": None}, "diloco:replicas=2,sync_every=4", "does not say H"),
        ({"algorithm": "gossip-diloco"}, "gossip-diloco:replicas=2,sync_every=4", "wait for all that they exchange"),
        ({}, "diloco:replicas=2,sync_every=5", "no row has diloco M=2 H=4 on 1 or 2 chip(s)"),
        ({}, "data-parallel", "no row has diloco M=2 H=4"),
        ({"sync_every": 9}, "diloco:replicas=2,sync_every=9", "3 exchanges were recorded in 12 steps, and H is 9"),
        ({"times": "estimated"}, "diloco:replicas=2,sync_every=4", "nothing ran"),
    ],
)
def test_what_does_not_compare_says_why(more, strategy, told, trace, two):
    found = recorded(trace(diloco(12), **more), two, strategy)
    assert told in found.why_not
    assert found.error is None


def test_other_chips_and_links_shared_with_others_do_not_compare(trace, two):
    file = trace(diloco(12))
    assert "rescaled" in recorded(file, two, settings=["workload.rescale=true"]).why_not
    assert "jobs: together" in recorded(file, two, settings=["jobs=together"]).why_not
    assert "no row" in recorded(file, two, settings=["workload.chips=6"]).why_not


def test_other_bytes_do_not_compare(trace, two):
    file = trace(diloco(12))
    assert "no row" in recorded(file, two, "diloco:replicas=2,sync_every=4,payload_bits=4").why_not
    found = recorded(file, two, settings=["workload.payload_bits=32"])
    assert "sent 2,000,000 bytes, and payload_bits asks for 4,000,000" in found.why_not
    assert recorded(file, two, settings=["workload.payload_bits=16"]).error == pytest.approx(0, abs=1e-9)


def test_programs_are_told_too(trace, two):
    asked = load_scenario(topology=two, trace=str(trace(diloco(12))), strategies=["diloco:replicas=2,sync_every=4"])
    runs = Runs(run(asked))
    assert runs.recorded.error == pytest.approx(0, abs=1e-9)
    assert json.loads(runs.to_json())["recorded"]["outer_exchanges"] == 3


def test_steps_that_hold_their_exchanges_are_not_compared(trace):
    one = validate(Topology, {"name": "one", "datacenters": [{"name": "a", "chips": 8}]}, source="test")
    device = {"platform": "gpu", "kind": "chip", "count": 8}
    file = trace([step(1), step(2)], algorithm="data-parallel", sync_every=None, device=device)
    scenario = load_scenario(topology="low-bw", trace=str(file), strategies=["data-parallel"]).replaced(topology=one)
    found = answer(scenario).recorded
    assert found.wall_clock_s == 2 * STEP_S
    assert "no time of an exchange is told apart" in found.why_not


def test_recordings_of_replicas_that_were_never_apart_are_not_shown():
    for name in ("1.3b-h200", "35m-diloco-cpu", "35m-diloco-h200"):
        assert recorded(name, "low-bw", "diloco:replicas=2,sync_every=5") is None


def test_the_report_its_json_and_its_csv_have_the_recorded_run(trace, two, simulate):
    words = ["--topology", two, "--trace", str(trace(diloco(12, seconds=2 * RING_S)))]
    words += ["--strategy", "data-parallel", "--strategy", "diloco:replicas=2,sync_every=4"]
    text = simulate(*words)[1]
    assert "As recorded: 12 steps of diloco M=2 H=4 with 3 exchanges" in text
    assert "-50.0%" in text
    assert json.loads(simulate(*words, "--format", "json")[1])["recorded"]["exchange_error"] == pytest.approx(-0.5)
    rows = list(csv.DictReader(io.StringIO(simulate(*words, "--format", "csv")[1])))
    assert rows[0]["recorded_exchange_error"] == ""
    assert float(rows[1]["recorded_exchange_error"]) == pytest.approx(-0.5)


def test_recordings_are_compared_by_the_loss_that_all_reach_and_when(trace, two):
    slow = trace(diloco(40, loss=lambda n: 5 - 0.05 * n), "slow.jsonl")
    fast = trace(
        [step(n, loss=5 - 0.1 * n) for n in range(1, 41)], "fast.jsonl", algorithm="data-parallel", sync_every=None
    )
    found = compare(Ask((str(slow), str(fast)), two))
    # 40 steps: means over 2, so the last loss of the slow one is that before steps 39 and 40
    assert found.common_loss == pytest.approx(5 - 0.05 * 39.5)
    assert [each.final_loss for each in found.runs] == pytest.approx([5 - 0.05 * 39.5, 5 - 0.1 * 39.5])
    assert found.runs[0].common_loss_s == pytest.approx(39 * STEP_S + 9 * RING_S)
    assert found.runs[1].common_loss_s == pytest.approx(20 * STEP_S)  # before step 21: 5 - 0.1 x 20.5 is below
    assert found.runs[0].run.error == pytest.approx(0, abs=1e-9)
    assert "no time of an exchange" in found.runs[1].run.why_not


def test_held_out_losses_are_taken_where_every_recording_has_them(trace):
    def with_held_out(name, seconds):
        kept = [{"record": "held-out", "step": n, "loss": 6 - n, "loss_error": 0.1, "tokens": 9} for n in (0, 2, 4)]
        steps = [step(n, seconds, loss=1.0) for n in range(1, 5)]
        return trace([kept[0], *steps[:2], kept[1], *steps[2:], kept[2]], name, algorithm="data-parallel")

    found = compare(Ask((str(with_held_out("a.jsonl", 1.0)), str(with_held_out("b.jsonl", 3.0)))))
    assert found.held_out
    assert found.common_loss == 2.0
    assert [each.common_loss_s for each in found.runs] == [4.0, 12.0]
    assert [each.curve for each in found.runs] == [((0, 6), (2, 4), (4, 2)), ((0, 6), (6, 4), (12, 2))]


def test_a_topology_that_cannot_carry_a_recording_is_refused_with_its_name(trace, scenario_file):
    one = scenario_file({"name": "one", "datacenters": [{"name": "a"}]}, "one.yaml")
    with pytest.raises(InputError, match=r"run\.jsonl: .*2"):
        compare(Ask((str(trace(diloco(12))),), str(one)))
