"""The nine sizes compiled for chips that are not there: what is compiled, the committed table and its page."""

import csv
from dataclasses import asdict, fields
from pathlib import Path

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from experiments.accelerators import page, sizes
from experiments.accelerators.cases import LISTS
from experiments.accelerators.sizes import FORMS, TARGETS, WAYS, Sized, Way, run_of
from sim.documents.validation import validate
from sim.laws.model_family import FAMILY
from trainer.config.run import TrainConfig
from trainer.recording.targets import parse_target

FOLDER = Path(__file__).parents[2] / "experiments" / "accelerators"
PEAK = {"h100": 989.5e12, "v5e": 197e12, "v5p": 459e12}  # published dense bfloat16 peaks [flop/s]
HOLDS = {"h100": 75.0, "v5e": 15.0, "v5p": 89.1}  # 15/16 of 80, 16 and 95 GB
ROW = Sized("v5e", "35m", "now", 1, "one chip", 65_536, "none", "splash")


def committed():
    return list(csv.DictReader((FOLDER / "sizes.csv").read_text().splitlines()))


@pytest.mark.parametrize("size", ["35m", "550m"])
def test_before_is_the_form_of_the_plain_cases_and_now_that_of_the_list_for_one_gpu(size):
    cases = {case.name: case for case in LISTS["gpu"]}
    for form, name in (("before", f"{size}-plain"), ("now", size)):
        listed = validate(TrainConfig, {**cases[name].run, "steps": 10}, source=name).on("gpu")
        assert run_of(size, form, Way()).replaced(warmup_steps=2).on("gpu") == listed


def test_every_way_has_a_target_of_as_many_chips_and_reads_the_same_tokens():
    for chip in TARGETS:
        for size in FAMILY:
            ways = {form: WAYS.get((chip, size, form), Way()) for form in FORMS}
            runs = {form: run_of(size, form, way) for form, way in ways.items()}
            assert len({run.batch_tokens for run in runs.values()}) == 1
            for form, run in runs.items():
                shape = parse_target(TARGETS[chip][ways[form].chips]).shape.split("x")
                chips = 1
                for side in shape:
                    chips *= int(side)
                assert run.mesh_devices == ways[form].chips == chips


def test_a_table_replaces_the_row_of_the_same_chip_size_and_form_and_is_in_order():
    others = [Sized(*key, 1, "one chip", 1, "none", "xla") for key in (("v5p", "35m", "now"), ("h100", "10b", "now"))]
    before = sizes.table([ROW, *others], "")
    again = Sized(**{**asdict(ROW), "mfu": 0.5})
    earlier = Sized(**{**asdict(ROW), "form": "before", "problem": "too large"})
    rows = list(csv.DictReader(sizes.table([again, earlier], before).splitlines()))
    assert [(row["chip"], row["model"], row["form"], row["mfu"], row["problem"]) for row in rows] == [
        ("h100", "10b", "now", "", ""),
        ("v5e", "35m", "before", "", "too large"),
        ("v5e", "35m", "now", "0.5", ""),
        ("v5p", "35m", "now", "", ""),
    ]


def test_an_unknown_size_is_named_beside_those_there_are(capsys):
    assert sizes.main(["--chip", "v5e", "--only", "36m"]) == 2
    assert capsys.readouterr().out.startswith("--only 36m: no such size; write one of 35m, 90m, 180m")


def test_a_form_alone_can_be_asked_for():
    assert list(sizes.wanted("v5e", ["90m-now", "10b"])) == [("90m", "now"), ("10b", "before"), ("10b", "now")]


def test_the_committed_sizes_fit_their_chips_and_say_what_was_compiled():
    rows = committed()
    assert list(rows[0]) == [each.name for each in fields(Sized)]
    assert len({sizes.key_of(row) for row in rows}) == len(rows)
    for row in rows:
        way = WAYS.get(sizes.key_of(row), Way())
        run = run_of(row["model"], row["form"], way)
        assert row["problem"] == ""
        assert 0 < float(row["memory_gb"]) <= HOLDS[row["chip"]]
        assert row["unknown_loops"] == "0"
        assert (int(row["chips"]), row["spread"], row["remat"]) == (way.chips, way.spread, way.remat)
        assert int(row["tokens_a_step"]) == run.batch_tokens
        assert int(row["microbatches"]) >= (run.microbatches or 1)
        assert (float(row["exchanged_gb"]) > 0) == (way.chips > 1)


def test_the_committed_utilisations_follow_from_tokens_seconds_and_the_published_peak():
    for row in committed():
        shape, params, seconds = FAMILY[row["model"]], float(row["parameters"]), float(row["roofline_s"])
        reached = 6 * params * int(row["tokens_a_step"]) / (seconds * int(row["chips"]) * PEAK[row["chip"]])
        assert float(row["mfu_of_6n"]) == pytest.approx(reached, rel=0.002)
        # causal attention adds 6 x layers x width x length flops to the 6 N of a token
        attention = 1 + shape.layers * shape.width * 2048 / params
        assert float(row["mfu"]) / float(row["mfu_of_6n"]) == pytest.approx(attention, rel=0.002)
        assert float(row["mfu"]) < 0.8  # the share of the peak that products are assumed to reach


def test_what_the_trainer_does_now_is_no_slower_than_before():
    rows = {sizes.key_of(row): row for row in committed()}
    both = [
        (row, rows[chip, size, "before"])
        for (chip, size, form), row in rows.items()
        if form == "now"
        if (chip, size, "before") in rows
    ]
    assert both
    for now, before in both:
        chips = int(now["chips"]) / int(before["chips"])
        assert float(now["roofline_s"]) * chips <= float(before["roofline_s"]) * 1.001


def test_the_page_shows_the_tables_as_they_are():
    text = (FOLDER / "README.md").read_text()
    assert page.with_tables(text) == text
    lines = text.split("<!-- sizes -->")[1].split("<!-- end of sizes -->")[0].splitlines()
    shown = {tuple(cells[:3]): cells for cells in (line.strip("| ").split(" | ") for line in lines if "`" in line)}
    for row in committed():
        cells = shown[row["chip"], f"`{row['model']}`", row["form"]]
        assert f"{float(row['memory_gb']):.1f} GB" in cells
        assert cells[-3:] == [
            f"{1e3 * float(row['roofline_s']):,.1f} ms",
            f"{float(row['mfu']):.1%}",
            f"{float(row['mfu_of_6n']):.1%}",
        ]
