import json
import random

import numpy as np
import pytest
from pydantic import ValidationError

from sim.trace.file import Distribution, Exchange, OuterStep, RunSummary, TraceWriter, read_header, read_records
from sim.trace.series import read_recording, recording_names, recording_path


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
def test_percentiles_are_numpys(count):
    draw = random.Random(count)
    seconds = [draw.uniform(0.1, 3) for _ in range(count)]
    found = Distribution.of(seconds)
    low, median, high = np.percentile(seconds, [10, 50, 90])
    assert [found.p10_s, found.median_s, found.p90_s] == pytest.approx([low, median, high])
    assert found.mean_s == pytest.approx(np.mean(seconds))
    assert found.spread == pytest.approx((high - low) / median)
    assert found.count == count


def test_no_seconds_have_no_distribution():
    assert Distribution.of([]) is None


@pytest.mark.parametrize("name", recording_names())
def test_traces_that_shipped_before_still_read(name):
    header = read_header(recording_path(name))
    assert header.times == "measured"
    kinds = {record.record for record in read_records(recording_path(name))}
    assert "step" in kinds
    assert ("exchange" in kinds) == (header.replicas > 1)  # one device exchanges nothing


@pytest.fixture
def with_outer_steps(trace, tmp_path):
    """A trace of two replicas, a second a step, with some outer steps behind it."""

    def write(*outer, sync_every=2, **changes):
        plain = trace([[1.0] * 4] * 2, **changes)
        path = tmp_path / "outer.jsonl"
        extra = [*outer, RunSummary(compute=Distribution.of([1.0, 2.0]))]
        path.write_text(plain.read_text() + "".join(record.model_dump_json() + "\n" for record in extra))
        return path

    return write


def outer(step, compute_s, fragment=None, **more):
    return OuterStep(step=step, compute_s=compute_s, fragment=fragment, **more)


def sent(step, fragment=None):
    return Exchange(step=step, kind="outer", group_size=2, payload_bytes=10, fragment=fragment)


def test_a_summary_and_a_warm_up_change_nothing_for_the_simulator(trace, with_outer_steps):
    one, other = (
        read_recording(path) for path in (trace([[1.0] * 4] * 2), with_outer_steps(outer(2, 9.0, warmup=True)))
    )
    assert [each.mean_s for each in one.replicas] == [each.mean_s for each in other.replicas]
    assert (one.outer_bytes, one.gradient_bytes, one.outer_step_s) == (other.outer_bytes, other.gradient_bytes, 0.0)


def test_the_outer_optimizers_seconds_are_of_the_whole_model(with_outer_steps):
    assert read_recording(with_outer_steps(outer(2, 0.5), outer(4, 0.7), payload_bytes=0)).outer_step_s == 0.6
    # two fragments, of which the second takes two records an exchange: its beginning, and the use of its result
    fragments = [outer(1, 0.2, 0), sent(1, 0), outer(2, 0.3, 1), sent(2, 1), outer(3, 0.1, 1)]
    assert read_recording(with_outer_steps(*fragments, payload_bytes=0)).outer_step_s == pytest.approx(0.6)


def replayed(simulate, path, strategy, *more):
    document = ("--topology", "low-bw", "--trace", path, "--strategy", strategy, "--format", "json")
    code, out, err = simulate(*document, "--set", "workload.steps=8", *more)
    assert code == 0, err
    (run,) = json.loads(out)["runs"]
    return run


@pytest.mark.parametrize(
    ("strategy", "outer_s"),
    [
        ("diloco:replicas=2,sync_every=2", 4 * 0.6),
        ("diloco:replicas=1,sync_every=4", 2 * 0.6),
        ("diloco:replicas=2,sync_every=2,overlap=layers", 4 * 0.6),
        ("streaming-diloco:replicas=2,sync_every=4,fragments=2,overlap_steps=0", 2 * 0.6 + 0.3),
        ("eager-diloco:replicas=2,sync_every=4", 2 * 0.6),
        ("elastic-diloco:replicas=2,sync_every=4,quorum=2", 2 * 0.6),
        ("async-diloco:replicas=2,sync_every=4", 2 * 0.6),
        ("diloco:replicas=2,sync_every=2,compression_time=0 s", 0),
        ("diloco:replicas=2,sync_every=2,compression_time=2 s", 4 * 2),
        ("data-parallel", 0),
    ],
)
def test_outer_steps_take_what_they_took_in_the_recording(strategy, outer_s, with_outer_steps, simulate):
    """A round has one exchange; behind the last step streaming exchanges its other fragment once more."""
    path = with_outer_steps(outer(2, 0.5), outer(4, 0.7), payload_bytes=0, device=TWO)
    run = replayed(simulate, path, strategy)
    assert run["packing_s"] == pytest.approx(outer_s, rel=1e-12)
    assert run["compute_s"] == pytest.approx(8, rel=1e-12)


@pytest.mark.parametrize("strategy", ["diloco:replicas=2,sync_every=2", "diloco:replicas=1,sync_every=2"])
def test_the_closed_form_has_the_outer_steps_too(strategy, with_outer_steps, simulate):
    path = with_outer_steps(outer(2, 0.5), outer(4, 0.7), payload_bytes=0, device=TWO)
    run = replayed(simulate, path, strategy)
    assert run["closed_form_s"] == pytest.approx(run["wall_clock_s"], rel=1e-12)


TWO = {"platform": "cpu", "kind": "a test", "count": 2}


def test_rescaled_outer_steps_follow_the_speed_of_the_chip_alone(with_outer_steps, simulate):
    """1e6 parameters, 4,096 tokens a chip and second: 24.576 Gflop/s recorded; ten times as fast, other tokens."""
    path = with_outer_steps(outer(2, 0.5), outer(4, 0.7), payload_bytes=0, device=TWO)
    rescale = {"rescale": "true", "chip_speed": "245.76 Gflop/s", "tokens_per_chip": "1024"}
    more = [part for key, value in rescale.items() for part in ("--set", f"workload.{key}={value}")]
    run = replayed(simulate, path, "diloco:replicas=2,sync_every=4", *more)
    assert run["packing_s"] == pytest.approx(2 * 0.06, rel=1e-9)
    assert run["compute_s"] == pytest.approx(8 * 0.1 / 4, rel=1e-9)


def test_the_report_names_recorded_outer_steps(with_outer_steps, simulate):
    path = with_outer_steps(outer(2, 0.5), outer(4, 0.7), payload_bytes=0, device=TWO)
    _, out, _ = simulate("--topology", "low-bw", "--trace", path)
    assert "outer steps: 600 ms of arithmetic each in addition to the exchange, as recorded" in " ".join(out.split())


@pytest.mark.parametrize("shards", [1, 2, 8])
def test_a_model_over_shards_is_replayed_whole(shards, trace):
    """Each device of a copy counted its part; together they exchange the 4 MB of a million parameters."""
    path = trace([[1.0]], payload_bytes=4_000_000 // shards, shards=shards)
    assert (read_recording(path).outer_bytes, read_recording(path).gradient_bytes) == (4e6, 4e6)


def test_an_older_trace_has_no_shards_and_is_read(trace):
    path = trace([[1.0]])
    head, *rest = path.read_text().splitlines()
    older = {key: value for key, value in json.loads(head).items() if key != "shards"}
    path.write_text("\n".join([json.dumps(older), *rest]) + "\n")
    assert (read_header(path).shards, read_recording(path).outer_bytes) == (1, 4e6)


def test_an_estimated_trace_says_so_in_the_report(trace, simulate):
    path = trace([[1.0, 1.0]])
    lines = path.read_text().splitlines()
    header = {**json.loads(lines[0]), "times": "estimated", "utilization": 0.4}
    path.write_text("\n".join([json.dumps(header), *lines[1:]]) + "\n")
    _, out, _ = simulate("--topology", "low-bw", "--trace", str(path))
    assert "compiled, never run; seconds from flops at 40% of the peak" in " ".join(out.split())


@pytest.mark.parametrize("utilization", [0.0, 1.5, -0.1])
def test_a_utilisation_beyond_the_peak_is_refused(header, tmp_path, utilization):
    data = {**header().model_dump(mode="json", by_alias=True), "utilization": utilization}
    with pytest.raises(ValidationError), TraceWriter(tmp_path / "run.jsonl", type(header()).model_validate(data)):
        pass
