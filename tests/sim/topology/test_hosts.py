"""Hosts in a topology and in whole runs: mistakes are named, formulas give way, long runs are continued exactly."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.documents.validation import validate
from sim.errors import InputError
from sim.questions import topology as topology_question
from sim.report.answers import topology as topology_report
from sim.report.drawing.screen import Screen
from sim.report.render.terminal import render
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario
from sim.simulation.long_run import utilization
from sim.simulation.run import outcomes, run
from sim.topology.model import Topology

SITES = "abc"


def topology(
    hosts=("h", "h", "h"),
    slowdown=(1, 2, 3),
    *,
    bandwidth="10 Mbit/s",
    latency="20 ms",
    speeds=None,
    parts=None,
    **more,
):
    sites = [{"name": name, "host": host} for name, host in zip(SITES, hosts, strict=False)]
    for site, speed in zip(sites, speeds or (), strict=False):
        site["chip_speed"] = f"{300 * speed!r} Tflop/s"
    pairs = [[a, b] for a in SITES[: len(sites)] for b in SITES[: len(sites)] if a < b]
    links = [{"between": pair, "bandwidth": bandwidth, "latency": latency} for pair in pairs]
    known = [{"name": name, "slowdown": list(slowdown)} for name in sorted({host for host in hosts if host})]
    if parts:
        known = [{**host, "part_of": "machine"} for host in known] + [{"name": "machine", "slowdown": list(parts)}]
    return {"name": "shared", "datacenters": sites, "links": links, "hosts": known, "collective": "published"} | more


def scenario(*strategies, steps=60, workload=None, replay="steady", jobs="alone", chips=None, **more):
    there = topology(**more)
    chips = chips or 6
    analytic = {"params": 1e6, "layers": 6, "steps": steps, "batch_tokens": 1e10, "chips": chips, "split": "even"}
    return Scenario.model_validate(
        {
            "topology": there,
            "workload": workload or analytic,
            "strategies": list(strategies),
            "replay": replay,
            "jobs": jobs,
        }
    )


DP = {"kind": "data-parallel"}
DILOCO = {"kind": "diloco", "replicas": 2, "sync_every": 10}
ASYNC = {"kind": "async-diloco", "replicas": 2, "sync_every": 10}


def only(*arguments, **more):
    return run(scenario(*arguments, **more)).runs[0]


@pytest.mark.parametrize("strategy", [DP, DILOCO, {**DP, "compression_time": "3 s"}])
def test_two_on_one_host_that_do_all_together_take_exactly_twice_the_compute(strategy):
    alone, shared = (only(strategy, hosts=hosts) for hosts in ((None, None), ("h", "h")))
    assert shared.compute_s == pytest.approx(2 * alone.compute_s, rel=1e-12)
    assert shared.packing_s == pytest.approx(2 * alone.packing_s, rel=1e-12)
    assert shared.exposed_communication_s == pytest.approx(alone.exposed_communication_s, rel=1e-9)
    assert shared.straggler_wait_s == pytest.approx(0, abs=1e-9)
    assert shared.wall_clock_s == pytest.approx(alone.wall_clock_s + alone.compute_s + alone.packing_s, rel=1e-12)


def test_replicas_that_wait_at_different_times_are_hardly_slowed_down():
    """A round: 1,000 s of compute alone for the one at the server; as much, and 3,200 s of exchanges, for the other."""
    there = {"bandwidth": "10 kbit/s", "chips": 2}
    alone, shared = (only(ASYNC, hosts=hosts, **there) for hosts in ((None, None), ("h", "h")))
    crowded = only(DILOCO, hosts=("h", "h"), **there)
    per_step_s = 6 * 1e6 * 1e10 / 2 / 3e14
    assert alone.compute_s == pytest.approx(60 * per_step_s)
    assert crowded.compute_s == pytest.approx(2 * 60 * per_step_s)
    assert alone.compute_s < shared.compute_s < 0.9 * crowded.compute_s


def test_sites_on_hosts_of_their_own_are_as_without_hosts():
    for strategy in (DP, DILOCO, ASYNC, {"kind": "eager-diloco", "replicas": 2, "sync_every": 10}):
        for slowdown in ((1, 2), (1.0, 1.0)):
            one = only(strategy, hosts=("h", "i") if slowdown[1] > 1 else ("h", "h"), slowdown=slowdown)
            assert one == only(strategy, hosts=(None, None))


def test_no_formula_holds_where_a_host_is_shared_and_the_bound_stays_one():
    for strategy in (DP, DILOCO, ASYNC, {"kind": "elastic-diloco", "replicas": 2, "quorum": 2, "sync_every": 10}):
        alone, shared, lone = (only(strategy, hosts=hosts) for hosts in ((None, None), ("h", "h"), ("h", "i")))
        assert shared.closed_form_s is None
        assert lone.closed_form_s == alone.closed_form_s
        assert shared.bound_s == alone.bound_s <= alone.wall_clock_s <= shared.wall_clock_s
    slow = only(DP, hosts=("h", "i"), slowdown=(1.5, 2))
    assert slow.closed_form_s is None
    assert slow.compute_s == pytest.approx(1.5 * only(DP, hosts=(None, None)).compute_s, rel=1e-12)


def test_jobs_that_run_together_share_hosts_too():
    two = [DP, {**DP, "payload_bits": 16}]
    together = run(scenario(*two, hosts=("h", "i"), jobs="together", bandwidth="1 Tbit/s", latency="0 s"))
    alone = run(scenario(*two, hosts=("h", "i"), bandwidth="1 Tbit/s", latency="0 s"))
    for one, other in zip(together.runs, alone.runs, strict=True):
        assert one.compute_s == pytest.approx(2 * other.compute_s, rel=1e-4)
        assert one.closed_form_s is None
        assert other.closed_form_s is not None
    assert [note for note in together.notes if "host" in note] == [
        "a computes on host h: while 1, 2 of its workers compute a step takes 1, 2 times as long",
        "b computes on host i: while 1, 2 of its workers compute a step takes 1, 2 times as long",
    ]
    assert not any("computes on host" in note for note in alone.notes)


def test_parts_of_a_machine_that_all_compute_at_once_take_its_slowdown_times_their_own():
    alone, cores = (only(DP, hosts=hosts, parts=(1, 1.3)) for hosts in ((None,) * 3, ("h", "i", "h")))
    # two on one core and one on the other; the other's is done first, and leaves the machine to them
    lone_s = alone.compute_s
    first_s = 1.3 * lone_s
    two_s = first_s + 2 * (lone_s - first_s / (2 * 1.3))
    assert cores.compute_s == pytest.approx((first_s + 2 * two_s) / 3, rel=1e-12)
    assert cores.wall_clock_s == pytest.approx(alone.wall_clock_s - lone_s + two_s, rel=1e-9)
    assert cores.closed_form_s is None
    far = only(DP, hosts=("h", "i", None), parts=(1, 1))
    assert far == only(DP, hosts=(None,) * 3)
    assert only(DP, hosts=("h", "i", None), parts=(1, 1.3)).closed_form_s is None


def shown(document):
    """What `simulate show topology` says, its lines joined."""
    answer = topology_question.answer(validate(Topology, document, source="t"))
    return " ".join(render(topology_report.report(answer), Screen()).split())


def test_the_report_says_what_is_part_of_what():
    found = run(scenario(DP, hosts=("h", "i", "h"), slowdown=(1, 2), parts=(1, 1.3)))
    assert [note for note in found.notes if ("host" in note or "parts" in note) and "without effect" not in note] == [
        "a, c compute on host h: while 1, 2 of its workers compute a step takes 1, 2 times as long",
        "h, i are parts of machine: while 1, 2 of its parts compute a step takes 1, 1.3 times as long",
    ]
    text = shown(topology(("h", "i", "h"), parts=(1, 1.3)))
    assert "machine parts: h, i; while 1, 2 of its parts compute a step takes 1, 1.3 times as long" in text


def test_the_report_says_who_shares_a_host():
    found = run(scenario(DP, DILOCO, hosts=("h", "h", "h"), slowdown=(1, 2.05)))
    wanted = "a, b, c compute on host h: while 1, 2, 3 of its workers compute a step takes 1, 2.05, 3.075 times as long"
    assert wanted in found.notes
    found = run(scenario(DILOCO, hosts=("h", "h", "h"), slowdown=(1, 2.05)))
    assert "a, b compute on host h: while 1, 2 of its workers compute a step takes 1, 2.05 times as long" in found.notes


SUMS = (
    "wall_clock_s",
    "compute_s",
    "packing_s",
    "exposed_communication_s",
    "straggler_wait_s",
    "hidden_communication_s",
    "cross_datacenter_bytes",
    "late_merges",
)
OVERLAPPED = [
    {**DP, "overlap": "layers"},
    {**DP, "compression_time": "1 s"},
    DILOCO,
    {**DILOCO, "overlap": "layers"},
    {**DILOCO, "replicas": 3, "compression_time": "1 s"},
    {"kind": "streaming-diloco", "replicas": 2, "sync_every": 10, "fragments": 3, "overlap_steps": 2},
    {"kind": "streaming-diloco", "replicas": 3, "sync_every": 10, "overlap_steps": 0, "overlap": "layers"},
    {"kind": "eager-diloco", "replicas": 3, "sync_every": 10, "compression_time": "1 s"},
    {"kind": "elastic-diloco", "replicas": 3, "quorum": 2, "sync_every": 10, "grace": "20 s"},
]


def both(*arguments, **more):
    """The same run in short, and in full."""
    short, full = (only(*arguments, **more, replay=how) for how in ("steady", "full"))
    assert full.replayed_steps == full.steps
    for key in SUMS:
        assert getattr(short, key) == pytest.approx(getattr(full, key), rel=1e-9, abs=1e-9), key
    return short


@settings(max_examples=40)
@given(
    strategy=st.sampled_from(OVERLAPPED),
    hosts=st.lists(st.sampled_from(["h", "h", "i", None]), min_size=3, max_size=3),
    more=st.lists(st.floats(0, 2), min_size=1, max_size=3),
    speeds=st.lists(st.sampled_from([1.0, 1.0, 1.1, 0.7]), min_size=3, max_size=3),
    enough=st.sampled_from([0.3, 0.9, 3.0]),
    collective=st.sampled_from(["ideal", "ring"]),
    parts=st.sampled_from([None, (1, 1.4)]),
)
@example(  # settles after 5 rounds into a cycle of 2
    strategy=OVERLAPPED[5],
    hosts=["h", "h", "h"],
    more=[1.0],
    speeds=[1.0, 1.1, 1.0],
    enough=0.9,
    collective="ring",
    parts=None,
)
def test_a_steady_replay_is_the_full_one(strategy, hosts, more, speeds, enough, collective, parts):
    slowdown = [1 + sum(more[: n + 1]) for n in range(len(more))]
    # a step takes 67 s on three chips, and 16 Mbit go out some 4/3 times every 1 or 10 steps
    bandwidth = f"{enough * 21.3e6 / 67 / (10 if 'sync_every' in strategy else 1)!r} bit/s"
    there = {
        "hosts": hosts,
        "slowdown": slowdown,
        "speeds": speeds,
        "bandwidth": bandwidth,
        "collective": collective,
        "parts": parts,
    }
    both(strategy, steps=153 if "sync_every" in strategy else 47, **there)


@pytest.mark.parametrize("strategy", [DP, DILOCO], ids=str)
def test_a_short_replay_is_short_where_the_run_repeats_itself(strategy):
    assert both(strategy, hosts=("h", "h"), steps=403).replayed_steps < 200


def test_a_recording_with_its_jitter_is_continued_exactly():
    workload = {"trace": "35m-diloco-cpu", "steps": 607}
    short = both({**DILOCO, "sync_every": 30}, workload=workload, hosts=("h", "h"), bandwidth="1 Gbit/s")
    assert short.replayed_steps < 607
    assert short.straggler_wait_s > 0


@pytest.mark.parametrize("strategy", [DP, OVERLAPPED[0], OVERLAPPED[3], OVERLAPPED[5]], ids=str)
@pytest.mark.parametrize("speeds", [(1, 1), (1, 0.8)])
def test_the_share_of_compute_in_the_long_run_counts_it_as_it_passed(strategy, speeds):
    there = {"hosts": ("h", "h"), "slowdown": (1, 1.7), "speeds": speeds, "bandwidth": "60 kbit/s"}
    found = utilization(scenario(strategy, steps=400, **there))
    short, long = (
        outcomes(scenario(strategy, steps=steps, replay="full", **there))[0].timeline for steps in (400, 640)
    )
    wanted = (long.mean("compute_s") - short.mean("compute_s")) / (long.wall_clock_s - short.wall_clock_s)
    if strategy != DP:  # workers that never meet have no rhythm there: the share of the whole run
        wanted = short.mean("compute_s") / short.wall_clock_s
    assert found == pytest.approx(wanted, rel=1e-9)
    alone = utilization(scenario(strategy, steps=400, **{**there, "hosts": (None, None)}))
    assert found > alone * 1.01  # busy for longer with the same exchanges behind it


@settings(max_examples=25)
@given(
    strategy=st.sampled_from([DP, DILOCO, {**DILOCO, "replicas": 3}]),
    more=st.lists(st.floats(0, 2), min_size=3, max_size=3),
    speeds=st.lists(st.floats(0.5, 2), min_size=3, max_size=3),
)
def test_a_more_crowded_host_is_never_faster_where_all_wait_for_all(strategy, more, speeds):
    slowdown = [1 + sum(more[:n]) for n in range(3)]
    places = [(None, None, None), ("h", "h", None), ("h", "h", "h")]
    ends = [only(strategy, hosts=hosts, slowdown=slowdown, speeds=speeds).wall_clock_s for hosts in places]
    assert ends[0] <= ends[1] * (1 + 1e-12)
    assert ends[1] <= ends[2] * (1 + 1e-12)


def documents(text, *, old, new):
    assert old in text
    return text.replace(old, new)


GOOD = """\
name: two
datacenters:
  - {name: a, host: core0}
  - {name: b, host: core0}
hosts:
  - {name: core0, slowdown: [1, 2.05]}
  - {name: core1}
links: [{between: [a, b], bandwidth: "1 Gbit/s", latency: "1 ms"}]
"""
BROKEN = {
    "an unknown host": ("b, host: core0", "b, host: kore0", ["datacenters[1].host", "'kore0'", "did you mean 'core0'"]),
    "no hosts at all": (
        GOOD[GOOD.index("hosts:") : GOOD.index("links")],
        "",
        ["datacenters[0].host", "hosts: [{name: core0}]"],
    ),
    "a host there twice": ("core1", "core0", ["hosts[1]", "'core0' already"]),
    "a slowdown that falls": (
        "[1, 2.05]",
        "[1, 2.05, 2]",
        ["two.yaml:6", "hosts[0]", "2 for 3 workers follows 2.05 for 2", "[1, 2.05]"],
    ),
    "a slowdown below 1": (
        "[1, 2.05]",
        "[0.5, 2]",
        ["two.yaml:6", "hosts[0].slowdown[0]", "0.5", "greater than or equal to 1"],
    ),
    "a slowdown in words": ("[1, 2.05]", "[1, much]", ["two.yaml:6", "hosts[0].slowdown[1]", "'much'", "number"]),
    "a slowdown without end": ("[1, 2.05]", "[1, .inf]", ["hosts[0].slowdown[1]", "finite"]),
    "a slowdown of nothing": ("[1, 2.05]", "[]", ["hosts[0].slowdown", "at least 1", "[1, 2.05]"]),
    "a slowdown that is no list": ("[1, 2.05]", "2", ["hosts[0].slowdown", "list"]),
    "a host without a name": ("name: core1", "slowdown: [1]", ["hosts[1].name", "missing", "core0"]),
    "a part of nothing": ("{name: core1}", "{name: core1, part_of: core2}", ["hosts[1].part_of", "no host 'core2'"]),
    "a part of a part": (
        "{name: core1}",
        "{name: core1, part_of: core0}\n  - {name: thread, part_of: core1}",
        ["hosts[1].part_of", "'core1' has parts itself", "take `part_of` out"],
    ),
    "a site on a host with parts": (
        "{name: core1}",
        "{name: core1, part_of: core0}",
        ["datacenters[0].host", "'core0' has parts", "'core1'"],
    ),
    "a misspelt key": ("slowdown:", "slow_down:", ["two.yaml:6", "hosts[0].slow_down", "'slowdown'"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_named(case, tmp_path, simulate):
    old, new, wanted = BROKEN[case]
    path = tmp_path / "two.yaml"
    path.write_text(documents(GOOD, old=old, new=new))
    code, out, err = simulate("show", "topology", path)
    assert (code, out) == (2, "")
    said = " ".join(err.split())
    assert [word for word in wanted if word not in said] == []
    assert "Traceback" not in err


def test_what_show_topology_says_of_hosts(tmp_path, simulate):
    path = tmp_path / "two.yaml"
    path.write_text(GOOD)
    code, out, _ = simulate("show", "topology", path)
    assert code == 0
    assert (
        """
Hosts (2; their sites share their compute)
core0  2 sites: a, b; while 1, 2 of its workers compute a step takes 1, 2.05
       times as long
core1  0 sites: none

Links (1;"""
        in out
    )


def test_generated_sites_can_share_one_host():
    shape = {"shape": "full-mesh", "datacenters": 8, "bandwidth": "1 Gbit/s", "latency": "1 ms", "host": "core0"}
    document = {"name": "eight", "generate": shape, "hosts": [{"name": "core0"}]}
    text = shown(document)
    assert "while 1, 2, ..., 8 of its workers compute a step takes 1, 2, ..., 8 times as long" in text


def test_hosts_survive_the_way_through_a_result(simulate, scenario_file):
    document = scenario(DP).model_dump(mode="json", exclude_none=True)
    code, out, _ = simulate("--scenario", scenario_file(document), "--format", "json")
    assert code == 0
    again = Scenario.model_validate(json.loads(out)["scenario"])
    assert again.topology == scenario(DP).topology


def test_explain_says_why_there_is_no_formula(simulate, scenario_file):
    document = scenario(DILOCO).model_dump(mode="json", exclude_none=True)
    code, out, _ = simulate("explain", "--scenario", scenario_file(document))
    assert code == 0
    assert "no closed form: its datacenters share the compute of a host" in " ".join(out.split())


def test_a_plan_wants_chips_of_its_own(tmp_path, simulate):
    path = tmp_path / "two.yaml"
    path.write_text(GOOD)
    code, _, err = simulate("plan", "--topology", path, "--chips", "64", "--days", "3")
    assert code == 2
    assert "take `host` out of the datacenters" in " ".join(err.split())


def test_a_topology_without_hosts_says_nothing_of_them():
    assert not any("host" in note for note in run(load_scenario(topology="low-bw")).notes)
    with pytest.raises(InputError, match="no host 'x'"):
        validate(Topology, {"name": "t", "datacenters": [{"name": "a", "host": "x"}]}, source="test")
