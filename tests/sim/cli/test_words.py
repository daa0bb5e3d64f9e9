"""The same words on every command, and what they do to a scenario."""

import json

import pytest
import typer

from sim.cli.app import app

WORDS = ["--params", "--tokens", "--steps", "--chips", "--chip", "--mfu", "--replicas", "--sync-every"]
PLACE = ["--scenario", "--topology", "--workload", "--trace", "--strategy", "--set"]
OF_A_COMMAND = {
    "": [*PLACE, *WORDS],
    "budget": [*PLACE, *WORDS],
    "explain": [*PLACE, *WORDS],
    "bandwidth": [*PLACE, *WORDS],
    "predict": ["--params", "--tokens", "--replicas", "--sync-every", "--strategy"],
    "plan": ["--topology", "--params", "--chips", "--chip", "--mfu", "--sync-every", "--strategy"],
}
SPEED = "200 Tflop/s"


def command_of(name):
    group = typer.main.get_command(app)
    return group.commands[name] if name else group


@pytest.mark.parametrize("command", OF_A_COMMAND)
def test_a_command_has_the_words_that_make_sense_for_it(command):
    has = {option for parameter in command_of(command).params for option in parameter.opts}
    assert set(OF_A_COMMAND[command]) <= has


@pytest.mark.parametrize(
    "word", ["--tokens", "--steps", "--chips", "--chip", "--mfu", "--scenario", "--format", "--output"]
)
def test_a_word_has_the_same_help_everywhere(word):
    helps = {
        parameter.help for command in OF_A_COMMAND for parameter in command_of(command).params if word in parameter.opts
    }
    assert len(helps) == 1


def scenario_of(simulate, *words):
    code, out, err = simulate(*words, "--format", "json")
    assert (code, err) == (0, "")
    return json.loads(out)["scenario"]


@pytest.mark.parametrize("command", [[], ["explain"], ["bandwidth", "--target", "0.5"]], ids=["main", "explain", "bw"])
def test_words_are_the_keys_that_they_stand_for(simulate, command):
    chosen = ["--strategy", "diloco", "--topology", "low-bw"]
    words = [
        "--params",
        "30B",
        "--steps",
        "60",
        "--chips",
        "64",
        "--chip",
        SPEED,
        "--replicas",
        "4",
        "--sync-every",
        "7",
    ]
    scenario = scenario_of(simulate, *command, *chosen, *words)
    workload, (strategy,) = scenario["workload"], scenario["strategies"]
    assert (workload["params"], workload["steps"], workload["chips"]) == (30e9, 60, 64)
    assert workload["chip_speed"] == SPEED
    assert "model" not in workload
    assert "trace" not in workload
    assert (strategy["replicas"], strategy["sync_every"]) == (4, 7)


def test_the_runs_are_those_that_the_words_name(simulate):
    words = ["--params", "1B", "--tokens", "2B", "--replicas", "4", "--sync-every", "50"]
    runs = json.loads(simulate("--topology", "low-bw", *words, "--format", "json")[1])["runs"]
    assert [(run["strategy"], run["replicas"]) for run in runs] == [("data-parallel", 1), ("diloco", 4)]
    assert runs[1]["sync_every"] == 50
    for run in runs:
        assert run["steps"] == -(-2e9 // run["batch_tokens"])


def test_the_scenarios_own_numbers_give_way_to_the_words(simulate, scenario_file):
    workload = {"params": 1e9, "tokens": 1e9, "tokens_per_chip": 2048, "batch_tokens": 65536}
    sites = [{"name": name, "chip_speed": "100 Tflop/s"} for name in "ab"]
    links = [{"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}]
    strategies = [{"kind": "diloco", "replicas": 2, "sync_every": 9, "payload_bits": 8}]
    path = scenario_file(
        {
            "topology": {"name": "t", "datacenters": sites, "links": links},
            "workload": workload,
            "strategies": strategies,
        }
    )
    changed = scenario_of(simulate, path, "--steps", "5", "--chips", "8", "--chip", SPEED, "--sync-every", "3")
    assert changed["workload"]["steps"] == 5
    assert "tokens" not in changed["workload"]
    assert changed["workload"]["chips"] == 8
    assert [site.get("chip_speed") for site in changed["topology"]["datacenters"]] == [None, None]
    assert changed["workload"]["chip_speed"] == SPEED
    (strategy,) = changed["strategies"]
    assert (strategy["replicas"], strategy["sync_every"], strategy["payload_bits"]) == (2, 3, 8)


def test_a_chip_rescales_a_recording(simulate):
    seconds = [
        json.loads(simulate("--strategy", "data-parallel", "--steps", "9", "--chip", speed, "--format", "json")[1])[
            "runs"
        ][0]["compute_s"]
        for speed in ("100 Tflop/s", SPEED)
    ]
    assert seconds[0] == pytest.approx(2 * seconds[1])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--params", "1B", "--workload", "10b"], "--params: --workload or --trace has a model of its own"),
        (["--params", "many"], "--params: 'many' is not a number"),
        (["--tokens", "-3"], "--tokens: "),
        (["--tokens", "1B", "--steps", "3"], "`tokens` and `steps` say the same twice"),
        (["--strategy", "data-parallel", "--replicas", "3"], "--replicas: each --strategy says its own, or has none"),
        (["--strategy", "diloco:sync_every=3", "--sync-every", "9"], "--sync-every: each --strategy says its own"),
        (["--replicas", "0"], "replicas"),
        (["bandwidth", "--params", "1B", "--step-time", "1", "--layers", "9", "--chips", "8"], "--step-time says what"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_words_that_contradict_each_other_are_refused(simulate, words, told):
    code, out, err = simulate(*words)
    assert (code, out) == (2, "")
    assert told in err


def test_params_do_not_take_what_holds_for_another_model(simulate, scenario_file):
    workload = {"params": 1e9, "step_time": "1 s", "steps": 3}
    path = scenario_file({"topology": "low-bw", "workload": workload, "strategies": [{"kind": "diloco"}]})
    code, _, err = simulate(path, "--params", "30B")
    assert code == 2
    assert "--params: the workload says step_time of its own model" in err


@pytest.mark.parametrize(
    "topology",
    [
        {"name": "t", "datacenters": [{"name": "a", "chip_speed": "100 Tflop/s"}]},
        {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 1, "chip_speed": "100 Tflop/s"}},
    ],
    ids=["listed", "generated"],
)
def test_a_chip_is_that_of_every_datacenter(simulate, scenario_file, topology):
    links = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    if "generate" in topology:
        topology["generate"] |= links
    workload = {"params": 1e8, "steps": 10, "batch_tokens": 65536, "chips": 1}
    path = scenario_file({"topology": topology, "workload": workload, "strategies": [{"kind": "data-parallel"}]})
    code, out, _ = simulate(path, "--chip", "200 Tflop/s", "--format", "json")
    assert code == 0
    assert json.loads(out)["runs"][0]["compute_s"] == pytest.approx(10 * 6 * 1e8 * 65536 / 200e12)
