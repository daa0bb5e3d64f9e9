"""One predicted loss for any run: what it must equal, and which way it must move."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.laws import batch_tokens, diloco, loss, loss_with_floor, predict, predicted_loss
from sim.laws.chinchilla import chinchilla_loss


@pytest.mark.parametrize(("algorithm", "replicas"), [("data-parallel", 1), ("diloco", 1), ("diloco", 3), ("diloco", 8)])
def test_within_the_fits_it_is_the_published_law(algorithm, replicas):
    for params in (35e6, 550e6, 2.4e9):
        assert predict(params, 20 * params, algorithm, replicas).loss == pytest.approx(
            loss(params, algorithm, replicas)
        )


def test_no_jump_where_the_floor_takes_over_and_never_below_it():
    below, above = (predict(n, 20 * n, "diloco", 2).loss for n in (2.4e9 * 0.9999, 2.4e9 * 1.0001))
    assert below == pytest.approx(above, rel=1e-4)
    assert predict(1e11, 20e11, "diloco", 2).loss == pytest.approx(diloco.loss_with_floor(1e11, "diloco", 2))


def test_a_larger_model_is_never_worse():
    sizes = np.logspace(7, 13, 600)
    for algorithm, replicas in (("data-parallel", 1), ("diloco", 1), ("diloco", 4), ("diloco", 8), ("diloco", 32)):
        assert np.all(np.diff(predicted_loss(sizes, 20 * sizes, algorithm, replicas)) < 0)


def test_other_budgets_follow_chinchilla_at_the_pace_of_our_own_law():
    def slope(law):
        return np.log(law(1.001e9) / law(0.999e9))

    # the power that makes both laws fall alike along 20 tokens per parameter
    power = slope(lambda n: loss_with_floor(n, "diloco", 4)) / slope(lambda n: chinchilla_loss(n, 20 * n))
    for tokens in (5e9, 80e9, 1e12):
        ratio = chinchilla_loss(1e9, tokens) / chinchilla_loss(1e9, 20e9)
        assert predict(1e9, tokens, "diloco", 4).loss == pytest.approx(loss(1e9, "diloco", 4) * ratio**power, rel=1e-6)


def test_repeated_data_counts_as_the_fewer_tokens_it_is_worth():
    worth = 5e9 * (1 + 15.387756 * (1 - np.exp(-3 / 15.387756)))
    repeated = predict(1e9, 20e9, "diloco", 2, unique_tokens=5e9)
    assert repeated.loss == pytest.approx(predict(1e9, worth, "diloco", 2).loss)
    assert any("4 epochs count as 93%" in note for note in repeated.notes)
    assert predict(1e9, 20e9, "diloco", 2, unique_tokens=50e9).loss == loss(1e9, "diloco", 2)


def test_a_batch_beyond_the_best_costs_tokens_and_one_below_does_not():
    best = batch_tokens(1e9, "diloco", 2)
    twice = predict(1e9, 20e9, "diloco", 2, batch_tokens=2 * best)
    assert twice.loss == pytest.approx(predict(1e9, 20e9 * 2 / 3, "diloco", 2).loss)  # (1 + 1)/(1 + 2)
    assert any(note.startswith("batch: 2 times") for note in twice.notes)
    assert predict(1e9, 20e9, "diloco", 2, batch_tokens=best / 4).loss == loss(1e9, "diloco", 2)
    # The batch that is too large for Data-Parallel is the best one of DiLoCo.
    assert predict(1e9, 20e9, "diloco", 8, batch_tokens=batch_tokens(1e9, "diloco", 8)).notes == ()
    assert predict(1e9, 20e9, "data-parallel", 1, batch_tokens=batch_tokens(1e9, "diloco", 8)).notes != ()


@given(
    params=st.floats(1e7, 1e12),
    per_param=st.floats(1, 2_000),
    more=st.floats(1.01, 10),
    replicas=st.integers(1, 64),
    unique=st.floats(1e9, 1e14),
)
def test_more_tokens_more_unique_data_and_smaller_batches_never_hurt(params, per_param, more, replicas, unique):
    def at(tokens, batch=1e6, fresh=unique):
        return float(predicted_loss(params, tokens, "diloco", replicas, batch, fresh))

    tokens = params * per_param
    assert at(tokens * more) <= at(tokens) * (1 + 1e-12)
    assert at(tokens, fresh=unique * more) <= at(tokens) * (1 + 1e-12)
    assert at(tokens, batch=1e6 * more) >= at(tokens) * (1 - 1e-12)


def test_arrays_broadcast_and_agree_with_single_runs():
    sizes, tokens = np.logspace(8, 11, 4)[:, None], np.logspace(10, 13, 5)[None, :]
    table = predicted_loss(sizes, tokens, "diloco", 4, 1e6, 1e12)
    assert table.shape == (4, 5)
    for i, j in ((0, 0), (2, 3), (3, 4)):
        one = predict(sizes[i, 0], tokens[0, j], "diloco", 4, batch_tokens=1e6, unique_tokens=1e12)
        assert table[i, j] == pytest.approx(one.loss, rel=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"tokens": 0}, {"params": -1e9}, {"batch_tokens": 0}, {"unique_tokens": float("nan")}]
)
def test_sizes_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match=r"write numbers above 0"):
        predict(**({"params": 1e9, "tokens": 20e9, "algorithm": "diloco", "replicas": 2} | wrong))
