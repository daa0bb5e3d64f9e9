"""The file of a sweep from Ray and from Slurm's jobs, with workers killed on the way: that of this process, to the byte."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.questions.sweep.engines.choice import engine
from sim.questions.sweep.engines.engine import cut
from sim.questions.sweep.engines.here import Here
from sim.questions.sweep.engines.processes import Processes
from sim.questions.sweep.sweep import sweep

pytest.importorskip("pyarrow", reason="the file is Parquet")


@pytest.fixture
def asked(question):
    return question(sync_every="2:31:lin:30", bandwidth_across="1:10:log:5")


@pytest.fixture
def whole(asked, tmp_path):
    path = tmp_path / "whole.parquet"
    sweep(asked, Here(), path)
    return path.read_bytes()


@pytest.fixture
def slowly(monkeypatch):
    """Makes workers hand over after every point, so that there is a middle to kill them in."""
    monkeypatch.setattr("sim.questions.sweep.engines.on_ray.PATIENCE_S", 0.0)


def test_chunks_hold_all_points_once_and_no_gap():
    missing = [range(10), range(13, 14), range(20, 57)]
    pieces = cut(missing, 3, 4)
    assert [number for piece in pieces for number in piece] == [number for each in missing for number in each]
    assert max(map(len, pieces)) == 4


def test_an_engine_is_chosen_by_its_name():
    assert isinstance(engine(points=1), Here)
    assert isinstance(engine(workers=1, points=100), Here)
    found = engine("processes", 3, points=100)
    assert isinstance(found, Processes)
    assert found.where == "3 processes"
    for wrong in ({"on": "ry"}, {"workers": 0}, {"workers": True}, {"options": {"partition": "x"}}):
        with pytest.raises(InputError):
            engine(**wrong, points=9)


@pytest.mark.parametrize(("on", "extra"), [("ray", "ray"), ("ray://host:10001", "ray"), ("slurm", "slurm")])
def test_what_is_not_installed_is_named_with_the_line_that_installs_it(on, extra, monkeypatch):
    monkeypatch.setattr("sim.questions.sweep.engines.choice.find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf"pip install 'crosshaul\[{extra}\]'"):
        engine(on, points=9)


def test_slurm_is_refused_where_there_is_none(monkeypatch):
    pytest.importorskip("submitit", reason="extra slurm")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="there is no sbatch"):
        engine("slurm", points=9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cluster", ["local", "debug"])
def test_jobs_by_submitit_make_the_same_file(cluster, asked, whole, tmp_path):
    pytest.importorskip("submitit", reason="extra slurm")
    path = tmp_path / "x.parquet"
    sweep(asked, engine("slurm", 2, {"cluster": cluster}, points=asked.space.count, results=path), path)
    assert path.read_bytes() == whole
    assert sorted(each.name for each in tmp_path.iterdir()) == ["whole.parquet", "x.parquet"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_parameter_that_slurm_has_not_is_refused(asked, tmp_path):
    pytest.importorskip("submitit", reason="extra slurm")
    found = engine("slurm", 2, {"cluster": "local", "partitoin": "x"}, points=150, results=tmp_path / "x.parquet")
    with pytest.raises(InputError, match="partitoin"):
        list(found.parts(asked, [range(3)]))


class Job:
    """A job that fails when it is told to."""

    def __init__(self, part, error):
        self._part, self._error = part, error

    def done(self):
        return True

    def result(self):
        if self._error:
            raise self._error
        return self._part

    def cancel(self, check):
        raise AssertionError("nothing is left to cancel")


@pytest.mark.parametrize(("fails", "lost"), [(1, []), (3, [7])])
def test_a_job_that_fails_is_handed_in_again_and_its_points_one_by_one(fails, lost, asked, tmp_path, monkeypatch):
    errors = pytest.importorskip("submitit.core.utils", reason="extra slurm")
    handed = []

    class Executor:
        def map_array(self, answer, questions, chunks):
            handed.append(list(chunks))
            bad = [7 in chunk and len(handed) <= fails for chunk in chunks]
            return [
                Job(None, errors.FailedJobError("line\nout of memory")) if wrong else Job(answer(one, chunk), None)
                for one, chunk, wrong in zip(questions, chunks, bad, strict=True)
            ]

    monkeypatch.setattr("sim.questions.sweep.engines.on_slurm.OnSlurm._executor", lambda self: Executor())
    found = engine("slurm", 2, {"cluster": "local"}, points=150, results=tmp_path / "x.parquet")
    parts = sorted(found.parts(asked, [range(40)]))
    assert [number for part in parts for number in range(part.first, part.first + part.points)] == list(range(40))
    assert sum(map(len, handed[0])) == 40
    assert handed[1:] == [[range(n, n + 1) for n in range(5, 10)], [range(7, 8)]][:fails]
    told = {row[0]: row[-1] for part in parts for row in part.rows if row[-1]}
    assert list(told) == lost
    assert all("its job failed 3 times: out of memory" in why for why in told.values())


def workers_of(raylets):
    """Processes of Ray that answer points, of some of its daemons."""
    tasks = [each for raylet in raylets for each in Path(f"/proc/{raylet}/task").glob("*/children")]
    children = [int(child) for each in tasks for child in each.read_text().split()]
    return [pid for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::_rows")]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_a_ray_cluster_of_two_nodes_makes_the_same_file_though_workers_are_killed(asked, whole, tmp_path, slowly):
    ray = pytest.importorskip("ray", reason="extra ray")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        raylets = [
            each.process.pid for node in cluster.list_all_nodes() for each in node.all_processes["raylet"]
        ]  # fmt: skip
        killed = []

        class Killing:
            where = "a cluster that loses workers"

            def parts(self, asked, missing):
                inner = engine("ray", 2, {"num_cpus": 1}, points=asked.space.count)
                for number, part in enumerate(inner.parts(asked, missing)):
                    if number in (3, 20):
                        for _ in range(50):
                            if found := workers_of(raylets):
                                break
                            time.sleep(0.05)
                        for pid in found:
                            os.kill(pid, signal.SIGKILL)
                        killed.extend(found)
                    yield part

        path = tmp_path / "x.parquet"
        sweep(asked, Killing(), path)
        assert killed
        assert path.read_bytes() == whole
    finally:
        ray.shutdown()
        cluster.shutdown()
