"""Exponents of the best N and D against compute: the papers' printed numbers, and optima found by search."""

from pathlib import Path

import numpy as np
import pytest

from sim.laws import kaplan
from sim.laws.chinchilla import chinchilla_optimal
from sim.laws.critical_batch import steps_at_batch
from sim.laws.optimal import KAPLAN_FITTED, allocations, parametric_exponents, step_law_exponents

BY_NAME = {(each.law, each.how): each for each in allocations()}


def test_ten_times_the_compute_by_kaplan():
    """5.37 times the parameters and 1.86 times the tokens."""
    found = BY_NAME["kaplan", "fitted to runs"]
    assert found.params_factor(10) == pytest.approx(5.37, abs=0.005)
    assert found.tokens_factor(10) == pytest.approx(1.86, abs=0.005)
    assert sum(KAPLAN_FITTED) == pytest.approx(1)


@pytest.mark.parametrize(
    ("fit", "printed"),
    [("hoffmann", (0.46, 0.54)), ("epoch", (0.51, 0.49))],  # 2203.15556, Table 2; 2404.10102
)
def test_parametric_exponents_are_the_printed_ones_and_those_of_the_optimum(fit, printed):
    found = parametric_exponents(fit)
    assert found == pytest.approx(printed, abs=0.005)
    (few, little), (many, much) = chinchilla_optimal(1e20, fit), chinchilla_optimal(1e24, fit)
    assert np.log10([many / few, much / little]) / 4 == pytest.approx(found)


def test_step_law_exponents_are_near_those_of_the_runs():
    """N ~ C^0.73, B ~ C^0.24, S ~ C^0.03 were fitted to runs; the law gives 0.68, 0.25 and 0.07."""
    assert step_law_exponents("kaplan") == pytest.approx(KAPLAN_FITTED, abs=0.055)


def test_fitted_exponents_are_those_of_the_reference():
    text = (Path(__file__).parents[3] / "experiments" / "reference" / "laws.csv").read_text()
    assert "N~C^{} B~C^{} S~C^{}".format(*KAPLAN_FITTED) in text


@pytest.mark.parametrize("law", ["kaplan", "c4"])
def test_step_law_exponents_are_those_of_the_cheapest_way_to_a_loss(law):
    """At each loss the N with the least 6 N B S at the critical batch, by search; its slope over compute."""
    own = kaplan.STEP_LAWS[law]
    logs = []
    for loss in (2.6, 2.4):
        params = np.exp(np.linspace(np.log(own.N_c) - np.log(loss) / own.a_N + 1e-3, np.log(own.N_c), 400_001))
        gap = loss - (own.N_c / params) ** own.a_N
        params, gap = params[gap > 0], gap[gap > 0]
        batch = own.batch.at(loss)
        steps = steps_at_batch(own.S_c / gap ** (1 / own.a_S), batch, batch)
        compute = 6 * params * batch * steps
        best = int(np.argmin(compute))
        logs.append(np.log([compute[best], params[best], batch, steps[best]]))
    slopes = (logs[1] - logs[0])[1:] / (logs[1] - logs[0])[0]
    assert slopes == pytest.approx(step_law_exponents(law), abs=1e-3)


def test_every_allocation_spends_the_compute():
    for each in allocations():
        assert each.params_exponent + each.tokens_exponent == pytest.approx(1), each
        assert each.params_factor(7) * each.tokens_factor(7) == pytest.approx(7)
