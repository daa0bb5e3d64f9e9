"""Fits recover laws that made the data, shrug off a run that went wrong, and give the published coefficients."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from sim.laws import kaplan, published
from sim.laws.fitting import bootstrap, fit, fit_power_law
from sim.laws.forms import FORMS
from sim.laws.model_family import FAMILY

REFERENCE = Path(__file__).parents[3] / "experiments" / "reference"
SIZES = np.array([35e6, 90e6, 180e6, 335e6, 550e6, 1.3e9, 2.4e9])
N, M = (grid.ravel() for grid in np.meshgrid(SIZES, [1.0, 2.0, 4.0, 8.0]))
STEPPED = [grid.ravel() for grid in np.meshgrid([1e6, 1e7, 1e8, 1e9], [1e3, 1e4, 1e5], [1e5, 5e5, 2e6])]


def _rows(name):
    with (REFERENCE / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def published_losses(column):
    rows = [row for row in _rows("eval_loss.csv") if row["model"] not in {"4b", "10b"}]
    return [FAMILY[row["model"]].params for row in rows], [float(row[column]) for row in rows]


FITS = {row["algorithm"]: row for row in _rows("scaling_fits.csv") if row["quantity"] == "loss"}


@pytest.mark.parametrize("column", ["data-parallel", "diloco-1", "diloco-2", "diloco-4", "diloco-8"])
def test_the_published_losses_give_table_7(column):
    sizes, losses = published_losses(column)
    found = fit_power_law(sizes, losses, delta=math.inf).coefficients
    assert found["A"] == pytest.approx(float(FITS[column]["A"]), rel=0.01)
    assert found["alpha"] == pytest.approx(float(FITS[column]["alpha"]), abs=0.002)
    slope, intercept = np.polyfit(
        np.log(sizes), np.log(losses), 1
    )  # and least squares is a straight line of logarithms
    assert found["alpha"] == pytest.approx(slope, rel=1e-6)
    assert found["A"] == pytest.approx(math.exp(intercept), rel=1e-6)


def test_the_published_losses_give_the_joint_fit_of_table_10():
    pairs = [(m, *published_losses(f"diloco-{m}")) for m in (1, 2, 4, 8)]
    sizes = [n for _, column, _ in pairs for n in column]
    losses = [value for _, _, column in pairs for value in column]
    replicas = [m for m, column, _ in pairs for _ in column]
    found = fit_power_law(sizes, losses, replicas, delta=math.inf).coefficients
    assert found["A"] == pytest.approx(float(FITS["diloco"]["A"]), rel=0.01)
    assert found["alpha"] == pytest.approx(float(FITS["diloco"]["alpha"]), abs=0.002)
    assert found["beta"] == pytest.approx(float(FITS["diloco"]["beta"]), abs=0.0005)


LAWS = {
    "power": ({"N": SIZES}, lambda x: 18 * x["N"] ** -0.095),
    "floor": ({"N": SIZES}, lambda x: 40 * x["N"] ** -0.16 + 1.1),
    "joint": ({"N": N, "M": M}, lambda x: 19 * x["N"] ** -0.098 * x["M"] ** 0.0116),
    "joint-floor": ({"N": N, "M": M}, lambda x: 36 * x["N"] ** -0.155 * x["M"] ** 0.019 + 1.0),
    "exponent-floor": ({"N": N, "M": M}, lambda x: 37 * x["N"] ** (-0.157 + 0.0003 * x["M"]) + 1.03),
    "sum-floor": ({"N": N, "M": M}, lambda x: 35 * x["N"] ** -0.15 + 0.02 * x["M"] ** 0.68 + 0.93),
    "steps": ({"N": N, "S": 1e4 * M}, lambda x: 11.6 / x["N"] ** 0.077 + 334 / x["S"] ** 0.76),
    "steps-batch": (
        {"N": STEPPED[0], "S": STEPPED[1], "B": STEPPED[2]},
        lambda x: kaplan.loss_after_steps(x["N"], x["S"], x["B"]),
    ),
    "chinchilla": (
        {"N": N, "D": N * 5 * M},
        lambda x: 1.8172 + 482.01 / x["N"] ** 0.3478 + 2085.43 / x["D"] ** 0.3658,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_law_that_made_the_data_is_found_again(name):
    columns, law = LAWS[name]
    found = fit(name, law(columns), **columns)
    far = {column: values * 10 for column, values in columns.items()}
    assert found.rms < 1e-5
    assert found.predict(**far) == pytest.approx(law(far), rel=1e-3)


def test_one_run_that_went_wrong_bends_least_squares_and_not_huber():
    losses = 18 * SIZES**-0.095
    losses[-1] *= 1.1
    huber, squares = (fit_power_law(SIZES, losses, delta=delta).coefficients["alpha"] for delta in (1e-3, math.inf))
    assert huber == pytest.approx(-0.095, abs=5e-4)
    assert abs(squares + 0.095) > 5e-3


def test_the_same_seed_gives_the_same_fit():
    columns, law = LAWS["floor"]
    noisy = law(columns) * np.exp(0.002 * np.random.default_rng(1).standard_normal(len(SIZES)))
    assert fit("floor", noisy, **columns) == fit("floor", noisy, **columns)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random, inside = np.random.default_rng(0), 0
    sizes = np.logspace(7, 10, 12)
    for _ in range(24):
        losses = 18 * sizes**-0.095 * np.exp(0.004 * random.standard_normal(len(sizes)))
        found = fit_power_law(sizes, losses, delta=math.inf)
        low, high = bootstrap(found, delta=math.inf, N=sizes, resamples=60, level=0.9).intervals["alpha"]
        assert low < found.coefficients["alpha"] < high
        inside += low < -0.095 < high
    assert 17 <= inside <= 24  # 21.6 expected


def test_the_floor_that_ships_is_the_fit_of_all_published_losses():
    rows = [
        (FAMILY[row["model"]].params, float(row[name]), name)
        for row in _rows("eval_loss.csv")
        for name in published.LOSS_OVER_FLOOR
        if row.get(name)
    ]
    best = _least_squares_with_shared_floor(rows)
    assert pytest.approx(best[0], abs=5e-4) == published.FLOOR
    for name, (amplitude, slope) in best[1].items():
        assert published.LOSS_OVER_FLOOR[name][:2] == pytest.approx((amplitude, slope), rel=2e-3)


def _least_squares_with_shared_floor(rows):
    """By another way than ours: scan the floor, and fit each algorithm's two coefficients by Gauss-Newton."""

    def at(floor):
        total, found = 0.0, {}
        for name in dict.fromkeys(row[2] for row in rows):
            n = np.array([row[0] / 1e9 for row in rows if row[2] == name])
            y = np.array([row[1] for row in rows if row[2] == name])
            slope, log_a = np.polyfit(np.log(n), np.log(y - floor), 1)
            for _ in range(50):
                part = np.exp(log_a) * n**slope
                jacobian = np.stack([part / (floor + part), part * np.log(n) / (floor + part)], axis=1)
                change = np.linalg.lstsq(jacobian, np.log(y) - np.log(floor + part), rcond=None)[0]
                log_a, slope = log_a + change[0], slope + change[1]
            total += float(np.sum((np.log(floor + np.exp(log_a) * n**slope) - np.log(y)) ** 2))
            found[name] = (float(np.exp(log_a)), float(slope))
        return total, found

    low, high = 0.8, 1.4
    for _ in range(60):
        a, b = low + (high - low) * 0.382, low + (high - low) * 0.618
        low, high = (low, b) if at(a)[0] < at(b)[0] else (a, high)
    return (low + high) / 2, at((low + high) / 2)[1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit("cubic", [3, 2, 1], N=[1, 2, 3]), "write power"),
        (lambda: fit("power", [3, 2, 1], N=[1, 2, 3], M=[1, 1, 1]), "give these and no others"),
        (lambda: fit("power", [3, 2, 1], N=[1, 2]), "one length"),
        (lambda: fit("floor", [3, 2, 1], N=[1, 2, 3]), "give more rows"),
        (lambda: fit("power", [3, math.nan, 1], N=[1, 2, 3]), "runs that failed"),
        (lambda: fit("power", [3, 2, 1], N=[0, 2, 3]), "above 0"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()
