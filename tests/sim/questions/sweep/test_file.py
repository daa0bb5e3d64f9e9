"""The file of a sweep: the same to the byte whoever computed it, in whatever order, and however often it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.questions.sweep import parquet
from sim.questions.sweep.asked import Work
from sim.questions.sweep.columns import Column
from sim.questions.sweep.engines.engine import Part
from sim.questions.sweep.engines.here import Here
from sim.questions.sweep.engines.processes import Processes
from sim.questions.sweep.journal import Journal
from sim.questions.sweep.sweep import sweep

pytest.importorskip("pyarrow", reason="the file is Parquet")
import pyarrow.parquet as pq


class Stopped(Exception):
    """The power is off."""


class Engine:
    """Computes parts in an order of its own, and stops after some."""

    where = "a test"

    def __init__(self, seen, size=1, turn=lambda parts: parts, stop=None):
        self.seen, self._size, self._turn, self._stop = seen, size, turn, stop

    def parts(self, asked, missing):
        work = Work(asked)
        pieces = [each[start : start + self._size] for each in missing for start in range(0, len(each), self._size)]
        for done, piece in enumerate(self._turn(pieces)):
            if done == self._stop:
                raise Stopped
            self.seen.update(piece)
            yield Part(piece.start, len(piece), [row for number in piece for row in work.rows(number)])


@pytest.fixture
def asked(question):
    return question(sync_every="5,10,20,30", bandwidth_across="1:10:log:5", replicas="2,3")


@pytest.fixture
def whole(asked, tmp_path):
    path = tmp_path / "whole.parquet"
    sweep(asked, Here(), path)
    return path.read_bytes()


def test_the_file_is_the_same_whoever_computed_it_and_in_any_order(asked, whole, tmp_path):
    for number, engine in enumerate((Engine(set(), 3), Engine(set(), 7, lambda parts: parts[::-1]), Processes(3))):
        path = tmp_path / f"{number}.parquet"
        sweep(asked, engine, path)
        assert path.read_bytes() == whole
        assert not path.with_name(f"{path.name}.parts").exists()


def test_an_interrupted_sweep_goes_on_and_computes_no_point_twice(asked, whole, tmp_path):
    path, seen = tmp_path / "x.parquet", Counter()
    for stop in (5, 3):
        with pytest.raises(Stopped):
            sweep(asked, Engine(seen, 2, lambda parts: parts[1::2] + parts[::2], stop), path)
        assert not path.exists()
    swept = sweep(asked, Engine(seen, 4), path)
    assert path.read_bytes() == whole
    assert dict(seen) == dict.fromkeys(range(asked.space.count), 1)
    assert swept.computed == asked.space.count - 16
    assert sweep(asked, Engine(seen), path).computed == 0  # it is there: nothing is left to do
    assert set(seen.values()) == {1}


def test_columns_are_typed_and_a_reader_sees_the_parts_on_the_way(asked, tmp_path):
    path = tmp_path / "x.parquet"
    with pytest.raises(Stopped):
        sweep(asked, Engine(set(), 2, stop=3), path)
    parts = sorted(path.with_name("x.parquet.parts").glob("*.parquet"))
    found = pq.read_table(parts[0]).to_pydict()
    assert set(found["point"]) == set(range(6))
    sweep(asked, Here(), path)
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert types["point"] == types["vary_sync_every"] == types["steps"] == "int64"
    assert types["vary_bandwidth_across_factor"] == types["wall_clock_s"] == "double"
    assert types["label"] == types["error"] == "string"


@pytest.mark.parametrize("finished", [True, False])
def test_rows_of_another_sweep_are_refused_unless_they_may_go(asked, question, tmp_path, finished):
    path, other = tmp_path / "x.parquet", question(sync_every="5,10")
    with nullcontext() if finished else pytest.raises(Stopped):
        sweep(asked, Engine(set(), stop=None if finished else 4), path)
    before = {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*")}
    with pytest.raises(InputError, match="is of another sweep"):
        sweep(other, Here(), path)
    assert {each: each.stat().st_mtime_ns for each in tmp_path.rglob("*") if each.is_file()}.items() <= before.items()
    sweep(other, Here(), path, overwrite=True)
    assert pq.read_table(path).num_rows == 4
    assert [each.name for each in tmp_path.iterdir()] == ["x.parquet"]


def test_a_file_that_is_none_of_a_sweep_is_refused(asked, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_text("mine")
    with pytest.raises(InputError, match="is no file of a sweep"):
        sweep(asked, Here(), path)
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == ["x.parquet"]


def test_another_recording_under_the_same_name_is_another_sweep(question, tmp_path, trace):
    path = trace([[1.0, 2.0]])
    document = {
        "topology": "low-bw",
        "workload": {"trace": str(path)},
        "strategies": [{"kind": "data-parallel"}],
    }
    from sim.scenario.loading import load_scenario

    (tmp_path / "s.json").write_text(json.dumps(document))
    loaded = load_scenario(tmp_path / "s.json").model_dump(mode="json", exclude_none=True, exclude_unset=True)
    asked = question(document=loaded, bandwidth_across="1,2")
    before = asked.identity()
    assert asked.identity() == before
    path.write_bytes(path.read_bytes() + b"\n")
    assert asked.identity() != before


def test_where_a_part_ended_cannot_be_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(parquet, "_GROUP", 100)
    form = parquet.schema([Column("point", "int64"), Column("x", "double"), Column("s", "string")], "me")
    rows = [(n, n / 7 if n % 5 else None, f"w{n % 9}" if n % 3 else None) for n in range(1037)]
    found = set()
    for size in (1, 13, 100, 101, 2000):
        tables = (parquet.table(rows[start : start + size], form) for start in range(0, len(rows), size))
        parquet.merge(tables, form, tmp_path / "x")
        found.add((tmp_path / "x").read_bytes())
    assert len(found) == 1
    assert pq.read_metadata(tmp_path / "x").num_row_groups == 11
    assert pq.read_table(tmp_path / "x").to_pydict()["x"] == [row[1] for row in rows]


@pytest.mark.parametrize("content", [b"", b"PAR1"])
def test_a_damaged_part_is_named(asked, tmp_path, content):
    path = tmp_path / "x.parquet"
    with pytest.raises(Stopped):
        sweep(asked, Engine(set(), 2, stop=3), path)
    (part,) = path.with_name("x.parquet.parts").glob("*.parquet")
    part.write_bytes(content)
    with pytest.raises(InputError, match="does not hold the rows of its points; delete it"):
        sweep(asked, Here(), path)
    part.unlink()
    sweep(asked, Here(), path)
    assert path.exists()


def test_two_at_once_are_refused(asked, tmp_path):
    columns, identity = Work(asked).columns, asked.identity()
    path = tmp_path / "x.parquet"
    with (
        Journal(path, columns, identity, overwrite=False),
        pytest.raises(InputError, match="another sweep"),
        Journal(path, columns, identity, overwrite=False),
    ):
        pass


def children(pid):
    return [int(child) for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_worker_that_is_killed_loses_nothing(asked, whole, tmp_path):
    others = set(children(os.getpid()))  # other tests' helpers (multiprocessing's resource tracker) live on

    class Killer(Processes):
        def parts(self, asked, missing):
            for number, part in enumerate(super().parts(asked, missing)):
                if number in (0, 2):
                    for child in set(children(os.getpid())) - others:
                        killed.append(child)
                        os.kill(child, signal.SIGKILL)
                yield part

    killed: list[int] = []
    path = tmp_path / "x.parquet"
    sweep(asked, Killer(2), path)
    assert killed
    assert path.read_bytes() == whole


DEADLY = """
import os, sys
sys.path[:] = {path!r}
from sim.questions.sweep import asked
rows = asked.Work.rows
asked.Work.rows = lambda self, number: os._exit(9) if number == 13 else rows(self, number)
from sim.questions.sweep.engines.worker import main
main()
"""


def test_a_point_that_ends_its_worker_each_time_is_a_row_with_its_error(asked, monkeypatch, tmp_path):
    command = [sys.executable, "-c", DEADLY.format(path=sys.path)]
    monkeypatch.setattr("sim.questions.sweep.engines.processes.command", lambda: command)
    path = tmp_path / "x.parquet"
    sweep(asked, Processes(2), path)
    found = pq.read_table(path).to_pylist()
    failed = [row for row in found if row["error"] and "was ended 3 times" in row["error"]]
    assert [row["point"] for row in failed] == [13]
    assert {row["point"] for row in found} == set(range(asked.space.count))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="kills by signal")
def test_killed_twice_the_command_ends_with_the_same_file_and_leaves_nobody_behind(tmp_path):
    def command(path):
        words = [
            "sweep",
            "--workload",
            "1.3b",
            "--topology",
            "h100-two-sites",
            "--workers",
            "2",
            "--results",
            str(path),
        ]
        words += ["--steps", "6000", "--vary", "sync_every=2:120:lin:60", "--vary", "bandwidth_across=1:100:log:10"]
        code = f"import sys; sys.path[:] = {sys.path!r}; sys.argv = ['simulate', *{words!r}]\n"
        return [sys.executable, "-c", code + "from sim.cli.app import main; main()"]

    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    subprocess.run(command(first), check=True, capture_output=True)
    killed = 0
    for wanted in (1, 2):
        process = subprocess.Popen(command(second), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        parts = second.with_name("second.parquet.parts")
        while process.poll() is None and len(list(parts.glob("0*.parquet"))) < wanted:
            time.sleep(0.02)
        workers = children(process.pid)
        killed += process.poll() is None
        process.kill()
        process.wait()
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{each}").exists() for each in workers) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(Path(f"/proc/{each}").exists() for each in workers)
    ended = subprocess.run(command(second), check=True, capture_output=True, text=True)
    assert first.read_bytes() == second.read_bytes()
    assert killed == 0 or "were there already" in ended.stdout
