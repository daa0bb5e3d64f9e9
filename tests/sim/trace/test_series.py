from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.trace.series import read_recording
from sim.trace.series import read_recording as again


def test_steps_are_cycled_over_the_run(trace):
    (series,) = read_recording(trace([[1.0, 2.0, 4.0]])).spread(1)
    recorded = [1.0, 2.0, 4.0]
    for first in range(7):
        for count in range(8):
            wanted = sum(recorded[step % 3] for step in range(first, first + count))
            assert series.seconds(first, count) == pytest.approx(wanted)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.integers(0, 10**6), st.integers(0, 10**6))
def test_parts_add_up(recorded, first, count):
    import numpy as np

    from sim.trace.series import Series

    series = Series(np.concatenate(([0.0], np.cumsum(recorded))))
    whole = series.seconds(first, 2 * count)
    assert series.seconds(first, count) + series.seconds(first + count, count) == pytest.approx(
        whole, rel=1e-9, abs=1e-6
    )


def test_warm_up_does_not_count(trace):
    assert read_recording(trace([[1.0, 3.0]])).mean_s == 2.0


def test_an_interrupted_run_is_cut_to_the_steps_that_all_replicas_have(trace):
    recording = read_recording(trace([[1.0, 1.0, 50.0], [3.0, 3.0]]))
    assert recording.steps == 2
    assert recording.mean_s == 2.0


def test_more_workers_than_replicas_enter_at_different_steps(trace):
    series = read_recording(trace([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])).spread(4)
    assert [s.seconds(0, 1) for s in series] == [1.0, 5.0, 3.0, 7.0]


def test_bytes_of_an_unrecorded_kind_are_those_of_the_other(trace):
    recording = read_recording(trace([[1.0]], payload_bytes=123))
    assert (recording.gradient_bytes, recording.outer_bytes, recording.counted) == (123.0, 123.0, True)
    lonely = read_recording(trace([[1.0]], name="lonely.jsonl", payload_bytes=0))
    assert (lonely.gradient_bytes, lonely.counted) == (4e6, False)


def test_a_file_that_changed_is_read_again(trace):
    assert read_recording(trace([[1.0]])).mean_s == 1.0
    assert again(trace([[1.0, 2.0]])).mean_s == 1.5


def test_a_trace_without_steps_is_an_input_error(trace):
    with pytest.raises(InputError, match="has no inner step of all replicas"):
        read_recording(trace([[1.0], []]))


@pytest.mark.parametrize(
    ("fields", "chips"),
    [
        ({"replicas_per_device": 1}, 4),
        ({"replicas_per_device": 2}, 8),
        ({"replicas_per_device": 4}, 16),
        ({}, 4),  # an older trace whose devices were enough
    ],
)
def test_replicas_that_took_turns_count_as_if_each_had_its_chips(trace, fields, chips):
    device = {"platform": "gpu", "kind": "a test", "count": 4}
    path = trace([[1.0], [1.0], [1.0], [1.0]], batch_tokens=6400, device=device, **fields)
    with path.open("a") as file:
        file.write('{"record":"outer-step","step":1,"compute_s":0.8}\n')
    recording = read_recording(path)
    assert recording.tokens_per_chip == 6400 / chips
    assert recording.chip_flop_per_s == 6 * recording.header.model.params * 6400 / chips
    assert recording.outer_step_s == pytest.approx(0.8 / (chips / 4))


def test_an_older_trace_with_fewer_devices_than_replicas_was_of_some_that_took_turns(trace):
    device = {"platform": "gpu", "kind": "a test", "count": 1}
    recording = read_recording(trace([[1.0], [1.0]], batch_tokens=6400, device=device))
    assert recording.header.replicas_per_device is None
    assert (recording.header.chips, recording.tokens_per_chip) == (2, 3200)
    sharded = read_recording(trace([[1.0], [1.0]], name="sharded.jsonl", batch_tokens=6400, device=device, shards=4))
    assert sharded.header.chips == 8


def test_the_recording_of_two_replicas_on_a_gpu_is_as_fast_as_that_of_one():
    folder = Path(__file__).parents[3] / "experiments" / "accelerators" / "recorded" / "traces"
    one, two = (read_recording(folder / f"{name}.jsonl") for name in ("35m-diloco-m1", "35m-diloco-m2"))
    assert (one.tokens_per_chip, two.tokens_per_chip) == (65_536, 32_768)
    assert two.chip_flop_per_s == pytest.approx(one.chip_flop_per_s, rel=0.05)


@pytest.mark.parametrize(("precision", "parameter_bytes"), [("bfloat16", 2), ("float32", 4), (None, 4)])
def test_a_run_that_exchanged_nothing_would_send_its_own_precision(trace, precision, parameter_bytes):
    how = {"precision": precision, "microbatches": 1, "attention": "xla", "remat": "none", "unrolled": True}
    recording = read_recording(trace([[1.0]], payload_bytes=0, execution=how if precision else None))
    assert (recording.gradient_bytes, recording.outer_bytes) == (parameter_bytes * 1e6, parameter_bytes * 1e6)
