"""Logs that other tools write: real files where the tool was at hand, else as its documentation has them."""

import json
import struct
from pathlib import Path

import pytest

from sim.trace.file import Exchange, Step, read_header, read_records

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def records(tmp_path, kind):
    return [each for each in read_records(tmp_path / "imported.jsonl") if isinstance(each, kind)]


def number(told, name):
    return next(each for each in told["numbers"] if each["name"] == name)


def test_a_run_of_wandb_holds_what_its_loop_logged(tmp_path, told, replayed_s):
    path = SAMPLES / "offline.wandb"
    assert replayed_s(path) == pytest.approx(12 * 0.025, rel=1e-12)
    said = told(path)
    assert (said["steps"], said["missing"]) == (12, ["chips"])
    assert number(said, "params")["value"] == 7e6
    assert number(said, "tokens_per_step")["origin"].startswith("guessed by its name: batch_tokens")
    assert [each.loss for each in records(tmp_path, Step)] == pytest.approx([5.0 / n for n in range(1, 13)])
    written = [0.02 + 0.005 * (number % 3) for number in range(12)]  # by the loop that logged it
    assert [each.compute_s for each in records(tmp_path, Step)] == written


def test_a_run_of_wandb_that_was_killed_is_read_to_its_end(write, told, refused):
    content = (SAMPLES / "offline.wandb").read_bytes()
    cut = told(write("run.wandb", content[: len(content) * 3 // 5]))
    assert 0 < cut["steps"] < 12
    assert "cut off" in cut["files"][0]["notes"][-1]
    assert "holds no history" in refused(write("run.wandb", content[:40]))


def test_the_clock_of_wandb_serves_where_no_time_of_a_step_was_logged(told):
    said = told(SAMPLES / "offline.wandb", "--clock-column", "_runtime")
    assert said["steps"] == 11
    assert 11 * 0.02 < said["replayed_s"] < 11 * 0.06


def test_the_export_of_wandb_has_its_metrics_beside_their_ranges(write, replayed_s, refused):
    head = '"Step","small - step_time_s","small - step_time_s__MIN","small - step_time_s__MAX"\n'
    assert replayed_s(write("export.csv", head + '"0","0.5","0.5","0.5"\n"1","1","1","1"\n')) == pytest.approx(1.5)
    both = '"Step","a - step_time_s","b - step_time_s","a - step_time_s__MIN"\n"0","0.5","1","0.5"\n'
    assert "write --seconds-column 'a - step_time_s' for the run that is meant" in refused(write("two.csv", both))


@pytest.mark.parametrize("name", ["kineto.json", "kineto-ddp.json"])
def test_the_profile_of_torch_has_a_step_for_each_of_its_marks(name, told, replayed_s):
    events = json.loads((SAMPLES / name).read_text())["traceEvents"]
    expected = [each["dur"] for each in events if each.get("name", "").startswith("ProfilerStep")]
    assert len(expected) in (3, 5)
    assert replayed_s(SAMPLES / name) == pytest.approx(sum(expected) * 1e-6, rel=1e-12)


def test_what_a_profile_of_ranks_says_of_them(told):
    said = told(SAMPLES / "kineto-ddp.json")
    assert (number(said, "chips")["value"], said["missing"]) == (2, ["params", "tokens_per_step"])
    assert "stays in its seconds" in said["files"][0]["notes"][1]


def kernel(name, start_us, dur_us, **args):
    return {"ph": "X", "cat": "kernel", "name": name, "ts": start_us, "dur": dur_us, "args": args}


def test_a_profile_of_gpus_tells_what_was_not_hidden_and_what_was_sent(tmp_path, write, replayed_s):
    mark = {"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#7", "ts": 0, "dur": 1000}
    told = {"Collective name": "allreduce", "dtype": "BFloat16", "In msg nelems": 1_000_000, "Group size": 8}
    events = [
        mark,
        {**mark, "cat": "gpu_user_annotation", "dur": 2000},
        kernel("gemm", 100, 400),
        kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 400, 300),
        kernel("ncclDevKernel_AllReduce_Sum_bf16_RING_LL", 900, 300),
        {"ph": "X", "cat": "cpu_op", "name": "record_param_comms", "ts": 50, "dur": 1, "args": told},
        {"ph": "X", "cat": "cpu_op", "name": "record_param_comms", "ts": 60, "dur": 1, "args": told},
    ]
    profile = {
        "deviceProperties": [{"name": "NVIDIA H100 80GB HBM3"}] * 2,
        "distributedInfo": {"world_size": 8},
        "traceEvents": events,
    }
    path = write("gpu.json", json.dumps(profile))
    # 400 to 700 is covered by the product until 500; of 900 to 1200 the step sees 100
    said = ["--params", "1M", "--tokens-per-step", "4096"]
    assert replayed_s(path, said=said) == pytest.approx(1e-3 - 200e-6 - 100e-6)
    (step,), (exchange,) = records(tmp_path, Step), records(tmp_path, Exchange)
    assert (step.step, step.whole_s) == (7, pytest.approx(1e-3))
    assert (exchange.payload_bytes, exchange.group_size) == (2 * 2 * 1_000_000, 8)
    header = read_header(tmp_path / "imported.jsonl")
    assert (header.device.kind, header.device.count) == ("NVIDIA H100 80GB HBM3", 8)


def test_an_execution_trace_of_torch_tells_the_payload_of_the_profile_beside_it(tmp_path, told, replayed_s):
    alone = told(SAMPLES / "pytorch-et-ddp.json", "--params", "4160")
    assert alone["steps"] == 0
    assert number(alone, "payload_bits")["value"] == 32, "4,160 parameters of a linear layer, in float32"
    beside = [SAMPLES / "kineto-ddp.json", SAMPLES / "pytorch-et-ddp.json"]
    assert replayed_s(*beside, said=["--params", "4160", "--tokens-per-step", "32"]) > 0
    assert read_header(tmp_path / "imported.jsonl").payload_bits == 32


def test_two_replicas_of_torchft_are_read_with_their_rounds(tmp_path, told, simulate):
    logs = [SAMPLES / "torchft-0.log", SAMPLES / "torchft-1.log"]
    said = told(*logs)
    assert (said["replicas"], said["steps"]) == (2, 50)
    assert number(said, "algorithm")["value"] == "diloco"
    assert number(said, "sync_every")["value"] == 10
    out = tmp_path / "imported.jsonl"
    words = ["--params", "8320", "--tokens-per-step", "32", "--chips", "2", "--out", out]
    assert simulate("import", *logs, *words)[0] == 0
    header = read_header(out)
    assert (header.algorithm, header.sync_every, header.replicas) == ("diloco", 10, 2)
    steps = records(tmp_path, Step)
    assert all(0.030 <= each.compute_s < 0.040 for each in steps), "each sleeps 30 ms"
    for replica, log in enumerate(logs):  # from the first commit to the last, to the millisecond
        times = [line[11:23] for line in log.read_text().splitlines() if "should_commit=True" in line]
        first, last = (
            int(t[:2]) * 3600 + int(t[3:5]) * 60 + float(t[6:].replace(",", ".")) for t in (times[0], times[-1])
        )
        own = [each.whole_s or each.compute_s for each in steps if each.replica == replica]
        assert sum(own) == pytest.approx(last - first, abs=1e-9)


def test_torchft_without_times_and_of_two_replicas_in_one_file_is_refused(write, refused):
    lines = (SAMPLES / "torchft-0.log").read_text().splitlines()
    bare = "\n".join(line.partition("INFO ")[2] for line in lines)
    assert ": has no time; log with" in refused(write("bare.log", bare))
    both = "".join((SAMPLES / f"torchft-{n}.log").read_text() for n in (0, 1))
    assert "has lines of 2 replicas (train_0, train_1)" in refused(write("both.log", both))


MAXTEXT = """\
Config param max_target_length: 2048
Config param per_device_batch_size: 4.0
Num_devices: 8, shape (1, 1, 8, 1)
number parameters: 1.500 billion
completed step: 0, seconds: 30.000, TFLOP/s/device: 3.1, Tokens/s/device: 273.067, total_weights: 65536, loss: 10.9
completed step: 1, seconds: 2.000, TFLOP/s/device: 46.5, Tokens/s/device: 4096.000, total_weights: 65536, loss: 10.1
completed step: 2, seconds: 2.500, TFLOP/s/device: 37.2, Tokens/s/device: 3276.800, total_weights: 65536, loss: 9.5
"""


def test_the_log_of_maxtext_says_all_that_a_trace_needs(tmp_path, write, told, replayed_s):
    path = write("maxtext.log", MAXTEXT)
    assert told(path)["missing"] == []
    assert replayed_s(path, "--warmup", "1", said=[]) == pytest.approx(4.5)
    header = read_header(tmp_path / "imported.jsonl")
    assert (header.model.params, header.batch_tokens, header.chips) == (1_500_000_000, 8 * 4 * 2048, 8)
    assert [each.loss for each in records(tmp_path, Step)] == [10.9, 10.1, 9.5]
    short = write("short.log", "\n".join(MAXTEXT.splitlines()[2:]))
    assert number(told(short), "tokens_per_step")["value"] == 8 * 4 * 2048, "the rates say so, too"


NCCL = """\
# nThread 1 nGpus 4 minBytes 8 maxBytes 1073741824 step: 2(factor)
#  Rank  0 Group  0 Pid  1 on node device  0 [0x01] NVIDIA A100
#  Rank  1 Group  0 Pid  1 on node device  1 [0x02] NVIDIA A100
#  Rank  2 Group  0 Pid  1 on node device  2 [0x03] NVIDIA A100
#  Rank  3 Group  0 Pid  1 on node device  3 [0x04] NVIDIA A100
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
           8             2     float     sum      -1    20.00    0.00    0.00      0    20.00    0.00    0.00      0
  1000000000     250000000     float     sum      -1   15000.  66.667  100.00      0   15000.  66.667  100.00      0
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 50.000
"""


def test_nccl_tests_give_the_inside_of_a_topology_that_takes_as_long(write, told, refused):
    said = told(write("nccl.txt", NCCL))
    assert said["inside"] == {"bandwidth": "800 Gbit/s", "latency": "20 us"}
    assert said["collectives"][0]["kind"] == "all_reduce"
    assert "the logs hold no step" in refused(write("nccl.txt", NCCL), "--out", "run.jsonl")
    # an all-reduce of 1 GB among 4 chips: what was measured, and the latency, which a benchmark has in it
    from sim.network.closed_forms import ideal_all_reduce_s

    assert ideal_all_reduce_s(1e9, 4, 800e9, 20e-6) == pytest.approx(15e-3 + 20e-6)


def test_other_collectives_are_told_and_not_put_into_a_topology(write, told):
    gathers = NCCL.replace(" 100.00", "  50.00")
    said = told(write("nccl.txt", gathers))
    assert said["collectives"][0]["kind"] == "all_gather or reduce_scatter"
    assert said["inside"] == {}
    assert "run all_reduce_perf" in said["files"][0]["notes"][0]


def field(number_, value):
    """A field of a message, as Protocol Buffers write it."""
    if isinstance(value, int):
        return bytes([number_ << 3]) + varint(value)
    return varint(number_ << 3 | 2) + varint(len(value)) + value


def varint(value):
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(high) if high else bytes([low])


def node(name, kind, duration_us, *attributes):
    body = field(1, 1) + field(2, name) + field(3, kind) + field(7, duration_us)
    return body + b"".join(field(10, field(1, key) + field(9, value)) for key, value in attributes)


def test_a_chakra_trace_is_a_step_of_its_computing_nodes(write, told, refused, replayed_s):
    messages = [
        field(1, b"0.0.4"),
        node(b"gemm", 4, 300_000),
        node(b"reduce", 7, 50_000, (b"comm_type", 0), (b"comm_size", 2_000_000)),
        node(b"gather", 7, 50_000, (b"comm_type", 2), (b"comm_size", 9)),
        node(b"gemm", 4, 200_000),
    ]
    content = b"".join(varint(len(each)) + each for each in messages)
    path = write("rank.0.et", content)
    assert replayed_s(path) == pytest.approx(0.5)
    assert number(told(path, "--params", "1M"), "payload_bits")["value"] == 16
    assert "is cut off or damaged" in refused(write("cut.et", content[:-3]))


def test_a_damaged_profile_and_one_without_steps_are_refused(write, refused):
    content = (SAMPLES / "kineto.json").read_text()
    assert ": is no whole JSON; export the profile again" in refused(write("cut.json", content[: len(content) // 2]))
    assert "has no ProfilerStep; profile with" in refused(write("none.json", '{"traceEvents": []}'))


def test_fixed_numbers_and_doubles_of_messages_are_read():
    from sim.trace.imports.wire import DamagedError, double, fields

    message = bytes([6 << 3 | 1]) + struct.pack("<d", 0.25) + bytes([2 << 3 | 5]) + b"abcd"
    assert [(place, value) for place, value in fields(message)] == [(6, struct.pack("<d", 0.25)), (2, b"abcd")]
    assert double(struct.pack("<d", 0.25)) == 0.25
    for broken in (b"\x0a\x05abc", b"\x0b", b"\xff"):
        with pytest.raises(DamagedError):
            list(fields(broken))
