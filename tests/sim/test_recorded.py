import json
import random

import numpy as np
import pytest
from pydantic import ValidationError

from sim.recording import read_recording, recording_names, recording_path
from sim.trace import Distribution, OuterStep, RunSummary, TraceWriter, read_header, read_records


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
    assert {"step", "exchange"} <= kinds


def test_outer_steps_and_a_summary_change_nothing_for_the_simulator(trace, tmp_path):
    plain = trace([[1.0, 2.0], [3.0, 4.0]])
    lines = plain.read_text().splitlines()
    more = tmp_path / "more.jsonl"
    spread = Distribution.of([1.0, 2.0])
    extra = [OuterStep(step=2, compute_s=0.5), RunSummary(compute=spread)]
    more.write_text("\n".join([*lines, *(record.model_dump_json() for record in extra)]) + "\n")
    one, other = read_recording(plain), read_recording(more)
    assert [each.mean_s for each in one.replicas] == [each.mean_s for each in other.replicas]
    assert (one.outer_bytes, one.gradient_bytes) == (other.outer_bytes, other.gradient_bytes)


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
