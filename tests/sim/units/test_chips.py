"""Chips by name: what a name stands for, where it may stand, and that the answer says so."""

import pytest

from sim.documents.validation import validate
from sim.errors import InputError
from sim.topology.model import Topology
from sim.units.chips import CHIPS, described
from sim.units.quantities import read_chip_speed
from sim.workload.documents import AnalyticWorkload


@pytest.mark.parametrize(
    ("name", "tflop_per_s"),
    [("h100", 395.8), ("H200", 395.8), ("a100", 124.8), ("tpu-v5e", 78.8), ("tpu-v5p", 183.6), ("b200", 900.0)],
)
def test_a_name_stands_for_two_fifths_of_the_published_peak(name, tflop_per_s):
    assert read_chip_speed(name) == pytest.approx(tflop_per_s * 1e12, rel=1e-12)


def test_every_name_is_there_once_and_is_written_as_people_type_it():
    names = [chip.name for chip in CHIPS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


def test_a_name_may_stand_wherever_a_speed_may():
    assert (
        validate(AnalyticWorkload, {"params": 1e9, "chip_speed": "h100"}, source="w").chip_flop_per_s == 0.4 * 989.5e12
    )
    site = validate(Topology, {"name": "t", "datacenters": [{"name": "a", "chip_speed": "a100"}]}, source="t")
    assert site.datacenters[0].chip_flop_per_s == pytest.approx(0.4 * 312e12)


def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"'h1000' is not .* such as \"300 Tflop/s\".* a100, h100, "):
        read_chip_speed("h1000")


def test_the_answer_says_which_share_of_which_peak_was_counted_on(simulate):
    chosen = "workload={params: 1e9, steps: 5, chips: 16, chip_speed: h100}"
    code, text, _ = simulate("--topology", "low-bw", "--set", chosen, "--format", "csv")
    assert code == 0
    code, text, _ = simulate("--topology", "low-bw", "--set", chosen)
    assert "on chips of 395.8 Tflop/s useful (h100 at 40% of its peak)" in " ".join(text.split())
    assert described(300e12) == ""
