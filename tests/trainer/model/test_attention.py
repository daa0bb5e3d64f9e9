"""Attention and head in their fast forms beside independent plain ones; and no product of float32 in bfloat16 runs."""

from functools import partial

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax.scipy.special import logsumexp  # noqa: E402

from trainer.config.run import ModelConfig  # noqa: E402
from trainer.model.attention import attend  # noqa: E402
from trainer.model.head import head_loss  # noqa: E402
from trainer.model.initial import init_params  # noqa: E402
from trainer.model.transformer import Execution, cast, logits, loss  # noqa: E402
from trainer.programs.jaxpr_counts import equations  # noqa: E402

MODEL = ModelConfig(layers=2, width=32, heads=2, hidden=64, vocab=96)
WAYS = [
    Execution(),
    Execution(chunk_logits=96 * 7),
    Execution(chunk_logits=96 * 8, remat="dots"),
    Execution(unrolled=True, remat="layer"),
    Execution(unrolled=True, chunk_logits=1),
]


@pytest.fixture(scope="module")
def params():
    return init_params(jax.random.key(0), MODEL)


@pytest.fixture(scope="module")
def tokens_BxL():
    return jax.random.randint(jax.random.key(1), (4, 18), 0, MODEL.vocab)


def heads(dtype, *shape):
    return (jax.random.normal(key, shape).astype(dtype) for key in jax.random.split(jax.random.key(2), 3))


def whole(params, tokens_BxL):
    """The loss from all logits at once, differentiated by JAX."""
    score_BxLxV = logits(params, tokens_BxL[:, :-1])
    log_z_BxL = logsumexp(score_BxLxV, axis=-1)
    hit_BxL = jnp.take_along_axis(score_BxLxV, tokens_BxL[:, 1:, None], axis=-1)[..., 0]
    return jnp.mean(log_z_BxL - hit_BxL) + 0.01 * jnp.mean(log_z_BxL**2)


def distance(found, expected):
    """The largest difference of a pair of arrays over the largest element."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    return max(float(jnp.abs(x - y).max() / jnp.abs(y).max()) for x, y in pairs)


def test_plain_attention_is_that_of_jax():
    query, key, value = heads(jnp.float32, 2, 19, 3, 8)
    expected = jax.nn.dot_product_attention(query, key, value, is_causal=True, implementation="xla")
    assert jnp.allclose(attend(query, key, value, "xla"), expected, atol=1e-6)


def test_splash_attention_and_its_gradients_are_the_plain_ones():
    interpreter = pytest.importorskip("jax.experimental.pallas.tpu").force_tpu_interpret_mode
    query, key, value = heads(jnp.float32, 1, 256, 2, 64)

    def summed(query, key, value, kind):
        return (attend(query, key, value, kind) * jnp.cos(jnp.arange(64.0))).sum()

    expected = jax.value_and_grad(partial(summed, kind="xla"), argnums=(0, 1, 2))(query, key, value)
    with interpreter():
        found = jax.value_and_grad(partial(summed, kind="splash"), argnums=(0, 1, 2))(query, key, value)
    assert distance(found, expected) < 2e-5


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_to_compute_the_gradient_gives_that_of_the_whole_logits(way, params, tokens_BxL):
    expected = jax.value_and_grad(whole)(params, tokens_BxL)
    (found, _), gradient = jax.value_and_grad(partial(loss, z_loss=0.01, execution=way), has_aux=True)(
        params, tokens_BxL
    )
    assert float(found) == pytest.approx(float(expected[0]), rel=1e-6)
    assert distance(gradient, expected[1]) < 2e-6
    # without a gradient nothing of one is computed, and the loss is the same
    assert float(loss(params, tokens_BxL, z_loss=0.01, execution=way)[0]) == pytest.approx(float(found), rel=1e-6)


def test_the_gradient_of_the_head_scales_with_what_comes_behind_it(params):
    hidden_TxD = jax.random.normal(jax.random.key(3), (10, 32))
    target_T = jnp.arange(10)
    once, twice = (
        jax.grad(lambda h, e, by=by: by * head_loss(1e-2, 96 * 4, h, e, target_T)[0], argnums=(0, 1))(
            hidden_TxD, params["embedding"]
        )
        for by in (1.0, 2.0)
    )
    assert distance(twice, jax.tree.map(lambda x: 2 * x, once)) < 1e-6


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_bfloat16_model_multiplies_no_float32(way, params, tokens_BxL):
    narrow = cast(params, "bfloat16")
    gradient = jax.grad(lambda p: loss(p, tokens_BxL, z_loss=1e-4, execution=way)[0])
    products = [e.eqn for e in equations(jax.make_jaxpr(gradient)(narrow), {}) if e.eqn.primitive.name == "dot_general"]
    assert len(products) > 20
    assert {operand.aval.dtype.name for eqn in products for operand in eqn.invars} == {"bfloat16"}


def test_no_logits_exist_as_a_whole(params, tokens_BxL):
    """The largest array of a chunk of 8 tokens is smaller than the 68 x 96 logits of the batch."""
    way = Execution(chunk_logits=96 * 8)
    for execution, expected in ((way, False), (Execution(), True)):
        objective = jax.grad(lambda p, execution=execution: loss(p, tokens_BxL, z_loss=1e-4, execution=execution)[0])
        shapes = {out.aval.shape for e in equations(jax.make_jaxpr(objective)(params), {}) for out in e.eqn.outvars}
        assert ((4 * 17, 96) in shapes) is expected


def test_a_hundred_steps_lose_the_same_whichever_way(params, tokens_BxL):
    optax = pytest.importorskip("optax")
    optimizer = optax.adam(3e-3)

    def losses(objective):
        def step(carry, _):
            params, state = carry
            value, gradient = jax.value_and_grad(objective)(params)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(params, updates), state), value

        return jax.jit(lambda p: jax.lax.scan(step, (p, optimizer.init(p)), None, 100)[1])(params)

    expected = losses(lambda p: whole(p, tokens_BxL))
    way = Execution(chunk_logits=96 * 16, remat="dots", unrolled=True)
    found = losses(lambda p: loss(p, tokens_BxL, z_loss=0.01, execution=way)[0])
    assert expected[-1] < 0.5 * expected[0]
    assert jnp.allclose(found, expected, rtol=2e-3)
    assert jnp.allclose(found[:20], expected[:20], rtol=1e-5)
