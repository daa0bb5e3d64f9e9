"""Flops and exchanges read from jaxprs, against hand counts and against XLA's own analysis of an unrolled program."""

from functools import partial

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from jax.sharding import AxisType, NamedSharding  # noqa: E402

from sim.errors import CrosshaulError  # noqa: E402
from trainer.config.run import ModelConfig  # noqa: E402
from trainer.model.attention import attend  # noqa: E402
from trainer.model.initial import count_params, param_shapes  # noqa: E402
from trainer.model.transformer import Execution, loss  # noqa: E402
from trainer.programs.jaxpr_counts import asked_collectives, count_flop, hlo_type  # noqa: E402

SIZES = {"replica": 2, "data": 2, "model": 2}


def shape(*sizes, dtype=jnp.float32):
    return jax.ShapeDtypeStruct(sizes, dtype)


def flop(function, *shapes, sizes=None):
    return count_flop(jax.jit(function).trace(*shapes).jaxpr, sizes or {})


@pytest.fixture(scope="module")
def mesh():
    return jax.make_mesh((2, 2, 2), tuple(SIZES), axis_types=(AxisType.Auto,) * 3)


def test_a_matrix_product_is_two_m_n_k():
    assert flop(jnp.matmul, shape(3, 5), shape(5, 7)) == 2 * 3 * 5 * 7
    assert flop(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), shape(4, 3, 5), shape(4, 5, 7)) == 4 * 2 * 3 * 5 * 7


def test_a_convolution_multiplies_each_output_by_its_window():
    convolve = partial(jax.lax.conv, window_strides=(1, 1), padding="VALID")
    assert flop(convolve, shape(2, 3, 8, 8), shape(5, 3, 3, 3)) == 2 * (2 * 5 * 6 * 6) * (3 * 3 * 3)


def test_arithmetic_counts_elements_and_moving_them_is_free():
    assert flop(lambda x: jnp.tanh(x) * x, shape(4, 6)) == 2 * 24
    assert flop(lambda x: x.sum(), shape(4, 6)) == 24
    assert flop(lambda x: x.reshape(6, 4).T[:2], shape(4, 6)) == 0
    assert flop(lambda x: x * x, shape(4, 6, dtype=jnp.int32)) == 0


def test_a_loop_counts_as_often_as_it_runs():
    def nested(x):
        inner = lambda x, _: (x @ x, None)  # noqa: E731
        outer = lambda x, _: (jax.lax.scan(inner, x, None, length=3)[0], None)  # noqa: E731
        return jax.lax.scan(outer, x, None, length=5)[0]

    assert flop(nested, shape(4, 4)) == 15 * 2 * 4**3


def test_what_is_computed_again_counts_again():
    block = lambda x: jnp.sum(jnp.sin(x @ x) @ x)  # noqa: E731
    plain = flop(jax.grad(block), shape(8, 8))
    again = flop(jax.grad(jax.checkpoint(block)), shape(8, 8))
    assert again >= plain + 2 * 8**3


def test_of_a_conditional_the_costliest_branch_counts():
    choose = lambda p, x: jax.lax.cond(p, lambda x: x @ x, lambda x: x + 1, x)  # noqa: E731
    assert flop(choose, shape(dtype=jnp.bool_), shape(4, 4)) == 2 * 4**3


def test_a_loop_of_unknown_length_is_refused_where_it_matters():
    until = lambda step, x: jax.lax.while_loop(lambda x: x.sum() < 9, step, x)  # noqa: E731
    with pytest.raises(CrosshaulError, match="write the loop as a scan"):
        flop(partial(until, lambda x: x @ x), shape(4, 4))
    assert flop(partial(until, lambda x: x + 1), shape(4, 4)) == 0


@pytest.mark.parametrize(("layers", "length"), [(1, 32), (3, 64)])
def test_the_models_flops_are_those_that_xla_counts_unrolled(layers, length):
    model = ModelConfig(layers=layers, width=64, heads=4, hidden=256, vocab=512)

    def step(*arguments, unrolled=False):
        objective = partial(loss, z_loss=1e-4, execution=Execution(unrolled=unrolled))
        return jax.value_and_grad(lambda params, tokens: objective(params, tokens)[0])(*arguments)

    shapes = (param_shapes(model), shape(4, length + 1, dtype=jnp.int32))
    counted = flop(step, *shapes)
    lowered = jax.jit(partial(step, unrolled=True)).lower(*shapes)
    assert counted == pytest.approx(lowered.cost_analysis()["flops"], rel=0.005)
    assert counted == pytest.approx(lowered.compile().cost_analysis()["flops"], rel=0.025)
    tokens = 4 * length
    formula = (6 * count_params(model) + 12 * layers * model.width * length) * tokens
    assert counted == pytest.approx(formula, rel=0.06)


def seen_products(length, width, heads, sequences):
    """Flops of one product of causal attention, pair by pair: each position with itself and those before it."""
    pairs = sum(position + 1 for position in range(length))
    return 2 * width * pairs * heads * sequences


def test_fused_attention_counts_the_pairs_that_it_sees():
    heads = shape(3, 256, 2, 64, dtype=jnp.bfloat16)
    forward = flop(lambda q, k, v: attend(q, k, v, "splash"), heads, heads, heads)
    one = seen_products(256, 64, 2, 3)
    scaling = 3 * 256 * 2 * 64
    assert forward == pytest.approx(2 * one, rel=0.01)
    summed = lambda q, k, v: attend(q, k, v, "splash").astype(jnp.float32).sum()  # noqa: E731
    both = flop(jax.grad(summed, argnums=(0, 1, 2)), heads, heads, heads)
    assert both == pytest.approx((2 + 5) * one, abs=5 * scaling)


@pytest.mark.parametrize("remat", ["none", "layer"])
def test_fused_attention_of_a_model_counts_as_often_as_it_runs(remat):
    model = ModelConfig(layers=3, width=128, heads=2, hidden=64, vocab=64)

    def step(attention, only=False):
        execution = Execution(attention=attention, remat=remat)
        objective = jax.value_and_grad(lambda p, t: loss(p, t, z_loss=1e-4, execution=execution)[0])
        traced = jax.jit(objective).trace(param_shapes(model), shape(2, 257, dtype=jnp.int32))
        return count_flop(traced.jaxpr, {}, fused_only=only)

    one = seen_products(256, 64, 2, 2) * model.layers
    # a layer that is computed again runs its kernel again
    runs = 2 * (2 if remat == "layer" else 1) + 5
    assert step("splash", only=True) == runs * one
    assert step("xla", only=True) == 0
    # without attention both count the same: plain products are over all pairs, with a softmax between (a fifth at most)
    whole = 2 * 64 * 256 * 256 * 2 * 2 * model.layers
    plain_products = 2 * (2 if remat == "layer" else 1) + 4
    assert step("xla") - plain_products * whole == pytest.approx(step("splash") - runs * one, rel=0.2)


def test_a_kernel_of_unknown_flops_is_refused():
    from jax.experimental import pallas as pl

    def double(x_ref, out_ref):
        out_ref[...] = 2 * x_ref[...]

    twice = pl.pallas_call(double, out_shape=shape(8, 8))
    with pytest.raises(CrosshaulError, match="give it a closed form"):
        flop(twice, shape(8, 8))


def test_a_device_counts_its_own_share(mesh):
    product = jax.shard_map(
        lambda a, b: a @ b,
        mesh=mesh,
        in_specs=(jax.P(("replica", "data")), jax.P()),
        out_specs=jax.P(("replica", "data")),
    )
    manual = jax.shard_map(
        lambda a, b: a @ b,
        mesh=mesh,
        in_specs=(jax.P(("replica", "data")), jax.P()),
        out_specs=jax.P(("replica", "data")),
        axis_names={"replica", "data"},
    )
    whole = 2 * 16 * 8 * 6
    # all axes manual: the model axis repeats the product; left to the compiler: its devices share it
    assert flop(product, shape(16, 8), shape(8, 6), sizes=SIZES) == whole / 4
    assert flop(manual, shape(16, 8), shape(8, 6), sizes=SIZES) == whole / 8
    split = NamedSharding(mesh, jax.P(("replica", "data", "model")))
    automatic = jax.jit(jnp.matmul, in_shardings=(split, None)).trace(shape(16, 8), shape(8, 6))
    assert count_flop(automatic.jaxpr, SIZES) == whole / 8


def test_exchanges_are_counted_as_they_are_asked_for(mesh):
    def program(x_8):
        def body(x_8, _):
            return jax.lax.pmean(x_8, ("replica", "model")), None

        half = jax.lax.psum(x_8.astype(jnp.bfloat16), "data")
        gathered = jax.lax.all_gather(x_8.astype(jnp.uint8), "model")
        part = jax.lax.psum_scatter(x_8, "replica", tiled=True)
        moved = jax.lax.ppermute(x_8, "data", [(0, 1), (1, 0)])
        stays = jax.lax.ppermute(x_8, "data", [(0, 0), (1, 1)])
        turned = jax.lax.all_to_all(x_8.reshape(2, 4), "model", 0, 0, tiled=True)
        looped, _ = jax.lax.scan(body, x_8, None, length=3)
        return [each.astype(jnp.float32).sum() for each in (half, gathered, part, moved, stays, turned, looped)]

    mapped = jax.shard_map(program, mesh=mesh, in_specs=jax.P(tuple(SIZES)), out_specs=jax.P(), check_vma=False)
    found = asked_collectives(jax.jit(mapped).trace(shape(64)).jaxpr, SIZES)
    assert {(e.kind, e.axis, e.group_size, e.dtype, e.payload_bytes, e.count) for e in found} == {
        ("all-reduce", "data", 2, "bf16", 16, 1),
        ("all-gather", "model", 2, "u8", 8, 1),
        ("reduce-scatter", "replica", 2, "f32", 32, 1),
        ("collective-permute", "data", 2, "f32", 32, 1),
        ("all-to-all", "model", 2, "f32", 32, 1),
        ("all-reduce", "replica,model", 4, "f32", 3 * 32, 3),
    }


def test_an_exchange_among_one_device_is_none():
    alone = jax.make_mesh((1, 1), ("replica", "data"), axis_types=(AxisType.Auto,) * 2)
    mapped = jax.shard_map(lambda x: jax.lax.psum(x, "data"), mesh=alone, in_specs=jax.P("data"), out_specs=jax.P())
    assert asked_collectives(jax.jit(mapped).trace(shape(8)).jaxpr, {"replica": 1, "data": 1}) == ()


@pytest.mark.parametrize(
    ("dtype", "spelled"),
    [("float32", "f32"), ("bfloat16", "bf16"), ("int8", "s8"), ("uint4", "u4"), ("bool", "pred"), ("complex64", "c64")],
)
def test_types_are_spelled_as_xla_spells_them(dtype, spelled):
    assert hlo_type(jnp.dtype(dtype)) == spelled
