"""`--timeline` on the command line: where it goes, and what is said where it cannot."""

import json
from importlib.util import find_spec

import pytest

SHORT = ["--topology", "thin-access", "--strategy", "diloco", "--set", "workload.steps=60"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--timeline", "{}/run.svg"], ["--timeline", "a .svg is no timeline", ".pftrace", ".json"]),
        (["--timeline", "{}/run"], ["--timeline", "without an ending", ".pftrace"]),
        (["--timeline", "{}"], ["--timeline", ".pftrace"]),
        (["--timeline", "{}/there.json"], ["--timeline", "is a directory", "give a file name"]),
        (["--timeline", "{}/none/run.json"], ["--timeline", "no folder", "make it first"]),
        (["--timeline", "{}/run.json", "--output", "{}/run.json"], ["--timeline", "--output", "names of their own"]),
        (["--timeline", "{}/run.json", "--output", "{}/none/../run.json"], ["names of their own"]),
        (["--timeline-rounds", "2"], ["--timeline-rounds", "write --timeline run.json"]),
        (["--timeline", "{}/run.json", "--timeline-rounds", "0"], ["--timeline-rounds: got '0'", "1 on, or all"]),
        (["--timeline", "{}/run.json", "--timeline-rounds", "-1"], ["--timeline-rounds: got '-1'"]),
        (["--timeline", "{}/run.json", "--timeline-rounds", "1.5"], ["--timeline-rounds: got '1.5'"]),
        (["--timeline", "{}/run.json", "--timeline-rounds", "9" * 30], ["--timeline-rounds", "or all"]),
        (["--timeline", "{}/run.json", "--timeline-rounds", "\u0663"], ["--timeline-rounds"]),
        (["--timeline", "{}/a.json", "--timeline", "{}/b.json"], ["--timeline is given 2 times"]),
    ],
)
def test_a_wrong_option_is_one_message_and_writes_nothing(options, said, simulate, tmp_path):
    (tmp_path / "there.json").mkdir()
    code, out, error = simulate(*SHORT, *(each.replace("{}", str(tmp_path)) for each in options))
    assert (code, out) == (2, "")
    assert "Traceback" not in error
    assert all(word in " ".join(error.split()) for word in said), error
    assert [each.name for each in tmp_path.iterdir()] == ["there.json"]


def test_an_input_is_not_drawn_over(simulate, scenario_file, tmp_path):
    strategies = [{"kind": "diloco", "replicas": 2}]
    document = {"topology": "thin-access", "workload": {"params": 1e9, "steps": 30}, "strategies": strategies}
    path = scenario_file(document, "scenario.json")
    before = path.read_text()
    for words in (["--scenario", path], [path]):
        code, out, error = simulate(*words, "--timeline", path)
        assert (code, out) == (2, "")
        assert "made from" in error
    assert path.read_text() == before


def test_a_file_that_the_scenario_names_is_not_drawn_over(simulate, scenario_file):
    workload = scenario_file({"params": 1e9, "steps": 30}, "workload.json")
    strategies = [{"kind": "diloco", "replicas": 2}]
    document = {"topology": "thin-access", "workload": workload.name, "strategies": strategies}
    before = workload.read_text()
    code, _, error = simulate("--scenario", scenario_file(document), "--timeline", workload)
    assert code == 2
    assert "--timeline" in error
    assert "made from" in error
    assert workload.read_text() == before


def test_too_much_to_draw_is_named_before_anything_is_printed(simulate, tmp_path, monkeypatch):
    monkeypatch.setattr("sim.engine.watching.MOST_KEPT", 10)
    code, out, error = simulate(*SHORT, "--timeline", tmp_path / "run.json", "--timeline-rounds", "all")
    assert (code, out) == (2, "")
    assert "--timeline-rounds: more than 10 things" in error
    assert "write fewer, such as --timeline-rounds 1" in error


def test_report_and_timeline_go_to_files_of_their_own(simulate, tmp_path):
    report, timeline = tmp_path / "report.json", tmp_path / "run.json"
    code, out, error = simulate(*SHORT, "--output", report, "--timeline", timeline)
    assert (code, out) == (0, "")
    assert error == f"wrote {report}\nwrote {timeline}\n"
    assert "traceEvents" in json.loads(timeline.read_text())
    assert "runs" in json.loads(report.read_text())


@pytest.mark.skipif(find_spec("perfetto") is None, reason="needs the package perfetto")
def test_perfettos_format_is_written_by_its_ending(simulate, tmp_path):
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

    file = tmp_path / "RUN.PFTRACE"
    assert simulate(*SHORT, "--timeline", file)[0] == 0
    assert len(Trace.FromString(file.read_bytes()).packet) > 20


def test_without_it_nothing_of_it_is_loaded(simulate):
    import subprocess
    import sys

    code = (
        "import sys; sys.argv = ['simulate', *sys.argv[1:]]\nfrom sim.cli.app import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "loaded = [each for each in sys.modules if each.startswith(('perfetto', 'google', 'sim.report.timeline'))]\n"
        "assert not loaded, loaded"
    )
    ran = subprocess.run([sys.executable, "-c", code, *SHORT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
