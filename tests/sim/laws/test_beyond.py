"""Distillation, experts and tasks: the papers' tables, limits that the papers state, and the formulas by hand."""

import math

import numpy as np
import pytest

from sim.laws.beyond import distillation, many_experts, tasks

TABLE_2 = (
    (100e6, 4.37e9, 8, 3.133),
    (1e9, 28.94e9, 16, 2.491),
    (3e9, 72.90e9, 16, 2.245),
    (7e9, 137.60e9, 32, 2.076),
    (70e9, 941.07e9, 32, 1.694),
    (300e9, 2.96e12, 64, 1.503),
    (1e12, 7.94e12, 64, 1.367),
)
"""Active parameters, tokens, granularity, loss: arXiv 2402.07871, Table 2."""
TABLE_4 = {
    1: (30.3640, -0.1817, 53.9838, -0.1965),
    2: (27.7982, -0.1780, 66.8401, -0.2065),
    4: (24.8462, -0.1731, 87.7022, -0.2192),
    8: (21.8330, -0.1676, 119.9126, -0.2338),
    16: (19.0159, -0.1617, 167.5073, -0.2494),
    32: (16.5424, -0.1557, 234.6726, -0.2652),
}
"""m, mu, n, nu by experts: arXiv 2502.05172, Table 4."""


def test_a_student_is_the_formula_by_hand():
    alone = 1.220 + (3355 / 1e9**0.408 + 18186 / 1e11**0.431) ** 0.452
    assert distillation.supervised_loss(1e9, 1e11) == pytest.approx(alone)
    apart = (1 + (2.2 / (alone * 1.315)) ** (1 / 0.090)) ** (-522.6 * 0.090)
    by_hand = 2.2 + 2.2**-2.549 * apart * (2243 / 1e9**0.321 + 24181 / 1e11**0.637) ** 0.764
    assert distillation.student_loss(1e9, 1e11, 2.2) == pytest.approx(by_hand)
    both = distillation.student_loss(1e9, 1e11, np.array([2.0, 2.2]))
    assert both[1] == pytest.approx(by_hand)


@pytest.mark.parametrize("params", [1e8, 1e9, 1e10, 1e11])
def test_with_endless_tokens_the_best_student_is_as_good_as_training(params):
    """Appendix E.6: the bounds are consistent from 100M to 100B, though nothing in the fit ties them together."""
    best = distillation.best_teacher_loss(params, math.inf)
    student = distillation.student_loss(params, math.inf, best)
    assert student == pytest.approx(distillation.supervised_loss(params, math.inf), rel=0.01)


def test_limits_of_the_teacher():
    """Section 4.3: a random teacher makes students as bad; a capable student is its teacher; there is a gap."""
    assert distillation.student_loss(1e9, 1e11, 11.0) == pytest.approx(11.0, rel=1e-6)
    assert distillation.student_loss(1e30, 1e30, 2.0) == pytest.approx(2.0, rel=1e-3)
    best = distillation.best_teacher_loss(143e6, 320 * 143e6)
    losses = [distillation.student_loss(143e6, 320 * 143e6, best + by) for by in (-0.3, -0.01, 0.0, 0.01, 0.3)]
    assert losses[2] == min(losses)
    assert losses[0] - losses[2] > 0.01  # a much better teacher makes a worse student


def test_exponents_are_those_of_table_6():
    assert distillation.exponents("supervised") == pytest.approx((0.513, 0.486), abs=0.001)
    assert distillation.exponents("student") == pytest.approx((0.664, 0.335), abs=0.001)


@pytest.mark.parametrize("params", [3e8, 1e9, 3e9, 1e10])
def test_if_the_teacher_must_be_trained_training_is_better(params):
    """Section 5.3 and Figure 8: with the teacher's training counted no student is better than its supervised twin."""
    for budget in (1e21, 1e23, 1e25):
        alone = distillation.supervised_loss(params, budget / (6 * params))
        reached = [
            distillation.student_loss(params, tokens, distillation.supervised_loss(teacher, trained))
            for teacher in np.geomspace(1e8, 3e11, 31)
            for share in np.linspace(0.05, 0.95, 19)
            for tokens in [share * budget / (6 * params + 2 * teacher)]
            for trained in [(1 - share) * budget / (6 * teacher)]
        ]
        assert min(reached) > alone * 0.999


@pytest.mark.parametrize("params", [3e8, 1e9, 3e9])
def test_with_a_free_teacher_distillation_is_ahead_up_to_some_tokens(params):
    """Section 5.1: favourable for a modest number of tokens; with many, training is better."""
    teacher = distillation.supervised_loss(7.75e9, 20 * 7.75e9)
    end = distillation.tokens_while_ahead(params, teacher)
    few, equal, many = (
        distillation.student_loss(params, end * by, teacher) - distillation.supervised_loss(params, end * by)
        for by in (0.5, 1, 2)
    )
    assert few < 0 < many
    assert equal == pytest.approx(0, abs=1e-9)


def test_a_bad_teacher_is_nowhere_ahead_and_costs_are_counted_by_hand():
    assert distillation.tokens_while_ahead(7e9, 6.0) == 0
    assert distillation.flop(1e9, 1e11, 7e9, 1e12, logits=True, training=True) == pytest.approx(6e20 + 1.4e21 + 4.2e22)
    assert distillation.flop(1e9, 1e11, 7e9, 1e12, logits=False, training=False) == pytest.approx(6e20)


@pytest.mark.parametrize(("active", "tokens", "granularity", "printed"), TABLE_2)
def test_granular_losses_are_those_of_table_2(active, tokens, granularity, printed):
    params = active * (8 * 64 + 4) / 12
    assert many_experts.granular_active_params(params) == pytest.approx(active)
    assert many_experts.granular_loss(params, tokens, granularity) == pytest.approx(printed, rel=0.009)


def test_finer_experts_are_better_and_coarse_ones_are_not_dense():
    losses = [many_experts.granular_loss(1e9, 5e10, fine) for fine in (1, 2, 4, 16)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(0.47 + (2.1 + 18.1) / 1e9**0.115 + 30.8 / 5e10**0.147)
    assert many_experts.granular_dense_loss(1e9, 5e10) == pytest.approx(0.47 + 16.3 / 1e9**0.126 + 26.7 / 5e10**0.127)


@pytest.mark.parametrize("experts", TABLE_4)
def test_the_joint_law_reduces_to_table_4(experts):
    assert many_experts.reduced(experts) == pytest.approx(TABLE_4[experts], rel=0.003)


@pytest.mark.parametrize(
    ("flop", "experts", "params", "tokens"),
    [(1e20, 1, 1.7e9, 9.7e9), (1e20, 32, 669e6, 24.9e9), (1e21, 8, 3.8e9, 44.3e9), (1e22, 4, 15.8e9, 105.4e9)],
)
def test_the_best_division_with_experts_is_that_of_table_1(flop, experts, params, tokens):
    found = many_experts.joint_optimal(flop, experts)
    assert found == (pytest.approx(params, rel=0.02), pytest.approx(tokens, rel=0.02))
    best = many_experts.joint_loss(*found, experts)
    for factor in (0.9, 1.1):
        assert many_experts.joint_loss(found[0] * factor, found[1] / factor, experts) > best


@pytest.mark.parametrize(("total", "experts", "active"), [(1.1e9, 4, 426e6), (5.0e9, 32, 321e6), (3.0e9, 4, 1.1e9)])
def test_active_parameters_are_those_of_the_models_of_the_study(total, experts, active):
    assert many_experts.active_params(total, experts) == pytest.approx(active, rel=0.06)  # printed with two digits
    assert many_experts.active_params(1e9, 1) == pytest.approx(1e9)


def test_the_rule_of_thumb_of_the_joint_law():
    """Section 4.4: 1.1B dense on 8B tokens loses to 2 experts of 1.1B in all on 16B, and to 4 on 32B."""
    dense, *others = (
        many_experts.joint_loss(many_experts.active_params(1.1e9, many), 8e9 * many, many) for many in (1, 2, 4)
    )
    assert dense > max(others)


@pytest.mark.parametrize(("data", "ratio"), [("c4", 3.36), ("redpajama", 7.42), ("refinedweb", 5.85)])
def test_the_best_tokens_a_parameter_are_those_printed(data, ratio):
    assert tasks.best_ratio(data) == pytest.approx(ratio, rel=0.025)  # from coefficients of three digits
    near = [tasks.loss(1e9 / r**0.5, 1e9 * r**0.5, data) for r in (0.7 * ratio, ratio, 1.4 * ratio)]
    assert near[1] == min(near)


@pytest.mark.parametrize(("data", "measured"), [("c4", 0.4796), ("redpajama", 0.4716), ("refinedweb", 0.4505)])
def test_the_error_of_the_largest_models_was_measured(data, measured):
    """6.9B parameters on 138B tokens: the mean over the 17 tasks in the evaluations that the authors published."""
    found = tasks.mean_error(tasks.loss(6.9e9, 138e9, data), data)
    assert found == pytest.approx(measured, rel=0.035)
    assert tasks.mean_error(np.array([2.0, 3.0]), data)[0] < tasks.mean_error(3.0, data)
