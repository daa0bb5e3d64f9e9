"""The law of the chip against its formula by hand, its limits, and the recorded steps that it was fitted to."""

from dataclasses import replace

import pytest

from sim.laws.chip_step import FITTED, Constants, Step, applies_to, outside, step_of, step_seconds
from sim.laws.model_family import FAMILY
from sim.units.chips import find_chip

H200 = find_chip("h200")
PEAK, BANDWIDTH = 989.5e12, 4.8e12
STEP = Step(layers=10, width=1000, hidden=3000, tokens=16_384, vocab=500, sequence_tokens=2000)
NOTHING = Constants(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("products", 6 * (10 * (4 * 1000**2 + 2 * 1000 * 3000) + 500 * 1000) * 16_384 / PEAK),
        ("passes", 2 * 16_384 * 10 * 1000 / BANDWIDTH),
        ("attention", 6 * 10 * 2000 * 1000 * 16_384 / PEAK),
        ("logits", 2 * 16_384 * 500 / BANDWIDTH),
        ("layer_s", 10.0),
        ("microbatch_s", 1.0),
    ],
)
def test_each_term_is_what_the_formula_says(field, seconds):
    moved_s = (10 * (4 * 1000**2 + 2 * 1000 * 3000) + 500 * 1000) * (28 + 16) / (0.8 * BANDWIDTH)
    assert step_seconds(STEP, H200, NOTHING) == pytest.approx(moved_s)
    assert step_seconds(STEP, H200, replace(NOTHING, **{field: 1.0})) == pytest.approx(moved_s + seconds)


def test_the_update_is_paid_once_and_a_microbatch_each_time():
    one, four = (replace(STEP, tokens=tokens) for tokens in (16_384, 65_536))
    assert (one.microbatches, four.microbatches, replace(STEP, tokens=16_385).microbatches) == (1, 4, 2)
    params = 10 * (4 * 1000**2 + 2 * 1000 * 3000) + 500 * 1000
    once = step_seconds(four, H200) / 4 - step_seconds(one, H200)
    assert once == pytest.approx(-params * 28 * 3 / 4 / (0.8 * BANDWIDTH))


def test_recomputing_layers_costs_a_third_more_of_what_layers_cost():
    again = step_seconds(replace(STEP, rematerialised=True), H200) - step_seconds(STEP, H200)
    layers = replace(STEP, vocab=1)
    products = 6 * 10 * (4 * 1000**2 + 2 * 1000 * 3000) * 16_384 / PEAK
    of_layers = (
        FITTED.products * products
        + FITTED.passes * 2 * 16_384 * 10 * 1000 / BANDWIDTH
        + FITTED.attention * 6 * 10 * 2000 * 1000 * 16_384 / PEAK
        + FITTED.layer_s * 10
    )
    assert again == pytest.approx(of_layers / 3)
    assert step_seconds(layers, H200) < step_seconds(STEP, H200)


def test_wide_models_and_large_steps_come_nearer_to_the_peak():
    def share(size, tokens):
        return 6 * FAMILY[size].params * tokens / step_seconds(step_of(FAMILY[size], tokens), H200) / PEAK

    by_size = [share(size, 32_768) for size in FAMILY]
    assert by_size == sorted(by_size)
    assert 0.2 < by_size[0] < 0.3
    assert 0.5 < by_size[-1] < 1 / FITTED.products
    by_tokens = [share("550m", tokens) for tokens in (512, 2_048, 8_192, 16_384)]
    assert by_tokens == sorted(by_tokens)


def test_a_slower_memory_slows_what_moves_and_not_what_multiplies():
    h100 = find_chip("h100")
    assert (h100.peak_flop_per_s, h100.memory_bytes_per_s) == (PEAK, 3.35e12)
    multiplies = Constants(1, 0, 1, 0, 1, 1)
    moved_s = step_seconds(STEP, H200, NOTHING)
    slower = step_seconds(STEP, h100, multiplies) - step_seconds(STEP, H200, multiplies)
    assert slower == pytest.approx(moved_s * (4.8 / 3.35 - 1))


@pytest.mark.parametrize(
    ("chip", "whether"),
    [
        *((name, True) for name in ("h200", "h100", "h100-pcie", "a100-40gb", "b200")),
        *((name, False) for name in ("tpu-v5e", "mi300x", "l40s")),
    ],
)
def test_the_law_is_carried_over_to_some_gpus(chip, whether):
    assert applies_to(find_chip(chip)) is whether


def test_what_lies_beyond_the_measured_is_said():
    assert outside(step_of(FAMILY["35m"], 65_536), H200) == ""
    said = outside(Step(layers=1, width=8_192, hidden=1, tokens=1_024), find_chip("b200"))
    assert "1,024 tokens" in said
    assert "width 8,192" in said
    assert "b200 by its peak and bandwidth" in said
