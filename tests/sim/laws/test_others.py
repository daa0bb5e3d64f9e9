"""Chinchilla, Kaplan, critical batch, repeated data, inference, experts: against published numbers and their own algebra."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from sim.laws import chinchilla, critical_batch, data_constrained, experts, inference, kaplan
from sim.laws.chinchilla import chinchilla_loss, chinchilla_optimal
from sim.laws.critical_batch import critical_batch_tokens, steps_at_batch, tokens_at_batch
from sim.laws.data_constrained import effective_tokens
from sim.laws.experts import dense_equivalent_params
from sim.laws.inference import inference_optimal

with (Path(__file__).parents[3] / "experiments" / "reference" / "laws.csv").open() as file:
    LAWS = {row["law"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}


def _constants(law):
    """name=value of a row; what stands in parentheses goes on its own line after the rest and wins."""
    return {
        name: float(value) for name, value in re.findall(r"([A-Za-z*_]+)=(-?[\d.]+(?:e-?\d+)?)", LAWS[law]["constants"])
    }


def test_chinchilla_constants_are_those_of_the_reference():
    for law, fit in {"chinchilla approach 3": "hoffmann", "chinchilla refit": "epoch"}.items():
        assert vars(chinchilla.CONSTANTS[fit]) == _constants(law)


def test_other_constants_are_those_of_the_reference():
    k, c, r = _constants("kaplan"), _constants("critical batch"), _constants("data-constrained")
    assert (k["aN"], k["Nc"], k["aD"], k["Dc"]) == (kaplan.A_N, kaplan.N_C, kaplan.A_D, kaplan.D_C_TOKENS)
    assert (k["aC"], k["Cc"]) == (kaplan.A_C, kaplan.C_C_PETAFLOP_DAYS)
    assert (critical_batch.KAPLAN.tokens, critical_batch.KAPLAN.exponent) == (c["B*"], c["aB"])
    assert r["R*_D"] == data_constrained.REPEATS_WORTH
    for law, name in {"L(N S B)": "kaplan", "L(N S B) re-derived": "c4"}.items():
        s, own = _constants(law), kaplan.STEP_LAWS[name]
        assert (own.a_N, own.N_c, own.a_S, own.S_c) == (s["aN"], s["Nc"], s["aS"], s["Sc"])
        assert (own.batch.exponent, own.batch.tokens) == (s["aB"], s["B*"])
    s = _constants("inference-aware")
    own = inference.CONSTANTS
    assert (own.A, own.B, own.E, own.a, own.b) == (s["A"], s["B"], s["E"], s["a"], s["b"])
    e = _constants("routed experts")
    assert (e["a"], e["b"], e["c"]) == (experts.SLOPE_N, experts.SLOPE_E, experts.CROSS)
    assert (e["E_start"], e["E_max"]) == (experts.EXPERTS_START, experts.EXPERTS_MAX)


@pytest.mark.parametrize("fit", ["hoffmann", "epoch"])
def test_the_optimum_spends_the_flop_and_nothing_beside_it_is_better(fit):
    flop = np.array([1e18, 5.76e23, 1e26])
    params, tokens = chinchilla_optimal(flop, fit)
    assert 6 * params * tokens == pytest.approx(flop)
    for factor in (0.8, 0.97, 1.03, 1.25):
        assert np.all(chinchilla_loss(params * factor, tokens / factor, fit) > chinchilla_loss(params, tokens, fit))


def test_the_refit_stays_near_twenty_tokens_per_parameter_and_the_published_fit_does_not():
    params, tokens = chinchilla_optimal(5.76e23, "epoch")  # the budget of Chinchilla-70B
    assert 60e9 < params < 80e9
    assert 16 < tokens / params < 23
    params, tokens = chinchilla_optimal(5.76e23, "hoffmann")
    assert params == pytest.approx(40e9, rel=0.05)  # "approach 3 predicts 40B", arXiv 2203.15556, table 3 and figure 4
    with pytest.raises(InputError, match="hoffmann or epoch"):
        chinchilla_loss(1e9, 20e9, "kaplan")


def test_kaplan_tends_to_each_single_law_when_the_other_does_not_limit():
    assert kaplan.kaplan_loss(1e9, 1e30) == pytest.approx(kaplan.loss_by_params(1e9), rel=1e-6)
    assert kaplan.kaplan_loss(1e30, 1e10) == pytest.approx(kaplan.loss_by_tokens(1e10), rel=1e-6)
    assert kaplan.loss_by_params(8.8e13) == kaplan.loss_by_tokens(5.4e13) == 1
    assert kaplan.loss_by_compute(3.1e8 * 8.64e19) == pytest.approx(1)


@pytest.mark.parametrize("law", ["kaplan", "c4"])
def test_the_loss_after_steps_solves_its_own_equation(law):
    c = kaplan.STEP_LAWS[law]
    steps, batch = np.array([1e3, 1e4, 1e5]), 5e5
    found = kaplan.loss_after_steps(1e8, steps, batch, law)
    smallest = steps / (1 + c.batch.tokens / found ** (1 / c.batch.exponent) / batch)
    assert found == pytest.approx((c.N_c / 1e8) ** c.a_N + (c.S_c / smallest) ** c.a_S, rel=1e-9)
    assert kaplan.loss_after_steps(1e8, 1e4, batch, law) == pytest.approx(found[1], rel=1e-12)
    endless = (c.N_c / 1e8) ** c.a_N + (c.S_c / 1e4) ** c.a_S
    assert kaplan.loss_after_steps(1e8, 1e4, 1e15, law) == pytest.approx(endless, rel=1e-6)


def test_steps_and_tokens_lie_on_the_published_hyperbola():
    critical = critical_batch_tokens(2.5)
    assert critical == pytest.approx(2e8 / 2.5 ** (1 / 0.21), rel=1e-12)
    for batch in np.array([0.01, 0.3, 1, 7]) * critical:
        fewest = 1e4
        steps = steps_at_batch(fewest, batch, critical)
        assert (steps / fewest - 1) * (steps * batch / (fewest * critical) - 1) == pytest.approx(1)
        assert tokens_at_batch(fewest * critical, batch, critical) == pytest.approx(steps * batch)
    assert steps_at_batch(1e4, critical, critical) == pytest.approx(2e4)


def test_repeats_are_nearly_free_at_first_and_worthless_in_the_end():
    assert effective_tokens(1e9, 2e9) == 1e9
    assert effective_tokens(2e9, 2e9) == 2e9
    assert 0.92 < effective_tokens(4e9, 1e9) / 4e9 < 0.94
    assert effective_tokens(1e15, 1e9) == pytest.approx(1e9 * (1 + 15.387756))
    slope = (effective_tokens(1.001e9, 1e9) - 1e9) / 1e6  # the first repeat counts like a fresh token
    assert slope == pytest.approx(1, abs=1e-3)
    assert effective_tokens(np.array([1e9, 4e9]), 1e9)[1] == effective_tokens(4e9, 1e9)


@pytest.mark.parametrize(
    ("quality_params", "inference_tokens", "params", "saving"),
    [(13e9, 2e12, 7e9, 0.17), (30e9, 1e13, 13.6e9, 0.28), (70e9, 1e13, 41.6e9, 0.12)],
)
def test_inference_optimum_is_the_published_one(quality_params, inference_tokens, params, saving):
    c = inference.CONSTANTS
    # Chinchilla's own tokens for this model: D of the optimum whose N it is, by the same constants.
    ratio = (c.a * c.A / (c.b * c.B)) ** (-1 / c.b)
    trained = (quality_params**-c.a) ** (-1 / c.b) * ratio
    target = c.E + c.A * quality_params**-c.a + c.B * trained**-c.b
    n, d = inference_optimal(target, inference_tokens)
    cost = 6 * n * d + 2 * n * inference_tokens
    before = 6 * quality_params * trained + 2 * quality_params * inference_tokens
    assert n == pytest.approx(params, rel=0.03)
    assert 1 - cost / before == pytest.approx(saving, abs=0.01)
    assert c.E + c.A * n**-c.a + c.B * d**-c.b == pytest.approx(target, rel=1e-9)
    for factor in (0.97, 1.03):
        other = inference.tokens_for_loss(n * factor, target)
        assert 6 * n * factor * other + 2 * n * factor * inference_tokens > cost


def test_without_inference_the_optimum_is_chinchillas_and_with_more_of_it_models_shrink():
    c = inference.CONSTANTS
    n, d = inference_optimal(2.0, 0.0)
    assert c.a * c.A * n**-c.a == pytest.approx(c.b * c.B * d**-c.b, rel=1e-6)  # equal gain from either
    sizes, tokens = inference_optimal(2.0, np.array([0.0, 1e12, 1e13, 1e14]))
    assert np.all(np.diff(sizes) < 0)
    assert np.all(np.diff(tokens) > 0)
    with pytest.raises(InputError, match="write more than"):
        inference_optimal(1.6, 1e12)


def test_experts_are_worth_what_was_published():
    assert dense_equivalent_params(1e9, 1e9) == pytest.approx(1e9)
    assert dense_equivalent_params(5e6, 128 * 5e6) == pytest.approx(55e6, rel=0.07)  # arXiv 2202.01169, section 5.2
    worth = dense_equivalent_params(np.array([1e8, 1e9, 1e10]), np.array([1e8, 1e9, 1e10]) * 16)
    gain = worth / np.array([1e8, 1e9, 1e10])
    assert np.all(np.diff(gain) < 0)  # routing helps small models more
    assert np.all((gain > 1) & (gain < 16))
    assert dense_equivalent_params(2e12, 16 * 2e12) == 2e12  # and past 9.4e11 parameters not at all


def test_the_loss_of_equal_experts_and_dense_models_agrees_with_the_routing_law():
    def law(n, e):
        saturated = 1 / (1 / (e - 1 + 1 / (1 / 1.847 - 1 / 314.478)) + 1 / 314.478)
        size, many = math.log10(n), math.log10(saturated)
        return -0.082 * size - 0.108 * many + 0.009 * size * many + 1.104

    assert law(3e8, 32) == pytest.approx(law(dense_equivalent_params(3e8, 32 * 3e8), 1), rel=1e-9)
