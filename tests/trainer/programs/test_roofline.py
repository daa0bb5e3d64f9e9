"""The roofline of hand-written programs against hand counts, and of compiled ones against their products."""

import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from trainer.parallel.chip_rates import Rates, assumptions, find_rates  # noqa: E402
from trainer.programs.roofline import ATTENTION, Roofline, bytes_of, estimate_roofline  # noqa: E402

RATES = Rates(bytes_per_s=1e12, narrow_flop_per_s=1e14, wide_flop_per_s=5e13, attention_flop_per_s=4e13, launch_s=1e-6)
HEAD = "HloModule m, is_scheduled=true\n\n"
MAIN = "ENTRY %main (p: f32[8]) -> f32[8] {{\n{}\n}}\n"


def entry(*lines, before=""):
    return HEAD + before + MAIN.format("\n".join(f"  {line}" for line in lines))


def test_a_product_takes_its_flops_or_its_bytes():
    large = entry(
        "%a = bf16[1000,2000]{1,0} parameter(0)",
        "%b = bf16[2000,3000]{1,0} parameter(1)",
        "ROOT %c = bf16[1000,3000]{1,0} dot(%a, %b), lhs_contracting_dims={1}, rhs_contracting_dims={0}",
    )
    found = estimate_roofline(large, RATES)
    assert found.flop == {"bf16": 2 * 1000 * 2000 * 3000}
    assert found.bytes_moved == 2 * (1000 * 2000 + 2000 * 3000 + 1000 * 3000)
    assert found.seconds == pytest.approx(2 * 1000 * 2000 * 3000 / 1e14 + 1e-6)
    thin = large.replace("2000", "20").replace("bf16", "f32")
    found = estimate_roofline(thin, RATES)
    assert found.flop == {"f32": 2 * 1000 * 20 * 3000}
    moved = 4 * (1000 * 20 + 20 * 3000 + 1000 * 3000)
    assert found.seconds == pytest.approx(moved / 1e12 + 1e-6)
    # a float32 product is as slow as its rate says where flops decide
    wide = estimate_roofline(large.replace("bf16", "f32"), RATES)
    assert wide.seconds == pytest.approx(2 * 1000 * 2000 * 3000 / 5e13 + 1e-6)


def test_a_library_product_and_a_convolution_count_like_any():
    blas = '"lhs_contracting_dimensions":["1"],"rhs_contracting_dimensions":["0"]}},"force_earliest_schedule":false'
    text = entry(
        "%a = bf16[64,128]{1,0} parameter(0)",
        "%b = bf16[128,32]{1,0} parameter(1)",
        '%c = (bf16[64,32]{1,0}, s8[1024]{0}) custom-call(%a, %b), custom_call_target="__cublas$gemm", '
        f'backend_config={{"gemm_backend_config":{{"dot_dimension_numbers":{{{blas}}}',
        "ROOT %d = bf16[64,32]{1,0} convolution(%a, %b), dim_labels=bf_io->bf",
    )
    found = estimate_roofline(text, RATES)
    assert found.flop == {"bf16": 2 * (2 * 64 * 128 * 32)}
    assert found.kernels == 2
    assert found.bytes_moved == 2 * 2 * (64 * 128 + 128 * 32 + 64 * 32)  # without the library's scratch space


@pytest.mark.parametrize(
    ("left", "right", "result", "rest", "products"),
    [
        ("64,128", "128,32", "64,32", "dim_labels=bf_io->bf", 1),
        # a product for each of 6: a window with holes meets one of them at each place
        ("6,64,128", "6,128,32", "6,64,32", "window={size=6 stride=5 lhs_dilate=6}, dim_labels=0bf_0io->0bf", 6),
        # the same activations with each of 24 heads
        (
            "1,64,128",
            "24,128,32",
            "24,64,32",
            "window={size=24 pad=23_23 rhs_reversal=1}, dim_labels=0bf_0io->0bf",
            24,
        ),
        # summed over 8 heads
        ("64,8,128", "8,128,32", "1,64,32", "window={size=8}, dim_labels=b0f_0io->0bf", 8),
    ],
    ids=["plain", "batch", "fan out", "sum"],
)
def test_a_product_that_a_tpu_writes_as_a_convolution_has_its_flops(left, right, result, rest, products):
    line = f"ROOT %d = bf16[{result}] convolution(%a, %b), {rest}"
    text = entry(f"%a = bf16[{left}] parameter(0)", f"%b = bf16[{right}] parameter(1)", line)
    assert estimate_roofline(text, RATES).flop == {"bf16": products * 2 * 64 * 128 * 32}


FUSED = """%inside (x: f32[100,50], y: s32[]) -> f32[100,50] {
  %x = f32[100,50]{1,0} parameter(0)
  %y = s32[] parameter(1)
  %z = s32[] constant(0)
  %row = f32[1,50]{1,0} dynamic-slice(%x, %y, %z), dynamic_slice_sizes={1,50}
  %twice = f32[1,50]{1,0} add(%row, %row)
  ROOT %u = f32[100,50]{1,0} dynamic-update-slice(%x, %twice, %y, %z)
}

"""


def test_a_fusion_that_updates_a_row_moves_a_row():
    text = entry(
        "%p = f32[100,50]{1,0} parameter(0)",
        "%i = s32[] parameter(1)",
        "ROOT %f = f32[100,50]{1,0} fusion(%p, %i), kind=kLoop, calls=%inside",
        before=FUSED,
    )
    # the row in and out, and the index that says which; the rest stays where it is
    assert estimate_roofline(text, RATES).bytes_moved == 2 * 50 * 4 + 4


def test_a_fusion_beside_others_moves_what_it_moves_alone():
    text = entry(
        "%p = f32[100,50]{1,0} parameter(0)",
        "%i = s32[] parameter(1)",
        "%s = ((f32[100,50]{1,0}, s32[]), f32[100,50]{1,0}, u32[]) fusion-start(%p, %i), kind=kLoop, calls=%inside",
        "ROOT %f = f32[100,50]{1,0} fusion-done(%s)",
        before=FUSED,
    )
    found = estimate_roofline(text, RATES)
    assert (found.bytes_moved, found.kernels) == (2 * 50 * 4 + 4, 1)


SLICED = """%inside (x: bf16[8,32,64], y: s32[], w: bf16[64,16]) -> (bf16[32,16], s8[999]) {
  %x = bf16[8,32,64]{2,1,0} parameter(0)
  %y = s32[] parameter(1)
  %w = bf16[64,16]{1,0} parameter(2)
  %z = s32[] constant(0)
  %layer = bf16[1,32,64]{2,1,0} dynamic-slice(%x, %y, %z, %z), dynamic_slice_sizes={1,32,64}
  %flat = bf16[32,64]{1,0} bitcast(%layer)
  %made = (bf16[32,16]{1,0}, s8[999]{0}) custom-call(%flat, %w), custom_call_target="__cublas$gemm", \
backend_config={"gemm_backend_config":{"dot_dimension_numbers":{"lhs_contracting_dimensions":["1"]}}}
  %product = bf16[32,16]{1,0} get-tuple-element(%made), index=0
  %scratch = s8[999]{0} get-tuple-element(%made), index=1
  ROOT %t = (bf16[32,16]{1,0}, s8[999]{0}) tuple(%product, %scratch)
}

"""


def test_a_librarys_product_of_one_layer_counts_its_flops_and_moves_that_layer():
    text = entry(
        "%p = bf16[8,32,64]{2,1,0} parameter(0)",
        "%i = s32[] parameter(1)",
        "%w = bf16[64,16]{1,0} parameter(2)",
        "ROOT %f = (bf16[32,16]{1,0}, s8[999]{0}) fusion(%p, %i, %w), kind=kCustom, calls=%inside",
        before=SLICED,
    )
    found = estimate_roofline(text, RATES)
    assert found.flop == {"bf16": 2 * 32 * 64 * 16}
    # a layer, the index, the other operand, and the result; not the library's scratch space
    assert found.bytes_moved == 2 * 32 * 64 + 4 + 2 * 64 * 16 + 2 * 32 * 16


LOOP = """%body (q: (s32[], f32[1000])) -> (s32[], f32[1000]) {
  %q = (s32[], f32[1000]{0}) parameter(0)
  %x = f32[1000]{0} get-tuple-element(%q), index=1
  %y = f32[1000]{0} add(%x, %x)
  ROOT %t = (s32[], f32[1000]{0}) tuple(%x, %y)
}

"""


@pytest.mark.parametrize(
    ("known", "times", "unknown"), [(', backend_config={"known_trip_count":{"n":"7"}}', 7, 0), ("", 1, 1)]
)
def test_a_loop_multiplies_its_kernels_or_is_said_to_be_unknown(known, times, unknown):
    text = entry(f"ROOT %w = (s32[], f32[1000]{{0}}) while(%p), condition=%c, body=%body{known}", before=LOOP)
    found = estimate_roofline(text, RATES)
    assert (found.kernels, found.bytes_moved, found.unknown_loops) == (times, times * 3 * 4000, unknown)
    assert found.seconds == pytest.approx(times * (12_000 / 1e12 + 1e-6))


def test_fused_attention_takes_the_flops_that_are_known_of_it():
    line = '%o = (bf16[2,64,4,16]{3,2,1,0}, u8[0]{0}) custom-call(%p, %p), custom_call_target="__cudnn$fmhaSoftmax"'
    text = entry("%p = bf16[2,64,4,16]{3,2,1,0} parameter(0)", line, f"ROOT {line.replace('%o', '%r')}")
    found = estimate_roofline(text, RATES, attention_flop=8e9)
    assert found.flop == {ATTENTION: 8e9}
    assert found.seconds == pytest.approx(8e9 / 4e13 + 2e-6)


def test_vector_memory_and_tokens_move_nothing():
    assert bytes_of("(f32[10]{0}, bf16[10,2]{1,0:T(8,128)S(1)}, token[], pred[3]{0}, s4[4]{0})") == 40 + 3 + 2


def test_exchanges_and_views_cost_nothing():
    text = entry(
        "%p = f32[1000]{0} parameter(0)",
        "%r = f32[1000]{0} all-reduce(%p), replica_groups={}",
        "ROOT %b = f32[10,100]{1,0} bitcast(%r)",
    )
    assert estimate_roofline(text, RATES) == Roofline()


def test_a_compiled_product_in_a_loop_has_its_flops():
    def repeated(x, y):
        return jax.lax.scan(lambda x, _: (jnp.tanh(x @ y), None), x, None, length=5)[0]

    shapes = [jax.ShapeDtypeStruct((64, 64), jnp.float32)] * 2
    found = estimate_roofline(jax.jit(repeated).lower(*shapes).compile().as_text(), RATES)
    assert sum(found.flop.values()) == 5 * 2 * 64**3
    assert found.bytes_moved >= 5 * 3 * 64 * 64 * 4
    assert (found + found).seconds == pytest.approx(2 * found.seconds)
    assert (found + found).flop["f32"] == 2 * found.flop["f32"]


def test_rates_are_shares_of_what_is_published():
    h100, tpu = find_rates("NVIDIA H100 80GB HBM3"), find_rates("TPU v5 lite")
    assert 0 < h100.bytes_per_s < 3.35e12
    assert 0 < h100.attention_flop_per_s < h100.narrow_flop_per_s < 989.5e12
    assert h100.wide_flop_per_s == h100.narrow_flop_per_s / 2
    assert tpu.launch_s == 0
    assert find_rates("a chip of a test") is None
    assert "TB/s" in assumptions(h100)
