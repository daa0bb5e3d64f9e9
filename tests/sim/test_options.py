"""Options of all commands: none is dropped without a word, and a file gets what its name says."""

import json

import pytest
import typer

from sim.cli import app
from trainer.cli import app as recorder
from trainer.evaluate_cli import evaluation_app

TREES = {
    "simulate": typer.main.get_command(app),
    "record-trace": typer.main.get_command(recorder),
    "evaluate-checkpoint": typer.main.get_command(evaluation_app(lambda folder: None)),
}
COMMANDS = [
    (name, [], command) if not words else (name, words, command)
    for name, tree in TREES.items()
    for words, command in [([], tree), *(([word], each) for word, each in getattr(tree, "commands", {}).items())]
]
SINGLE = [
    pytest.param(name, words, parameter.opts[0], id=" ".join([name, *words, parameter.opts[0]]))
    for name, words, command in COMMANDS
    for parameter in command.params
    if parameter.param_type_name == "option" and not parameter.multiple and not parameter.is_flag
]


def called(name, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        TREES[name].main(args=arguments, prog_name=name)
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(("name", "words", "option"), SINGLE)
def test_an_option_of_one_value_is_taken_once(name, words, option, capsys):
    code, err = called(name, [*words, option, "1", option, "2"], capsys)
    assert code == 2
    assert f"{option} is given 2 times" in err
    assert "keep one of them" in err


def test_the_walk_has_seen_the_options_that_used_to_lose_their_first_value():
    walked = {each.id for each in SINGLE}
    assert len(walked) > 90
    assert walked >= {"simulate --trace", "simulate --topology", "simulate explain --strategy", "record-trace --steps"}


def test_options_that_repeat_still_do(simulate):
    out = simulate("--workload", "10b", "--strategy", "data-parallel", "--strategy", "diloco", "--format=json")[1]
    assert [run["strategy"] for run in json.loads(out)["runs"]] == ["data-parallel", "diloco"]


@pytest.mark.parametrize("words", [["--topology=a", "--topology=b"], ["--topology", "a", "--topology=a"]])
def test_however_they_are_written(simulate, words):
    code, out, err = simulate(*words)
    assert (code, out) == (2, "")
    assert "--topology is given 2 times" in err


def test_both_ways_of_a_switch_contradict_each_other(capsys):
    switches = [p for p in TREES["record-trace"].params if p.param_type_name == "option" and p.secondary_opts]
    for switch in switches:
        code, err = called("record-trace", [switch.opts[0], switch.secondary_opts[0]], capsys)
        assert (code, "is given 2 times" in err) == (2, True)


@pytest.mark.parametrize("option", [["--topology", "low-bw"], ["--format", "json"], ["--strategy", "diloco"]])
def test_options_in_front_of_a_command_are_refused(simulate, option):
    code, out, err = simulate(*option, "list", "topologies")
    assert (code, out) == (2, "")
    assert f"simulate list {option[0]}" in err


@pytest.mark.parametrize(("suffix", "format_"), [("json", "json"), ("csv", "csv"), ("txt", "table"), ("JSON", "json")])
def test_the_name_of_the_output_says_the_format(simulate, tmp_path, suffix, format_):
    path = tmp_path / f"result.{suffix}"
    assert simulate("--workload", "10b", "--output", path)[0] == 0
    assert path.read_text() == simulate("--workload", "10b", "--format", format_)[1]
    assert simulate("--workload", "10b", "--format", format_, "--output", path)[0] == 0


OTHERS = [
    [],
    ["budget", "--workload", "10b"],
    ["explain", "--workload", "10b"],
    ["predict", "--params", "1e9"],
    ["plan", "--topology", "h100-one-site", "--days", "1"],
    ["validate"],
    ["bandwidth", "--params", "1e9", "--step-time", "1 s", "--overlap", "none"],
    ["flows", "missing.yaml"],
]


@pytest.mark.parametrize("command", OTHERS, ids=lambda words: words[0] if words else "simulate")
@pytest.mark.parametrize("name", ["report.html", "picture.png", "report.md"])
def test_what_cannot_be_written_is_refused_before_any_work(simulate, tmp_path, command, name):
    code, out, err = simulate(*command, "--output", tmp_path / name)
    assert (code, out) == (2, "")
    assert f"a .{name.split('.')[1]} cannot be written; write a .json, a .csv, or a .txt" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", OTHERS, ids=lambda words: words[0] if words else "simulate")
def test_a_format_that_contradicts_the_name_is_refused(simulate, tmp_path, command):
    for format_, name in (
        ("table", "a.json"),
        ("csv", "a.json"),
        ("json", "a.csv"),
        ("json", "a.txt"),
        ("csv", "a.html"),
    ):
        code, out, err = simulate(*command, "--format", format_, "--output", tmp_path / name)
        assert (code, out) == (2, "")
        assert name in err
    assert list(tmp_path.iterdir()) == []
