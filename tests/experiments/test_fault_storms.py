"""The replays of measured storms are those that are committed, and close to what was measured."""

from __future__ import annotations

import csv
from itertools import pairwise

import pytest

from experiments.fault_storms.check import RESULTS, as_csv, rows, stopped_and_committed, storms
from experiments.fault_storms.data import measured, table
from experiments.fault_storms.predict import PREDICTIONS, efficiencies_of_many, run_rows
from experiments.fault_storms.replay import commits, efficiency, logged, outages

STORMS = [each["run"] for each in storms()]


def committed(run):
    with RESULTS.open(newline="") as file:
        return {each["what"]: each for each in csv.DictReader(file) if each["storm"] == run}


@pytest.mark.parametrize("run", STORMS)
def test_the_committed_results_come_out_again(run):
    storm = next(each for each in storms() if each["run"] == run)
    found = list(csv.DictReader(as_csv(rows(storm, measured())).splitlines()))
    assert found == list(committed(run).values())


@pytest.mark.parametrize("run", STORMS)
def test_efficiencies_are_within_three_points_of_the_measured(run):
    own = committed(run)
    stated = next(each for each in storms() if each["run"] == run)
    assert float(own["measured"]["efficiency"]) == pytest.approx(float(stated["inferred_efficiency"]), abs=1e-4)
    assert own["measured"]["commits"] == stated["commits"]
    for what in ("replayed", "replayed, starts as logged"):
        assert abs(float(own[what]["efficiency"]) - float(own["measured"]["efficiency"])) < 0.03
        assert abs(float(own[what]["restart_median_s"]) - float(own["measured"]["restart_median_s"])) < 1.0
        assert abs(float(own[what]["back_median_s"]) - float(own["measured"]["back_median_s"])) < 5.0
        assert abs(float(own[what]["resume_median_s"]) - float(own["measured"]["resume_median_s"])) < 3.0


@pytest.mark.parametrize("run", STORMS)
def test_before_the_first_fault_commits_come_when_they_were_logged(run):
    storm, known = next(each for each in storms() if each["run"] == run), measured()
    first_s = min(each.begin_s for each in outages(storm, known, None, stops=True))
    ours = [each.at_s for each in commits(storm, known, None) if each.at_s < first_s]
    theirs = [each.at_s for each in logged(storm) if each.at_s < first_s]
    assert ours
    assert ours == pytest.approx(theirs, abs=1.0)  # checkpoints are spread over all rounds


def test_a_storm_without_faults_is_the_reference():
    storm, known = storms()[2], measured()  # one without checkpoints
    quiet = storm | {"run": "none"}
    found = commits(quiet, known, None)
    assert efficiency(storm, found) == pytest.approx(1.0, abs=0.02)  # whole rounds of 41 s in 2,700 s
    at_s = sorted({each.at_s for each in found})
    assert sum(b - a for a, b in pairwise(at_s)) / (len(at_s) - 1) == pytest.approx(2521.7635 / 59, rel=0.002)


def test_what_the_readme_says_about_stops():
    assert stopped_and_committed() == (31, 12)


def test_results_that_were_held_out_are_not_in_the_tables():
    unknown = [each for each in table("storms.csv") if not each["commits"]]
    assert [each["run"] for each in unknown] == ["storm-n32p"]
    assert all(not each["run_wall_r0_s"] for each in table("runs.csv") if each["measured_held_out"] == "1")


def test_the_committed_predictions_of_plain_runs_come_out_again_and_fit_those_that_are_known():
    with PREDICTIONS.open(newline="") as file:
        stored = [each for each in csv.DictReader(file) if each["what"] != "efficiency"]
    assert run_rows(measured()) == stored
    known = [each for each in stored if each["measured"]]
    assert len(known) == 12
    assert all(float(each["predicted"]) == pytest.approx(float(each["measured"]), rel=0.006) for each in known)


def test_a_sample_of_the_predicted_storm_lies_in_its_band():
    storm = next(each for each in table("storms.csv") if each["run"] == "storm-n32p")
    with PREDICTIONS.open(newline="") as file:
        own = next(each for each in csv.DictReader(file) if "nothing" in each["how"])
    found = efficiencies_of_many(storm, measured(), range(1), stops=False)
    assert sum(float(own["low"]) - 0.15 < each < float(own["high"]) + 0.1 for each in found) >= 6
