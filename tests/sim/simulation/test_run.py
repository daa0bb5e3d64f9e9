import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.documents.validation import validate
from sim.errors import InputError
from sim.laws import predict
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.run import run
from sim.topology.model import load_topology

PUBLISHED = {"high-bw": (400e9, 1e-4), "medium-bw": (100e9, 1e-3), "low-bw": (10e9, 1e-2)}
INSIDE = (400e9, 1e-4)


def scenario(workload, strategies=("data-parallel", "diloco"), topology="low-bw", **rest):
    document = {
        "topology": load_topology(topology) if isinstance(topology, str) else topology,
        "workload": workload,
        "strategies": [{"kind": s} if isinstance(s, str) else s for s in strategies],
        **rest,
    }
    return validate(Scenario, document, source="test")


def diloco(replicas, sync_every=30):
    return {"kind": "diloco", "replicas": replicas, "sync_every": sync_every}


def appendix_a(replicas, R, Q, N, B, D, H, b, W1, e1, W0=INSIDE[0], e0=INSIDE[1]):
    """arXiv 2503.09799, appendix A, written down apart from the code under test; replicas 0 is Data-Parallel."""
    T = D / B
    compute = 6 * N * D / (R * Q)
    across = 2 * N * b / W1 * (1 - 1 / R) + e1
    if replicas == 0:
        return compute + across * T
    if replicas == 1:
        return compute + across * T * (1 + 1 / H)
    return compute + (2 * N * b / W0 * (1 - replicas / R) + e0) * T + across * T / H


@pytest.mark.parametrize("replay", ["full", "steady"])
@pytest.mark.parametrize("network", PUBLISHED)
@pytest.mark.parametrize("replicas", [0, 1, 2, 4, 8])
@pytest.mark.parametrize(
    ("R", "Q", "N", "B", "T", "H", "b"),
    [
        (64, 300e12, 10e9, 2**18, 900, 30, 16),
        (256, 395.6e12, 2.4e9, 2**20, 1200, 100, 4),
        (16, 1e12, 35e6, 2**16, 600, 1, 32),
    ],
)
def test_replay_is_the_published_formula(replay, network, replicas, R, Q, N, B, T, H, b):
    strategy = diloco(replicas, H) if replicas else "data-parallel"
    workload = {
        "params": N,
        "tokens": B * T,
        "batch_tokens": B,
        "chips": R,
        "chip_speed": f"{Q!r} flop/s",
        "payload_bits": b,
    }
    (only,) = run(scenario(workload, [strategy], network, replay=replay)).runs
    assert only.wall_clock_s == pytest.approx(
        appendix_a(replicas, R, Q, N, B, B * T, H, b, *PUBLISHED[network]), rel=1e-9
    )
    assert only.closed_form_s == pytest.approx(only.wall_clock_s, rel=1e-9)
    assert only.steps == T


@pytest.mark.parametrize("steps", [1, 29, 90, 91, 1000, 1019])
def test_the_steady_shortcut_is_exact(trace, steps):
    path = trace([[1.0, 2.0, 5.0, 1.5], [2.0, 1.0, 1.0, 9.0]])
    workload = {"trace": str(path), "steps": steps}
    strategies = ["data-parallel", diloco(1), diloco(2, 7), diloco(8)]
    steady = run(scenario(workload, strategies)).runs
    full = run(scenario(workload, strategies, replay="full")).runs
    for short, long in zip(steady, full, strict=True):
        assert long.replayed_steps == steps
        for field in (
            "wall_clock_s",
            "compute_s",
            "exposed_across_s",
            "exposed_inside_s",
            "straggler_wait_s",
            "cross_datacenter_bytes",
        ):
            assert getattr(short, field) == pytest.approx(getattr(long, field), rel=1e-9, abs=1e-9), field
    if steps == 1000:
        assert all(short.replayed_steps < 200 for short in steady)


def test_replicas_truly_wait_for_the_slowest(trace):
    path = trace([[1.0, 3.0], [2.0, 2.0]], device={"platform": "cpu", "kind": "a test", "count": 2})
    topology = {
        "name": "t",
        "datacenters": [{"name": "a"}, {"name": "b"}],
        "links": [{"between": ["a", "b"], "bandwidth": "1000 Tbit/s", "latency": "0 s"}],
    }
    dp, together, apart = run(
        scenario(
            {"trace": str(path), "steps": 4, "payload_bits": 1}, ["data-parallel", diloco(2, 2), diloco(2, 1)], topology
        )
    ).runs
    # Data-Parallel pays the slower site at every step, DiLoCo only at the end of a round.
    assert dp.wall_clock_s == pytest.approx(2 + 3 + 2 + 3, rel=1e-6)
    assert dp.straggler_wait_s == pytest.approx(2.0, rel=1e-6)
    assert together.wall_clock_s == pytest.approx(8.0 + 4e-4, rel=1e-4)
    assert together.straggler_wait_s == pytest.approx(0.0, abs=1e-6)
    assert apart.straggler_wait_s == pytest.approx(2.0, rel=1e-6)


def test_infinite_bandwidth_leaves_compute_only():
    fat = {"bandwidth": "1e30 bit/s", "latency": "0 s"}
    topology = {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 8, "inside": fat, **fat}}
    for only in run(scenario({"params": 1e9, "steps": 100}, ["data-parallel", diloco(2), diloco(8)], topology)).runs:
        assert only.wall_clock_s == pytest.approx(only.compute_s, rel=1e-9)
        assert only.compute_utilization == pytest.approx(1.0, rel=1e-9)


def test_a_slow_site_holds_the_others_up():
    topology = {
        "name": "t",
        "datacenters": [{"name": "a", "chip_speed": "100 Tflop/s"}, {"name": "b", "chip_speed": "50 Tflop/s"}],
        "links": [{"between": ["a", "b"], "bandwidth": "10 Gbit/s", "latency": "1 ms"}],
    }
    (only,) = run(scenario({"params": 1e9, "steps": 30, "chips": 2, "batch_tokens": 8192}, [diloco(2)], topology)).runs
    slow_s = 30 * 6e9 * 4096 / 50e12
    assert only.compute_s == pytest.approx(0.75 * slow_s)
    assert only.straggler_wait_s == pytest.approx(0.25 * slow_s)


@settings(deadline=None, max_examples=30)
@given(
    bandwidth=st.floats(1e6, 1e12),
    faster=st.floats(1.0, 1e3),
    latency=st.floats(0.0, 1.0),
    replicas=st.sampled_from([0, 1, 2, 3, 8]),
    steps=st.integers(1, 100),
)
def test_more_bandwidth_or_less_latency_is_never_slower(bandwidth, faster, latency, replicas, steps):
    def seconds(bits, delay):
        wire = {"bandwidth": f"{bits!r} bit/s", "latency": f"{delay!r} s"}
        topology = {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 8, **wire}}
        strategy = diloco(replicas, 7) if replicas else "data-parallel"
        return run(scenario({"params": 1e8, "steps": steps}, [strategy], topology)).runs[0].wall_clock_s

    base = seconds(bandwidth, latency)
    assert seconds(bandwidth * faster, latency) <= base * (1 + 1e-9)
    assert seconds(bandwidth, latency / faster) <= base * (1 + 1e-9)


@settings(deadline=None, max_examples=20)
@given(factor=st.floats(1e-3, 1e3), replicas=st.sampled_from([0, 1, 2, 8]))
def test_bytes_and_bandwidth_scaled_together_change_nothing(factor, replicas):
    def seconds(scale):
        wire = {"bandwidth": f"{scale * 1e10!r} bit/s", "latency": "10 ms"}
        inside = {"bandwidth": f"{scale * 4e11!r} bit/s", "latency": "1 ms"}
        topology = {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 8, "inside": inside, **wire}}
        workload = {"params": 1e8, "steps": 90, "payload_bits": 16 * scale}
        return (
            run(scenario(workload, [diloco(replicas) if replicas else "data-parallel"], topology)).runs[0].wall_clock_s
        )

    assert seconds(factor) == pytest.approx(seconds(1.0), rel=1e-9)


def test_names_of_datacenters_do_not_matter():
    def times(names):
        links = [
            {"between": [a, b], "bandwidth": f"{i + 1} Gbit/s", "latency": "5 ms"}
            for i, (a, b) in enumerate((a, b) for a in names for b in names if a < b)
        ]
        topology = {"name": "t", "datacenters": [{"name": name} for name in names], "links": links}
        return [
            r.wall_clock_s
            for r in run(scenario({"params": 1e9, "steps": 60}, ["data-parallel", diloco(3)], topology)).runs
        ]

    assert times(["a", "b", "c"]) == times(["x", "y", "z"])


def test_speed_up_and_overtraining_are_measured_against_data_parallel():
    workload = {"params": 1e9, "tokens": 20e9}
    with_dp = run(scenario(workload, ["data-parallel", diloco(8)])).runs
    assert with_dp[0].speedup == 1.0
    assert with_dp[1].speedup == pytest.approx(with_dp[0].wall_clock_s / with_dp[1].wall_clock_s)
    # The tokens that it promises do fit into Data-Parallel's time.
    more = {"params": 1e9, "tokens": 20e9 * with_dp[1].overtraining_multiple}
    assert run(scenario(more, [diloco(8)])).runs[0].wall_clock_s == pytest.approx(with_dp[0].wall_clock_s, rel=1e-3)
    (alone,) = run(scenario(workload, [diloco(8)])).runs
    assert alone == with_dp[1]


def test_loss_is_predicted_where_the_law_was_fitted():
    fitted, over = (run(scenario({"params": 1e9, "tokens": t}, ["data-parallel"])).runs[0] for t in (20e9, 80e9))
    assert fitted.predicted_loss == pytest.approx(18.129 * 1e9**-0.0953)
    assert fitted.loss_notes == ()
    law = predict(1e9, over.tokens, "data-parallel", 1, batch_tokens=over.batch_tokens)
    assert (over.predicted_loss, over.loss_notes) == (law.loss, law.notes)


def test_a_rescaled_trace_costs_what_its_flops_say_and_keeps_its_jitter(trace):
    path = trace([[1.0, 3.0], [2.0, 2.0]])
    workload = {
        "trace": str(path),
        "rescale": True,
        "chip_speed": "300 Tflop/s",
        "chips": 32,
        "batch_tokens": 131072,
        "steps": 600,
    }
    dp, two = run(scenario(workload, ["data-parallel", diloco(2)])).runs
    step_s = 6 * 1e6 * 4096 / 300e12
    assert two.compute_s == pytest.approx(600 * step_s, rel=1e-9)
    # Eight sites enter the two recorded steps in turn, so at every step one of them is at the 3 s of a mean of 2 s.
    assert dp.compute_s + dp.straggler_wait_s == pytest.approx(600 * step_s * 3 / 2, rel=1e-9)


def test_a_trace_is_replayed_as_recorded_on_enough_chips(trace):
    path = trace([[1.0], [1.0]], device={"platform": "cpu", "kind": "a test", "count": 2}, batch_tokens=2048)
    only = run(scenario({"trace": str(path)}, [diloco(8)])).runs[0]
    assert (only.chips, only.batch_tokens) == (8, 8192)
    assert only.compute_s == pytest.approx(only.steps * 1.0)
    assert only.steps == math.ceil(20e6 / 8192)


def test_a_million_steps_take_a_period():
    (only,) = run(scenario({"params": 1e9, "steps": 999_990}, [diloco(8)])).runs
    assert only.replayed_steps == 60
    assert only.closed_form_s == pytest.approx(only.wall_clock_s, rel=1e-9)


@pytest.mark.parametrize(
    ("workload", "strategies", "says"),
    [
        ({"params": 1e9, "chips": 20}, [diloco(8)], r"20 chips cannot be shared evenly .* use 16 or 24"),
        ({"params": 1e9, "chips": 3}, [diloco(8)], r"use 8"),
        ({"params": 1e9}, [diloco(9)], r"strategies\[0\]: DiLoCo M=9 H=30 needs 9 datacenters .* has 8"),
    ],
)
def test_chips_and_datacenters_must_suffice(workload, strategies, says):
    with pytest.raises(InputError, match=says):
        run(scenario(workload, strategies))


def test_a_site_has_no_more_chips_than_it_says():
    wire = {"bandwidth": "1 Gbit/s", "latency": "1 ms"}
    topology = {"name": "t", "generate": {"shape": "full-mesh", "datacenters": 2, "chips": 8, **wire}}
    with pytest.raises(InputError, match="needs 16 chips in datacenter dc1, which has 8; use at most 16"):
        run(scenario({"params": 1e9, "chips": 32}, [diloco(2)], topology))


def test_the_scenario_that_ships_runs():
    result = run(load_scenario())
    assert [(r.strategy, r.replicas) for r in result.runs] == [
        ("data-parallel", 1),
        *(("diloco", m) for m in (1, 2, 4, 8)),
    ]
    assert all(r.chips == 8 and r.batch_tokens == 131072 for r in result.runs)
    assert {r.tokens for r in result.runs} == {math.ceil(700e6 / 131072) * 131072}
