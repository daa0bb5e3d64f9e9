"""Every command that answers takes every format, from --format and from the name of the file."""

import csv
import io
import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "trace" / "imports" / "samples"
FLOWS = {
    "topology": {
        "name": "two",
        "datacenters": [{"name": "a<b>"}, {"name": "c"}],
        "links": [{"between": ["a<b>", "c"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}],
    },
    "flows": [{"from": "a<b>", "to": "c", "size": "1 MB"}],
}
SIZES, EXCHANGES, PAIRS = (str(Path(__file__).parent / name) for name in ("sizes.csv", "exchanges.csv", "pairs.csv"))
COMMANDS = {
    "main": ["--workload", "10b", "--strategy", "data-parallel", "--set", "workload.steps=10"],
    "bandwidth": [
        "bandwidth",
        "--params",
        "1e9",
        "--layers",
        "4",
        "--step-time",
        "1",
        "--strategy",
        "data-parallel",
        "--target",
        "0.5",
    ],
    "budget": ["budget", "--workload", "10b", "--topology", "high-bw", "--strategy", "data-parallel"],
    "calibrate": ["calibrate", EXCHANGES, "--topology", "metro-fibre", "--resamples", "20", "--size", "1 GB"],
    "calibrate links": ["calibrate", PAIRS],
    "compare": ["compare", "1.3b-h200", "35m-diloco-h200", "--topology", "low-bw"],
    "explain": ["explain", "--workload", "10b", "--set", "workload.steps=60"],
    "fit": ["fit", SIZES, "--form", "power", "--resamples", "9", "--params", "1e10"],
    "flows": ["flows", "FILE"],
    "goodput": [
        "goodput",
        "--workload",
        "10b",
        "--topology",
        "low-bw",
        "--strategy",
        "diloco",
        "--for",
        "2 days",
        "--histories",
        "2",
    ],
    "import": ["import", str(SAMPLES / "offline.wandb")],
    "latency": ["latency", "--chip", "tpu-v5e", "--shape", "llama-3-70b", "--deadline", "3 s", "--output-tokens", "64"],
    "laws": ["laws"],
    "list": ["list", "topologies"],
    "plan": ["plan", "--topology", "low-bw", "--chips", "8", "--days", "0.1", "--params", "1e7"],
    "predict": ["predict", "--params", "1e9"],
    "reproduce": ["reproduce", "table-3"],
    "show": ["show", "topology", "metro-fibre"],
    "sweep": ["sweep", "--workload", "10b", "--steps", "10", "--vary", "chips=64,128", "--workers", "1"],
    "validate": ["validate", "--only", "laws"],
}


@pytest.fixture
def command(request, scenario_file):
    file = scenario_file(FLOWS, "flows.yaml")
    return [file if word == "FILE" else word for word in COMMANDS[request.param]]


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_a_page_by_format_and_by_the_name_of_the_file(command, simulate, tmp_path):
    code, page, err = simulate(*command, "--format", "html")
    assert (code, err) == (0, "")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<h1>") == 1
    assert "<b>" not in page
    assert simulate(*command, "--output", tmp_path / "x.html")[:2] == (0, "")
    assert (tmp_path / "x.html").read_text() == page
    code, _, err = simulate(*command, "--format", "csv", "--output", tmp_path / "x.html")
    assert code == 2
    assert "contradicts .html" in err


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_json_and_csv_can_be_read(command, simulate):
    assert json.loads(simulate(*command, "--format", "json")[1])["schema_version"] == 1
    rows = list(csv.reader(io.StringIO(simulate(*command, "--format", "csv")[1])))
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_text_is_as_wide_as_the_terminal_and_cuts_nothing(command, simulate, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, text, _ = simulate(*command)
    assert code == 0
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    monkeypatch.setenv("COLUMNS", "200")
    wide = simulate(*command)[1].split()
    assert set(text.split()) - {"-"} - set(wide) == set()  # no piece of a word
