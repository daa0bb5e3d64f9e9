"""Every option of every command changes what is printed: walked by the commands themselves."""

from __future__ import annotations

import json

import pytest
import typer

from sim.cli.app import app

SHORT = ["--set", "workload.steps=60"]
BANDWIDTH = ["bandwidth", "--params", "1e9", "--layers", "12", "--step-time", "0.8", "--target", "0.5"]
DILOCO = ["--strategy", "diloco"]
FRAGMENTED = ["--strategy", "streaming-diloco"]
SAVED = ["--scenario", "{scenario}"]
PLAN = ["plan", "--topology", "h100-two-sites", "--days", "3", "--params", "1e9"]
PREDICT = ["predict", "--params", "1e9"]

# What stands before the option, and what it is given; a list of other words takes the place of the option left out.
PAIRS: dict[str, tuple[list[str], str | None]] = {
    " --scenario": (SHORT, "{scenario}"),
    " --topology": (SHORT, "medium-bw"),
    " --workload": (["--topology", "low-bw", *DILOCO, *SHORT], "2.4b"),
    " --trace": (SAVED, "35m-diloco-cpu"),
    " --strategy": (SHORT, "diloco:replicas=2,sync_every=7"),
    " --set": (SHORT, "workload.batch_tokens=262144"),
    "budget --rule": (["budget", *SHORT], "equal-chips"),
    "budget --set": (["budget", *SHORT], "workload.batch_tokens=262144"),
    "budget --topology": (["budget", *SHORT], "medium-bw"),
    "budget --strategy": (["budget", *SHORT], "diloco:replicas=2,sync_every=7"),
    "budget --scenario": (["budget", *SHORT], "{scenario}"),
    "explain --set": (["explain", *DILOCO, *SHORT], "topology.transport.header=66 B"),
    "explain --topology": (["explain", *DILOCO, *SHORT], "medium-bw"),
    "explain --strategy": (["explain", *SHORT], "data-parallel"),
    "bandwidth --params": (["bandwidth", "--layers", "12", "--step-time", "0.8", "--target", "0.5"], "2e9"),
    "bandwidth --layers": ([*BANDWIDTH, "--overlap", "layers"], "24"),
    "bandwidth --step-time": (BANDWIDTH, "0.4"),
    "bandwidth --strategy": (BANDWIDTH, "diloco:sync_every=7"),
    "bandwidth --target": (BANDWIDTH[:-2], "0.9"),
    "bandwidth --payload-bits": (BANDWIDTH, "4"),
    "bandwidth --payload-factor": (BANDWIDTH, "0.8"),
    "bandwidth --sync-every": ([*BANDWIDTH, *DILOCO], "7"),
    "bandwidth --overlap-steps": ([*BANDWIDTH, *FRAGMENTED], "5"),
    "bandwidth --fragments": ([*BANDWIDTH, *FRAGMENTED], "2"),
    "bandwidth --overlap": ([*BANDWIDTH, "--strategy", "data-parallel"], "none"),
    "predict --params": (["predict"], "2e9"),
    "predict --tokens": (PREDICT, "1e9"),
    "predict --strategy": (PREDICT, "diloco"),
    "predict --replicas": ([*PREDICT, *DILOCO], "4"),
    "predict --batch-tokens": (PREDICT, "2097152"),
    "predict --unique-tokens": (PREDICT, "1e9"),
    "plan --topology": (["plan", "--days", "3", "--params", "1e9"], "h100-one-site"),
    "plan --days": (PLAN, "5"),
    "plan --chip-speed": (PLAN, "200 Tflop/s"),
    "plan --strategy": (PLAN, "data-parallel"),
    "plan --sync-every": (PLAN, "100"),
    "plan --params": (PLAN, "2e9"),
    "plan --payload-bits": (PLAN, "4"),
    "plan --unique-tokens": (PLAN, "1e9"),
    "plan --price-chip-hour": (PLAN, "2"),
}
"""Options, by command: a command line in which it changes the numbers that are printed."""
NOT_YET = {
    "bandwidth": "--datacenters --replicas --scenario --topology --workload --set --link --full --grid --plot",
    "budget": "--workload --trace --target-loss --unique-tokens",
    "explain": "--scenario --workload --trace",
    "predict": "--sync-every",
    "plan": "--chips --tokens-per-param --inference-tokens --loss-slack --price-gb --max-cost --layers",
    "validate": "--only --cases --live",
}
"""Options whose pairs are to be written; their own tests have them."""
HOW = {"--format", "--output", "--detail", "--version", "--help"}
"""Options that change how an answer is printed and not what it is."""


def options():
    """Every option of every command, as `command --option`."""
    group = typer.main.get_command(app)
    for name, command in {"": group, **group.commands}.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.opts[-1] not in HOW:
                yield f"{name} {parameter.opts[-1]}"


def test_every_option_has_a_pair_of_command_lines_that_differ():
    waiting = {f"{command} {option}" for command, some in NOT_YET.items() for option in some.split()}
    missing = set(options()) - set(PAIRS) - waiting
    assert not missing, (
        f"add to PAIRS a command line in which they change what is printed: {', '.join(sorted(missing))}"
    )


@pytest.mark.parametrize("option", [key for key in PAIRS if key.split()[-1] not in HOW])
def test_an_option_changes_the_answer(option, simulate, scenario_file, tmp_path):
    words, value = PAIRS[option]
    scenario = scenario_file(
        {
            "topology": "medium-bw",
            "workload": {"params": 1e9, "steps": 30},
            "strategies": [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2}],
        }
    )
    here = {"{scenario}": str(scenario)}
    words = [here.get(word, word) for word in words]
    code, without, error = simulate(*words, "--format", "json")
    assert code == 0 or option.split()[-1] in ("--params", "--topology"), error
    given = here.get(value, value)
    flag = option.split()[-1]
    if flag in words and flag not in ("--strategy", "--set"):  # the other value takes the place of the one there
        words[words.index(flag) + 1] = given
    else:
        words += [flag, given]
    code, withit, error = simulate(*words, "--format", "json")
    assert code == 0, error
    assert answer_of(withit) != answer_of(without)


def answer_of(text):
    """What was printed, without the question."""
    if not text:
        return None
    document = json.loads(text)
    for echo in ("scenario", "asked", "ask", "question", "name"):
        document.pop(echo, None)
    return document
