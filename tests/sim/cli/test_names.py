"""Names are the user's: what looks like markup is printed as it stands, and what a terminal would act upon is refused."""

import json

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.shell.printing import tell
from sim.topology.model import Topology

MARKUP = ["[/]", "[bold]x[/bold]", "a[/x]b", "[link=http://x]y[/link]", "[red", ":smile:", "[@click=x]y[/]", "\\[x]"]
A_TERMINAL_ACTS = [
    "\x1b[31mred",
    "a\0b",
    "a\nb",
    "a\tb",
    "a\rb",
    "\x7f",
    "\x9b31m",
    "\u202eabc",
    "\ufeff",
    "\u2028",
    "\ud800",
]
FAST = ["--workload", "35m", "--set", "workload.steps=10", "--strategy", "diloco"]


def document(name, **more):
    sites = [{"name": f"{name}1"}, {"name": f"{name}2"}]
    link = {"between": [f"{name}1", f"{name}2"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}
    return {"name": name, "datacenters": sites, "links": [link], "collective": "ring", **more}


@pytest.fixture
def topology(scenario_file):
    return lambda name: scenario_file(document(name), "topology.yaml")


@pytest.mark.parametrize("name", MARKUP)
@pytest.mark.parametrize(
    "command",
    [
        [*FAST],
        [*FAST, "--detail", "sites"],
        [*FAST, "--detail", "links"],
        [*FAST, "--format", "csv"],
        ["explain", *FAST],
        ["bandwidth", *FAST],
        ["budget", *FAST[:2], *FAST[4:]],
        ["plan", "--days", "0.1", "--chips", "8", "--params", "1e7"],
    ],
    ids=lambda command: "-".join(word.strip("-") for word in command if word not in FAST) or "main",
)
def test_markup_is_printed_as_it_stands(name, command, topology, simulate):
    code, out, err = simulate(*command, "--topology", topology(name))
    assert (code, err) == (0, "")
    assert name in out


@pytest.mark.parametrize("name", MARKUP)
def test_a_topology_and_its_flows_print_markup_as_it_stands(name, topology, scenario_file, simulate):
    assert simulate("show", "topology", topology(name))[1].count(name) >= 3
    flows = {"topology": document(name), "flows": [{"from": f"{name}1", "to": f"{name}2", "size": "1 MB"}]}
    code, out, _ = simulate("flows", scenario_file(flows, "flows.yaml"))
    assert code == 0
    assert name in out
    rows = json.loads(simulate("flows", scenario_file(flows, "flows.yaml"), "--format", "json")[1])["flows"]
    assert rows[0]["route"] == [f"{name}1", f"{name}2"]


@pytest.mark.parametrize("name", A_TERMINAL_ACTS, ids=ascii)
@pytest.mark.parametrize("where", ["name", "description", "source", "datacenter", "router", "host", "scenario"])
def test_what_a_terminal_acts_upon_is_refused(name, where, simulate, scenario_file):
    topology = document("t")
    if where in ("name", "description", "source"):
        topology[where] = name
    if where == "datacenter":
        topology["datacenters"][0]["name"] = name
    if where == "router":
        topology["routers"] = [name]
    if where == "host":
        topology["hosts"] = [{"name": name}]
    scenario = {"topology": topology, "workload": {"model": "35m", "steps": 1}, "strategies": [{"kind": "diloco"}]}
    if where == "scenario":
        scenario["name"] = name
    code, out, err = simulate("--scenario", scenario_file(scenario))
    if where in ("description", "source") and name in ("a\nb", "a\tb"):
        assert code == 0  # a text may have lines
        return
    assert (code, out) == (2, "")
    assert "cannot be shown" in err or "can be shown" in err
    assert name not in err


def test_names_of_other_scripts_are_names():
    for name in ["Zürich", "東京 1", "تهران", "नई दिल्ली", "😀", "👩\u200d🚀", "a\u00a0b", "x" * 200]:
        assert validate(Topology, document(name[:199]), source="t").name == name[:199]


def test_a_name_of_too_many_characters_is_refused():
    with pytest.raises(InputError, match="200 characters"):
        validate(Topology, document("x") | {"name": "x" * 201}, source="t")


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202e", "\x9b", "\ud800", "\x07"], ids=ascii)
def test_nothing_in_an_error_reaches_the_terminal_as_a_command(text, simulate, scenario_file):
    code, _, err = simulate("--scenario", scenario_file({f"x{text}y": 1, "topology": f"t{text}"}))
    assert code == 2
    assert text not in err
    assert ascii(text)[1:-1] in err


def test_a_message_is_written_whole(capsys):
    tell("error: [/] \x1b[2J\nnext é")
    assert capsys.readouterr().err == "error: [/] \\x1b[2J\nnext é\n"
