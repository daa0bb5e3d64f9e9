"""Flops block by block: against products counted one by one, published parameter counts, and the rule where it holds."""

import itertools
from dataclasses import replace

import pytest

from sim.laws.flops import attention_flop_per_token, feed_forward_flop_per_token, parts, rule_flop
from sim.laws.model_family import FAMILY
from sim.laws.shapes import SHAPES, TransformerShape

SMALL = TransformerShape(3, 16, 40, 4, 2, 8, 50, gated=True, tied=False)


def products(shape, length, mask):
    """Flops of one training sequence: each product of (m x k) with (k x n) has 2 m k n, and two more backward."""
    d, f, h, t = shape.width, shape.hidden, shape.head_width, length
    matrices = [(d, shape.heads * h), (d, shape.kv_heads * h), (d, shape.kv_heads * h), (shape.heads * h, d)]
    matrices += [(d, f), (f, d)] + ([(d, f)] if shape.gated else [])
    layer = sum(2 * t * rows * columns for rows, columns in matrices)
    for _, position in itertools.product(range(shape.heads), range(t)):
        seen = position + 1 if mask == "causal" else t
        layer += 2 * h * seen + 2 * seen * h  # scores, and the weighted sum of values
    return 3 * (shape.layers * layer + 2 * t * d * shape.vocab)


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("mask", ["causal", "full"])
def test_blocks_add_up_to_all_products_of_a_sequence(gated, mask):
    shape, length = replace(SMALL, gated=gated), 2_000
    counted = length * sum(part.flop for part in parts(shape, length, mask))
    # with a causal mask T/2 stands for (T + 1)/2
    assert counted == pytest.approx(products(shape, length, mask), rel=1e-9 if mask == "full" else 1 / length)


def test_letters_say_what_numbers_are():
    b_t, t = 7 * 64, 64
    values = {"B": 7, "T": t, "D": 16, "F": 40, "N_q": 4, "K": 2, "H": 8, "L": 3, "V": 50}
    for mask, gated in itertools.product(("causal", "full"), (True, False)):
        for part in parts(replace(SMALL, gated=gated), t, mask):
            product = part.formula.replace("T^2", "T T").replace("(N_q + K)", "(N_q+K)").replace(" ", "*")
            assert eval(product, {}, values) == pytest.approx(part.flop * b_t), part


@pytest.mark.parametrize(
    ("name", "params"), [("llama-3-8b", 8.03e9), ("llama-3-70b", 70.55e9), ("llama-3-405b", 405.85e9)]
)
def test_shapes_have_the_published_parameters(name, params):
    """Parameters of the published weights; norms are a ten-thousandth of them."""
    assert SHAPES[name].params == pytest.approx(params, rel=1e-3)


@pytest.mark.parametrize("name", FAMILY)
def test_shapes_of_the_family_are_near_their_names(name):
    assert SHAPES[name].params == pytest.approx(FAMILY[name].params, rel=0.05)


def test_the_family_has_six_flops_a_weight_and_no_gates():
    shape = SHAPES["10b"]
    by_part = {part.what: part.flop for part in parts(shape, 2048, "causal")}
    assert by_part["feed-forward"] == 12 * shape.width * shape.hidden * shape.layers
    without = sum(flop for what, flop in by_part.items() if what != "attention")
    assert without == rule_flop(shape.params, 1)  # tied: the embedding counts as the head that it is
    assert by_part["attention"] == 6 * 2048 * shape.width * shape.layers


def test_palm_counts_attention_in_full():
    """arXiv 2204.02311, appendix B: 6 N + 12 L H Q T a token; of 540B with 118 layers, 48 heads of 256, T = 2,048."""
    assert attention_flop_per_token(118, 48 * 256, 2048, "full") == 12 * 118 * 48 * 256 * 2048
    share = attention_flop_per_token(118, 48 * 256, 2048, "full") / rule_flop(540.35e9, 1)
    assert share == pytest.approx(0.011, abs=0.0005)


def test_a_gate_costs_half_as_much_again():
    gated, plain = (feed_forward_flop_per_token(8192, 28_672, gated=each) for each in (True, False))
    assert gated / plain == 1.5
    assert gated == 18 * 8192 * 28_672
