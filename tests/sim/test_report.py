import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from sim.report.terminal import MIN_WIDTH, describe, finding, render, to_text
from sim.run import run
from sim.scenario import load_scenario
from sim.topology import load_topology
from sim.units import human_ratio


@pytest.fixture(scope="module")
def result():
    return run(load_scenario(workload="1.3b", topology="low-bw"))


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_is_as_committed(result, golden, width):
    golden(f"tests/golden/report-{width}.txt", to_text(result, width=width))


@pytest.mark.parametrize("workload", ["35m", "10b"])
def test_it_fits_eighty_columns(workload):
    for topology in ("low-bw", "high-bw"):
        text = to_text(run(load_scenario(workload=workload, topology=topology)))
        assert max(map(len, text.splitlines())) <= MIN_WIDTH


def test_nothing_in_the_table_is_cut_off():
    long = run(load_scenario(workload="10b", strategies=["diloco:replicas=8,sync_every=10000", "data-parallel"]))
    text = to_text(long)
    assert "…" not in text
    assert "M=8 H=10000" in text


def test_every_run_shows_what_a_person_needs(result):
    text = to_text(result)
    for one in result.runs:
        assert f"{one.compute_utilization:.1%}" in text
        assert human_ratio(one.speedup) in text
    assert "8 datacenters, full mesh (10 Gbit/s, 10 ms), inside 400 Gbit/s, 100 us" in " ".join(text.split())


def test_bars_are_ascii_where_the_output_is(result):
    text = to_text(result, blocks=False)
    text.encode("ascii")
    assert re.search(r"##+\.*", text)


def test_colour_only_on_a_terminal_that_wants_it(result, monkeypatch):
    def shown(**environment):
        monkeypatch.delenv("NO_COLOR", raising=False)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system="truecolor")
        render(result, console, blocks=True)
        return console.file.getvalue()

    assert "\x1b[32m" in shown()
    assert "\x1b[32m" not in shown(NO_COLOR="1")
    assert "\x1b" not in to_text(result)


def test_the_finding_names_the_winner(result):
    sentence = finding(result)
    best = max(result.runs, key=lambda one: one.speedup)
    assert best.label in sentence
    assert f"{human_ratio(best.speedup)} the pace of Data-Parallel" in sentence
    assert sentence.endswith(".")
    assert "predicted loss at equal tokens" in sentence


def test_the_finding_when_data_parallel_wins(result):
    assert "Data-Parallel is fastest:" in finding(replace(result, runs=result.runs[:1]))
    slower = replace(result, runs=result.runs[:2])
    assert "Data-Parallel is fastest, 1.03x the pace of the next" in finding(slower)
    assert "takes 1.03x as long as Data-Parallel would" in finding(replace(result, runs=result.runs[1:2]))


def test_a_topology_in_a_few_words():
    assert (
        describe(load_topology("medium-bw")) == "8 datacenters, full mesh (100 Gbit/s, 1 ms), inside 400 Gbit/s, 100 us"
    )
