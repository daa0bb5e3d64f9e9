import math

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from sim.laws.model_family import FAMILY  # noqa: E402
from trainer.config.run import ModelConfig, family_model  # noqa: E402
from trainer.model.initial import count_params, init_params  # noqa: E402
from trainer.model.transformer import logits, loss  # noqa: E402

TINY = ModelConfig(layers=2, width=16, heads=2, hidden=32, vocab=50)


@pytest.fixture(scope="module")
def params():
    return init_params(jax.random.key(0), TINY)


@pytest.fixture(scope="module")
def tokens_BxL():
    return jax.random.randint(jax.random.key(1), (3, 12), 0, TINY.vocab)


def test_no_position_sees_the_future(params, tokens_BxL):
    def score(embedded_scale_L, position):
        # scaling the embedding of each position is the handle by which to ask what it influences
        scaled = jnp.take(params["embedding"], tokens_BxL[0], axis=0) * embedded_scale_L[:, None]
        own = {**params, "embedding": scaled}
        return logits(own, jnp.arange(12)[None])[0, position, 0]

    for position in (0, 4, 11):
        influence_L = jax.grad(score)(jnp.ones(12), position)
        # token 0 of this stand-in vocabulary is also the scored class, so it always matters
        assert jnp.all(influence_L[max(position, 0) + 1 :] == 0)
        assert jnp.all(influence_L[1 : position + 1] != 0)


def test_order_of_the_past_matters(params, tokens_BxL):
    # in one layer nothing but the rotary positions tells the order
    single = {**params, "layers": jax.tree.map(lambda x: x[:1], params["layers"])}
    swapped = tokens_BxL.at[:, 0].set(tokens_BxL[:, 1]).at[:, 1].set(tokens_BxL[:, 0])
    assert jnp.abs(logits(single, tokens_BxL)[:, -1] - logits(single, swapped)[:, -1]).max() > 1e-5


def test_positions_are_relative():
    from trainer.model.transformer import _rotate

    key, query = jax.random.normal(jax.random.key(3), (2, 8))
    rotated_key, rotated_query = (_rotate(jnp.tile(x, (1, 9, 1, 1)).reshape(1, 9, 1, 8))[0, :, 0] for x in (key, query))
    product_LxL = rotated_query @ rotated_key.T
    assert jnp.allclose(jnp.diag(product_LxL, -3), product_LxL[3, 0], atol=1e-4)
    assert abs(product_LxL[3, 0] - product_LxL[0, 0]) > 1e-3


def test_queries_and_keys_are_normalised(params, tokens_BxL):
    def grown(name):
        return {**params, "layers": {**params["layers"], name: 10 * params["layers"][name]}}

    scores = logits(params, tokens_BxL)
    assert jnp.allclose(logits(grown("query"), tokens_BxL), scores, atol=1e-4)
    assert jnp.allclose(logits(grown("key"), tokens_BxL), scores, atol=1e-4)
    assert not jnp.allclose(logits(grown("value"), tokens_BxL), scores, atol=1e-2)


def test_loss_begins_at_the_entropy_of_a_guess(params, tokens_BxL):
    _, cross_entropy = loss(params, tokens_BxL, z_loss=0.0)
    assert cross_entropy == pytest.approx(math.log(TINY.vocab), rel=0.02)


def test_z_loss_adds_the_squared_log_partition(params, tokens_BxL):
    plain, cross_entropy = loss(params, tokens_BxL, z_loss=0.0)
    weighted, same = loss(params, tokens_BxL, z_loss=0.01)
    log_z = jax.nn.logsumexp(logits(params, tokens_BxL[:, :-1]), axis=-1)
    assert float(plain) == float(cross_entropy) == float(same)
    assert weighted - plain == pytest.approx(0.01 * float(jnp.mean(log_z**2)), rel=1e-4)


def test_the_target_is_the_next_token(params):
    certain = {**params, "embedding": 20.0 * params["embedding"]}
    scores = logits(certain, jnp.array([[7]]))[0, 0]
    best, worst = int(scores.argmax()), int(scores.argmin())
    likely, _ = loss(certain, jnp.array([[7, best]]), z_loss=0.0)
    unlikely, _ = loss(certain, jnp.array([[7, worst]]), z_loss=0.0)
    assert likely < unlikely


@pytest.mark.parametrize("name", ["35m", "90m", "1.3b"])
def test_family_has_its_published_size(name):
    shape = family_model(name)
    matrices = shape.layers * (4 * shape.width**2 + 2 * shape.width * shape.hidden) + shape.vocab * shape.width
    norms = shape.layers * (2 * shape.width + 2 * shape.head_width) + shape.width
    assert count_params(shape) == matrices + norms
    assert matrices == pytest.approx(FAMILY[name].params, rel=0.06)


def test_overfits_one_batch():
    optax = pytest.importorskip("optax")
    model = ModelConfig(layers=1, width=32, heads=2, hidden=64, vocab=20)
    tokens_BxL = jax.random.randint(jax.random.key(2), (2, 17), 0, model.vocab)
    params = init_params(jax.random.key(0), model)
    optimizer = optax.adam(1e-2)

    def step(carry, _):
        params, state = carry
        (_, cross_entropy), gradient = jax.value_and_grad(lambda p: loss(p, tokens_BxL, z_loss=1e-4), has_aux=True)(
            params
        )
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), cross_entropy

    _, losses = jax.jit(lambda p: jax.lax.scan(step, (p, optimizer.init(p)), None, 200))(params)
    assert losses[0] > 2.5
    assert losses[-1] < 0.05


def test_the_gradient_of_a_frequent_token_is_added_up_in_float32():
    from trainer.model.transformer import _embed

    tokens_BxL = jnp.zeros((4, 1024), jnp.int32).at[0, 0].set(1)

    def of(dtype):
        return jax.grad(lambda table: _embed(table, tokens_BxL).astype(jnp.float32).sum())(jnp.ones((3, 2), dtype))

    # 4,095 ones: a sum in bfloat16 stays at 256
    assert of(jnp.float32).tolist() == [[4095, 4095], [1, 1], [0, 0]]
    assert of(jnp.bfloat16).dtype == jnp.bfloat16
    assert of(jnp.bfloat16).astype(jnp.float32).tolist() == [[4096, 4096], [1, 1], [0, 0]]
