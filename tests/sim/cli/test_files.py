"""What one command writes, another takes; and a file in the wrong place is told where it goes."""

import gzip
import json

import pytest

from sim.scenario.loading import load_scenario
from sim.scenario.overrides import parse_strategy

SHORT = ["--workload", "35m", "--steps", "60", "--strategy", "diloco"]
SCENARIO = {
    "topology": "low-bw",
    "workload": {"params": 1e9, "steps": 30, "layers": 12},
    "strategies": [{"kind": "diloco", "replicas": 2}],
}


def test_the_first_word_may_be_a_scenario(simulate, scenario_file):
    path = scenario_file(SCENARIO)
    plain = simulate("--scenario", path, "--format", "csv")
    assert plain[0] == 0
    assert simulate(path, "--format", "csv") == plain
    assert simulate("--format", "csv", path) == plain
    assert simulate("--format", "csv", "--", path) == plain


@pytest.mark.parametrize("command", [["explain"], ["budget"], ["bandwidth", "--target", "0.5"]], ids=lambda c: c[0])
def test_commands_take_the_file_as_they_take_the_option(simulate, scenario_file, command):
    path = scenario_file(SCENARIO)
    plain = simulate(*command, "--scenario", path, "--format", "json")
    assert plain[0] == 0
    assert simulate(*command, path, "--format", "json") == plain
    code, _, err = simulate(*command, path, "--scenario", path)
    assert code == 2
    assert f"{path}: --scenario {path} is given too; keep one of them" in err


@pytest.mark.parametrize(
    "command", [[], ["explain"], ["budget", "--topology", "low-bw"], ["bandwidth", "--target", "0.3"]]
)
def test_a_trace_is_taken_as_a_trace(simulate, trace, tmp_path, command):
    path = trace([[1.0, 2.0]], name="run.jsonl")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    other = tmp_path / "other.txt"
    other.write_bytes(path.read_bytes())
    code, out, _ = simulate(*command, "--trace", path, "--format", "csv")
    assert code == 0
    for same in (path, other):
        assert simulate(*command, same, "--format", "csv")[1] == out
    code, _, err = simulate(*command, path, "--trace", path)
    assert code == 2
    assert "keep one of them" in err


@pytest.mark.parametrize(
    "command",
    [
        SHORT,
        ["explain", *SHORT],
        ["bandwidth", *SHORT, "--target", "0.3"],
        ["budget", "--topology", "low-bw", *SHORT, "--rule", "equal-chips"],
    ],
    ids=["main", "explain", "bandwidth", "budget"],
)
def test_a_result_is_taken_by_every_command(simulate, tmp_path, command):
    path = tmp_path / "result.json"
    assert simulate(*command, "--output", path)[0] == 0
    for taker in ([], ["explain", "--strategy", "diloco"], ["budget"], ["bandwidth", "--target", "0.3"]):
        assert simulate(*taker, path, "--format", "csv")[0] == 0


def test_the_best_plan_is_a_scenario_whose_run_is_the_plan(simulate, tmp_path):
    path = tmp_path / "plan.json"
    words = ["--topology", "h100-two-sites", "--days", "0.1", "--params", "1e9", "--strategy", "diloco:replicas=2"]
    assert simulate("plan", *words, "--output", path)[0] == 0
    best = json.loads(path.read_text())["best"]
    code, out, err = simulate(path, "--format", "json")
    assert (code, err) == (0, "")
    (run,) = json.loads(out)["runs"]
    assert run["wall_clock_s"] == pytest.approx(best["wall_clock_s"], rel=1e-9)
    same = ["label", "replicas", "sync_every", "steps", "batch_tokens", "chips", "params", "cross_datacenter_bytes"]
    assert [run[key] for key in same] == [best[key] for key in same]


def test_an_answer_of_the_laws_says_which_run_it_is_of(simulate, tmp_path):
    path = tmp_path / "law.json"
    assert simulate("predict", "--params", "1e9", "--strategy", "diloco", "--replicas", "4", "--output", path)[0] == 0
    code, _, err = simulate(path)
    assert code == 2
    words = err.partition("or write simulate ")[2].split()
    assert words == [
        "--params",
        "1000000000.0",
        "--tokens",
        "20000000000.0",
        "--strategy",
        "diloco",
        "--replicas",
        "4",
        "--sync-every",
        "30",
    ]
    code, out, _ = simulate(*words, "--format", "json")
    assert code == 0
    (run,) = json.loads(out)["runs"]
    assert (run["params"], run["replicas"]) == (1e9, 4)


def test_an_answer_about_several_scenarios_says_how_to_ask_about_one(simulate, tmp_path):
    path = tmp_path / "budget.json"
    assert simulate("budget", *SHORT, "--rule", "equal-chips", "--output", path)[0] == 0
    assert "it has 3 of them: ask about one --topology" in simulate(path)[2]


TOPOLOGY = {"name": "t", "datacenters": [{"name": "a"}]}
FLOWS = {"topology": "low-bw", "flows": [{"from": "a", "to": "b", "size": "1 MB"}]}


@pytest.mark.parametrize(
    ("document", "words", "told"),
    [
        (TOPOLOGY, ["{}"], "is a topology, not a scenario; write --topology {}"),
        ({"params": 1e9}, ["{}"], "is a workload, not a scenario; write --workload {}"),
        (FLOWS, ["{}"], "is a list of flows, not a scenario; write simulate flows {}"),
        ({"model": "35m", "algorithm": "diloco"}, ["{}"], "write record-trace --config {}"),
        (SCENARIO, ["--topology", "{}"], "is a scenario, not a topology; write simulate {}"),
        (SCENARIO, ["show", "topology", "{}"], "is a scenario, not a topology; write simulate {}"),
        (SCENARIO, ["flows", "{}"], "is a scenario, not a list of flows; write simulate {}"),
        (TOPOLOGY, ["--workload", "{}"], "is a topology, not a workload; write --topology {}"),
        ({"crosshaul_version": "0", "scenario": SCENARIO}, ["--topology", "{}"], "is a result, not a topology"),
    ],
    ids=lambda value: value[0].strip("-{}") or "main" if isinstance(value, list) else None,
)
def test_a_file_in_the_wrong_place_is_told_where_it_goes(simulate, scenario_file, document, words, told):
    path = scenario_file(document)
    code, out, err = simulate(*(word.format(path) for word in words))
    assert (code, out) == (2, "")
    assert err.count("error: ") == 1
    assert told.format(path) in err


@pytest.mark.parametrize("name", ["result.csv", "report.html"])
def test_a_printed_result_cannot_be_run(simulate, tmp_path, name):
    path = tmp_path / name
    path.write_text("strategy,label\n")
    code, _, err = simulate(path)
    assert code == 2
    assert "the same result as JSON, with --output result.json" in err


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("low-bw", "write --topology low-bw"),
        ("10B", "write --workload 10b"),
        ("diloco", "write --strategy diloco"),
        ("bandwith", "'bandwidth'"),
        ("nowhere.yaml", "nowhere.yaml: there is no such scenario file"),
    ],
)
def test_a_word_that_is_no_command_is_told_where_it_goes(simulate, word, told):
    code, out, err = simulate(word)
    assert (code, out) == (2, "")
    assert told in err


@pytest.mark.parametrize(
    ("letter", "key"), [("H=30", "sync_every"), ("M=4", "replicas"), ("P=2", "fragments"), ("tau=2", "overlap_steps")]
)
@pytest.mark.parametrize("words", [["--strategy", "streaming-diloco:{}"], ["--set", "strategies[0].{}"]])
def test_a_letter_of_a_label_is_told_its_key(simulate, scenario_file, words, letter, key):
    path = scenario_file(SCENARIO | {"strategies": [{"kind": "streaming-diloco"}]})
    code, _, err = simulate(path, *(word.format(letter) for word in words))
    assert code == 2
    assert f"did you mean '{key}'?" in err


@pytest.mark.parametrize(
    "entry",
    [
        "data-parallel",
        "data-parallel:overlap=layers",
        "diloco:replicas=4,sync_every=100,payload_bits=4,closing_exchange=false",
        "streaming-diloco:fragments=3,pattern=sequential,overlap_steps=2",
        "eager-diloco:fragments=2,sync_every=7",
        "async-diloco:replicas=3",
        "async-diloco:replicas=3,local_steps=by-speed",
        "async-diloco:replicas=3,local_steps=[30,20,9],payload_bits=4",
        "elastic-diloco:replicas=5,quorum=4",
        "diloco:replicas=3,local_steps=[30,20,9]",
        "elastic-diloco:replicas=3,local_steps=by-speed",
    ],
)
def test_a_strategy_may_be_written_as_reports_call_it(entry):
    (strategy,) = load_scenario(workload="10b", strategies=[entry]).strategies
    (again,) = load_scenario(workload="10b", strategies=[strategy.label]).strategies
    assert again == strategy


def test_a_label_with_more_than_keys_is_told_what_to_write(simulate):
    code, _, err = simulate("--strategy", "DiLoCo M=2 H=30 x0.8")
    assert code == 2
    assert "write diloco:key=value,key=value" in err
    assert parse_strategy("DiLoCo") == {"kind": "diloco"}


def test_the_commas_of_a_list_are_its_own():
    assert parse_strategy("async-diloco:local_steps=[30, 20],server=1") == {
        "kind": "async-diloco",
        "local_steps": [30, 20],
        "server": 1,
    }
    assert parse_strategy("pipeline:sites=[b,a],stage_layers=[5,3]") == {
        "kind": "pipeline",
        "sites": ["b", "a"],
        "stage_layers": [5, 3],
    }
    (strategy,) = load_scenario(workload="10b", strategies=["async-diloco:local_steps=[30,20]"]).strategies
    assert (strategy.replicas, strategy.sync_every) == (2, 30)


@pytest.mark.parametrize("entry", ["async-diloco:local_steps=[30,20", "async-diloco:local_steps=30],replicas=2"])
def test_a_bracket_that_is_missing_is_told(simulate, entry):
    code, _, err = simulate("--strategy", entry)
    assert code == 2
    assert "local_steps" in err
