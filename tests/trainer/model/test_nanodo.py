"""The variant `nanodo`: beside a model written with NumPy alone, and the distributions that it is drawn from."""

import math

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.model.initial import count_params, init_params  # noqa: E402
from trainer.model.optimizers import inner_optimizer  # noqa: E402
from trainer.model.transformer import logits, loss  # noqa: E402

MODEL = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=50)
LENGTH = 12


@pytest.fixture(scope="module")
def params():
    drawn = init_params(jax.random.key(0), MODEL, LENGTH)
    noise = jax.random.normal(jax.random.key(9), (4, 16))  # so that the scales of norms matter
    for number, name in enumerate(("attention_norm", "feed_forward_norm")):
        drawn["layers"][name] = drawn["layers"][name] + 0.3 * noise[number]
    return drawn | {"final_norm": 1 + 0.3 * noise[2]}


@pytest.fixture(scope="module")
def tokens_BxL():
    return jax.random.randint(jax.random.key(1), (3, LENGTH), 0, MODEL.vocab)


def norm(x, scale):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * scale


def plain_logits(params, tokens_L):
    """One sequence, one head after the other, in float64."""
    own = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    length = len(tokens_L)
    x = own["embedding"][tokens_L] + own["positions"][:length]
    for number in range(MODEL.layers):
        layer = {name: leaf[number] for name, leaf in own["layers"].items()}
        inner = norm(x, layer["attention_norm"])
        out = 0.0
        for head in range(MODEL.heads):
            query = norm(inner @ layer["query"][:, head], layer["query_norm"])
            key = norm(inner @ layer["key"][:, head], layer["key_norm"])
            scores = query @ key.T / math.sqrt(MODEL.head_width)
            scores[np.triu_indices(length, 1)] = -np.inf
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            weights /= weights.sum(-1, keepdims=True)
            out = out + weights @ (inner @ layer["value"][:, head]) @ layer["output"][head]
        x = x + out
        up = norm(x, layer["feed_forward_norm"]) @ layer["up"]
        gelu = 0.5 * up * (1 + np.tanh(math.sqrt(2 / math.pi) * (up + 0.044715 * up**3)))
        x = x + gelu @ layer["down"]
    return norm(x, own["final_norm"]) @ own["embedding"].T


def test_it_computes_what_numpy_computes(params, tokens_BxL):
    found = logits(params, tokens_BxL)
    for row, tokens_L in enumerate(np.asarray(tokens_BxL)):
        assert np.allclose(found[row], plain_logits(params, tokens_L), atol=2e-4)


def test_a_shorter_sequence_has_the_first_positions(params, tokens_BxL):
    assert jnp.allclose(logits(params, tokens_BxL[:, :5]), logits(params, tokens_BxL)[:, :5], atol=1e-5)
    objective, _ = loss(params, tokens_BxL, z_loss=0.0)
    assert math.isfinite(objective)


def test_matrices_are_uniform_and_embeddings_normal():
    model = ModelConfig(layers=2, width=64, heads=2, hidden=192, vocab=3000)
    drawn = init_params(jax.random.key(4), model, 500)
    for name, fans in {"query": 128, "output": 128, "up": 256, "down": 256}.items():
        limit = math.sqrt(6 / fans)
        values = drawn["layers"][name]
        assert float(jnp.abs(values).max()) <= limit
        assert float(values.std()) == pytest.approx(limit / math.sqrt(3), rel=0.02)
    for name in ("embedding", "positions"):
        assert float(drawn[name].std()) == pytest.approx(64**-0.5, rel=0.02)
    assert count_params(model, 500) == count_params(model) + 500 * 64


@pytest.mark.parametrize(("variant", "shrinks"), [("rotary", False), ("nanodo", True)])
def test_norms_are_decayed_as_there(variant, shrinks):
    config = TrainConfig(
        model=MODEL, algorithm="data-parallel", steps=10, weight_decay=0.1, variant=variant, sequence_length=LENGTH
    )
    params = init_params(jax.random.key(0), MODEL, config.positions)
    rule = inner_optimizer(config)
    updates, _ = rule.update(jax.tree.map(jnp.zeros_like, params), rule.init(params), params)
    assert bool(jnp.any(updates["final_norm"] != 0)) == shrinks
    assert bool(jnp.any(updates["embedding"] != 0))
