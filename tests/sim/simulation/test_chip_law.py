"""A named model on a named chip computes at the pace of the law of the chip, unless something else says how fast."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from sim.laws.chip_step import step_of, step_seconds
from sim.laws.model_family import FAMILY
from sim.scenario.loading import load_scenario
from sim.scenario.variation import Capacities
from sim.simulation.jobs import jobs
from sim.units.chips import find_chip

LINK = "{between: [a, b], bandwidth: 10 Gbit/s, latency: 10 ms}"
LONG = "{sequence_tokens: 8192}"


def scenario_of(workload, sites=("{name: a}", "{name: b}")):
    """Two sites and DiLoCo with a replica on each."""
    path = Path(tempfile.mkdtemp()) / "scenario.yaml"
    topology = f"{{name: two, datacenters: [{', '.join(sites)}], links: [{LINK}]}}"
    strategies = "[{kind: diloco, replicas: 2, sync_every: 30}]"
    path.write_text(f"topology: {topology}\nworkload: {workload}\nstrategies: {strategies}\n")
    return load_scenario(path)


def load_of(workload, **options):
    return jobs(scenario_of(workload, **options))[0].setting.load


def by_law(size, tokens, chip="h200", sequence=2_048, *, again=False):
    step = replace(step_of(FAMILY[size], tokens, sequence), rematerialised=again)
    return step_seconds(step, find_chip(chip))


@pytest.mark.parametrize(
    ("workload", "seconds"),
    [
        ("{model: 1.3b, chip: h200, tokens_per_chip: 16384}", by_law("1.3b", 16_384)),
        ("{model: 35m, chip: h200, tokens_per_chip: 2048}", by_law("35m", 2_048)),
        ("{model: 550m, chip: h100, chips: 8, batch_tokens: 262144}", by_law("550m", 32_768, "h100")),
        (
            f"{{model: 180m, chip: h200, chips: 4, batch_tokens: 65536, attention: {LONG}}}",
            by_law("180m", 16_384, "h200", 8_192),
        ),
        (
            f"{{model: 180m, chip: h200, chips: 4, batch_tokens: 65536, memory: {LONG}}}",
            by_law("180m", 16_384, "h200", 8_192, again=True),
        ),
        (
            "{model: 180m, chip: h200, chips: 4, batch_tokens: 65536, memory: {rematerialise: attention}}",
            by_law("180m", 16_384),
        ),
    ],
)
def test_the_law_says_the_seconds(workload, seconds):
    load = load_of(workload)
    assert load.mean_step_s == pytest.approx((seconds, seconds))
    assert any("law of the chip" in note for note in load.notes)


@pytest.mark.parametrize(
    ("workload", "flop_per_s"),
    [
        ("{model: 1.3b, chip: h200, mfu: 0.5, chips: 8}", 0.5 * 989.5e12),
        ("{model: 1.3b, chip: h200, mfu: 0.4, chips: 8}", 0.4 * 989.5e12),
        ("{model: 1.3b, chip: h200, chip_speed: 300 Tflop/s, chips: 8}", 300e12),
        ("{model: 1.3b, chip: tpu-v5e, chips: 8}", 0.4 * 197e12),
        ("{params: 1.3e9, chip: h200, chips: 8}", 0.4 * 989.5e12),
        ("{model: 1.3b, active_params: 1e8, chip: h200, chips: 8}", 0.4 * 989.5e12 * 13),
        ("{model: 1.3b, chips: 8}", 300e12),
    ],
)
def test_a_given_speed_or_an_unknown_shape_or_chip_leaves_it_out(workload, flop_per_s):
    load = load_of(workload)
    assert load.mean_step_s[0] == pytest.approx(6 * 1.3e9 * load.batch_tokens / 8 / flop_per_s)
    assert not any("law of the chip" in note for note in load.notes)


@pytest.mark.parametrize("other", ["mask: full", "width: 4096"])
def test_attention_of_another_model_leaves_it_out(other):
    load = load_of(f"{{model: 1.3b, chip: h200, chips: 8, attention: {{sequence_tokens: 2048, {other}}}}}")
    assert not any("law of the chip" in note for note in load.notes)


def test_a_site_may_name_its_chip_or_its_speed():
    sites = ("{name: a, chip: h100}", "{name: b, chip_speed: 100 Tflop/s}")
    load = load_of("{model: 1.3b, chip: h200, chips: 8, batch_tokens: 131072}", sites=sites)
    assert load.mean_step_s == pytest.approx((by_law("1.3b", 16_384, "h100"), 6 * 1.3e9 * 16_384 / 100e12))


def test_shares_by_speed_let_unequal_chips_end_together_at_the_laws_pace():
    sites = ("{name: a, chip: h200}", "{name: b, chip: a100}")
    load = load_of("{model: 335m, chips: 8, batch_tokens: 262144, split: by-speed}", sites=sites)
    assert load.mean_step_s[0] == pytest.approx(load.mean_step_s[1], rel=1e-9)
    tokens = load.deal.flop_per_chip(load.batch_tokens)
    assert sum(tokens) * 4 == pytest.approx(262_144)
    assert tokens[0] > 2 * tokens[1]
    expected = (by_law("335m", tokens[0]), by_law("335m", tokens[1], "a100"))
    assert load.mean_step_s == pytest.approx(expected, rel=0.02)  # a microbatch more or less lies between two rounds


@pytest.mark.parametrize("site", [None, "b"])
@pytest.mark.parametrize("sites", [("{name: a}", "{name: b}"), ("{name: a, chip: h200}", "{name: b, chip: h200}")])
def test_twice_the_speed_of_the_law_is_half_its_seconds(site, sites):
    scenario = scenario_of("{model: 1.3b, chips: 8, batch_tokens: 131072, chip: h200}", sites)
    factor = Capacities(chip_speed=2, site=site)
    topology = factor.topology(scenario.topology, scenario.workload)
    workload = factor.workload(scenario.workload, topology)
    before, after = (
        jobs(each)[0].setting.load.mean_step_s
        for each in (scenario, scenario.replaced(topology=topology, workload=workload))
    )
    factors = tuple(now / then for now, then in zip(after, before, strict=True))
    assert factors == pytest.approx((1.0 if site else 0.5, 0.5))


def recorded(**more):
    fields = ", ".join(
        f"{key}: {value}" for key, value in {"trace": "35m-diloco-h200", "rescale": "true", **more}.items()
    )
    return load_of(f"{{{fields}}}")


def measured_s():
    from sim.trace.series import read_recording, recording_path

    return read_recording(recording_path("35m-diloco-h200")).mean_s


@pytest.mark.parametrize(
    ("asked", "tokens", "chip"),
    [
        ({"batch_tokens": 65_536, "chips": 2}, 32_768, "h200"),
        ({"batch_tokens": 65_536, "chips": 8}, 8_192, "h200"),
        ({"batch_tokens": 65_536, "chips": 4, "chip": "a100"}, 16_384, "a100"),
        ({"chips": 4}, 16_384, "h200"),
        ({"batch_tokens": 131_072}, 16_384, "h200"),
    ],
)
def test_a_recording_is_rescaled_by_the_ratio_that_the_law_gives(asked, tokens, chip):
    load = recorded(**asked)
    ratio = by_law("35m", tokens, chip) / by_law("35m", 32_768)
    assert sum(load.mean_step_s) / 2 == pytest.approx(measured_s() * ratio)
    memory = find_chip("h200").memory_bytes_per_s / find_chip(chip).memory_bytes_per_s
    assert load.outer_step_s == pytest.approx(recorded(chips=2).outer_step_s * memory)


@pytest.mark.parametrize(
    ("asked", "flop_per_s"),
    [
        ({"chip_speed": "100 Tflop/s"}, 100e12),
        ({"chip": "h100", "mfu": 0.5}, 0.5 * 989.5e12),
        ({"chip": "tpu-v5e"}, 0.4 * 197e12),
        ({"trace": "35m-diloco-cpu"}, 300e12),
        ({"trace": "35m-diloco-cpu", "chip": "h100"}, 0.4 * 989.5e12),
    ],
)
def test_a_given_speed_or_an_unknown_chip_rescales_it_by_flops(asked, flop_per_s):
    load = recorded(batch_tokens=65_536, chips=8, **asked)
    assert sum(load.mean_step_s) / 2 == pytest.approx(6 * load.params * 8_192 / flop_per_s, rel=1e-6)
    assert any("rescaled by flops" in note for note in load.notes)


def test_recorded_seconds_that_are_not_rescaled_stay_as_they_are():
    load = load_of("{trace: 35m-diloco-h200}")
    assert sum(load.mean_step_s) / 2 == pytest.approx(measured_s())
    assert not any("law of the chip" in note for note in load.notes)
