"""A sweep by the API against the same by the command, and what is wrong with an argument."""

import csv
import io
import subprocess
import sys

import pytest

import crosshaul as ch

WORLD = ch.Topology.full_mesh(2, bandwidth=10 * ch.Gbit, latency=10 * ch.ms, name="pair", chip_speed="h100")
WORK = ch.Workload(params=1e9, steps=60, batch_tokens=2**20, chips=256)
BOTH = [ch.DataParallel(), ch.DiLoCo(replicas=2)]


def test_it_has_the_rows_of_the_command(simulate, scenario_file):
    found = ch.sweep(
        WORLD, WORK, BOTH, vary={"sync_every": [5, 10]}, zip={"compute": [1, 2], "chips": [2, 4]}, workers=1
    )
    document = ch.run(WORLD, WORK, BOTH).scenario.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    document["strategies"] = [{"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2}]
    words = ["--vary", "sync_every=5,10", "--zip", "compute=1,2", "--zip", "chips=2,4", "--workers", "1"]
    _, text, _ = simulate("sweep", scenario_file(document), *words, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    for name in ("point", "vary_sync_every", "label", "wall_clock_s", "without_effect"):
        assert [row[name] for row in rows] == ["" if each is None else str(each) for each in found.column(name)]


def test_strategies_are_objects_and_values_arrays():
    numpy = pytest.importorskip("numpy")
    vary = {"strategy": [ch.DiLoCo(replicas=2, sync_every=7), "data-parallel"], "compute": numpy.array([1.0, 2.0])}
    found = ch.sweep(WORLD, WORK, vary=vary, workers=1)
    assert list(found.column("label")) == ["DiLoCo M=2 H=7"] * 2 + ["Data-Parallel"] * 2
    assert (
        next(iter(found.column("wall_clock_s")))
        == ch.run(WORLD, WORK, ch.DiLoCo(replicas=2, sync_every=7))[0].wall_clock_s
    )
    assert found.best.values["compute"] == 2.0


def test_a_bandwidth_and_a_plan():
    found = ch.sweep(WORLD, WORK, BOTH, vary={"sync_every": [5]}, answer="bandwidth", targets=0.3, workers=1)
    assert len(found.records()) == 2
    found = ch.sweep("low-bw", answer="plan", days=0.1, vary={"chips": [8], "params": ["10M"]}, workers=1)
    plan = ch.plan("low-bw", days=0.1, chips=8, params="10M")
    assert list(found.column("tokens")) == [plan.best.tokens]


def test_it_is_a_data_frame():
    pytest.importorskip("pandas", reason="only to_pandas needs it")
    found = ch.sweep(WORLD, WORK, BOTH, vary={"sync_every": [5, 10]}, workers=1).to_pandas()
    assert found.groupby("strategy").wall_clock_s.count().to_dict() == {"data-parallel": 2, "diloco": 2}


def test_a_script_without_a_guard_is_not_run_again_by_its_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import crosshaul as ch\nprint('once')\n"
        "world = ch.Topology.full_mesh(2, bandwidth='10 Gbit/s', latency='1 ms')\n"
        "found = ch.sweep(world, ch.Workload(params=1e9, steps=60), vary={'compute': [1, 2, 3, 4]}, workers=2)\n"
        "print(len(found.records()))\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert ended.stdout == "once\n8\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "nothing is varied"),
        ({"vary": {"sync_evry": [1]}}, "did you mean 'sync_every'"),
        ({"vary": ["sync_every"]}, "write a mapping"),
        ({"vary": {"compute": [1]}, "targets": 0.5}, "answer='bandwidth'"),
        ({"vary": {"compute": [1]}, "days": 3}, "answer='plan'"),
        ({"vary": {"compute": [1]}, "on": "cloud"}, "there is no engine 'cloud'"),
        ({"vary": {"compute": [1]}, "answer": "plan"}, "a plan is of a topology alone"),
        ({"vary": {"compute": [1]}, "count": 3}, "nothing is drawn"),
        ({"draw": {"compute": "uniform:1:2"}}, "how many points"),
        ({"vary": {"topology": [WORLD]}}, "write a name, or the path"),
    ],
)
def test_what_is_wrong_is_an_input_error(more, told):
    with pytest.raises(ch.InputError, match=told):
        ch.sweep(WORLD, WORK, BOTH, **more)


def test_an_unknown_column_is_named():
    found = ch.sweep(WORLD, WORK, BOTH, vary={"compute": [1]})
    with pytest.raises(ch.InputError, match="there is none named 'wall_clock'"):
        found.column("wall_clock")
