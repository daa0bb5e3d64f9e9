"""The JSON schema of a scenario: takes what the documents show, and says the range of everything that is a number."""

import re
from pathlib import Path

import jsonschema
import pytest

from sim.documents.validation import parse_yaml, validate
from sim.errors import InputError
from sim.scenario.model import Scenario, schema

ROOT = Path(__file__).parents[3]
WORKLOAD = {"model": "35m", "steps": 10}
STRATEGIES = [{"kind": "data-parallel"}]


def shown():
    """Every topology and scenario that a document shows, and the topologies that ship."""
    for path in sorted((ROOT / "topologies").glob("*.yaml")):
        yield path.stem, {"name": "x"} | parse_yaml(path.read_text(), path.name)
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)):
            data = parse_yaml(block, path.name)
            if "workload" in data or "datacenters" in data or "generate" in data:
                yield f"{path.stem}-{number}", data if "workload" in data else {"name": "x"} | data
    yield (
        "schedule-of-a-file",
        {
            "name": "x",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "links": [{"between": ["a", "b"], "latency": "1 ms", "schedule": {"file": "measured.csv"}}],
        },
    )


SHOWN = dict(shown())


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("name", SHOWN)
def test_what_the_documents_show_is_right(name, validator):
    data = SHOWN[name]
    scenario = data if "workload" in data else {"topology": data, "workload": WORKLOAD, "strategies": STRATEGIES}
    assert [error.message for error in validator.iter_errors(scenario)] == []


def test_the_documents_show_generated_and_written_topologies():
    assert sum("generate" in data for data in SHOWN.values()) >= 3
    assert sum("datacenters" in data for data in SHOWN.values()) >= 5


def test_a_link_needs_a_bandwidth_or_a_schedule(validator):
    links = [{"between": ["a", "b"], "latency": "1 ms"}]
    topology = {"name": "x", "datacenters": [{"name": "a"}, {"name": "b"}], "links": links}
    scenario = {"topology": topology, "workload": WORKLOAD, "strategies": STRATEGIES}
    assert not validator.is_valid(scenario)
    links[0]["bandwidth"] = "1 Gbit/s"
    assert validator.is_valid(scenario)


def numbers(node, path=()):
    """Every place of the schema where a number or a quantity stands."""
    if isinstance(node, dict):
        if node.get("type") in ("number", "integer") or isinstance(node.get("pattern"), str):
            yield ".".join(path), node
        for key, value in node.items():
            yield from numbers(value, (*path, key))
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from numbers(value, (*path, str(position)))


PLACES = dict(numbers(schema()))


def test_the_schema_has_many_numbers():
    assert len(PLACES) > 100


@pytest.mark.parametrize("place", PLACES)
def test_every_number_has_a_range(place):
    node = PLACES[place]
    if "pattern" in node:
        assert re.search(r" to [0-9.e+]+ \S+$", node.get("$comment", "")) or "10B" in node["examples"]
    else:
        assert {"minimum", "exclusiveMinimum"} & set(node)
        assert {"maximum", "exclusiveMaximum"} & set(node)


TWO = {
    "name": "two",
    "datacenters": [{"name": "a"}, {"name": "b"}],
    "links": [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "1 ms"}],
}


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("workload.params", 1e19, 1e18),
        ("workload.params", 10**400, 1e18),
        ("workload.steps", 10**16, 10**15),
        ("workload.steps", 10**400, 10**15),
        ("workload.batch_tokens", 1e25, 1e6),
        ("workload.payload_bits", 1e7, 1e6),
        ("workload.payload_bits", 1e-300, 1e-6),
        ("workload.layers", 10**12, 10_000),
        ("workload.layers", 10_001, 10_000),
        ("workload.layer_params", [1e308, 1e308], [1e18, 1e-12]),
        ("workload.chips", 10**30, 10**9),
        ("workload.forward_share", 1e-300, 1e-6),
        ("strategies.0.payload_factor", 1e300, 1e6),
        ("strategies.0.compression_ratio", 1e-300, 1e-6),
        ("strategies.1.sync_every", 10**30, 10**15),
        ("strategies.1.replicas", 10**30, 2),
        ("topology.transport", {"streams": 10**30}, {"streams": 10**6}),
        ("topology.hosts", [{"name": "h", "slowdown": [1e300]}], [{"name": "h", "slowdown": [1e6]}]),
    ],
)
def test_the_schema_and_the_program_draw_the_same_line(key, wrong, right, validator):
    strategies = [{"kind": "data-parallel"}, {"kind": "diloco"}]
    scenario = {"topology": dict(TWO), "workload": {"params": 1e9}, "strategies": strategies}
    *path, last = key.split(".")
    here = scenario
    for part in path:
        here = here[int(part)] if isinstance(here, list) else here[part]
    here[last] = right
    assert validator.is_valid(scenario)
    validate(Scenario, scenario, source="right")
    here[last] = wrong
    assert not validator.is_valid(scenario)
    with pytest.raises(InputError, match=last):
        validate(Scenario, scenario, source="wrong")
