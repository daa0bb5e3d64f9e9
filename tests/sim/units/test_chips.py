"""Chips by name: what the catalogue holds, what a name stands for, where it may stand, and that the answer says so."""

import subprocess
import sys

import pytest

from sim.documents.chip_keys import described
from sim.documents.validation import validate
from sim.errors import InputError
from sim.laws.chip_step import step_of, step_seconds
from sim.laws.model_family import FAMILY
from sim.topology.model import Topology
from sim.units.chips import chips, find_chip
from sim.units.quantities import read_chip_speed
from sim.workload.documents import AnalyticWorkload, TraceWorkload


@pytest.mark.parametrize(
    ("name", "tflop_per_s"),
    [("h100", 395.8), ("H200", 395.8), ("a100", 124.8), ("tpu-v5e", 78.8), ("tpu-v5p", 183.6), ("b200", 900.0)],
)
def test_a_name_stands_for_two_fifths_of_the_published_peak(name, tflop_per_s):
    assert read_chip_speed(name) == pytest.approx(tflop_per_s * 1e12, rel=1e-12)


def test_every_name_is_there_once_and_is_written_as_people_type_it():
    names = [chip.name for chip in chips()]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


def test_every_row_says_where_and_when_its_numbers_were_read():
    assert all(chip.source and chip.read_on.count("-") == 2 for chip in chips())
    assert {chip.first_hand for chip in chips() if chip.name.startswith("tpu")} == {True}


@pytest.mark.parametrize(
    ("name", "fp8", "tf32", "fp32", "gb_per_s", "watts"),
    [  # as the makers' pages print them; half of what is printed with sparsity
        ("h100", 3958 / 2, 989 / 2, 67, 3350, 700),
        ("h100-pcie", 3026 / 2, 756 / 2, 51, 2000, 350),
        ("h100-nvl", 3341 / 2, 835 / 2, 60, 3900, 400),
        ("h200", 3958 / 2, 989 / 2, 67, 4800, 700),
        ("b200", 9000 / 2, 2250 / 2, 75, 7700, 1000),
        ("a100", None, 156, 19.5, 2039, 400),
        ("a100-40gb", None, 156, 19.5, 1555, 400),
        ("l40s", 733, 183, 91.6, 864, 350),
        ("mi300x", 2614.9, 653.7, 163.4, 5300, 750),
        ("mi325x", 2614.9, 653.7, 163.4, 6000, 1000),
        ("tpu-v3", None, None, None, 900, 262),
        ("tpu-v4", None, None, None, 1200, 192),
        ("tpu-v5e", None, None, None, 819, None),
        ("tpu-v5p", 459, None, None, 2765, None),
        ("tpu-v6e", 918, None, None, 1638, None),
        ("tpu7x", 4614, None, None, 7380, None),
    ],
)
def test_the_catalogue_holds_what_the_makers_print(name, fp8, tf32, fp32, gb_per_s, watts):
    chip = find_chip(name)
    found = (chip.fp8_flop_per_s, chip.tf32_flop_per_s, chip.fp32_flop_per_s, chip.watts)
    wanted = (*(each and each * 1e12 for each in (fp8, tf32, fp32)), watts)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == (theirs and pytest.approx(theirs, rel=1e-3)), name
    assert chip.memory_bytes_per_s == gb_per_s * 1e9


def test_lower_precisions_are_faster():
    for chip in chips():
        known = [chip.fp8_flop_per_s, chip.peak_flop_per_s, chip.tf32_flop_per_s, chip.fp32_flop_per_s]
        known = [each for each in known if each]
        assert known == sorted(known, reverse=True), chip.name


def site(**keys):
    return validate(Topology, {"name": "t", "datacenters": [{"name": "a", **keys}]}, source="t").datacenters[0]


def work(**keys):
    return validate(AnalyticWorkload, {"params": 1e9, **keys}, source="w")


@pytest.mark.parametrize("made", [site, work])
def test_a_chip_may_stand_wherever_a_speed_may(made):
    assert made(chip="h100").chip_flop_per_s == 0.4 * 989.5e12
    assert made(chip="A100", mfu=0.55).chip_flop_per_s == pytest.approx(0.55 * 312e12, rel=1e-12)
    assert made(chip="h100", chip_speed="420 Tflop/s").chip_flop_per_s == 420e12
    assert made(chip="H100").chip == "h100"


@pytest.mark.parametrize("made", [site, work])
def test_a_name_in_the_place_of_a_speed_is_the_same(made):
    assert made(chip_speed="H100") == made(chip="h100")


def test_a_shape_gives_its_chip_to_all_its_datacenters():
    for keys in ({"chip": "a100", "mfu": 0.5}, {"chip_speed": "156 Tflop/s"}):
        shape = {"shape": "ring", "datacenters": 3, "bandwidth": "1 Gbit/s", "latency": "1 ms", **keys}
        made = validate(Topology, {"name": "t", "generate": shape}, source="t")
        assert [each.chip_flop_per_s for each in made.datacenters] == [156e12] * 3
        assert {each.chip for each in made.datacenters} == {keys.get("chip")}


def test_what_is_written_out_is_read_back_as_the_same():
    for made in (site(chip="h100", mfu=0.35), site(chip="tpu-v5e"), work(chip="h100", mfu=1 / 3), work(chip="a100")):
        again = validate(type(made), made.model_dump(mode="json", exclude_none=True), source="again")
        assert again == made


def test_a_chip_keeps_its_name_at_another_speed():
    faster = site(chip="h100", mfu=0.3).replaced(mfu=None, chip_speed=6e14)
    assert (faster.chip, faster.chip_flop_per_s) == ("h100", 6e14)
    assert site(chip="h100").replaced(mfu=0.5).chip_flop_per_s == pytest.approx(0.5 * 989.5e12)


def test_a_recording_takes_a_chip_where_it_is_rescaled():
    given = {"trace": "35m-diloco-cpu", "rescale": True, "chip": "tpu-v5p", "mfu": 0.5}
    assert validate(TraceWorkload, given, source="w").chip_flop_per_s == pytest.approx(0.5 * 459e12)
    with pytest.raises(InputError, match="mfu: recorded seconds are replayed as they are; add `rescale: true`"):
        validate(TraceWorkload, given | {"rescale": False}, source="w")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"chip": "h1000"}, "chip: there is none named 'h1000'; did you mean 'h100'"),
        ({"mfu": 0.4}, "`mfu` is a share of a chip's peak; name the chip"),
        ({"chip": "h100", "mfu": 0.4, "chip_speed": "100 Tflop/s"}, "`mfu` and `chip_speed` say the same twice"),
        ({"chip": "h100", "chip_speed": "a100"}, "`chip` and `chip_speed` name a chip each"),
        ({"chip": "h100", "mfu": 1.2}, "mfu"),
        ({"chip": "h100", "mfu": 0}, "mfu"),
    ],
)
def test_contradictions_are_refused(keys, told):
    for made in (site, work):
        with pytest.raises(InputError) as refused:
            made(**keys)
        assert told in str(refused.value)


def test_a_measured_step_needs_no_share():
    assert work(step_time="1 s", chip="h100").step_time_s == 1
    with pytest.raises(InputError, match="`step_time` and `mfu` say the same twice"):
        work(step_time="1 s", chip="h100", mfu=0.4)


def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"'h1000' is not .* such as \"300 Tflop/s\".* a100, h100, "):
        read_chip_speed("h1000")


def test_the_answer_says_which_share_of_which_peak_was_counted_on(simulate):
    for keys, share in (("chip_speed: h100", "40"), ("chip: h100", "40"), ("chip: h100, mfu: 0.345", "34.5")):
        chosen = f"workload={{params: 1e9, steps: 5, chips: 16, {keys}}}"
        code, text, _ = simulate("--topology", "low-bw", "--set", chosen)
        assert code == 0
        assert f"Tflop/s useful (h100 at {share}% of its peak)" in " ".join(text.split())
    assert described(None, 300e12) == ""


BASE = ["--workload", "1.3b", "--topology", "low-bw", "--steps", "20", "--format", "csv"]


def seconds(simulate, *arguments):
    code, out, err = simulate(*arguments)
    assert code == 0, err
    head, row = out.splitlines()[:2]
    return float(dict(zip(head.split(","), row.split(","), strict=False))["compute_s"])


def test_the_option_says_the_share(simulate):
    one = seconds(simulate, *BASE, "--chip", "h100", "--mfu", "0.4")
    assert seconds(simulate, *BASE, "--chip", "h100", "--mfu", "0.2") == pytest.approx(2 * one)
    assert seconds(simulate, *BASE, "--set", "workload.chip=h100", "--set", "workload.mfu=0.8") == pytest.approx(
        one / 2
    )


def test_the_option_changes_the_share_of_chips_that_a_topology_names(simulate, scenario_file):
    sites = [{"name": "a", "chip": "h100"}, {"name": "b", "chip_speed": "h100"}]
    link = {"between": ["a", "b"], "bandwidth": "1 Gbit/s", "latency": "1 ms"}
    path = scenario_file({"name": "t", "datacenters": sites, "links": [link]}, "t.yaml")
    asked = ["--workload", "1.3b", "--topology", path, "--steps", "20", "--format", "csv"]
    assert seconds(simulate, *asked, "--mfu", "0.2") == pytest.approx(2 * seconds(simulate, *asked, "--mfu", "0.4"))
    step = step_of(FAMILY["1.3b"], 4_096)
    assert seconds(simulate, *asked) == pytest.approx(20 * step_seconds(step, find_chip("h100")))


def test_a_share_of_nothing_is_refused(simulate):
    for command in ([*BASE], ["plan", "--topology", "low-bw", "--days", "1", "--chips", "16"]):
        code, _, err = simulate(*command, "--mfu", "0.4")
        assert code == 2
        assert "--mfu: is a share of a chip's peak, and nobody names the chip; write --chip" in " ".join(err.split())


def test_a_plan_takes_chip_and_share(simulate):
    import json

    asked = ["plan", "--topology", "low-bw", "--days", "1", "--chips", "16", "--params", "1B", "--format", "json"]
    by_name = json.loads(simulate(*asked, "--chip", "h100", "--mfu", "0.2")[1])
    by_speed = json.loads(simulate(*asked, "--chip", "197.9 Tflop/s")[1])
    assert by_name["best"]["tokens"] == by_speed["best"]["tokens"]
    assert by_name["scenario"]["topology"]["datacenters"][0]["chip"] == "h100"


def test_nobody_reads_the_catalogue_who_names_no_chip():
    code = """
import builtins, io, sys
import typer.testing
from sim.cli.app import app
import sim.units.chips as catalogue
found = typer.testing.CliRunner().invoke(app, ["--workload", "35m", "--topology", "low-bw", "--steps", "5"])
assert found.exit_code == 0, found.output
print(catalogue.chips.cache_info().currsize)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
