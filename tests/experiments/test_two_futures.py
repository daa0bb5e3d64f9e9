"""The terms of the two futures beside formulas and limits written down here; and what the table says."""

import math

import numpy as np
import pytest

import crosshaul as ch
from experiments import two_futures as own
from experiments.tables import committed
from sim import laws

TABLE = committed("two_futures")
E, A, B, a, b = 1.8172, 482.01, 2085.43, 0.3478, 0.3658
"""Chinchilla's law in Epoch's refit (arXiv 2404.10102)."""


def test_repeats_cost_what_a_search_over_sizes_and_tokens_finds():
    """The least 6 N D whose loss with D' = U + 15.39 U (1 - exp(-R/15.39)) is that of the optimum without repeats."""
    flop, unique = 1e26, 2e12
    params, tokens = laws.chinchilla_optimal(flop)
    target = E + A / params**a + B / tokens**b
    sizes = np.geomspace(params / 3, params * 100, 1500)[:, None]
    read = np.geomspace(unique, unique * 1000, 6000)[None, :]
    worth = unique * (1 + 15.387756 * (1 - np.exp(-(read / unique - 1) / 15.387756)))
    reached = E + A / sizes**a + B / worth**b <= target
    least = float(np.where(reached, 6 * sizes * read, np.inf).min())
    assert own.with_unique(flop, "epoch", unique)[0] == pytest.approx(least, rel=0.01)
    assert least > 1.2 * flop


def test_fewer_different_tokens_cost_more_and_enough_of_them_nothing():
    tokens = laws.chinchilla_optimal(1e26)[1]
    costs = [own.with_unique(1e26, "epoch", share * tokens)[0] / 1e26 for share in (2, 1, 0.5, 0.2, 0.1)]
    assert costs[:2] == [1, 1]
    assert costs == sorted(costs)
    assert costs[2] > 1.0001
    assert own.with_unique(1e26, "epoch", 1e9)[0] == math.inf  # no model is large enough


def test_generated_data_lies_between_fresh_and_repeated():
    for flop in own.FLOP:
        low, middle, high = own.synthetic(flop)
        tokens = laws.chinchilla_optimal(flop)[1]
        assert low == pytest.approx(1 + 2 * 8e9 * max(0.0, tokens - 15e12) / flop)
        assert low <= middle <= high == own.repeats(flop)[2]


def test_a_mixture_of_experts_is_worth_the_dense_model_it_replaces():
    params = float(laws.chinchilla_optimal(1e24)[0])
    low, many, few = own.experts(1e24)
    assert laws.dense_equivalent_params(many * params, 512 * many * params) == pytest.approx(params)
    assert laws.dense_equivalent_params(few * params, 8 * few * params) == pytest.approx(params)
    assert low < many < few < 1
    assert own.experts(1e27)[1:] == (1, 1)  # from 9.4e11 parameters on routing gains nothing


@pytest.mark.parametrize("training_per_inference", [0.05, 1.0, 20.0])
def test_the_smaller_model_and_its_longer_answers_cost_as_much_over_their_life(training_per_inference):
    """6 N D + 2 N I on both sides, with N/14 and k times as many flops an answer on the other."""
    size, answered = 14e9, 1e12
    trained = training_per_inference * answered
    cost = own.answers_cost(training_per_inference)
    assert cost * 2 * size / 14 * answered + 6 * size / 14 * trained == pytest.approx(
        2 * size * answered + 6 * size * trained
    )


def test_no_change_of_the_loss_costs_no_compute_and_a_higher_loss_some():
    assert own.more_compute(1e25, "data-parallel", 1, math.log, 1.0) == pytest.approx(1)
    times = own.more_compute(1e25, "diloco", 4, lambda _: 0.01, 1.0)
    one, other = (laws.predicted_loss(*laws.chinchilla_optimal(each * 1e25), "data-parallel", 1) for each in (1, times))
    assert one == pytest.approx(other * math.exp(0.01))
    assert times > 1.2


def test_links_without_limits_leave_the_loss_alone_to_count():
    diloco = ch.DiLoCo(replicas=own.SITES, sync_every=30)
    assert own.computing(1e24, 1.0, diloco, "1 Pbit/s") > 0.99
    thin = [own.computing(1e26, 1.0, diloco, link) for link in own.LINKS]
    assert thin == sorted(thin, reverse=True)


def test_diloco_costs_no_more_than_the_exchanges_of_its_fitted_cadence():
    """H = 30 has no price: the run then takes its compute, and an all-reduce of 2 (1 - 1/4) N numbers of 16 bits each 30.

    Between a ring (one link of a site at a time) and all three links at once.
    """
    flop, bits_per_s = 1e26, 100e9
    params = float(laws.chinchilla_optimal(flop)[0])
    batch = float(laws.batch_tokens(np.asarray(params), "diloco", 4))
    step_s = 6 * params * batch / (own.chips_for(flop) * 0.4 * 989.5e12)
    ring_s = 1.5 * 16 * params / bits_per_s
    plain = [1 + share * ring_s / (30 * step_s) for share in (1 / 3, 1.02)]
    used = own.computing(flop, 1.0, ch.DiLoCo(replicas=4, sync_every=30), "100 Gbit/s")
    assert plain[0] < 1 / used < plain[1]
    low, middle, high = own.diloco(flop)
    assert 1 < middle <= 1 / used * 1.001
    assert low < middle < high


def test_bands_are_in_order_and_the_whole_is_their_product():
    by_term = {(row["flop"], row["term"]): row for row in TABLE}
    for row in TABLE:
        middle = [row["middle"]] if row["middle"] != "" else []
        assert [row["low"], *middle, row["high"]] == sorted([row["low"], *middle, row["high"]])
        assert (row["middle"] == "") == (row["term"] == "test-time")
    for flop in own.FLOP:
        for end in ("low", "middle", "high"):
            parts = [by_term[flop, name][end] for name in ("synthetic", "experts", "diloco")]
            assert by_term[flop, "together"][end] == pytest.approx(math.prod(parts), rel=1e-4)


def test_the_base_is_its_flop_on_the_chips_at_40_percent_for_90_days():
    for row in (each for each in TABLE if each["term"] == "base"):
        hours = row["flop"] / (0.4 * 989.5e12) / 3600
        assert row["chip_hours_middle"] == pytest.approx(hours, rel=0.001)
        assert row["days"] == pytest.approx(90, rel=0.005)
        assert row["dollars"] == pytest.approx(2 * hours, rel=0.001)
        assert row["mwh"] == pytest.approx(0.7e-3 * hours, rel=0.001)
