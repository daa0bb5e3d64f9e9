"""`simulate latency`: the question of 70B on TPU v5e, meshes and their links, and what is refused."""

import json
import math

import pytest

from sim.questions.latency import Ask, answer
from sim.questions.meshes import HOP_S, meshes
from sim.questions.shapes import read_shape
from sim.report.answers.latency import finding

LLAMA = read_shape("llama-3-70b", "--shape")


def ask(**keys):
    return answer(Ask(**({"chip": "tpu-v5e", "shape": LLAMA, "prompt_tokens": 8000, "deadline_s": 0.5} | keys)))


def test_which_mesh_of_v5e_answers_a_prompt_of_8k_within_half_a_second():
    found = ask(shape=None, params=70e9)
    assert found.one_chip_rule_s == pytest.approx(5.685, abs=0.001)
    by_mesh = {row.mesh: row for row in found.rows}
    assert not by_mesh["1x1"].fits
    assert by_mesh["4x4"].prefill_least_s == pytest.approx(5.685 / 16, abs=1e-3)
    assert (found.least_mesh, found.assumed_mesh) == ("4x4", "4x8")  # 5.7 / 0.5 = 11.4 chips; at 40%: 28.4
    full = ask()
    assert (full.least_mesh, full.assumed_mesh) == ("4x4", "8x8")  # with attention and exchanges
    row = {row.mesh: row for row in full.rows}["8x8"]
    assert (row.model_chips, row.token_groups) == (16, 4)  # 141 GB of weights need nine chips of 16 GB
    assert "8x8 is the smallest mesh" in finding(full)


def test_exchanges_of_a_mesh_by_hand():
    """4x4 as 16 x 1: a corner has two links of 50 GB/s; 160 all-reduces of 8,000 x 8,192 bfloat16, 12 hops each."""
    row = ask(chips=16).rows[0]
    by_hand = 160 * (2 * 8000 * 8192 * 2 * 15 / 16 / 100e9 + 12 * HOP_S)
    assert (row.model_chips, row.prefill_bound) == (16, "exchange")
    assert row.prefill.exchange_s == pytest.approx(by_hand)
    assert row.prefill_assumed_s == pytest.approx(row.prefill.compute_s / 0.4 + by_hand)


def test_links_of_rings_and_lines():
    def lanes(chip, name):
        mesh = next(mesh for mesh in meshes(chip, None) if mesh.name == name)
        return {(own.chips, others.chips): (own, others) for own, others in mesh.lanes()}

    whole = lanes("tpu-v5e", "16x16")
    own, _ = whole[256, 1]
    assert own.bytes_per_s == pytest.approx(200e9)  # all four links of every chip: two rings
    own, others = whole[16, 16]
    assert own.bytes_per_s == others.bytes_per_s == pytest.approx(100e9)
    own, _ = lanes("tpu-v5e", "2x4")[8, 1]
    assert own.bytes_per_s == pytest.approx(100e9)  # two lines: a corner has two links
    own, _ = lanes("tpu-v5p", "4x4x4")[64, 1]
    assert own.bytes_per_s == pytest.approx(600e9)  # a cube has rings along all three axes
    own, _ = lanes("tpu-v5p", "2x4x4")[32, 1]
    assert own.bytes_per_s == pytest.approx(300e9)  # half a cube has none
    own, _ = lanes("h100", "8")[8, 1]
    assert own.bytes_per_s == pytest.approx(450e9)


def test_groups_of_tokens_within_an_axis_share_its_links():
    """8x8 as 16 x 4: (2, 8), (4, 4) or (8, 2) chips for weights; two or four groups then use each link of 50 GB/s."""
    mesh = next(mesh for mesh in meshes("tpu-v5e", None) if mesh.name == "8x8")
    found = [(own, others) for own, others in mesh.lanes() if (own.chips, others.chips) == (16, 4)]
    assert len(found) == 3
    assert all(own.bytes_per_s == pytest.approx(100e9) for own, _ in found)
    assert all(others.bytes_per_s == pytest.approx(25e9) for _, others in found)


def test_layouts_use_every_chip_once():
    for chip in ("tpu-v5e", "tpu-v5p", "h100"):
        for mesh in meshes(chip, None):
            pairs = [(own.chips, others.chips) for own, others in mesh.lanes()]
            assert all(own * others == mesh.chips for own, others in pairs)
            assert (mesh.chips, 1) in pairs
            assert (1, mesh.chips) in pairs


def test_more_bandwidth_and_smaller_numbers_are_never_slower():
    base = ask(output_tokens=64, batch=8)
    for other in (
        ask(output_tokens=64, batch=8, interconnect_bits_per_s=6400e9),
        ask(output_tokens=64, batch=8, weight_bytes=1.0),
        ask(output_tokens=64, batch=8, cache_bytes=1.0),
    ):
        pairs = [(new, old) for new, old in zip(other.rows, base.rows, strict=True) if old.fits]
        assert pairs
        assert all(new.answer_assumed_s <= old.answer_assumed_s for new, old in pairs)


def test_an_answer_is_its_prefill_and_all_further_passes():
    """The mean cache of the passes gives their sum: each reads one token more."""
    row = ask(chips=64, output_tokens=101, batch=4).rows[0]
    assert row.answer_assumed_s == pytest.approx(row.prefill_assumed_s + 100 * row.decode_assumed_s)
    first = ask(chips=64, output_tokens=1, batch=4).rows[0]
    assert (first.decode, first.answer_least_s) == (None, first.prefill_least_s)
    assert row.decode.memory_s == pytest.approx(
        math.fsum(
            (2 * 69.5021e9 + 163_840 * 2 * 4 / row.token_groups * (8000 + k)) / row.model_chips / 819e9
            for k in range(1, 101)
        )
        / 100,
        rel=1e-4,
    )


def test_no_mesh_is_named_that_does_not_fit_or_is_too_late():
    assert (ask(deadline_s=None).least_mesh, ask(deadline_s=1e-3).least_mesh) == (None, None)
    assert "not even at the peaks" in finding(ask(deadline_s=1e-3))
    late = ask(deadline_s=0.4, chips=16)
    assert (late.least_mesh, late.assumed_mesh) == ("4x4", None)
    assert "as assumed none does" in finding(late)
    assert ask(deadline_s=100, chips=8).assumed_mesh is None  # 18 GB on chips of 16


def test_what_is_not_counted_is_said():
    assert any("times on several chips are too short" in note for note in ask(chip="mi300x").notes)
    assert any("all times are too short" in note for note in ask(shape=None, params=70e9).notes)
    assert any("50 GB/s a chip as given" in note for note in ask(interconnect_bits_per_s=400e9).notes)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--chip", "h1000", "--params", "7B"], "simulate list chips"),
        (["--chip", "h100"], "--shape llama-3-70b"),
        (["--chip", "h100", "--params", "7B", "--shape", "llama-3-8b"], "by its size alone, --params 70B"),
        (["--chip", "tpu-v5e", "--params", "7B", "--chips", "12"], "write one of 1, 4, 8, 16"),
        (["--chip", "h100", "--params", "7B", "--mfu", "1.5"], "--mfu: got 1.5"),
        (["--chip", "h100", "--params", "7B", "--batch", "0"], "--batch: got 0"),
        (["--chip", "h100", "--params", "7B", "--prompt-tokens", "0.5"], "whole number"),
        (["--chip", "h100", "--params", "7B", "--deadline", "5"], "--deadline"),
        (["--chip", "h100", "--params", "7B", "--cache-bytes", "1"], "no effect"),
        (["--chip", "h100", "--params", "7B", "--interconnect", "1 Gbit/s"], "no effect"),
        (["--chip", "h100", "--shape", "llama-3-8b", "--interconnect", "1 Gbit/s", "--chips", "1"], "leave it out"),
        (["--chip", "h100", "--shape", "llama-3-8b", "--interconnect", "fast"], "--interconnect"),
    ],
)
def test_what_cannot_be_answered_is_refused(words, told, simulate):
    code, out, error = simulate("latency", *words)
    assert (code, out) == (2, "")
    assert told in error


def test_the_command_prints_what_the_question_answers(simulate):
    words = ["--chip", "tpu-v5e", "--shape", "llama-3-70b", "--prompt-tokens", "8k", "--deadline", "0.5 s"]
    code, out, _ = simulate("latency", *words, "--format", "json")
    found = json.loads(out)
    assert (code, found["assumed_mesh"], found["least_mesh"]) == (0, "8x8", "4x4")
    assert found["rows"][3]["prefill_least_s"] == ask().rows[3].prefill_least_s
