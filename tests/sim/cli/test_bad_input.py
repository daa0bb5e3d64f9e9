"""Whatever is wrong with the input: exit code 2, one readable message that names file and field, no traceback."""

import json
import os
from pathlib import Path

import pytest

TOPOLOGY = """\
name: two
datacenters:
  - {name: a, chips: 64}
  - {name: b, chips: 64}
links:
  - {between: [a, b], bandwidth: "10 Gbit/s", latency: "10 ms"}
"""
SCENARIO = """\
name: mine
topology: two.yaml
workload: {params: 1e9, tokens: 20e9, batch_tokens: 262144, chips: 64, chip_speed: "300 Tflop/s"}
strategies:
  - {kind: data-parallel}
  - {kind: diloco, replicas: 2, sync_every: 30}
"""


def swap(text, old, new):
    assert old in text, old
    return text.replace(old, new)


# file to break, what to put in the place of what, and what the message must say
BROKEN = {
    "yaml syntax": ("scenario", "{params: 1e9,", "{params: 1e9", ["scenario.yaml:3", "YAML"]),
    "yaml tab": ("scenario", "  - {kind: data-parallel}", "\t- {kind: data-parallel}", ["scenario.yaml:5", "YAML"]),
    "yaml object": ("scenario", "name: mine", "name: !!python/object:os.system {}", ["scenario.yaml:1", "YAML"]),
    "a list, not a mapping": ("scenario", SCENARIO, "- a\n- b\n", ["scenario.yaml", "holds a list"]),
    "only a word": ("scenario", SCENARIO, "hello\n", ["scenario.yaml", "holds text"]),
    "only comments": ("scenario", SCENARIO, "# nothing\n", ["scenario.yaml", "holds nothing"]),
    "duplicate key": (
        "scenario",
        "name: mine",
        "name: mine\nname: yours",
        ["scenario.yaml:2", "'name' occurs twice"],
    ),
    "unknown key": ("scenario", "workload:", "worklaod:", ["scenario.yaml:3", "worklaod", "did you mean 'workload'"]),
    "unknown key deep": (
        "scenario",
        "batch_tokens",
        "batch_token",
        ["scenario.yaml:3", "workload.batch_token", "did you mean 'batch_tokens'"],
    ),
    "unknown key in a strategy": (
        "scenario",
        "sync_every",
        "synch_every",
        ["scenario.yaml:6", "strategies[1].synch_every", "'sync_every'"],
    ),
    "no strategies": (
        "scenario",
        SCENARIO[SCENARIO.index("strategies") :],
        "",
        ["scenario.yaml", "strategies", "missing"],
    ),
    "an empty list of strategies": (
        "scenario",
        SCENARIO[SCENARIO.index("strategies") :],
        "strategies: []\n",
        ["scenario.yaml:4", "strategies"],
    ),
    "unknown strategy": (
        "scenario",
        "kind: diloco",
        "kind: dilocco",
        ["scenario.yaml:6", "strategies[1]", "did you mean 'diloco'"],
    ),
    "no kind": ("scenario", "kind: diloco, ", "", ["scenario.yaml:6", "strategies[1]", "kind"]),
    "H = 0": (
        "scenario",
        "sync_every: 30",
        "sync_every: 0",
        ["scenario.yaml:6", "strategies[1].sync_every", "got 0", "greater than 0"],
    ),
    "half a step": (
        "scenario",
        "sync_every: 30",
        "sync_every: 30.5",
        ["strategies[1].sync_every", "30.5", "whole number"],
    ),
    "no replicas": ("scenario", "replicas: 2", "replicas: 0", ["strategies[1].replicas", "got 0"]),
    "replicas in words": (
        "scenario",
        "replicas: 2",
        "replicas: two",
        ["strategies[1].replicas", "'two'", "whole number"],
    ),
    "too few datacenters": (
        "scenario",
        "replicas: 2",
        "replicas: 3",
        ["strategies[1]", "needs 3 datacenters", "has 2"],
    ),
    "zero chips": ("scenario", "chips: 64", "chips: 0", ["scenario.yaml:3", "workload.chips", "got 0"]),
    "uneven chips": ("scenario", "chips: 64", "chips: 63", ["workload.chips", "63 chips", "use 62 or 64"]),
    "more chips than a site has": ("scenario", "chips: 64", "chips: 256", ["workload.chips", "datacenter a", "has 64"]),
    "chips twice": (
        "scenario",
        "chips: 64",
        "chips: 64, tokens_per_chip: 4096",
        ["workload", "`chips` and `tokens_per_chip`"],
    ),
    "tokens twice": (
        "scenario",
        "tokens: 20e9,",
        "tokens: 20e9, overtraining: 1,",
        ["workload", "`tokens` and `overtraining`"],
    ),
    "negative parameters": ("scenario", "params: 1e9", "params: -1e9", ["workload.params", "above 0"]),
    "NaN parameters": ("scenario", "params: 1e9", "params: .nan", ["workload.params", "finite"]),
    "infinite tokens": ("scenario", "tokens: 20e9", "tokens: .inf", ["workload.tokens", "finite"]),
    "parameters in words": (
        "scenario",
        "params: 1e9",
        "params: one billion",
        ["workload.params", "not a number", "10B"],
    ),
    "true parameters": ("scenario", "params: 1e9", "params: true", ["workload.params", "not a number"]),
    "speed without a unit": (
        "scenario",
        '"300 Tflop/s"',
        "3e14",
        ["scenario.yaml:3", "workload.chip_speed", "no unit", "300 Tflop/s"],
    ),
    "speed as an amount": ("scenario", '"300 Tflop/s"', '"300 Tflop"', ["workload.chip_speed", "300 Tflop/s"]),
    "neither model nor params": ("scenario", "params: 1e9, ", "", ["workload", "`model`", "`params`"]),
    "unknown model": ("scenario", "params: 1e9", "model: 11b", ["workload", "'11b'", "10b"]),
    "unknown topology": ("scenario", "two.yaml", "lowbw", ["'lowbw'", "did you mean 'low-bw'"]),
    "missing topology": ("scenario", "two.yaml", "three.yaml", ["three.yaml", "no such topology file"]),
    "topology is a number": ("scenario", "topology: two.yaml", "topology: 8", ["scenario.yaml:2", "topology"]),
    "workload is a list": (
        "scenario",
        SCENARIO[SCENARIO.index("{params") : SCENARIO.index("\nstrategies")],
        "[1, 2]",
        ["workload"],
    ),
    "a recording and its chip speed": ("scenario", "params: 1e9", "trace: run.jsonl", ["workload", "rescale: true"]),
    "bandwidth without a unit": (
        "two",
        '"10 Gbit/s"',
        "10e9",
        ["two.yaml:6", "links[0].bandwidth", "no unit", '"10 Gbit/s"'],
    ),
    "bandwidth in bytes": ("two", '"10 Gbit/s"', '"10 GB"', ["two.yaml:6", "links[0].bandwidth", "10 Gbit/s"]),
    "bandwidth in hertz": ("two", '"10 Gbit/s"', '"10 GHz"', ["links[0].bandwidth", "10 Gbit/s"]),
    "zero bandwidth": ("two", '"10 Gbit/s"', '"0 Gbit/s"', ["links[0].bandwidth", "above 0"]),
    "infinite bandwidth": ("two", '"10 Gbit/s"', '"inf Gbit/s"', ["links[0].bandwidth", "finite"]),
    "negative latency": ("two", '"10 ms"', '"-10 ms"', ["links[0].latency", "0 or more"]),
    "no latency": ("two", ', latency: "10 ms"', "", ["two.yaml:6", "links[0].latency", "missing", "'10 ms'"]),
    "a link with one end": ("two", "between: [a, b]", "from: a", ["two.yaml:6", "links[0]", "`between: [a, b]`"]),
    "a link with three ends": ("two", "[a, b]", "[a, b, c]", ["two.yaml:6", "links[0].between"]),
    "a link to itself": ("two", "[a, b]", "[a, a]", ["links[0]", "to itself"]),
    "a link to nowhere": ("two", "[a, b]", "[a, c]", ["two.yaml", "links", "'c'"]),
    "unreachable datacenters": ("two", "between: [a, b]", "from: a, to: b", ["no path from 'b' to 'a'"]),
    "two of one name": ("two", "{name: b, chips: 64}", "{name: a, chips: 64}", ["two.yaml", "two nodes are named 'a'"]),
    "no datacenters": (
        "two",
        TOPOLOGY[TOPOLOGY.index("datacenters") :],
        "datacenters: []\n",
        ["two.yaml:2", "datacenters"],
    ),
    "a datacenter without a name": (
        "two",
        "{name: b, chips: 64}",
        "{chips: 64}",
        ["two.yaml:4", "datacenters[1].name", "missing"],
    ),
    "chips as text": (
        "two",
        "{name: b, chips: 64}",
        "{name: b, chips: many}",
        ["two.yaml:4", "datacenters[1].chips", "'many'"],
    ),
    "unknown key in a topology": (
        "two",
        "between",
        "beetween",
        ["two.yaml:6", "links[0].beetween", "did you mean 'between'"],
    ),
    "a shape that is none": (
        "two",
        TOPOLOGY[TOPOLOGY.index("datacenters") :],
        'generate: {shape: moebius, datacenters: 8, bandwidth: "1 Gbit/s", latency: "1 ms"}\n',
        ["two.yaml", "generate", "shape", "full-mesh"],
    ),
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "two.yaml").write_text(TOPOLOGY)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    return tmp_path


def check(outcome, says):
    code, out, err = outcome
    assert code == 2, (out, err)
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert "pydantic" not in err
    for words in says:
        assert words in err, f"{words!r} is not in {err!r}"


def test_the_unbroken_files_are_right(files, simulate):
    code, out, err = simulate("--scenario", files / "scenario.yaml")
    assert (code, err) == (0, "")
    assert "DiLoCo" in out


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document(case, files, simulate):
    which, old, new, says = BROKEN[case]
    path = files / f"{which}.yaml"
    path.write_text(swap(path.read_text(), old, new))
    check(simulate("--scenario", files / "scenario.yaml"), says)


@pytest.mark.parametrize("option", ["--scenario", "--topology", "--workload", "--trace"])
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "there is no such"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"\x80\x81\xff\x00"), "not a"),
        (lambda path: path.write_bytes(os.urandom(4096)), "file.yaml"),
    ],
    ids=["missing", "directory", "empty", "binary", "noise"],
)
def test_a_file_that_is_no_document(option, make, says, tmp_path, simulate):
    path = tmp_path / "file.yaml"
    make(path)
    check(simulate(option, path), [str(path), says])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--topology", "low-bandwidth"], ["'low-bandwidth'", "did you mean 'low-bw'"]),
        (["--workload", "12b"], ["'12b'", "'1"]),
        (["--strategy", "dilocco"], ["--strategy", "did you mean 'diloco'"]),
        (["--strategy", "diloco:replicas"], ["--strategy diloco:replicas", "key=value"]),
        (["--strategy", "diloco:replica=2"], ["strategies[0].replica", "did you mean 'replicas'"]),
        (["--strategy", "diloco:kind=x"], ["--strategy diloco:kind=x", "the kind is diloco", "leave out kind="]),
        (["--strategy", "diloco:kind=eager-diloco"], ["the kind is diloco", "leave out kind="]),
        (["--strategy", "DiLoCo kind=3"], ["--strategy DiLoCo kind=3", "leave out kind="]),
        (["--strategy", "diloco:sync_every=9,sync_every=30"], ["sync_every is there twice", "keep one"]),
        (["--strategy", "DiLoCo M=2 M=4"], ["replicas is there twice", "keep one"]),
        (["--strategy", "DiLoCo 1.2.3-bit"], ["strategies[0].payload_bits", "'1.2.3'"]),
        (["--set", "workload.steps=9", "--set", "workload.steps=30"], ["--set workload.steps=30", "set twice"]),
        (["--strategy", "diloco:replicas=-2"], ["strategies[0].replicas", "got -2"]),
        (["--workload", "10b", "--trace", "run.jsonl"], ["--workload and --trace"]),
        (["--workload", "10b", "--set", "workload.params"], ["--set workload.params", "key.path=value"]),
        (["--workload", "10b", "--set", "workload.chips=0"], ["workload.chips", "got 0"]),
        (["--workload", "10b", "--set", "workload.chip=64"], ["workload.chip", "did you mean 'chips'"]),
        (["--workload", "10b", "--set", "strategies[9].replicas=4"], ["strategies.9", "one of the 5 entries"]),
        (["--workload", "10b", "--set", "name.first=x"], ["name", "has no keys below it"]),
        (["--workload", "10b", "--set", "replay=fast"], ["replay", "'steady' or 'full'"]),
        (["--workload", "10b", "--set", "topology.generate.bandwidth=10"], ["generate", "bandwidth", "no unit"]),
        (["--workload", "10b", "--set", "workload.params={"], ["--set workload.params", "YAML"]),
        (["--workload", "10b", "--output", "."], ["--output .", "is a directory"]),
        (["--workload", "10b", "--output", "nowhere/out.txt"], ["--output nowhere/out.txt", "there is no folder"]),
    ],
)
def test_wrong_options(args, says, tmp_path, monkeypatch, simulate):
    monkeypatch.chdir(tmp_path)
    check(simulate(*args), says)


@pytest.mark.parametrize("args", [["--nonsense"], ["--format", "xml"], ["list", "everything"], ["lsit"], ["schema"]])
def test_the_command_line_itself(args, simulate):
    code, out, err = simulate(*args)
    assert code == 2
    assert out == ""
    assert "Traceback" not in err


def test_an_output_that_may_not_be_written(tmp_path, simulate, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    check(
        simulate("--workload", "10b", "--output", tmp_path / "out.txt"),
        ["--output", "there is no permission to write it"],
    )


def test_a_write_that_the_file_system_refuses():
    from sim.errors import InputError
    from sim.shell.delivery import write_atomically

    with pytest.raises(InputError, match="cannot be written"):
        write_atomically(Path("/proc/nothing.txt"), "text")


def test_a_recording_asked_for_with_another_batch_says_what_to_do(trace, simulate):
    path = trace([[1.0], [1.0]])
    check(
        simulate("--trace", path, "--set", "workload.batch_tokens=1e6"), [str(path), "tokens per chip", "rescale: true"]
    )


def test_a_truncated_trace_names_its_line(trace, simulate):
    path = trace([[1.0, 1.0]])
    path.write_text(path.read_text()[:-20])
    check(simulate("--trace", path), [f"{path}:6", "cut off"])


def test_several_mistakes_are_told_at_once(files, simulate):
    path = files / "scenario.yaml"
    path.write_text(swap(swap(path.read_text(), "replicas: 2", "replicas: 0"), "sync_every: 30", "sync_every: x"))
    check(simulate("--scenario", path), ["strategies[1].replicas", "strategies[1].sync_every"])


def test_a_fault_of_ours_is_not_blamed_on_the_user(monkeypatch, simulate):
    monkeypatch.setattr("sim.simulation.replays.replay", lambda *a, **k: 1 / 0)
    code, _, err = simulate("--workload", "10b")
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "please report it" in err


def test_a_wrong_entry_of_a_list_does_not_make_the_list_too_short(simulate):
    code, _, err = simulate("--strategy", "diloco:replicas=0")
    assert code == 2
    assert "strategies[0].replicas" in err
    assert "at least 1" not in err


@pytest.mark.parametrize("words", [["--replicas", "2"], ["--steps", "9"], ["--params", "1e9"], ["--chip", "h100"]])
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: diloco", "kind: [diloco]", "strategies[1]"),
        ("topology: two.yaml", "topology: {name: t, generate: [ring]}", "generate"),
        ("topology: two.yaml", "topology: {name: t, datacenters: [{name: a, inside: {preset: [x]}}]}", "preset"),
    ],
)
def test_a_broken_document_is_told_beside_words_that_change_it(words, old, new, says, files, simulate):
    path = files / "scenario.yaml"
    path.write_text(swap(path.read_text(), old, new))
    check(simulate(path, *words), [says])


@pytest.mark.parametrize("words", [["--steps", "9"], ["--params", "1e9"], ["--chip", "h100"]])
def test_a_workload_that_is_none_is_not_replaced_by_words(words, files, simulate):
    path = files / "scenario.yaml"
    path.write_text(
        swap(path.read_text(), SCENARIO[SCENARIO.index("{params") : SCENARIO.index("\nstrategies")], "[1, 2]")
    )
    check(simulate(path, *words), ["workload: got a list"])


@pytest.mark.parametrize("kind", [[], {}, [[]], 3])
def test_a_result_whose_strategy_is_no_name_is_told(kind, tmp_path, simulate):
    path = tmp_path / "predicted.json"
    answer = {"crosshaul_version": "1", "inner_learning_rate": 0.1, "params": 1e9, "tokens": 2e10, "strategy": kind}
    path.write_text(json.dumps(answer))
    check(simulate(path), ["predicted.json", "without a `scenario` to run"])


@pytest.mark.parametrize("scenarios", [0.5, "ab", {"a": 1}, [1, 2]])
def test_a_result_with_damaged_scenarios_is_told(scenarios, tmp_path, simulate):
    path = tmp_path / "budget.json"
    path.write_text(json.dumps({"crosshaul_version": "1", "scenarios": scenarios, "rows": []}))
    check(simulate(path), ["budget.json", "without a `scenario` to run"])
