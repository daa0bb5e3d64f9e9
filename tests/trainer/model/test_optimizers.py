import math

import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy

from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.model.optimizers import inner_optimizer, learning_rate, outer_optimizer  # noqa: E402

MODEL = ModelConfig(layers=1, width=8, heads=1, hidden=8, vocab=300)


def config(**changes):
    return TrainConfig(**{"model": MODEL, "algorithm": "diloco", "sync_every": 2, "steps": 100, **changes})


def test_schedule_warms_up_then_falls_to_a_twentieth():
    rate = learning_rate(config(learning_rate=0.01, learning_rate_warmup_steps=10))
    assert float(rate(0)) == pytest.approx(0.001)
    assert float(rate(4)) == pytest.approx(0.005)
    assert float(rate(9)) == pytest.approx(0.01)
    assert float(rate(54)) == pytest.approx(0.01 * (0.05 + 0.95 / 2))
    assert float(rate(99)) == pytest.approx(0.01 * 0.05)
    assert float(rate(500)) == pytest.approx(0.01 * 0.05)


def test_warmup_is_a_tenth_of_the_plan_and_at_most_a_thousand_steps():
    short = learning_rate(config(learning_rate=1.0))
    assert float(short(9)) == 1.0
    assert float(short(8)) == pytest.approx(0.9)
    long = learning_rate(config(learning_rate=1.0, schedule_steps=100_000))
    assert float(long(998)) == pytest.approx(0.999)
    assert float(learning_rate(config(learning_rate=1.0, steps=1))(0)) > 0


@pytest.mark.parametrize(("steps", "planned"), [(100, None), (10, 50)])
def test_weight_decay_is_one_over_the_planned_steps_and_spares_norms(steps, planned):
    # independent of the peak: at the peak a step takes 1/T away, whatever the peak is
    for peak in (0.5, 1e-3):
        run = config(steps=steps, schedule_steps=planned, learning_rate=peak, learning_rate_warmup_steps=1)
        optimizer = inner_optimizer(run)
        params = {"up": jnp.full((2, 2), 3.0), "final_norm": jnp.full((2,), 3.0)}
        updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
        assert jnp.allclose(updates["up"], -3.0 / (planned or steps))
        assert jnp.all(updates["final_norm"] == 0)


def test_weight_decay_takes_about_half_a_unit_in_a_run_whatever_the_peak():
    # the mean of warm-up and cosine to 5% over T = 200 steps is near (1 + 0.05) / 2
    for peak in (0.3, 1e-3):
        run = config(steps=200, learning_rate=peak)
        optimizer = inner_optimizer(run)
        params = {"up": jnp.ones(1)}
        state = optimizer.init(params)
        for _ in range(200):
            updates, state = optimizer.update({"up": jnp.zeros(1)}, state, params)
            params = optax.apply_updates(params, updates)
        assert float(params["up"][0]) == pytest.approx(math.exp(-0.525), rel=0.03)


def test_a_given_weight_decay_replaces_the_rule():
    run = config(weight_decay=0.25, learning_rate=0.1, learning_rate_warmup_steps=1)
    optimizer = inner_optimizer(run)
    params = {"up": jnp.ones(1)}
    updates, _ = optimizer.update({"up": jnp.zeros(1)}, optimizer.init(params), params)
    assert float(updates["up"][0]) == pytest.approx(-0.25)


def test_gradient_is_clipped_to_norm_one_before_the_moments():
    optimizer = inner_optimizer(config())
    params = {"up": jnp.zeros((2,))}
    _, state = optimizer.update({"up": jnp.array([30.0, 40.0])}, optimizer.init(params), params)
    adam = state[1][0]
    assert jnp.allclose(adam.mu["up"], 0.1 * jnp.array([0.6, 0.8]))
    assert jnp.allclose(adam.nu["up"], 0.01 * jnp.array([0.36, 0.64]))


def test_outer_optimizer_is_nesterov():
    optimizer = outer_optimizer(config(outer_learning_rate=0.5))
    params = {"up": jnp.zeros(1)}
    state = optimizer.init(params)
    change = {"up": jnp.array([1.0])}
    first, state = optimizer.update(change, state)
    second, _ = optimizer.update(change, state)
    # v1 = 1, step 1 + 0.9 v1; v2 = 1.9, step 1 + 0.9 v2
    assert first["up"][0] == pytest.approx(-0.5 * 1.9)
    assert second["up"][0] == pytest.approx(-0.5 * (1 + 0.9 * 1.9))
    plain = outer_optimizer(config(outer_momentum=0.0, outer_learning_rate=1.0))
    assert plain.update(change, plain.init(params))[0]["up"][0] == -1.0
