import re
from dataclasses import replace

import pytest

from sim.questions.verdict import time_lost
from sim.report.answers.run import describe, equal_time, finding, loss_notes, merging, report
from sim.report.drawing.cells import written_columns
from sim.report.drawing.screen import Screen, of_stdout
from sim.report.model import Table
from sim.report.render.terminal import render
from sim.report.strategy_name import parts
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.model import load_topology
from sim.units.in_words import human_ratio


def to_text(result, *, width=80, blocks=True):
    return render(report(result), Screen(width=width, blocks=blocks))


@pytest.fixture(scope="module")
def result():
    return run(load_scenario(workload="1.3b", topology="low-bw"))


BEHIND_COMPUTE = [
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 3},
    {"kind": "streaming-diloco", "replicas": 3, "overlap_steps": 5, "overlap": "layers", "payload_bits": 4},
    {"kind": "eager-diloco", "replicas": 3, "compression_time": "20 ms"},
    {"kind": "async-diloco", "replicas": 3},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "grace": "0.5 s"},
]


@pytest.fixture(scope="module")
def behind_compute():
    """Every strategy on three sites, one of them slow: payload 2e9 byte, 0.1 s a step elsewhere."""
    sites = [{"name": "a"}, {"name": "b", "chip_speed": "150 Tflop/s"}, {"name": "c"}]
    links = [{"between": list(pair), "bandwidth": "10 Gbit/s", "latency": "10 ms"} for pair in ("ab", "bc", "ac")]
    return run(
        Scenario.model_validate(
            {
                "topology": {"name": "three", "datacenters": sites, "links": links, "collective": "published"},
                "workload": {"params": 1e9, "layers": 12, "batch_tokens": 3e5, "chips": 60, "steps": 600},
                "strategies": BEHIND_COMPUTE,
            }
        )
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_of_all_strategies_is_as_committed(behind_compute, golden, width):
    golden(f"tests/golden/report-behind-compute-{width}.txt", to_text(behind_compute, width=width))


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_all_strategies_fit_and_none_is_cut_off(behind_compute, width):
    text = to_text(behind_compute, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    tables = re.findall(r"^Strategy.*?(?=\n\n|Mean and peak)", text, re.DOTALL | re.MULTILINE)
    assert len(tables) >= 2
    for table in tables:  # a name and its parameters stand beside each other, or the one below the other
        words = " ".join(table.split())
        assert [
            part for one in behind_compute.runs for part in parts(one.strategy, one.label) if part not in words
        ] == []


def test_each_strategy_shows_mean_and_peak_bandwidth_and_what_is_hidden(behind_compute):
    # ring of 60 chips, 2 byte a parameter; Data-Parallel hands all over in a step of 6 N B/3 / 20 chips / 300 Tflop/s
    once_bits, step_s = 2 * 16e9 * (1 - 1 / 60), 6e9 * 1e5 / 20 / 300e12
    head, first, second, *_ = cells_of(behind_compute, "Where the time goes")
    assert head[-3:] == ["Across sites [TB]", "Mean [Gbit/s]", "Peak [Gbit/s]"]
    plain, by_layer, blocking, streaming, *_ = behind_compute.runs
    mean_bits = once_bits * 600 / plain.wall_clock_s
    assert [float(cell) for cell in first[-2:]] == [round(mean_bits / 1e9, 2), round(once_bits / step_s / 1e9, 1)]
    assert streaming.peak_bandwidth_bits_per_s < blocking.peak_bandwidth_bits_per_s / 4  # 4 fragments, 4 of 16 bits
    # Data-Parallel stops for all of its exchanges: nothing is hidden; by layer the time hidden is beside
    assert head[4] == "Hidden [min]"
    assert [float(first[4]), float(second[4])] == [0, round(by_layer.hidden_communication_s / 60, 3)]


def cells_of(result, title):
    """The cells of a table as they are written, its head first."""
    (table,) = (b for b in report(result).blocks if isinstance(b, Table) and b.title.startswith(title))
    columns = written_columns(table)
    head = [f"{c.title} [{w.unit}]" if w.unit else c.title for c, w in zip(table.columns, columns, strict=True)]
    return [head, *zip(*(column.texts for column in columns), strict=True)]


def test_nothing_is_said_of_hiding_or_merging_where_there_is_none(result):
    text = to_text(result)
    assert "hidden" not in text
    assert "merged" not in text
    assert merging(result) == []


def test_stale_and_late_merges_are_told(behind_compute):
    stale, late = merging(behind_compute)
    asynchronous, elastic = behind_compute.runs[-2:]
    assert stale.startswith(f"{asynchronous.label}: updates by others")
    assert f"{asynchronous.mean_staleness:.2g} in the mean and {asynchronous.max_staleness} at most." in stale
    assert "late" not in stale
    # the slow site needs twice as long for its 30 steps, so it misses all of the 600 / 30 outer steps
    assert late.startswith(elastic.label)
    assert "; 20 came late" in late


def test_compute_and_the_rest_are_the_wall_clock(behind_compute):
    assert {cause for one in behind_compute.runs for cause, seconds in time_lost(one).items() if seconds} == {
        "exchanges across datacenters",
        "exchanges inside the datacenters",
        "waiting for slower replicas",
        "packing payloads",
        "replicas that end before the last",
    }
    for one in behind_compute.runs:
        assert one.compute_s + sum(time_lost(one).values()) == pytest.approx(one.wall_clock_s, rel=1e-9)


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_is_as_committed(result, golden, width):
    golden(f"tests/golden/report-{width}.txt", to_text(result, width=width))


@pytest.mark.parametrize("workload", ["35m", "10b"])
def test_it_fits_eighty_columns(workload):
    for topology in ("low-bw", "high-bw"):
        text = to_text(run(load_scenario(workload=workload, topology=topology)))
        assert max(map(len, text.splitlines())) <= 80


def test_nothing_in_the_table_is_cut_off():
    long = run(load_scenario(workload="10b", strategies=["diloco:replicas=8,sync_every=10000", "data-parallel"]))
    text = to_text(long)
    assert "…" not in text
    assert "M=8 H=10000" in text


def test_every_run_shows_what_a_person_needs(result):
    text = to_text(result)
    for one in result.runs:
        assert f"{one.compute_utilization:.1%}" in text
        assert f"{one.speedup:.2f}x" in text
    assert "8 datacenters, full mesh (10 Gbit/s, 10 ms), inside 400 Gbit/s, 100 us" in " ".join(text.split())


def test_bars_are_ascii_where_the_output_is(result):
    text = to_text(result, blocks=False)
    text.encode("ascii")
    assert re.search(r"##+\.*", text)


def test_colour_only_on_a_terminal_that_wants_it(result, monkeypatch):
    def shown(terminal, **environment):
        for key in ("NO_COLOR", "TERM", "COLUMNS"):
            monkeypatch.delenv(key, raising=False)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
        return render(report(result), of_stdout())

    assert "\x1b[32m" in shown(True)
    assert "\x1b[32m" not in shown(True, NO_COLOR="1")
    assert "\x1b[1m" in shown(True, NO_COLOR="1")
    assert "\x1b" not in shown(True, TERM="dumb")
    assert "\x1b" not in shown(False)
    assert "\x1b" not in to_text(result)


def test_a_styled_report_says_what_a_plain_one_says(behind_compute):
    for width in (60, 80, 120, 200):
        styled = render(report(behind_compute), Screen(width=width, styles=True, colours=True))
        assert re.sub("\x1b\\[[0-9]+m", "", styled) == to_text(behind_compute, width=width)


def test_the_finding_names_the_winner(result):
    sentence = finding(result)
    best = max(result.runs, key=lambda one: one.speedup)
    assert best.label in sentence
    assert f"{human_ratio(best.speedup)} the pace of Data-Parallel" in sentence
    assert sentence.endswith(".")


def test_the_lowest_loss_is_told_beside_the_fastest(result):
    lowest = min(result.runs, key=lambda one: one.equal_time_loss)
    best = max(result.runs, key=lambda one: one.speedup)
    assert lowest is not best  # more replicas are faster and learn less from a token
    sentence = equal_time(result)[0]
    assert sentence.startswith(f"Lowest predicted loss in Data-Parallel's time: {lowest.label}, ")
    assert f"{lowest.equal_time_loss:.3f} ({best.label} {best.equal_time_loss:.3f}, Data-Parallel" in sentence


def test_no_loss_no_word_of_it(behind_compute):
    none = replace(behind_compute, runs=behind_compute.runs[3:])
    assert equal_time(none) == []
    assert "Loss then" not in to_text(none, width=200)
    assert any(
        note.startswith("No loss is predicted where nobody") and "Streaming DiLoCo" in note
        for note in loss_notes(behind_compute)
    )


def test_the_finding_when_data_parallel_wins(result):
    assert "Data-Parallel is fastest:" in finding(replace(result, runs=result.runs[:1]))
    slower = replace(result, runs=result.runs[:2])
    assert "Data-Parallel is fastest, 1.03x the pace of the next" in finding(slower)
    assert "takes 1.03x as long as Data-Parallel would" in finding(replace(result, runs=result.runs[1:2]))


def test_the_finding_tells_one_data_parallel_from_the_other(behind_compute):
    plain, by_layer, *_ = behind_compute.runs
    assert "Data-Parallel by layer is fastest, " in finding(replace(behind_compute, runs=(plain, by_layer)))
    others = replace(behind_compute, runs=behind_compute.runs[1:])
    assert "the pace of Data-Parallel by layer, so that" in finding(others)


def test_a_topology_in_a_few_words():
    assert (
        describe(load_topology("medium-bw")) == "8 datacenters, full mesh (100 Gbit/s, 1 ms), inside 400 Gbit/s, 100 us"
    )
