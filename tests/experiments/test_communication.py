"""The price of communicating less: its pairs by hand, the choice of its form, and that it is what is committed."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import communication
from sim.laws import communication as law

RESULTS = Path(communication.__file__).parent / "results"


def committed(name):
    with (RESULTS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_pairs_differ_in_one_thing_by_hand():
    points = {point.run: point for point in communication.of_cadence()}
    assert len(points) == 14  # twelve of 2501.18512; of 2502.12996 the two that are no copies of their neighbours
    four = points["streaming-diloco 1B M=4 H=100"]
    assert four.change == pytest.approx(math.log(2.53 / 2.50))
    assert four.error == pytest.approx(0.01 / math.sqrt(12) * math.hypot(1 / 2.53, 1 / 2.50))
    assert {point.run: point.change for point in communication.of_lateness()}[
        "eager-diloco 35M M=2 H=30"
    ] == pytest.approx(math.log(3.62 / 3.53))
    assert next(iter(communication.of_bits())).change == pytest.approx(math.log(3.53 / 3.54))


def test_what_is_committed_is_what_comes_out():
    for name, made in (
        ("communication_forms.csv", communication.forms(communication.fitted_pairs())),
        ("communication.csv", communication.constants()),
    ):
        for row, other in zip(made, committed(name), strict=True):
            for key, value in row.items():
                if isinstance(value, float):
                    assert float(other[key]) == pytest.approx(value, rel=1e-3), (name, key)
                else:
                    assert other[key] == str(value)


def test_a_form_is_found_again_from_pairs_that_it_made():
    points = [
        replace(point, change=0.02 * math.log(point.replicas) * math.log(point.sync_every / 30))
        for point in communication.fitted_pairs()
    ]
    assert communication.fitted("by log M", points) == pytest.approx([0.02])
    assert communication.chosen(communication.forms(points)) == "by log M"
    free = [replace(point, change=0.0) for point in points]
    assert communication.chosen(communication.forms(free)) == "none"


def test_the_committed_form_is_the_one_that_the_law_has():
    rows = committed("communication_forms.csv")
    assert communication.chosen(
        [row | {"mean": float(row["mean"]), "constants": int(row["constants"])} for row in rows]
    )
    points = communication.of_cadence()
    own = communication.predicted("by log M", np.array([law.CADENCE_SLOPE]), points)
    assert own == pytest.approx([law.price_of_cadence(p.params, p.replicas, p.sync_every).middle for p in points])


def test_published_residuals_are_inside_their_ends():
    rows = [row for row in committed("communication_residuals.csv") if row["source"] != communication.OURS]
    assert len(rows) == 14 + 8 + 6
    assert {row["inside"] for row in rows} == {"yes"}
