"""The search for the missing inputs of the published goodputs: a sample comes out again, and says what it said."""

from __future__ import annotations

import pytest

from experiments import published_goodput as own
from experiments.tables import committed

TABLE = committed("published_goodput")
ELASTIC = [each for each in TABLE if each["kind"] == "elastic"]
STANDING = [each for each in TABLE if each["kind"] == "standing"]


@pytest.mark.parametrize("row", ELASTIC[::45])
def test_a_sample_of_elastic_runs_comes_out_again(row):
    inputs = [row[key] for key in ("down_s", "up_s", "away_s", "slice_chips")]
    found = own.elastic_row(*inputs[:3], int(inputs[3]))
    assert {key: str(value) for key, value in found.items() if value != ""} == {
        key: str(found[key]) for key, value in row.items() if value != ""
    }
    assert float(found["worst"]) == row["worst"]


@pytest.mark.parametrize("row", STANDING[::3])
def test_a_sample_of_standing_runs_comes_out_again(row):
    assert float(own.standing_row(row["down_s"])["worst"]) == row["worst"]


def test_some_inputs_give_all_eight_goodputs_within_three_points():
    assert min(each["worst"] for each in ELASTIC) < 0.03
    assert min(each["worst"] for each in STANDING) < 0.03


def test_without_returns_that_stop_it_is_a_formula():
    """1 / (1 + failures a second x stop): they come only while the run trains."""
    for chips, learners in ((1.2e6, 1), (2.4e6, 8)):
        found = own.elastic(chips, learners, 17.0, 0.0, 60.0, 1)
        assert found == pytest.approx(1 / (1 + chips / learners / own.YEAR_S * 17.0), abs=0.01)


def test_with_failures_while_it_stands_no_stop_gives_both_numbers_of_data_parallel():
    truth, missed = own.published(), []
    for stop_s in (20.0, 30.0, 40.0, 50.0):
        manner = own.Manner(True, stop_s, 0.0, 0.0, 0.0)
        found = {(chips, 0): own.goodput(chips, manner, 60.0, 0, while_held=True) for chips in own.CHIPS}
        missed.append(own.fit(found)[1])
    assert truth[1.2e6, 0] == 0.27
    assert min(missed) > 0.03
