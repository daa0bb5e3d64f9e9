import gzip
import json
import tracemalloc

import jsonschema
import pytest

from sim.errors import InputError
from sim.trace import Exchange, Step, TraceWriter, read_header, read_records, schema


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
    with pytest.raises(InputError, match="is there already"):
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
            r":3: compute_s: input should be greater than 0",
        ),
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
    with pytest.raises(InputError, match="cut off or damaged"):
        list(read_records(path))
    path.write_bytes(packed[:8])
    with pytest.raises(InputError, match="gzip"):
        read_header(path)
