"""The gallery of real runs: scenarios of inputs alone, replayed by the product, and tables that come out again."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import asdict

import pytest

from experiments.real_runs import calibration, diloco_measured, ft_diloco, hivemind
from experiments.real_runs.judge import held_out, results
from experiments.real_runs.predict import STAGES, all_runs, predict, predictions
from experiments.real_runs.runs import HERE, rows
from experiments.real_runs.show import named, text

LAST = list(STAGES.values())[-1]
TABLES = {hivemind: "hivemind", diloco_measured: "diloco_measured", ft_diloco: "ft_diloco"}
SAMPLE = (
    "hivemind/nlp-B-4",
    "hivemind/cv-E-B-2",
    "diloco-measured/cu_grid-ddp-30m-bw200m-r0",
    "ft-diloco/m1-h100-s1337",
)


def committed(name):
    with (HERE / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("source", TABLES, ids=TABLES.values())
@pytest.mark.parametrize("terms", STAGES.values(), ids=STAGES)
def test_no_measured_column_is_read_when_predicting(source, terms):
    whole = source.runs(terms)
    blank = [{k: "1e9" if k.startswith("measured_") else v for k, v in row.items()} for row in rows(TABLES[source])]
    other = {run.id: run.document for run in source.runs(terms, blank)}
    assert all(other[run.id] == run.document for run in whole)


def test_results_that_were_held_back_are_not_in_the_tables():
    for name in TABLES.values():
        own = [row for row in rows(name) if row["set"] == "held-out"]
        assert own
        assert not any(cell for row in own for column, cell in row.items() if column.startswith("measured_"))


def test_at_least_sixty_runs_of_three_sources_are_judged():
    known = [run for run in all_runs(LAST) if run.measured and run.set == "visible"]
    assert len(known) >= 60
    assert len({run.source for run in known}) == 3
    assert len({run.id for run in all_runs(LAST)}) == len(all_runs(LAST))


def test_plain_exchanges_are_bytes_over_bandwidth():
    run = next(each for each in all_runs(STAGES["plain"]) if each.name == "cu_grid-diloco-30m-h1-bw1g-r0")
    ring_s = 2 * 3 / 4 * 30846720 * 32 / 992658630.0881926
    assert predict(run).exchange_s == pytest.approx(ring_s + 6 * diloco_measured.LATENCY_S, rel=1e-6)
    run = next(each for each in all_runs(STAGES["plain"]) if each.name == "nlp-B-2")
    slowest = min(hivemind.pair(rows("hivemind")[11], *ends)[0] for ends in (("GC-US", "GC-EU"), ("GC-EU", "GC-US")))
    assert predict(run).exchange_s == pytest.approx(2 * 560142482 / 2 * 16 / slowest + 0.1032, rel=2e-3)


def test_peers_and_folders_are_read_as_the_source_writes_them():
    row = {"sites": "ONPREM-EU:1x8xV100;GC-US:2xT4", "network": "experiment-set-3/3-P.2; experiment-set-4"}
    assert [peer.name for peer in hivemind.peers(row)] == ["onprem-eu-1", "gc-us-1", "gc-us-2"]
    assert hivemind.pair(row, "ONPREM-EU", "LAMBDA-US") == (54580000.0, 0.159054)  # 3-P.2 alone


def test_a_run_shown_is_a_scenario_that_simulate_takes(simulate, tmp_path):
    run = named("nlp-C-3", LAST)
    path = tmp_path / "run.yaml"
    path.write_text(text(run))
    code, out, _ = simulate("--scenario", path, "--format", "json")
    told = json.loads(out)
    assert code == 0
    assert told["runs"][0]["wall_clock_s"] / run.parts == pytest.approx(predict(run).wall_s)
    assert "licence: MIT" in path.read_text()


def test_committed_tables_come_out_again():
    sample = [run for run in all_runs(LAST) if run.id in SAMPLE]
    found = predictions(sample)
    stages = {stage: predictions([r for r in all_runs(t) if r.id in SAMPLE]) for stage, t in STAGES.items()}
    known = {row["run"]: row for row in committed("results.csv")}
    again = list(results(stages))
    assert again == [known[row["run"]] for row in again]
    stored = {row["run"]: row for row in committed("predictions.csv")}
    for each in found:
        if each.run.set == "held-out":
            assert float(stored[each.run.name]["exchange_s"]) == pytest.approx(each.exchange_s, rel=1e-5)
            assert float(stored[each.run.name]["wall_clock_s"]) == pytest.approx(each.wall_s, rel=1e-5)
    assert {row["run"] for row in stored.values()} == {r.name for r in all_runs(LAST) if r.set == "held-out"}


def test_bands_hold_their_predictions_of_known_runs():
    found = predictions(all_runs(LAST))
    assert [row["run"] for row in held_out(found)] == [row["run"] for row in committed("predictions.csv")]
    for row in held_out(found):
        assert float(row["wall_clock_low_s"]) < float(row["wall_clock_high_s"])


def test_the_table_of_the_readme_says_what_errors_says():
    found = {(r["stage"], r["source"], r["kind"], r["what"]): r for r in committed("errors.csv")}
    shown = re.findall(r"^\| (plain|\+ [a-z ]+)[^|]*\|(.*)\|$", (HERE / "README.md").read_text(), re.MULTILINE)
    assert len(shown) == len(STAGES)
    columns = (
        ("hivemind", "all", "exchange"),
        ("hivemind", "all", "wall-clock"),
        ("diloco-measured", "outer steps, 1 Gbit/s", "wall-clock"),
        ("diloco-measured", "outer steps, 200 Mbit/s", "wall-clock"),
        None,
        ("ft-diloco", "all", "wall-clock"),
    )
    for stage, (_, cells) in zip(STAGES, shown, strict=True):
        for column, cell in zip(columns, cells.split("|"), strict=True):
            if column:
                row = found[stage, *column]
                median, worst = (float(each.strip().rstrip("%")) / 100 for each in cell.split(","))
                assert median == pytest.approx(float(row["median_error"]), abs=0.006)
                assert worst == pytest.approx(float(row["worst_error"]), abs=0.006)


def test_what_calibrates_is_judged_nowhere():
    judged_here = {run.name for run in all_runs(LAST) if run.set == "visible"}
    assert not judged_here & calibration.RUNS
    assert {run.name for run in all_runs(LAST) if run.set == "calibration"} == calibration.RUNS
    assert calibration.drops_share() == pytest.approx(0.901, abs=5e-4)


def test_every_term_is_a_part_of_a_stage():
    assert next(iter(STAGES)) == "plain"
    assert all(re.fullmatch(r"[a-z_]+", stage) for stage in STAGES)
    assert not any(asdict(STAGES["plain"]).values())
