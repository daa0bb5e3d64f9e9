"""Seconds of inference: by arithmetic, at limits, and not below what was published."""

import itertools
from dataclasses import asdict, replace

import pytest

from sim.laws.flops import parts
from sim.laws.inference_latency import Lane, Layout, chip_bytes, decode, prefill, served, served_by_size, served_like
from sim.laws.shapes import LLAMA_3, SHAPES

LLAMA = SHAPES["llama-3-70b"]
V5E, V4 = (197e12, 819e9), (275e12, 1200e9)
ONE = Layout(Lane(1), Lane(1), *V5E)


def on(model, tokens=1, chip=V5E, bytes_per_s=None, hops_s=0.0):
    return Layout(Lane(model, bytes_per_s, hops_s), Lane(tokens, bytes_per_s, hops_s), *chip)


def test_seventy_billion_parameters_take_a_prompt_of_8k_in_5_7_seconds_on_one_v5e():
    """2 x 70e9 x 8,000 / 197e12."""
    found = prefill(served_by_size(70e9, 2), ONE, 1, 8000)
    assert found.compute_s == pytest.approx(5.685, abs=0.001)
    assert (found.least_s, found.bound) == (found.compute_s, "compute")
    assert found.memory_s == pytest.approx(140e9 / 819e9)


def test_decode_of_32_sequences_of_8k_in_int8_on_8_chips_takes_17_ms():
    """By hand: (70e9 + 32 x 8,192 x 2 x 8 x 128 x 80) bytes over 8 x 819e9; half as long on 16."""
    model = served(LLAMA, 1, 1)
    assert model.cache_bytes_per_token == 163_840
    found = decode(model, on(8), 32, 8192)
    assert found.bound == "memory"
    assert found.memory_s == pytest.approx((69.5e9 + 42.9e9) / (8 * 819e9), rel=1e-3)
    assert decode(model, on(16), 32, 8192).memory_s == found.memory_s / 2


@pytest.mark.parametrize("shape", LLAMA_3)
def test_a_model_with_the_dimensions_of_llama_3_is_llama_3_at_its_sizes(shape):
    like, known = served_like(shape.params, 1, 2), served(shape, 1, 2)
    assert asdict(like) == pytest.approx(asdict(known))


@pytest.mark.parametrize("params", [1e9, 3e9, 30e9, 200e9, 2e12])
def test_other_sizes_have_dimensions_in_between_and_grow_alike(params):
    """Weights are exactly N; twice the weights have layers and widths of 2^(1/3) each, within a tenth."""
    one, two = served_like(params, 2, 2), served_like(2 * params, 2, 2)
    assert one.held_bytes == pytest.approx(2 * params)
    assert all(asdict(two)[name] > value for name, value in asdict(one).items())
    assert two.layers * two.width**2 / (one.layers * one.width**2) == pytest.approx(2, rel=0.1)
    assert one.prefill_flop_per_token <= 2 * params
    assert one.read_bytes <= one.held_bytes
    assert params < 5e9 or one.prefill_flop_per_token > 0.8 * 2 * params  # what is left are embedding and head


def test_a_token_alone_reads_all_weights_and_a_critical_batch_is_bound_by_both():
    """Compute and memory take equally long at B = peak/bandwidth x bytes/2: 240 in bfloat16, 120 in int8 on v5e."""
    for weight_bytes, critical in ((2, 240.5), (1, 120.3)):
        model = served_by_size(70e9, weight_bytes)
        assert decode(model, ONE, 1, 0).memory_s == weight_bytes * 70e9 / 819e9
        found = decode(model, ONE, 1000, 0)
        assert 1000 * found.memory_s / found.compute_s == pytest.approx(critical, abs=0.1)


def test_a_forward_pass_has_a_third_of_the_flops_of_training():
    trained = {part.what: part.flop for part in parts(LLAMA, 4096, "causal")}
    found = prefill(served(LLAMA, 2, 2), ONE, 1, 4096).compute_s * V5E[0]
    without_head = sum(flop for what, flop in trained.items() if what != "output head")
    assert found == pytest.approx(4096 * without_head / 3)


def test_no_published_run_is_quicker_than_the_least():
    """arXiv 2211.05102: PaLM 540B in int8 on 64 TPU v4 generates a token in 29 ms at a small batch."""
    assert decode(served_by_size(540e9, 1), on(64, chip=V4), 1, 0).least_s < 0.029


def test_chips_divide_the_time_until_exchanges_take_over():
    model = served(LLAMA, 2, 2)
    free = [prefill(model, on(n), 1, 8192) for n in (1, 2, 64)]
    assert [each.compute_s * n for each, n in zip(free, (1, 2, 64), strict=True)] == pytest.approx(
        [free[0].compute_s] * 3
    )
    assert all(each.exchange_s == 0 for each in free)
    slow = [prefill(model, on(n, bytes_per_s=1e11), 1, 8192) for n in (2, 64, 1024)]
    assert [each.bound for each in slow] == ["compute", "exchange", "exchange"]
    limit = 80 * 2 * 2 * 8192 * 8192 * 2 / 1e11  # two all-reduces a layer, each of twice B T D numbers
    assert slow[2].exchange_s == pytest.approx(limit * (1 - 1 / 1024))


def test_groups_of_tokens_divide_compute_and_exchanges_but_no_weights():
    model = served(LLAMA, 2, 2)
    one, four = (prefill(model, on(16, groups, bytes_per_s=1e11), 8, 8192) for groups in (1, 4))
    assert four.compute_s * 4 == pytest.approx(one.compute_s)
    assert four.exchange_s * 4 == pytest.approx(one.exchange_s)  # two whole prompts each: no keys are sent
    cut = prefill(model, on(16, 16, bytes_per_s=1e11), 8, 8192)
    assert cut.exchange_s * 16 > one.exchange_s
    assert chip_bytes(model, on(16, 4), 8, 8192) > model.held_bytes / 16
    assert decode(model, on(16, 4), 1, 0).memory_s == decode(model, on(16), 1, 0).memory_s


def test_sequences_that_do_not_divide_among_groups_wait_for_the_busiest():
    model = served(LLAMA, 2, 2)
    five, eight = (prefill(model, on(1, 4), batch, 1000).compute_s for batch in (5, 8))
    assert five == eight
    assert decode(model, on(1, 4), 5, 1000).memory_s == decode(model, on(1, 4), 8, 1000).memory_s
    assert chip_bytes(model, on(1, 4), 5, 1000) == chip_bytes(model, on(1, 4), 8, 1000)


def test_an_all_reduce_is_two_gathers():
    lane = Lane(8, 1e9, 1e-3)
    assert lane.all_reduce_s(1e9) == pytest.approx(2 * 7 / 8 + 1e-3)
    assert lane.all_reduce_s(1e9) == pytest.approx(2 * lane.all_gather_s(1e9))
    assert Lane(1, 1e9, 1.0).all_reduce_s(1e9) == 0


def test_assumed_is_never_below_the_least():
    model = served(LLAMA, 2, 2)
    for n, batch, tokens in itertools.product((1, 8, 64), (1, 64), (100, 10_000)):
        layout = on(n, 2, bytes_per_s=1e11, hops_s=1e-5)
        for found in (prefill(model, layout, batch, tokens), decode(model, layout, batch, tokens)):
            assert found.assumed_s(1, 1) >= found.least_s
            assert found.assumed_s(0.4, 0.9) > found.assumed_s(1, 1)


def test_sharing_keys_among_queries_shrinks_the_cache_alone():
    every = served(replace(LLAMA, kv_heads=64), 2, 2)
    shared = served(LLAMA, 2, 2)
    assert every.cache_bytes_per_token == 8 * shared.cache_bytes_per_token
    assert every.attention_flop_per_pair == shared.attention_flop_per_pair
