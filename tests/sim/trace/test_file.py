import gzip
import io
import json
import pickle
import subprocess
import sys
import tracemalloc
import zlib

import jsonschema
import pytest

from sim.errors import InputError
from sim.trace.file import Exchange, Step, TraceWriter, read_header, read_records, schema


@pytest.fixture
def records():
    return [
        Step(step=0, replica=0, compute_s=3.0, tokens=4096, warmup=True),
        Step(step=1, replica=0, compute_s=0.123456789012345, tokens=4096, loss=10.25),
        Step(step=1, replica=1, compute_s=0.2, tokens=4096, loss=None),
        Exchange(step=1, kind="outer", group_size=2, payload_bytes=4_000_000, seconds=0.5, dtype="f32"),
    ]


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_what_is_written_is_read(tmp_path, header, records, name):
    path = tmp_path / name
    with TraceWriter(path, header()) as writer:
        for record in records:
            writer.write(record)
    assert read_header(path) == header()
    assert list(read_records(path)) == records


def test_every_line_is_there_as_soon_as_it_is_written(tmp_path, header, records):
    path = tmp_path / "run.jsonl"
    writer = TraceWriter(path, header())
    for count, record in enumerate(records, 1):
        writer.write(record)
        assert list(read_records(path)) == records[:count]
    writer.__exit__(None, None, None)


def test_nothing_of_the_users_is_overwritten(tmp_path, header):
    path = tmp_path / "run.jsonl"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        TraceWriter(path, header())
    assert path.read_text() == "precious"
    with TraceWriter(path, header(), overwrite=True):
        pass
    assert read_header(path) == header()


def test_lines_satisfy_the_published_schema(trace):
    for line in trace([[1.0, 2.0], [3.0, 4.0]]).read_text().splitlines():
        jsonschema.validate(json.loads(line), schema())


def test_records_are_streamed_in_bounded_memory(trace):
    path = trace([[0.001] * 20_000], payload_bytes=0)
    tracemalloc.start()
    count = sum(1 for _ in read_records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_001
    assert peak < 1_000_000 < path.stat().st_size


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[:-30], r":8: the last line is cut off; delete it to use the 7 lines before it"),
        (lambda text: text.replace('"step":1', '"step":1,,', 1), r":3: a damaged line"),
        (
            lambda text: text.replace('"compute_s":1.0', '"compute_s":-1.0', 1),
            r":3: compute_s: input should be greater than or equal to 0.000000000001",
        ),
        (lambda text: text.replace('"compute_s":1.0', '"compute_s":5e-324', 1), r":3: compute_s: .* 0.000000000001"),
        (lambda text: text.replace('"compute_s":1.0', '"compute_s":NaN', 1), r":3: "),
        (lambda text: text.replace('"record":"step"', '"record":"stride"', 1), r":2: record"),
        (
            lambda text: text.replace('"schema_version":1', '"schema_version":99'),
            r"schema_version: got 99; .*reads version 1",
        ),
        (lambda text: text.replace("crosshaul-trace", "other-trace"), r":1: not a trace header"),
        (lambda text: text.replace('"replicas":1', '"replicas":0'), r":1: replicas: got 0"),
        (lambda text: text.replace('"seed":0', '"sead":0'), r"did you mean 'seed'"),
        (lambda text: "", "the file is empty"),
        (lambda text: "name: low-bw\n", "not a trace"),
    ],
)
def test_damage_is_named_by_line(trace, damage, says):
    path = trace([[1.0, 2.0, 3.0]])
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=says) as caught:
        list(read_records(path))
    assert str(path) in str(caught.value)


def test_a_damaged_gzip_is_an_input_error(tmp_path, trace):
    packed = gzip.compress(trace([[1.0] * 500]).read_bytes())
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    lines = zlib.decompressobj(wbits=31).decompress(path.read_bytes()).count(b"\n")
    with pytest.raises(InputError, match=f":{lines + 1}: the last line is cut off; zcat .* head -n {lines} > "):
        list(read_records(path))
    path.write_bytes(packed[:8])
    with pytest.raises(InputError, match="the file is empty, or its first line is"):
        read_header(path)
    path.write_bytes(packed[:10] + b"\x07" + packed[11:])  # a kind of block that there is not
    with pytest.raises(InputError, match="is damaged"):
        list(read_records(path))


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_the_trace_of_a_killed_run_is_read_up_to_its_end(tmp_path, header, records, name):
    path = tmp_path / name
    code = "import os, pickle, sys; from sim.trace.file import *; h, rs, p = pickle.loads(sys.stdin.buffer.read())\n"
    code += "w = TraceWriter(p, h); [w.write(r) for r in rs]; os._exit(9)"
    sent = pickle.dumps((header(), records, path))
    assert subprocess.run([sys.executable, "-c", code], input=sent, check=False).returncode == 9
    assert list(read_records(path)) == records
    with TraceWriter(path, header(), resume_at=path.stat().st_size):
        pass
    assert list(read_records(path)) == records


def test_a_trace_can_be_read_up_to_a_mark(tmp_path, header, records):
    for name in ("run.jsonl", "run.jsonl.gz"):
        with TraceWriter(tmp_path / name, header()) as writer:
            writer.write(records[0])
            place = writer.mark()
            writer.write(records[1])
        assert list(read_records(tmp_path / name, until=place)) == records[:1]


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_a_system_that_takes_a_few_bytes_at_once_loses_none(tmp_path, header, records, name, monkeypatch):
    path = tmp_path / name
    with TraceWriter(path, header()) as writer:
        whole = writer._raw

        class Slow(io.RawIOBase):
            def write(self, content):
                return whole.write(content[:7])

        monkeypatch.setattr(writer, "_raw", Slow())
        for record in records:
            writer.write(record)
        monkeypatch.undo()
    assert list(read_records(path)) == records


@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_a_full_disk_leaves_whole_lines_and_says_so(tmp_path, header, records, name):
    path = tmp_path / name
    code = (
        "import pickle, resource, signal, sys; from sim.trace.file import *; from sim.errors import InputError\n"
        "h, r, p = pickle.loads(sys.stdin.buffer.read())\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n with TraceWriter(p, h) as w:\n  while True: w.write(r)\n"
        "except InputError as error: print(error)"
    )
    sent = pickle.dumps((header(), records[1], path))
    ended = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f"{path}: cannot be written (File too large); it holds the steps so far" in ended.stdout.decode()
    assert set(map(repr, read_records(path))) == {repr(records[1])}


def test_two_writers_never_have_one_trace(tmp_path, header, records):
    path = tmp_path / "run.jsonl"
    with TraceWriter(path, header()) as writer:
        writer.write(records[0])
        for options in ({"overwrite": True}, {"resume_at": 0}):
            with pytest.raises(InputError, match="another record-trace is writing to it; wait for its end"):
                TraceWriter(path, header(), **options)
        writer.write(records[1])
    assert list(read_records(path)) == records[:2]
    with TraceWriter(path, header(), overwrite=True):
        pass
    assert list(read_records(path)) == []


ABSURD = {
    "replicas": 10**9,
    "batch_tokens": 10**400,
    "sequence_length": 10**400,
    "steps": 10**400,
    "sync_every": 10**400,
    "shards": 10**9,
}


@pytest.mark.parametrize("field", ABSURD)
def test_sizes_that_nothing_has_are_refused(trace, field):
    path = trace([[1.0]])
    head, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps({**json.loads(head), field: ABSURD[field]}), *rest]) + "\n")
    with pytest.raises(InputError, match=rf":1: {field}: "):
        read_header(path)


@pytest.mark.parametrize("field", ["params", "active_params", "layers", "heads", "width", "hidden", "vocab"])
def test_a_model_of_a_size_that_nothing_has_is_refused(trace, field):
    path = trace([[1.0]])
    head, *rest = path.read_text().splitlines()
    data = json.loads(head)
    data["model"][field] = 10**400
    path.write_text("\n".join([json.dumps(data), *rest]) + "\n")
    with pytest.raises(InputError, match=rf":1: model.{field}: "):
        read_header(path)


def test_seconds_and_bytes_that_nothing_takes_are_refused(trace):
    path = trace([[1.0]])
    for field in ("compute_s", "payload_bytes"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if field in line:
                line[field] = 10**300
        other = path.with_name(f"{field}.jsonl")
        other.write_text("".join(json.dumps(line) + "\n" for line in lines))
        with pytest.raises(InputError, match=field):
            list(read_records(other))


def test_one_long_line_takes_little_memory(tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        for _ in range(100):
            file.write(packer.compress(b"{" * 2**20))
        file.write(packer.flush())
    tracemalloc.start()
    with pytest.raises(InputError, match="a line of more than 16 MB, too long for a trace"):
        read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 70_000_000 < path.stat().st_size * 1000
