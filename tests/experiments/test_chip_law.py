"""The law of the chip is what its script fits to the committed recording."""

import csv
from dataclasses import astuple, replace

import numpy as np
import pytest

pytest.importorskip("jax")

from experiments.accelerators import law
from experiments.accelerators.results import Results
from sim.laws.chip_step import COPY_SHARE, FITTED, MEASURED_ON, Constants, step_seconds
from sim.units.chips import find_chip

CHIP = find_chip(MEASURED_ON)
RESULTS = Results(law.RESULTS).rows
STEPS = law.measured(RESULTS)
PRODUCT_SHARE, COPIED = law.shares(RESULTS, CHIP)


def test_the_constants_of_the_law_are_those_of_the_fit():
    assert RESULTS["machine"]["kind"] in CHIP.kinds
    assert len(STEPS) == 23
    assert pytest.approx(COPIED, abs=1e-3) == COPY_SHARE
    assert astuple(law.fit(STEPS, CHIP, PRODUCT_SHARE)) == pytest.approx(astuple(FITTED), rel=1e-4)


def test_the_fit_finds_the_constants_that_made_its_steps():
    made = Constants(1 / PRODUCT_SHARE, 100.0, 1 / law.ATTENTION_SHARE, 5.0, 2e-4, 1e-3)  # at its priors
    steps = [replace(each, seconds=step_seconds(each.step, CHIP, made)) for each in STEPS]
    assert astuple(law.fit(steps, CHIP, PRODUCT_SHARE)) == pytest.approx(astuple(made), rel=1e-6)
    assert law.left_out(steps, CHIP, PRODUCT_SHARE) == pytest.approx([each.seconds for each in steps], rel=1e-4)


def test_a_size_that_is_left_out_is_not_fitted():
    spoilt = [replace(each, seconds=9 * each.seconds) if each.size == "35m" else each for each in STEPS]
    pairs = zip(STEPS, law.left_out(STEPS, CHIP, PRODUCT_SHARE), law.left_out(spoilt, CHIP, PRODUCT_SHARE), strict=True)
    apart = [abs(before / after - 1) for each, before, after in pairs if each.size == "35m"]
    assert max(apart) < 1e-9


def test_the_committed_comparison_is_of_this_recording():
    with law.CASES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {(row["cases"], row["case"]): (float(row["theirs"]), float(row["ours"])) for row in rows}
    errors = []
    for each, apart in zip(STEPS, law.left_out(STEPS, CHIP, PRODUCT_SHARE), strict=True):
        assert told["chip-law", each.case] == pytest.approx((each.seconds, apart), rel=1e-4)
        errors.append(abs(apart / each.seconds - 1))
    assert np.median(errors) < 0.03
    assert max(errors) < 0.08
    measured = {case: row for case, row in RESULTS.items() if row.get("peak_bytes") is not None}
    assert len(measured) == 3
    for case, row in measured.items():
        assert told["planned-memory", case] == (row["peak_bytes"], row["planned_bytes"])
