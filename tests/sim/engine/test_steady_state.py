"""The steady replay of overlapped strategies is the full one, and is short where it can be."""

import pytest

from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes, run

CASES = [
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 2, "sync_every": 10, "overlap": "layers"},
    {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "overlap": "layers", "overlap_steps": 0},
    {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "overlap": "layers", "overlap_steps": 3},
    {"kind": "streaming-diloco", "replicas": 3, "sync_every": 10, "fragments": 4, "overlap_steps": 9},
    {"kind": "eager-diloco", "replicas": 2, "sync_every": 10},
    {"kind": "eager-diloco", "replicas": 2, "sync_every": 10, "fragments": 3, "overlap": "layers"},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 10, "grace": "0.5 s"},
]
SUMS = (
    "wall_clock_s",
    "compute_s",
    "exposed_communication_s",
    "straggler_wait_s",
    "hidden_communication_s",
    "packing_s",
    "cross_datacenter_bytes",
    "peak_bandwidth_bits_per_s",
    "late_merges",
)


def scenario(
    strategy,
    bandwidth,
    *,
    collective="ideal",
    steps=303,
    workload=None,
    replay="steady",
    slow=1.0,
    inside=None,
    burst="0 B",
):
    sites = [{"name": name, **({"inside": inside} if inside else {})} for name in "abc"]
    if slow != 1:
        sites = [
            {**site, "chip_speed": f"{300 * speed!r} Tflop/s"} for site, speed in zip(sites, (1, 1, slow), strict=True)
        ]
    link = {"bandwidth": bandwidth, "latency": "20 ms", "burst": burst}
    links = [{"between": list(pair), **link} for pair in ("ab", "bc", "ac")]
    return Scenario.model_validate(
        {
            "topology": {"name": "three", "datacenters": sites, "links": links, "collective": collective},
            "workload": workload
            or {"params": 1e9, "layers": 9, "step_time": "0.2 s", "steps": steps, "batch_tokens": 3e5, "chips": 6},
            "strategies": [strategy],
            "replay": replay,
        }
    )


NO_TIME_INSIDE = {"bandwidth": "1e30 bit/s", "latency": "0 s"}


def just_enough_bits_per_s(strategy, collective):
    """The bandwidth at which a link of a site is busy all the time: 16 Gbit every 2 s (0.2 s for Data-Parallel).

    An ideal exchange among 6 chips sends 2 (1 - 1/6) of that, a ring of M sites 2 (1 - 1/M).
    """
    sites = strategy.get("replicas", 3)
    period_s = 2.0 if "sync_every" in strategy else 0.2
    return 16e9 * 2 * (1 - 1 / (6 if collective == "ideal" else sites)) / period_s


def both(*arguments, **more):
    """The same run in short, and in full."""
    short, full = (run(scenario(*arguments, **more, replay=how)).runs[0] for how in ("steady", "full"))
    assert full.replayed_steps == full.steps
    for key in SUMS:
        assert getattr(short, key) == pytest.approx(getattr(full, key), rel=1e-9, abs=1e-9), key
    assert (short.mean_staleness or 0.0) == pytest.approx(full.mean_staleness or 0.0, rel=1e-9)
    for one, other in zip(short.links, full.links, strict=True):
        assert one.bytes == pytest.approx(other.bytes, rel=1e-9)
        assert one.busy_share == pytest.approx(other.busy_share, rel=1e-9)
    return short, full


@pytest.mark.parametrize("strategy", CASES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("enough", [0.1, 0.6, 4, 100])
@pytest.mark.parametrize("collective", ["ideal", "ring"])
def test_a_steady_replay_is_the_full_one(strategy, enough, collective):
    bandwidth = f"{enough * just_enough_bits_per_s(strategy, collective)!r} bit/s"
    steps = 303 if "sync_every" in strategy else 83
    short, _ = both(strategy, bandwidth, collective=collective, steps=steps)
    assert short.replayed_steps < steps / 2


@pytest.mark.parametrize("strategy", CASES, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("enough", [0.995, 1.005])
@pytest.mark.parametrize("collective", ["ideal", "ring"])
def test_a_steady_replay_is_the_full_one_where_the_link_is_hardly_or_just_not_enough(strategy, enough, collective):
    bandwidth = f"{enough * just_enough_bits_per_s(strategy, collective)!r} bit/s"
    steps = 303 if "sync_every" in strategy else 83
    both(strategy, bandwidth, collective=collective, steps=steps, inside=NO_TIME_INSIDE)


@pytest.mark.parametrize("strategy", [*CASES, {"kind": "data-parallel"}], ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("enough", [0.3, 0.98, 4])
@pytest.mark.parametrize("burst", ["1 MB", "700 MB", "20 GB"])
def test_a_steady_replay_is_the_full_one_on_links_with_buckets(strategy, enough, burst):
    bandwidth = f"{enough * just_enough_bits_per_s(strategy, 'ring')!r} bit/s"
    steps = 303 if "sync_every" in strategy else 83
    both(strategy, bandwidth, collective="ring", steps=steps, burst=burst)


def test_a_backlog_that_builds_up_slowly_is_not_taken_for_a_rhythm():
    """A fragment may take 2 s to arrive, and takes 0.67 s and the latency on a link half a percent too thin.

    Of every 2 s the link is 0.01 s behind. Fragments begin 0.6, 0.8 and 0.6 s apart, so the middle one comes behind
    two others by 0.14 s and is there after 0.83 s at first; it is late when 1.17 s have built up, after 117 rounds.
    """
    strategy = {"kind": "eager-diloco", "replicas": 2, "sync_every": 10, "fragments": 3}
    bandwidth = f"{just_enough_bits_per_s(strategy, 'ideal') / 1.005!r} bit/s"
    short, full = both(strategy, bandwidth, steps=10_000, inside=NO_TIME_INSIDE)
    assert 1170 < short.replayed_steps < 2000
    # the link is the bottleneck: 1000 rounds, and two fragments that close the run besides
    assert full.wall_clock_s == pytest.approx(0.6 + 0.02 + 2.01 * (1000 + 2 / 3), abs=0.2)


JITTER = [
    ({"kind": "data-parallel", "overlap": "layers", "bucket": "80 MB"}, True),
    ({"kind": "diloco", "replicas": 2, "sync_every": 30, "overlap": "layers"}, True),
    ({"kind": "streaming-diloco", "replicas": 2, "sync_every": 30, "overlap": "layers", "overlap_steps": 0}, True),
    ({"kind": "streaming-diloco", "replicas": 2, "sync_every": 30, "fragments": 2, "overlap_steps": 2}, True),
    ({"kind": "streaming-diloco", "replicas": 3, "sync_every": 40, "overlap": "layers"}, True),
    # the quicker replica may run ahead, and does so for many rounds
    ({"kind": "eager-diloco", "replicas": 2, "sync_every": 30, "overlap": "layers"}, False),
    ({"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 30}, False),
]


@pytest.mark.parametrize("bandwidth", ["0.6 Mbit/s", "1 Gbit/s"])
@pytest.mark.parametrize(
    ("strategy", "settles"), JITTER, ids=lambda s: "-".join(map(str, s.values())) if isinstance(s, dict) else ""
)
def test_a_recording_with_its_jitter_is_continued_exactly(strategy, settles, bandwidth):
    steps = 3007 if "sync_every" in strategy else 1207
    short, full = both(strategy, bandwidth, workload={"trace": "35m-diloco-cpu", "steps": steps})
    if settles:
        assert short.replayed_steps < steps
    if bandwidth == "1 Gbit/s":
        assert full.straggler_wait_s > 0  # the replicas differ from step to step


@pytest.mark.parametrize("slow", [0.9, 0.5])
def test_a_slow_site_in_a_quorum(slow):
    workload = {"params": 1e9, "steps": 303, "batch_tokens": 3e5, "chips": 6}
    strategy = {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 10}
    short, _ = both(strategy, "1 Tbit/s", workload=workload, slow=slow)
    assert short.late_merges > 1


def test_the_shortcut_can_be_turned_off_and_the_report_says_that_it_was_used():
    arguments = {"topology": "low-bw", "strategies": ["streaming-diloco:sync_every=10,fragments=2,overlap=layers"]}
    few = ["workload.steps=2000"]
    short, full = (run(load_scenario(**arguments, settings=more)) for more in (few, [*few, "replay=full"]))
    assert short.runs[0].replayed_steps < full.runs[0].replayed_steps == 2000
    assert any(f"up to {short.runs[0].replayed_steps:,} steps of a run are replayed" in note for note in short.notes)
    assert not any("steady state" in note for note in full.notes)


def test_asynchronous_replicas_that_share_a_link_never_repeat_and_are_replayed_step_by_step():
    asked = scenario({"kind": "async-diloco", "replicas": 3, "sync_every": 10}, "1 Gbit/s", steps=500)
    (apart,) = outcomes(asked)
    assert apart.replayed_steps < 100
    links = tuple(link for link in asked.topology.links if set(link.ends) != {"a", "c"})  # c goes by way of b
    (only,) = outcomes(asked.replaced(topology=asked.topology.replaced(links=links)))
    assert only.replayed_steps == 500
