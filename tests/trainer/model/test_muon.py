"""Muon as an inner optimizer: each layer's matrix by itself is made orthogonal, and all else is AdamW's."""

import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jnp = jax.numpy

from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.model.optimizers import inner_optimizer, learning_rate  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=3, width=16, heads=2, hidden=48, vocab=40)
D, F = MODEL.width, MODEL.hidden
MATRICES = {"query": (D, D), "key": (D, D), "value": (D, D), "output": (D, D), "up": (D, F), "down": (F, D)}
"""Rows (summed over in a product) and columns of a layer's matrices."""


def run_of(**changes):
    run = {"model": MODEL, "algorithm": "diloco", "replicas": 2, "sync_every": 3, "steps": 12}
    return TrainConfig(**run | {"inner_optimizer": "muon", "sequence_length": 8, "sequences": 2, **changes})


def gradients(params, step):
    draw = np.random.default_rng(step)
    return jax.tree.map(
        lambda x: jnp.asarray(draw.normal(size=x.shape) * 10.0 ** draw.integers(-3, 1), x.dtype), params
    )


def test_stacked_layers_are_trained_as_optax_trains_each_matrix_alone():
    run = run_of(clip_norm=1e9, learning_rate=0.02)
    params = init_params(jax.random.key(1), MODEL)
    rate, decay = learning_rate(run), 1 / run.steps / 0.02
    muon = optax.contrib.muon(rate, weight_decay=decay, consistent_rms=0.2)
    adamw = {wd: optax.adamw(rate, b1=0.9, b2=0.99, weight_decay=wd) for wd in (0.0, decay)}

    def alone(tree):
        """Every layer's every matrix as a matrix of its own; the rest as it is."""
        layers = tree["layers"]
        flat = {(name, n): layers[name][n].reshape(s) for name, s in MATRICES.items() for n in range(MODEL.layers)}
        norms = {name: x for name, x in layers.items() if name not in MATRICES} | {"final": tree["final_norm"]}
        return flat, norms, tree["embedding"]

    def stepped(rule, params, state, gradient):
        updates, state = rule.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    rules = (muon, adamw[0.0], adamw[decay])
    own = list(alone(params))
    states = [rule.init(part) for rule, part in zip(rules, own, strict=True)]
    optimizer = inner_optimizer(run)
    state = optimizer.init(params)
    for step in range(4):
        gradient = gradients(params, step)
        params, state = stepped(optimizer, params, state, gradient)
        for i, each in enumerate(alone(gradient)):
            own[i], states[i] = stepped(rules[i], own[i], states[i], each)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), list(alone(params)), own)


def test_a_step_is_nearly_orthogonal_in_every_layer_and_as_large_as_one_of_adamw():
    run = run_of(learning_rate=0.5, learning_rate_warmup_steps=1, weight_decay=0.0)
    params = init_params(jax.random.key(1), MODEL)
    optimizer = inner_optimizer(run)
    gradient = gradients(params, 7)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    for name, (rows, columns) in MATRICES.items():
        for update, given in zip(updates["layers"][name], gradient["layers"][name], strict=True):
            whole = np.asarray(update, np.float64).reshape(rows, columns) / -0.5
            values = np.linalg.svd(whole, compute_uv=False) / (0.2 * math.sqrt(max(rows, columns)))
            spread = np.linalg.svd(np.asarray(given).reshape(rows, columns), compute_uv=False)
            assert spread[0] / spread[-1] > 2  # the gradient itself is far from it
            # five iterations of Newton and Schulz leave them between 0.6 and 1.3, but for a matrix near rank D - 1
            assert 0.5 < np.median(values) < 1.3
            assert values[0] < 1.35
            assert values[-3] > 0.5
            assert np.sqrt(np.mean(whole**2)) == pytest.approx(0.2, rel=0.25)


def trained(run):
    def batches(step):
        # a text that can be learnt: each token follows from the one before
        start = np.random.default_rng(step).integers(0, MODEL.vocab, (run.devices, run.sequences, 1))
        return ((start + 3 * np.arange(9)) % MODEL.vocab).astype(np.int32)

    trainer = Trainer(run, rows_of(batches), make_mesh(run.rows, 1, run.shards), alone=False)
    state, losses = trainer.start(), []
    for step in range(1, run.steps + 1):
        state, cost = trainer.inner_step(state, step)
        state, _ = trainer.outer_step(state, step)
        losses.append(np.mean(cost.losses))
    return losses, jax.device_get(trainer.params(state))


@pytest.mark.parametrize("algorithm", ["data-parallel", "diloco"])
def test_a_model_learns_with_it(algorithm):
    replicas = {} if algorithm != "data-parallel" else {"replicas": 1, "sync_every": None}
    losses, _ = trained(run_of(algorithm=algorithm, steps=60, learning_rate=0.02, **replicas))
    assert losses[-1] < 0.5 * losses[0]


def test_shards_of_a_model_train_as_the_whole_does():
    whole, params = trained(run_of(steps=6))
    sharded, parts = trained(run_of(steps=6, shards=2))
    np.testing.assert_allclose(sharded, whole, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), parts, params)
