"""What travels in an outer exchange: rounding, error feedback, and bytes counted from compiled programs."""

from math import prod

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("optax")
jnp = jax.numpy

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from trainer.algorithms.outer.rounding import BLOCK, decode, encode, payload_bytes  # noqa: E402
from trainer.algorithms.outer.step import rounded  # noqa: E402
from trainer.config.run import ModelConfig, TrainConfig  # noqa: E402
from trainer.data.batches import rows_of  # noqa: E402
from trainer.model.initial import param_shapes  # noqa: E402
from trainer.parallel.mesh import make_mesh  # noqa: E402
from trainer.programs.hlo_collectives import collectives  # noqa: E402
from trainer.training.loop import Trainer  # noqa: E402

MODEL = ModelConfig(layers=4, width=16, heads=2, hidden=32, vocab=40)


def sent_bytes(tree):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("bits", [8, 4])
@given(size=st.integers(1, 600), seed=st.integers(0, 99))
def test_rounding_errs_by_half_a_level_of_its_block_at_most(bits, size, seed):
    x = np.random.default_rng(seed).normal(size=size).astype(np.float32) * 10.0 ** np.random.default_rng(seed).integers(
        -5, 5
    )
    back = np.asarray(decode(encode({"x": x}, bits), {"x": x}, bits)["x"])
    for start in range(0, size, BLOCK):
        block = slice(start, start + BLOCK)
        level = np.abs(x[block]).max() / {8: 127, 4: 7}[bits]
        assert np.abs(back[block] - x[block]).max() <= level * 0.5001
        assert np.abs(back[block]).max() == pytest.approx(np.abs(x[block]).max(), rel=1e-5)


def test_sixteen_bits_are_bfloat16_and_32_untouched():
    x = {"x": jnp.array([1.0, 1.0 + 2**-9, -3.14159])}
    assert encode(x, 32) is x
    back = decode(encode(x, 16), x, 16)["x"]
    np.testing.assert_array_equal(back, x["x"].astype(jnp.bfloat16).astype(jnp.float32))


@pytest.mark.parametrize("bits", [32, 16, 8, 4])
def test_zeros_and_extremes_survive(bits):
    x = {"x": jnp.zeros((3, 5)), "y": jnp.array([-7.0, 0.0, 7.0])}
    back = decode(encode(x, bits), x, bits)
    jax.tree.map(np.testing.assert_array_equal, back, x)


@pytest.mark.parametrize("bits", [32, 16, 8, 4])
@pytest.mark.parametrize("shape", [(1,), (255,), (256,), (257,), (3, 17, 11)])
def test_bytes_of_what_is_sent_are_the_formula(bits, shape):
    count = prod(shape)
    scales = 4 * -(-count // 256) if bits < 16 else 0
    assert payload_bytes([shape], bits) == -(-count * bits // 8) + scales
    assert sent_bytes(encode({"x": jnp.ones(shape)}, bits)) == payload_bytes([shape], bits)


def test_the_mean_is_of_rounded_numbers_in_float32():
    each = [{"x": jnp.array([1.0, -0.25, 0.1])}, {"x": jnp.array([-7.0, 3.0, 2.0])}, {"x": jnp.array([0.0, 1.0, 1e-3])}]
    for bits in (16, 8, 4):
        sent = [encode(x, bits) for x in each]
        came = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sent)
        wanted = np.mean([np.asarray(decode(s, each[0], bits)["x"]) for s in sent], axis=0)
        np.testing.assert_allclose(rounded(bits).mean(came, each[0])["x"], wanted, rtol=1e-6)


def trainer_of(bits, algorithm="diloco", replicas=2, **changes):
    run = TrainConfig(
        model=MODEL,
        algorithm=algorithm,
        replicas=replicas,
        sync_every=4,
        payload_bits=bits,
        steps=8,
        sequence_length=8,
        sequences=1,
        **changes,
    )

    def batches(step):
        return np.random.default_rng(step).integers(0, MODEL.vocab, (replicas, 1, 9), dtype=np.int32)

    return Trainer(run, rows_of(batches), make_mesh(replicas, 1), alone=False)


def counted(trainer):
    return [
        sum(each.payload_bytes for each in collectives(programs.exchange.as_text(), trainer.mesh))
        for programs in trainer.outer
    ]


@pytest.mark.parametrize(("bits", "replicas"), [(32, 2), (16, 2), (8, 2), (4, 2), (4, 4)])
def test_counted_bytes_are_bits_times_parameters_and_scales(bits, replicas):
    shapes = [leaf.shape for leaf in jax.tree.leaves(param_shapes(MODEL))]
    scales = sum(-(-prod(shape) // 256) for shape in shapes) * 4 if bits < 16 else 0
    # every tensor here has an even number of parameters, so nothing is rounded up
    assert counted(trainer_of(bits, replicas=replicas)) == [MODEL.params * bits // 8 + scales]


@pytest.mark.parametrize("bits", [32, 8])
@pytest.mark.parametrize("pattern", ["strided", "sequential"])
def test_fragments_carry_every_parameter_once(bits, pattern):
    trainer = trainer_of(bits, "streaming-diloco", fragments=3, pattern=pattern)
    layer = {name: leaf.shape[1:] for name, leaf in param_shapes(MODEL)["layers"].items()}
    rest = [(MODEL.vocab, MODEL.width), (MODEL.width,)]
    assert counted(trainer) == [
        payload_bytes([(count, *shape) for shape in layer.values()] + rest * (p == 0), bits)
        for p, count in enumerate((2, 1, 1))
    ]
    if bits == 32:
        assert sum(counted(trainer)) == 4 * MODEL.params


def test_error_feedback_loses_nothing():
    """What is sent in all rounds plus the error that is left is what was to be sent, to float rounding."""
    trainer = trainer_of(4, error_feedback=True)
    state = trainer.start()
    params = trainer.params(state)
    theta = jax.tree.map(lambda x: x + 1e-3 * jnp.arange(x.size).reshape(x.shape) / x.size, params)
    error, programs = state.outer[0].error, trainer.outer[0]
    wanted = jax.device_get(jax.tree.map(lambda a, b: 5 * (a - b), theta, params))
    total = jax.tree.map(np.zeros_like, wanted)
    for _ in range(5):
        error, sent = programs.change(theta, error, params)
        one = jax.vmap(lambda sent, like: decode(sent, like, 4))(sent, params)
        total = jax.tree.map(np.add, total, jax.device_get(one))
    jax.tree.map(lambda t, e, w: np.testing.assert_allclose(t + e, w, atol=1e-6), total, jax.device_get(error), wanted)
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(jax.device_get(error))) > 1e-6
