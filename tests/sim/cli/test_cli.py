import csv
import io
import json
import subprocess
import sys

import jsonschema
import pytest

from sim.scenario.loading import load_scenario
from sim.scenario.model import schema

CONTRACT = {
    "strategy", "replicas", "sync_every", "topology", "chips", "batch_tokens", "steps", "outer_steps", "tokens",
    "wall_clock_s", "compute_s", "exposed_communication_s", "hidden_communication_s", "compute_utilization",
    "cross_datacenter_bytes", "closed_form_s", "overtraining_multiple", "predicted_loss",
}  # fmt: skip


def test_json_keeps_the_contract(simulate):
    code, out, err = simulate("--workload", "1.3b", "--topology", "medium-bw", "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert set(document) >= {"schema_version", "crosshaul_version", "scenario", "runs"}
    assert len(document["runs"]) == 5
    for run in document["runs"]:
        assert set(run) >= CONTRACT
        assert run["topology"] == "medium-bw"


def test_the_scenario_in_the_result_is_one_that_can_be_run(simulate, tmp_path):
    args = ["--workload", "1.3b", "--topology", "medium-bw", "--format", "json"]
    first = json.loads(simulate(*args)[1])
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(first["scenario"]))
    second = json.loads(simulate("--scenario", again, "--format", "json")[1])
    assert second["runs"] == first["runs"]
    assert second["scenario"] == first["scenario"]
    jsonschema.validate(first["scenario"], schema())


@pytest.mark.parametrize(
    "command", [[], ["explain"], ["bandwidth", "--target", "0.5"]], ids=["simulate", "explain", "bandwidth"]
)
def test_a_result_can_be_run_again_as_it_is(simulate, tmp_path, scenario_file, command):
    strategy = {"kind": "diloco", "replicas": 2, "payload_bits": 8, "compression_time": "3 ms"}
    schedule = {
        "points": [{"at": "0 s", "bandwidth": "1 Gbit/s"}, {"at": "4 s", "bandwidth": "3 Gbit/s"}],
        "repeat": "9 s",
    }
    link = {"between": ["a", "b"], "latency": "7 ms", "schedule": schedule}
    topology = {
        "name": "t",
        "collective": "ring",
        "datacenters": [{"name": "a"}, {"name": "b", "chips": 4}],
        "links": [link],
    }
    workload = {"params": 3e7, "layers": 4, "steps": 7, "chips": 4}
    asked = scenario_file({"name": "own", "topology": topology, "workload": workload, "strategies": [strategy]})
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    assert simulate(*command, "--scenario", asked, "--output", paths[0])[0] == 0
    code, _, err = simulate(*command, "--scenario", paths[0], "--output", paths[1])
    assert code == 0, err
    assert json.loads(paths[1].read_text()) == json.loads(paths[0].read_text())
    changed = json.loads(simulate("--scenario", paths[0], "--set", "workload.steps=9", "--format", "json")[1])
    assert changed["runs"][0]["steps"] == 9


@pytest.mark.parametrize("beside", [True, False])
def test_a_result_finds_its_trace_from_where_it_was_made_and_from_beside_it(
    simulate, tmp_path, monkeypatch, trace, beside
):
    trace([[1.0, 2.0]], name="run.jsonl")
    results = tmp_path / "results"
    results.mkdir()
    monkeypatch.chdir(tmp_path)
    assert simulate("--trace", "run.jsonl", "--output", results / "a.json")[0] == 0
    if beside:  # moved to another machine together
        (tmp_path / "run.jsonl").rename(results / "run.jsonl")
        monkeypatch.chdir(results)
    again = json.loads(simulate("--scenario", results / "a.json", "--format", "json")[1])
    assert again == json.loads((results / "a.json").read_text())


def test_an_answer_without_a_scenario_says_so(simulate, tmp_path):
    path = tmp_path / "law.json"
    assert simulate("predict", "--params", "1e9", "--output", path)[0] == 0
    code, out, err = simulate("--scenario", path)
    assert (code, out) == (2, "")
    assert f"{path}: is an answer without a `scenario` to run; give a scenario" in err


def test_csv_has_the_same_values(simulate):
    args = ["--workload", "10b", "--format"]
    document = json.loads(simulate(*args, "json")[1])
    rows = list(csv.DictReader(io.StringIO(simulate(*args, "csv")[1])))
    assert [list(row) for row in rows] == [
        [key for key in run if key not in ("sites", "links")] for run in document["runs"]
    ]
    for row, run in zip(rows, document["runs"], strict=True):
        assert float(row["wall_clock_s"]) == run["wall_clock_s"]
        assert float(row["predicted_loss"]) == run["predicted_loss"]
        assert row["loss_notes"] == "; ".join(run["loss_notes"])
        assert row["mean_staleness"] == ""
        assert run["mean_staleness"] is None


@pytest.mark.parametrize("format_", ["table", "json", "csv"])
def test_output_goes_to_a_file_whole(simulate, tmp_path, format_):
    args = ["--workload", "10b", "--format", format_]
    path = tmp_path / "out"
    path.write_text("the result of yesterday\n")
    code, out, err = simulate(*args, "--output", path)
    assert (code, out) == (0, "")
    assert str(path) in err
    assert path.read_text() == simulate(*args)[1]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_options_replace_what_the_scenario_says(simulate, scenario_file):
    path = scenario_file(
        {"topology": "high-bw", "workload": "10b", "strategies": [{"kind": "data-parallel"}], "name": "mine"}
    )
    args = ["--scenario", path, "--format", "json"]

    def result(*more):
        return json.loads(simulate(*args, *more)[1])

    assert result()["runs"][0]["topology"] == "high-bw"
    assert result("--topology", "low-bw")["runs"][0]["topology"] == "low-bw"
    assert result("--workload", "35m")["scenario"]["workload"] == {"model": "35m", **_defaults()}
    kinds = [
        (r["strategy"], r["replicas"], r["sync_every"])
        for r in result("--strategy", "diloco:replicas=4,sync_every=50")["runs"]
    ]
    assert kinds == [("diloco", 4, 50)]
    changed = result(
        "--set", "workload.chips=512", "--set", "topology.generate.bandwidth=25 Gbit/s", "--set", "name=other"
    )
    assert changed["runs"][0]["chips"] == 512
    assert changed["scenario"]["topology"]["links"][0]["bandwidth"] == "25 Gbit/s"
    assert changed["scenario"]["name"] == "other"


def _defaults():
    return {"chip_speed": "300 Tflop/s", "payload_bits": 16.0, "split": "even", "forward_share": 1 / 3}


def test_paths_in_a_scenario_are_relative_to_it(simulate, tmp_path, monkeypatch, trace):
    trace([[1.0]], name="run.jsonl")
    (tmp_path / "load.yaml").write_text("trace: run.jsonl\n")
    (tmp_path / "net.yaml").write_text("datacenters: [{name: only}]\n")
    (tmp_path / "scenario.yaml").write_text(
        "topology: net.yaml\nworkload: load.yaml\nstrategies: [{kind: data-parallel}]\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, out, err = simulate("--scenario", "../scenario.yaml", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["runs"][0]["topology"] == "net"


def test_a_trace_on_the_command_line_is_relative_to_the_working_directory(simulate, tmp_path, monkeypatch, trace):
    trace([[1.0]], name="run.jsonl")
    monkeypatch.chdir(tmp_path)
    code, out, err = simulate("--trace", "run.jsonl")
    assert (code, err) == (0, "")
    assert "recorded trace run.jsonl" in out
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(json.loads(simulate("--trace", "run.jsonl", "--format", "json")[1])["scenario"]))
    assert simulate("--scenario", again, "--format", "csv")[0] == 0
    assert simulate("--trace", "run.jsonl", "--set", "workload.steps=7", "--format", "csv")[0] == 0


def test_strategies_that_nobody_asked_for_have_the_m_and_h_of_the_recorded_run(simulate, trace):
    path = trace([[1.0, 2.0], [1.1, 2.1], [1.2, 2.2]], sync_every=4)

    def labels(*words):
        return [run["label"] for run in json.loads(simulate("--trace", path, *words, "--format", "json")[1])["runs"]]

    assert labels() == ["Data-Parallel", *(f"DiLoCo M={m} H=4" for m in (1, 2, 3, 4, 8))]
    assert labels("--sync-every", "7")[3] == "DiLoCo M=3 H=7"
    assert labels("--strategy", "diloco") == ["DiLoCo M=2 H=30"]
    assert labels("--topology", "h100-two-sites") == ["Data-Parallel", "DiLoCo M=1 H=4", "DiLoCo M=2 H=4"]


def test_paths_on_the_command_line_are_relative_to_the_working_directory(simulate, tmp_path, monkeypatch):
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "scenario.yaml").write_text("topology: low-bw\nworkload: 10b\nstrategies: [{kind: data-parallel}]\n")
    (tmp_path / "net.yaml").write_text("datacenters: [{name: only}]\n")
    monkeypatch.chdir(tmp_path)
    code, out, _ = simulate("--scenario", "scenarios/scenario.yaml", "--topology", "net.yaml")
    assert code == 0
    assert "one datacenter" in out


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("topologies", ["high-bw", "medium-bw", "low-bw"]),
        ("workloads", ["35m", "10b"]),
        ("strategies", ["data-parallel", "diloco", "sync_every=30"]),
    ],
)
def test_lists(simulate, kind, names):
    code, out, _ = simulate("list", kind)
    assert code == 0
    assert all(name in out for name in names)


def test_every_parameter_of_a_strategy_is_listed_as_it_is_typed(simulate):
    rows = json.loads(simulate("list", "strategies", "--format", "json")[1])["strategies"]
    *kinds, common = [(row["name"], row["description"].splitlines()[1].split(", ")) for row in rows]
    assert common[0] == "all of them"
    definitions = schema()["$defs"].values()
    keys = {d["properties"]["kind"]["const"]: set(d["properties"]) for d in definitions if "kind" in d["properties"]}
    assert {kind for kind, _ in kinds} == set(keys)
    for kind, own in kinds:
        words = [word.split(" or ") for word in (*own, *common[1])]
        assert {first.split("=")[0] for first, *_ in words} | {"kind"} == keys[kind]
        typed = [first for first, *_ in words if "=" in first]
        typed += [f"{first.split('=')[0]}={other}" for first, *others in words for other in others]
        for one in typed:
            assert load_scenario(workload="10b", strategies=[f"{kind}:{one}"]).strategies[0].kind == kind


def test_schemas_are_printed(simulate):
    for document in ("scenario", "trace"):
        code, out, _ = simulate("schema", document)
        assert code == 0
        assert "$schema" in json.loads(out)


def test_version_and_help(simulate):
    assert simulate("--version")[1].startswith("crosshaul ")
    code, out, _ = simulate("--help")
    assert code == 0
    for option in ("--scenario", "--topology", "--workload", "--trace", "--strategy", "--set", "--format", "--output"):
        assert option in out


def _python(code, **kwargs):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, **kwargs)


def test_help_loads_nothing_heavy():
    heavy = ("networkx", "jax", "matplotlib", "scipy", "numpy", "pydantic", "pint", "simpy")
    code = f"""
import sys
from sim.cli.app import main
sys.argv = ["simulate", "--help"]
try: main()
except SystemExit: pass
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    assert _python(code).stderr.strip() == "[]"


def test_the_main_job_loads_neither_jax_nor_matplotlib_nor_scipy():
    code = """
import sys
from sim.cli.app import main
sys.argv = ["simulate", "--workload", "10b"]
try: main()
except SystemExit: pass
print([name for name in ("jax", "matplotlib", "scipy.optimize", "trainer") if name in sys.modules], file=sys.stderr)
"""
    assert _python(code).stderr.strip() == "[]"


def test_ctrl_c_ends_with_130():
    code = """
import sim.simulation.run, sys
def interrupted(*_): raise KeyboardInterrupt
sim.simulation.run.run = interrupted
from sim.cli.app import main
sys.argv = ["simulate", "--workload", "10b"]
main()
"""
    ended = _python(code)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr


def test_a_closed_pipe_is_no_fault():
    code = "import sys; from sim.cli.app import main; sys.argv = ['simulate', '--workload', '10b', '--format', 'json']; main()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert errors == b""
