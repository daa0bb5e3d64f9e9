"""What the experiments on scaling laws claim, from their committed results."""

import csv
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "experiments" / "results"


def _rows(name):
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_least_squares_gives_the_published_coefficients_and_huber_lies_further_off():
    off = {"least squares": 0.0, "Huber": 0.0}
    for row in _rows("loss_scaling"):
        if row["sizes"] == "nominal":
            error = abs(float(row["A"]) / float(row["published_A"]) - 1)
            off[row["objective"]] = max(off[row["objective"]], error)
            assert abs(float(row["alpha"]) - float(row["published_alpha"])) < 0.002
            if row["A_low"]:
                assert float(row["A_low"]) < float(row["published_A"]) < float(row["A_high"])
    assert off["least squares"] < 0.003 < 0.01 < off["Huber"] < 0.02


def test_held_out_residuals_are_the_papers_with_counted_parameters():
    rows = [row for row in _rows("loss_scaling") if row["published_held_out_residual"]]
    for sizes, within in (("counted", 0.0008), ("nominal", 0.0028)):
        worst = max(
            abs(float(row["held_out_2.4b_residual"]) - float(row["published_held_out_residual"]))
            for row in rows
            if row["sizes"] == sizes and row["objective"] == "least squares"
        )
        assert within / 1.5 < worst < within


def test_plain_laws_are_low_at_10b_and_a_shared_floor_predicts_it():
    plain = [float(row["error_at_10b"]) for row in _rows("loss_scaling") if row["error_at_10b"]]
    assert max(plain) < -0.029
    floors = {row["fitted_up_to"]: row for row in _rows("loss_scaling_floor") if row["form"] == "shared floor"}
    for largest, error in (("1.3e+09", 0.003), ("2.4e+09", 0.01), ("1e+10", 0.005)):
        assert abs(float(floors[largest]["mean_error_10b"])) < error


def test_best_batches_are_the_derived_ones_and_grow_with_replicas_and_size():
    rows = _rows("best_batch")
    for row in rows:
        if row["derived_batch_tokens"]:
            assert float(row["batch_tokens"]) == pytest.approx(float(row["derived_batch_tokens"]), rel=0.02)
    diloco = [row for row in rows if row["algorithm"] == "diloco" and row["coverage"] == "fitted"]
    for key in ("model", "replicas"):
        for value in {row[key] for row in diloco}:
            batches = [float(row["batch_tokens"]) for row in diloco if row[key] == value]
            assert batches == sorted(batches)
