"""CSV and JSON lines: which column is the time, what is refused, and that a replay takes the log's seconds."""

import gzip
import json

import pytest

from sim.trace.file import Step, read_header, read_records
from sim.trace.imports.names import plain, with_unit


@pytest.fixture
def log(tmp_path):
    def write(text, name="log.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def seconds(tmp_path):
    return [each.compute_s for each in read_records(tmp_path / "imported.jsonl") if isinstance(each, Step)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("step_time_s", ("step_time", 1.0)),
        ("train/Step Time (ms)", ("step_time", 1e-3)),
        ("perf/step_time_seconds", ("step_time", 1.0)),
        ("step_time", ("step_time", None)),
        ("seconds", ("seconds", 1.0)),
        ("steps_s", ("steps_s", 1.0)),
        ("_runtime", ("runtime", None)),
        ("loss", ("loss", None)),
    ],
)
def test_a_unit_is_read_from_a_name(name, expected):
    assert with_unit(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step,step_time_s\n1,0.5\n2,0.25\n3,1\n", [0.5, 0.25, 1.0]),
        ("step;iteration_time_ms\n1;500\n2;250\n", [0.5, 0.25]),
        ("step\tseconds_per_step\n1\t2\n", [2.0]),
        ("step,steps_per_second\n1,4\n2,2\n", [0.25, 0.5]),
        ("step,tokens_per_sec\n1,4096\n2,8192\n", [1.0, 0.5]),
        ("step,tokens_per_second_per_gpu\n1,1024\n2,512\n", [1.0, 2.0]),
        ("step,_runtime,_timestamp\n10,100,1e9\n11,101.5,1e9\n13,104.5,1e9\n", [1.5, 1.5, 1.5]),
        ("step,date\n1,2026-01-01 00:00:00\n2,2026-01-01 00:00:02.5\n", [2.5]),
        ("step,step_time_s\n1,0.5\n2,\n3,1\n", [0.5, 1.0]),
    ],
)
def test_the_seconds_of_a_step_are_found_by_their_name(log, tmp_path, replayed_s, text, expected):
    assert replayed_s(log(text)) == pytest.approx(sum(expected), rel=1e-12)
    assert seconds(tmp_path) == pytest.approx(expected)


def test_what_the_user_says_goes_before_what_a_name_says(log, tmp_path, replayed_s):
    path = log("n,step_time,mine\n1,9,500\n2,9,250\n")
    assert replayed_s(path, "--seconds-column", "mine", "--unit", "ms") == pytest.approx(0.75)


def test_json_lines_have_columns_within_columns_and_leave_some_out(log, replayed_s, told):
    lines = [{"step": 1, "perf": {"step_time_s": 0.5}}, {"step": 1, "eval": 3}, {"step": 2, "perf": {"step_time_s": 2}}]
    path = log("\n".join(map(json.dumps, lines)) + "\n", "log.jsonl")
    assert replayed_s(path) == pytest.approx(2.5)
    (taken,) = told(path)["files"]
    assert taken["format"] == "jsonl"
    assert "1 rows without perf.step_time_s are left out" in taken["notes"]


def test_a_compressed_log_is_read_and_a_compressed_trace_is_written(log, tmp_path, simulate, told):
    path = log("", "log.csv.gz")
    path.write_bytes(gzip.compress(b"step,step_time_s\n1,0.5\n"))
    words = ["--params", "1e6", "--tokens-per-step", "64", "--chips", "1"]
    out = tmp_path / "run.jsonl.gz"
    assert simulate("import", path, *words, "--out", out)[0] == 0
    assert read_header(out).model.params == 1_000_000
    assert told(path)["replayed_s"] == 0.5


def test_exchanges_are_taken_out_where_they_are_named_and_only_there(log, tmp_path, replayed_s, told):
    path = log("step,step_time_s,comm_time_ms\n1,0.5,100\n2,0.5,200\n")
    assert replayed_s(path) == pytest.approx(1.0)
    assert "--exchange-column comm_time_ms" in told(path)["files"][0]["notes"][0]
    assert replayed_s(path, "--exchange-column", "comm_time_ms") == pytest.approx(0.7)
    steps = [each for each in read_records(tmp_path / "imported.jsonl") if isinstance(each, Step)]
    assert [each.whole_s for each in steps] == [0.5, 0.5]


def test_each_log_is_a_replica_and_so_is_each_name_in_a_column(log, tmp_path, simulate, told):
    one, two = log("step,step_time_s\n1,1\n2,1\n", "a.csv"), log("step,step_time_s\n1,3\n2,3\n3,3\n", "b.csv")
    both = log("step,rank,step_time_s\n1,0,1\n1,1,3\n2,0,1\n2,1,3\n", "c.csv")
    assert told(both)["replicas"] == 1
    assert "--replica-column rank" in told(both)["files"][0]["notes"][-1]
    for words in ((one, two), (both, "--replica-column", "rank")):
        out = tmp_path / "run.jsonl"
        said = ["--params", "1e6", "--tokens-per-step", "64", "--chips", "2", "--out", out]
        assert simulate("import", *words, *said)[0] == 0
        assert (read_header(out).replicas, told(*words)["steps"]) == (2, 2)
        firsts = [each for each in read_records(out) if each.step == 1]
        assert [(each.replica, each.compute_s, each.tokens) for each in firsts] == [(0, 1.0, 32), (1, 3.0, 32)]


def test_the_report_says_what_is_missing_and_a_trace_is_not_written_without_it(log, tmp_path, told, refused):
    path, out = log("step,step_time_s\n1,0.5\n"), tmp_path / "run.jsonl"
    assert told(path)["missing"] == ["params", "tokens_per_step", "chips"]
    assert told(path, "--params", "1B")["missing"] == ["tokens_per_step", "chips"]
    said = refused(path, "--params", "1B", "--out", out)
    assert "--tokens-per-step" in said
    assert "--chips" in said
    assert "--params" not in said
    assert not out.exists()


def test_a_speed_beyond_the_peak_and_a_slow_first_step_are_pointed_at(log, told):
    path = log("step,step_time_s\n1,9\n2,1\n3,1\n4,1\n")
    words = ["--params", "1B", "--tokens-per-step", "1M", "--chips", "1", "--chip", "h100"]
    beyond, first = told(path, *words)["warnings"]
    assert "of the published peak of h100" in beyond
    assert "--warmup 1" in first
    kept = told(path, *words, "--warmup", "1")
    assert (kept["steps"], kept["replayed_s"], len(kept["warnings"])) == (3, 3.0, 1)
    assert kept["chip_flop_per_s"] == pytest.approx(6 * 1e9 * 1e6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("step,step_time_s\n1,0.5\n2,fast\n", "log.csv:3: step_time_s: got 'fast'; write a number"),
        ("step,step_time_s\n1,0.5\n2,-1\n", "log.csv:3: step_time_s: got -1; a step takes more than nothing"),
        ("step,step_time_s\n1,0.5,7\n", "log.csv:2: has 3 values for 2 columns"),
        ("step,step_time_s\n1.5,0.5\n", "log.csv:2: step: got 1.5; the number of a step is whole"),
        ("step,time\n1,0.5\n", "no column is known to tell the seconds of a step (there are step, time); write"),
        ("a/step_time,b/step_time\n1,0.5\n", "a/step_time and b/step_time may both tell the seconds"),
        ("step,step\n1,0.5\n", "log.csv:1: two columns are called 'step'"),
        ("step,step_time_s\n1,\n", "no row has a value of step_time_s"),
        ("step,tok_s_per_gpu\n1,5\n", "write --tokens-per-step and --chips"),
        ("", "is empty"),
        ("hello\nworld\n", "has the signs of no format"),
        ('{"schema": "crosshaul-trace"}\n', "is a trace already; write simulate --trace"),
    ],
)
def test_a_log_that_cannot_be_meant_is_refused_with_its_line(log, refused, text, said):
    assert said in refused(log(text))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seconds-column", "stp_time"], "there is no such column; did you mean 'step_time_s'?"),
        (["--seconds-column", "step_time_s", "--clock-column", "step"], "keep one of them"),
        (["--exchange-column", "step"], "give a column with a part of the step"),
        (["--from", "wandbs"], "there is no such format; did you mean 'wandb'?"),
        (["--unit", "hours"], "write s, ms, us"),
        (["--chip", "h1000"], "is not in the catalogue"),
        (["--algorithm", "diloc"], "there is none called diloc"),
        (["--params", "-1"], "must be finite and above 0"),
        (["--payload-bits", "-1"], "--payload-bits: got -1; write a number above 0"),
        (["--warmup", "1"], "leaves no step"),
        (["--out", "run.json"], "a trace's name ends in .jsonl"),
        (["--output", "run.jsonl"], "write --out run.jsonl for the trace"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(log, refused, words, said):
    assert said in refused(log("step,step_time_s\n1,0.5\n"), *words)


def test_a_log_is_never_overwritten_by_its_trace(log, refused):
    path = log('{"step_time_s": 1}\n', "log.jsonl")
    assert "made from this file" in refused(path, "--out", path)
    assert path.read_text() == '{"step_time_s": 1}\n'


def test_names_are_compared_without_case_and_punctuation():
    assert plain("Train/Global-Batch Tokens") == "global_batch_tokens"
