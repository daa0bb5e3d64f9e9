"""The recording of an accelerator, run as a whole over tiny models on this machine."""

import csv
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

from experiments.accelerators import record
from experiments.accelerators.absent import Compiled, compile_absent, table
from experiments.accelerators.cases import LISTS, Copy, Products, Training, program_of
from experiments.accelerators.results import Results
from sim.documents.validation import validate
from sim.trace.file import HeldOut, OuterStep, Step, read_header, read_records
from trainer.config.run import TrainConfig
from trainer.recording.targets import has_cuda_compiler

ROOT = Path(__file__).parents[2]
MODEL = {"layers": 1, "width": 16, "heads": 2, "hidden": 32, "vocab": 64}
RUN = {"model": MODEL, "sequence_length": 8, "sequences": 2, "steps": 3, "warmup_steps": 1}
PLAIN = Training("plain", {**RUN, "algorithm": "data-parallel"}, clock="both", profile=True)
SHARED = Training(
    "shared",
    {**RUN, "algorithm": "diloco", "replicas": 2, "replicas_per_device": 2, "sync_every": 2, "payload_bits": 8},
)
READ = Training(
    "read",
    {**RUN, "model": {**MODEL, "vocab": 264}, "algorithm": "data-parallel", "tokenizer": "bytes", "held_out": 0.2},
)
WRONG = Training("wrong", {**RUN, "algorithm": "data-parallel", "sequence_length": 2**21})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    out = tmp_path_factory.mktemp("recording")
    text = out / "text.jsonl"
    text.write_text("\n".join(json.dumps({"text": f"a boat waits for tide {i} and stone {i * i}"}) for i in range(60)))
    read = replace(READ, run={**READ.run, "corpus": str(text)})
    cases = [Copy("copy", 2**16, 2), WRONG, Products("products", 8, 16, "float32", 2), PLAIN, SHARED, read]
    code = record.record_all(cases, out, budget_s=600, workers=2)
    return out, code, {row["case"]: row for row in map(json.loads, (out / "results.jsonl").read_text().splitlines())}


def test_every_case_has_a_row_and_a_failed_one_says_why(recorded):
    _, code, rows = recorded
    assert code == 1
    assert list(rows) == ["machine", "copy", "wrong", "products", "plain", "shared", "read"]
    assert "too few for a batch" in rows["wrong"]["error"]
    assert [name for name, row in rows.items() if "error" in row] == ["wrong"]


def test_speeds_are_work_over_time(recorded):
    _, _, rows = recorded
    assert rows["copy"]["bytes_per_s"] * rows["copy"]["pass_s"] == pytest.approx(2 * 2**16)
    # two products: 8 x 16 by 16 x 64, and 8 x 64 by 64 x 16
    assert rows["products"]["flop_per_s"] * rows["products"]["pass_s"] == pytest.approx(2 * (2 * 8 * 16 * 64))


def test_the_traces_are_those_of_the_cases_and_their_medians_stand_in_the_rows(recorded):
    out, _, rows = recorded
    for name, replicas in (("plain", 1), ("shared", 2)):
        trace = out / rows[name]["trace"]
        header, records = read_header(trace), list(read_records(trace))
        steps = sorted(each.compute_s for each in records if isinstance(each, Step) and not each.warmup)
        assert (header.replicas, header.steps, len(steps)) == (replicas, 3, 3 * replicas)
        middle = (steps[(len(steps) - 1) // 2] + steps[len(steps) // 2]) / 2
        assert rows[name]["compute_s"] == pytest.approx(middle)
        assert rows[name]["params"] == header.model.params
        assert rows[name]["fused_s"] == (header.fused.step.median_s if name == "plain" else None)
    outer = [each for each in read_records(out / rows["shared"]["trace"]) if isinstance(each, OuterStep)]
    assert {each.step for each in outer if not each.warmup} == {2, 3}
    assert rows["plain"]["outer_compute_s"] is None
    assert rows["shared"]["outer_compute_s"] > 0


def test_the_held_out_loss_of_a_row_is_the_last_number_of_the_trace(recorded):
    out, _, rows = recorded
    *_, last = (each for each in read_records(out / rows["read"]["trace"]) if isinstance(each, HeldOut))
    assert last.step == 3
    assert rows["read"]["held_out_loss"] == last.loss
    assert rows["read"]["held_out_error"] == last.loss_error
    # a model of 264 tokens that knows nothing, in nats
    assert abs(last.loss - math.log(264)) < 0.5
    assert "held_out_loss" not in rows["plain"]


def test_a_profile_names_the_operations_that_took_longest(recorded):
    out, _, rows = recorded
    assert list((out / "profiles" / "plain").rglob("perfetto_trace.json.gz"))
    taken = [each["seconds"] for each in rows["plain"]["busiest"]]
    assert taken == sorted(taken, reverse=True)
    assert "busiest" not in rows["shared"]


def test_a_second_call_takes_what_is_missing_first_what_was_never_begun(recorded):
    out, _, _ = recorded
    new = Copy("new", 2**16, 2)
    assert Results(out / "results.jsonl").waiting([WRONG, PLAIN, new]) == [new, WRONG]


def test_at_its_budget_the_process_ends_and_what_was_measured_is_there(tmp_path):
    command = [sys.executable, "-m", "experiments.accelerators.record", "--cases", "tiny", "--workers", "1"]
    command += ["--out", str(tmp_path / "r"), "--budget-s"]
    long = {**os.environ, "JAX_PLATFORMS": "cpu"}
    ended = subprocess.run([*command, "0.5"], cwd=ROOT, env=long, capture_output=True, text=True, timeout=300)
    assert (ended.returncode, ended.stdout) == (0, "the budget of 0.5 s is over\n")
    begun = Results(tmp_path / "r" / "results.jsonl").rows
    assert len(begun) < len(LISTS["tiny"])


def test_cases_of_equal_programs_are_compiled_once():
    run = {**RUN, "algorithm": "data-parallel"}
    again = Training("again", dict(reversed(run.items())), clock="both")
    assert program_of(again) == program_of(PLAIN)
    assert program_of(Training("other", run)) != program_of(PLAIN)
    assert program_of(Training("longer", {**run, "steps": 4}, clock="both")) != program_of(PLAIN)


def test_a_table_keeps_the_rows_of_cases_that_were_not_compiled_again():
    first = [
        Compiled("b", "split", memory_gb=2.0),
        Compiled("a", "loop", problem="too large"),
        Compiled("gone", "loop"),
    ]
    before = table(first, "", ["a", "b", "gone"])
    after = table([Compiled("a", "split", 7, mfu=0.5)], before, ["a", "b"])
    rows = [
        (row["case"], row["part"], row["memory_gb"], row["mfu"], row["problem"])
        for row in csv.DictReader(after.splitlines())
    ]
    assert rows == [("a", "split", "", "0.5", ""), ("b", "split", "2.0", "", "")]


def test_every_case_was_compiled_for_a_gpu_and_fits():
    rows = list(csv.DictReader((ROOT / "experiments" / "accelerators" / "compiled.csv").read_text().splitlines()))
    assert {row["case"] for row in rows} <= {case.name for case in LISTS["gpu"]}
    for row in rows:
        assert row["problem"] == ""
        assert 0 < float(row["memory_gb"]) <= 75  # of 80: driver and allocator keep some


def test_the_page_shows_the_table():
    folder = ROOT / "experiments" / "accelerators"
    shown = [
        re.split(r" *\| *", line.removeprefix("| ").removesuffix(" |"))
        for line in (folder / "README.md").read_text().splitlines()
    ]
    shown = {(cells[0].strip("`"), cells[1]): cells[2:] for cells in shown if len(cells) == 8}
    rows = list(csv.DictReader((folder / "compiled.csv").read_text().splitlines()))
    assert len(rows) > 10
    for row in rows:
        cells = shown[row["case"], row["part"]]
        assert cells[2] == f"{float(row['memory_gb']):.1f} GB"
        assert cells[3] == f"{1e3 * float(row['roofline_s']):,.1f} ms"
        assert cells[4] == (f"{float(row['mfu']):.1%}" if row["mfu"] else "")


def test_the_page_shows_what_was_measured():
    folder = ROOT / "experiments" / "accelerators"
    text = (folder / "README.md").read_text().split("<!-- measured -->")[1].split("<!-- end of measured -->")[0]
    shown = {cells[0].strip("`"): cells for cells in (line.strip("| ").split(" | ") for line in text.splitlines()[3:])}
    rows = [json.loads(line) for line in (folder / "recorded" / "results.jsonl").read_text().splitlines()]
    trained = [row for row in rows if "compute_s" in row]
    assert len(shown) == len(trained) == 27
    for row in trained:
        cells = shown[row["case"]]
        assert cells[1:3] == [f"{row['batch_tokens']:,}", f"{1e3 * row['compute_s']:.2f}"]
        assert cells[5:8] == [
            f"{row['mfu']:.1%}",
            f"{row['mfu_of_6n']:.1%}",
            f"{row['planned_bytes'] / 1e9:.2f}",
        ]
        assert (folder / "recorded" / row["trace"]).exists()


def test_an_unknown_case_is_named_beside_those_there_are(capsys):
    assert record.main(["--cases", "tiny", "--only", "copie"]) == 2
    assert capsys.readouterr().out.startswith("--only copie: no such case; write one of copy, products")


def test_all_cases_are_runs_of_one_device_under_names_of_their_own():
    for cases in LISTS.values():
        assert len({case.name for case in cases}) == len(cases)
        for case in cases:
            if isinstance(case, Training):
                config = validate(TrainConfig, dict(case.run), source=case.name)
                assert config.rows * config.devices_per_replica * config.shards == 1


@pytest.mark.skipif(not has_cuda_compiler(), reason="needs the extra cuda")
def test_a_case_compiles_for_a_gpu_that_is_not_there(tmp_path):
    small = replace(PLAIN, run={**PLAIN.run, "model": {**MODEL, "width": 128, "hidden": 256}, "sequence_length": 128})
    split, fused, loop = compile_absent([small, Products("products", 256, 128, "bfloat16", 3)], "gpu:h100")
    assert [(each.case, each.part, each.problem) for each in (split, fused, loop)] == [
        ("plain", "split", ""),
        ("plain", "fused", ""),
        ("products", "loop", ""),
    ]
    assert split.mfu > split.mfu_of_6n > 0
    # one program reads and writes gradients once less than two
    assert fused.roofline_s <= split.roofline_s
    rows = list(csv.DictReader(table([split, fused, loop], "", ["plain", "products"]).splitlines()))
    assert [row["memory_gb"] for row in rows] == [str(each.memory_gb) for each in (split, fused, loop)]
