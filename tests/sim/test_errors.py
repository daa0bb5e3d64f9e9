"""One mistake in two languages: a program hears of its arguments, a command line of its options."""

import re
from pathlib import Path

import pytest

import crosshaul as ch
import sim
from sim.errors import ArgumentError, InputError
from sim.questions.predict import answer as predict
from sim.shell.options import as_option, in_options

WORLD = ch.Topology.full_mesh(2, bandwidth=1e10, latency=0.01)
WORK = ch.Workload(params=1e9, steps=10, chips=16)
MISTAKE = ArgumentError(
    "{sync_every}: got {got!r}; write {layers:48} or {overlap:none}, and not {max_cost}", got="{days} 100%"
)


def test_a_program_hears_of_arguments_and_a_command_of_options():
    assert str(MISTAKE) == "sync_every: got '{days} 100%'; write layers=48 or overlap=none, and not max_cost"
    assert (
        in_options(MISTAKE)
        == "--sync-every: got '{days} 100%'; write --layers 48 or --overlap none, and not --max-cost"
    )
    assert isinstance(MISTAKE, InputError)


def test_where_it_was_made_may_be_added_without_losing_that():
    inside = MISTAKE.within("folder/{odd}.yaml")
    assert str(inside).startswith("folder/{odd}.yaml: sync_every: got")
    assert in_options(inside).startswith("folder/{odd}.yaml: --sync-every: got")
    plain = InputError("links: none").within("mine.yaml")
    assert (str(plain), in_options(plain)) == ("mine.yaml: links: none",) * 2
    assert in_options(ValueError("anything")) == "anything"


@pytest.mark.parametrize(
    ("command", "argument", "option"),
    [
        ("plan", "days", "--days"),
        ("plan", "price_chip_hour", "--price-chip-hour"),
        ("plan", "strategies", "--strategy"),
        ("predict", "strategy", "--strategy"),
        ("bandwidth", "targets", "--target"),
        ("bandwidth", "sync_every", "--sync-every"),
        ("budget", "target_losses", "--target-loss"),
        ("budget", "rules", "--rule"),
        ("explain", "settings", "--set"),
        ("validate", "only", "--only"),
    ],
)
def test_an_argument_has_the_option_that_the_command_has(simulate, command, argument, option):
    assert as_option(argument) == option
    assert as_option(argument, "5") == f"{option} 5"
    assert f"{option} " in simulate(command, "--help")[1]


@pytest.mark.parametrize(
    ("command", "ask", "argument"),
    [
        (["plan", "--topology", "h100-two-sites", "--days", "-1"], lambda: ch.plan("h100-two-sites", days=-1), "days"),
        (["budget", "--target-loss", "-1"], lambda: ch.budget(WORLD, WORK, target_losses=[-1]), "target_losses"),
        (["validate", "--only", "nothing"], lambda: ch.validate("nothing"), "only"),
        (
            ["bandwidth", "--params", "1e9", "--layers", "8", "--step-time", "1", "--target", "2"],
            lambda: ch.bandwidth(WORLD, WORK, targets=2),
            "targets",
        ),
        (
            ["bandwidth", "--topology", "low-bw", "--link", "a -> b"],
            lambda: ch.bandwidth(WORLD, WORK, link="a -> b"),
            "link",
        ),
        (["predict", "--params", "1e9", "--strategy", "x"], lambda: ch.predict(1e9, ch.EagerDiLoCo()), "strategy"),
    ],
)
def test_the_same_mistake_is_told_to_both(simulate, command, ask, argument):
    code, _, told = simulate(*command)
    assert code == 2
    assert told.startswith(f"error: {as_option(argument)}: ")
    with pytest.raises(InputError, match=f"^{argument}: "):
        ask()


def test_a_question_of_the_library_names_no_option():
    with pytest.raises(InputError) as told:
        predict(1e9, "data-parallel", replicas=2)
    assert str(told.value) == "replicas: got 2, and Data-Parallel trains one model; write strategy=diloco"
    folder = Path(sim.__file__).parent
    rooms = ("questions", "scenario", "simulation", "strategies", "network", "engine", "workload", "topology", "api")
    raised = re.compile(r"(?:InputError|ArgumentError)\((?:[^()]|\([^()]*\))*?--[a-z]")
    for path in (each for room in rooms for each in (folder / room).rglob("*.py")):
        assert raised.findall(path.read_text()) == [], path
