"""Files that are made to hurt: every one is refused at once, in one short message, or is simply read."""

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

from sim.documents.reading import MOST_YAML_BYTES, parse_yaml, read_text
from sim.documents.validation import validate
from sim.errors import InputError
from sim.simulation.results import Run
from sim.topology.model import Topology
from sim.units.quantities import MOST_SITES
from sim.workload.documents import AnalyticWorkload
from sim.workload.load import Deal, Load

SCENARIO = """\
topology: low-bw
workload: {params: 1e9, steps: 10}
strategies: [{kind: data-parallel}]
"""
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 26))

# what the file holds, and what the message must say
FILES = {
    "aliases of aliases": (BOMB + SCENARIO.replace("1e9", "*a8"), "its aliases"),
    "merges of merges": (MERGES + SCENARIO, "its aliases"),
    "an anchor in itself": ("x: &x [*x]\n" + SCENARIO, "an anchor contains itself"),
    "nested lists": ("x: " + "[" * 5000 + "]" * 5000 + "\n" + SCENARIO, "nested too deeply"),
    "nested mappings": ("x: " + "{a: " * 2000 + "1" + "}" * 2000 + "\n" + SCENARIO, "nested too deeply"),
    "a truth that is none": ("name: !!bool x\n" + SCENARIO, "write it without a tag"),
    "a number that is none": ("name: !!int x\n" + SCENARIO, "write it without a tag"),
    "a forgotten key": ("x: {a: 1, [{b: 1}]}\n" + SCENARIO, "is neither a word nor a number"),
    "a list for a key": ("x: {[{a: b}]}\n" + SCENARIO, "is neither a word nor a number"),
    "a very long word": ("name: " + "x" * MOST_YAML_BYTES + "\n" + SCENARIO, "is larger than 4 MiB"),
    "a long name": ("name: " + "x" * 100_000 + "\n" + SCENARIO, "at most 200 characters"),
    "a number of 400 digits": (SCENARIO.replace("1e9", "1" * 400), "workload.params"),
    "a number of 5000 digits": (SCENARIO.replace("1e9", "1" * 5000), "scenario.yaml"),
    "steps of 400 digits": (SCENARIO.replace("10}", "1" * 400 + "}"), "workload.steps"),
    "as many layers as atoms": (SCENARIO.replace("10}", "10, layers: 1000000000000}"), "workload.layers"),
    "a thousand mistakes": (SCENARIO.replace("[{", "[" + "{kind: x}, " * 1000 + "{"), "and 980 more"),
    "a topology of 300 letters": (SCENARIO.replace("low-bw", "a" * 300), "topology"),
    "a topology file of 300 letters": (SCENARIO.replace("low-bw", "a" * 300 + ".yaml"), "cannot be read"),
    "a workload of 300 letters": (SCENARIO.replace("{params: 1e9, steps: 10}", "a" * 300), "workload"),
    "a trace of 300 letters": (
        SCENARIO.replace("{params: 1e9, steps: 10}", f"{{trace: {'a' * 300}}}"),
        "too long",
    ),
    "a zero byte in a topology": (SCENARIO.replace("low-bw", r'"a\0.yaml"'), "no file can have this name"),
    "a zero byte in a trace": (SCENARIO.replace("{params: 1e9, steps: 10}", r'{trace: "a\0"}'), "cannot be shown"),
    "a date for a name": ("name: 2001-01-01\n" + SCENARIO, "must be text"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_hostile_file_is_refused(case, tmp_path, simulate):
    text, says = FILES[case]
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    code, out, err = simulate("--scenario", path)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert len(err) < 7000  # twenty lines, each with the names of all strategies


def test_anchors_and_merges_of_a_common_size_are_read():
    text = "base: &b {x: 1, y: 2}\nlist: [*b, *b]\nmore: {<<: *b, y: 3}\n"
    base = {"x": 1, "y": 2}
    assert parse_yaml(text, "t") == {"base": base, "list": [base, base], "more": {"x": 1, "y": 3}}


@pytest.mark.parametrize("text", ["\n\nname: x\n", "\ufeffname: x\n", "name: x\r\n", "# c\nname: x"])
def test_a_file_that_begins_or_ends_unusually_is_read(tmp_path, text):
    path = tmp_path / "t.yaml"
    path.write_bytes(text.encode())
    assert parse_yaml(read_text(path, "thing"), "t") == {"name": "x"}


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n"])
def test_a_file_of_nothing_is_called_empty(tmp_path, text):
    (tmp_path / "t").write_text(text)
    with pytest.raises(InputError, match="is empty"):
        read_text(tmp_path / "t", "thing")


def test_a_file_without_an_end_is_refused():
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read_text(Path("/dev/zero"), "thing", 1 << 20)


@pytest.mark.parametrize(
    "setting",
    ["strategies[²].x=1", "strategies[٣].x=1", "strategies[99999999999].x=1", f"strategies[{'9' * 5000}].x=1"],
)
def test_a_setting_with_a_number_that_counts_nothing(setting, simulate):
    code, _, err = simulate("--set", setting)
    assert code == 2
    assert "entries; count from 0" in err


@pytest.mark.parametrize(
    ("shape", "right", "wrong"),
    [
        ({"shape": "ring"}, {"datacenters": MOST_SITES}, {"datacenters": MOST_SITES + 1}),
        ({"shape": "star"}, {"datacenters": MOST_SITES}, {"datacenters": MOST_SITES + 1}),
        ({"shape": "full-mesh"}, {"datacenters": 64}, {"datacenters": 257}),
        ({"shape": "two-tier"}, {"regions": 32, "sites": 32}, {"regions": 33, "sites": 32}),
    ],
)
def test_a_generated_shape_has_a_size_that_runs(shape, right, wrong):
    wire = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    common = shape | wire | ({"trunk": wire} if shape["shape"] == "two-tier" else {})
    assert validate(Topology, {"name": "t", "generate": common | right}, source="t")
    with pytest.raises(InputError, match=r"1024|1,024|256"):
        validate(Topology, {"name": "t", "generate": common | wrong}, source="t")


def test_the_routes_of_a_thousand_sites_in_a_ring_are_found():
    wire = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    ring = validate(
        Topology, {"name": "t", "generate": {"shape": "ring", "datacenters": MOST_SITES, **wire}}, source="t"
    )
    routes = ring.routes(tuple(site.name for site in ring.datacenters))
    assert len(routes) == MOST_SITES * (MOST_SITES - 1)
    longest = max(route.latency_s for route in routes.values())
    assert longest == pytest.approx(MOST_SITES / 2 * 1e-3)  # half way round


@pytest.mark.parametrize("seed", range(20))
def test_all_routes_at_once_are_the_routes_one_by_one(seed):
    r = random.Random(seed)
    names = "abcdefgh"
    pairs = {tuple(sorted(r.sample(names, 2))) for _ in range(12)} | set(pairwise(names))
    links = [
        {"between": pair, "bandwidth": f"{r.randint(1, 9)} Gbit/s", "latency": f"{r.randint(1, 4)} ms"}
        for pair in sorted(pairs)
    ]
    routes = [{"from": "a", "to": "d", "via": ["b", "c"]}]
    sites = [{"name": name} for name in names]
    topology = validate(Topology, {"name": "t", "datacenters": sites, "links": links, "routes": routes}, source="t")
    for (start, end), route in topology.routes(tuple(names)).items():
        hops = [topology.wires[hop] for hop in topology.path(start, end)]
        assert route.bandwidth_bits_per_s == min(hop.bandwidth_bits_per_s for hop in hops)
        assert route.latency_s == pytest.approx(sum(hop.latency_s for hop in hops), rel=1e-12)


def test_the_shares_of_very_many_layers_are_their_sizes():
    sizes = [float(1 + layer % 7) for layer in range(10_000)]
    workload = validate(AnalyticWorkload, {"params": 1e9, "layer_params": sizes}, source="w")
    shares = workload._layers(None)
    assert math.fsum(shares) == pytest.approx(1)
    assert shares[6] / shares[0] == pytest.approx(7)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"mean_step_s": (1e13, 1.0)}, "computes for"),
        ({"steps": 10**16}, "1e\\+16 steps"),
        ({"mean_step_s": (math.inf,)}, "computes for"),
    ],
)
def test_a_load_without_sense_names_its_keys(changes, says):
    good = {
        "params": 1e9, "batch_tokens": 1e6, "deal": Deal((1.0,), (1e12,), False), "steps": 10, "gradient_bytes": 1.0,
        "outer_bytes": 1.0, "mean_step_s": (1.0,), "cycle_steps": 1, "compute_s": lambda *_: 1.0, "notes": (),
    }  # fmt: skip
    Load(**good)
    with pytest.raises(InputError, match=says):
        Load(**good | changes)


def test_an_answer_that_is_no_number_is_no_answer(simulate, monkeypatch):
    monkeypatch.setattr("sim.engine.timeline.Timeline.crossing_bytes", property(lambda timeline: math.nan))
    code, out, err = simulate("--workload", "35m", "--set", "workload.steps=10", "--strategy", "data-parallel")
    assert (code, out) == (2, "")
    assert "no number for cross_datacenter_bytes" in err
    assert Run.__post_init__.__doc__


@pytest.mark.parametrize("option", ["--sync-every", "--chips", "--layers", "--params", "--days"])
def test_a_plan_of_a_number_of_400_digits_is_refused(option, simulate):
    given = {"--days": "1", "--chips": "8", option: "1" * 400}
    code, out, err = simulate(
        "plan", "--topology", "h100-two-sites", *[word for pair in given.items() for word in pair]
    )
    assert (code, out) == (2, "")
    assert option in err
    assert len(err) < 500
