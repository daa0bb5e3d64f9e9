"""Every algorithm pays for what it uses, every line of a file counts: the cases that were once silently wrong."""

import math

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.errors import InputError
from sim.own_pace import Pace, deal_steps
from sim.questions.bandwidth.published_setting import study
from sim.scenario.loading import load_scenario
from sim.scenario.model import Scenario, schema
from sim.simulation.long_run import utilization
from sim.simulation.run import run

DP, DILOCO = {"kind": "data-parallel"}, {"kind": "diloco", "replicas": 2}


def scenario(*strategies, inside=None, chips=1, link=None, workload=None, **more):
    sites = [{"name": name, "chips": chips, **({"inside": inside} if inside else {})} for name in "ab"]
    wire = {"between": ["a", "b"], "bandwidth": "8 Gbit/s", "latency": "0 s"} | (link or {})
    return Scenario.model_validate(
        {
            "topology": {"name": "two", "datacenters": sites, "links": [wire]},
            "workload": {"params": 1e9, "step_time": "1 s", "steps": 5, "batch_tokens": 16384} | (workload or {}),
            "strategies": list(strategies),
        }
        | more
    )


def walls(*arguments, **more):
    return [each.wall_clock_s for each in run(scenario(*arguments, **more)).runs]


@pytest.mark.parametrize("duplex", ["full", "half"])
@pytest.mark.parametrize("replay", ["steady", "full"])
def test_a_schedule_that_never_changes_counts(duplex, replay):
    # 16 Gbit there and back at 1 Gbit/s: 16 s, or 32 s where both directions share it
    slow = {"schedule": {"points": [{"at": "0 s", "bandwidth": "1 Gbit/s"}]}, "duplex": duplex}
    (wall_s,) = walls(DP, link=slow, collective="ring", replay=replay)
    assert wall_s == pytest.approx(5 * (1 + (16 if duplex == "full" else 32)))


def test_a_link_that_is_out_for_ever_is_an_error():
    with pytest.raises(InputError, match="never return"):
        run(scenario(DP, link={"outages": [{"start": "0 s"}]}, collective="ring"))


def test_what_the_published_cost_does_not_look_at_is_named():
    link = {"loss": 0.01, "duplex": "half", "outages": [{"start": "0 s", "duration": "1 s"}]}
    notes = run(scenario(DP, link=link, collective="published")).notes
    for key in ("loss", "duplex", "outages"):
        assert any(f"links[0].{key}" in note for note in notes), key
    assert any("old name" in note for note in run(scenario(DP, collective="ideal")).notes)


COMPUTES_1S = {"step_time": None, "chip_speed": "6.144 Tflop/s", "steps": 300}


def analytic(**changes):
    return {
        key: value for key, value in {"params": 1e9, "batch_tokens": 16384, **COMPUTES_1S, **changes}.items() if value
    }


def at_ten_gbit(*strategies, overlap, collective):
    sites = [
        {"name": name, "chips": 8, "inside": {"bandwidth": "10 Gbit/s", "latency": "0 s", "overlap": overlap}}
        for name in "ab"
    ]
    link = {"between": ["a", "b"], "bandwidth": "100 Gbit/s", "latency": "0 s"}
    document = {
        "topology": {"name": "two", "datacenters": sites, "links": [link]},
        "workload": analytic(),
        "strategies": list(strategies),
        "collective": collective,
    }
    return run(Scenario.model_validate(document)).runs


@pytest.mark.parametrize("collective", ["auto", "ring", "hierarchical", "chunked-ring"])
def test_data_parallel_pays_inside_as_diloco_does(collective):
    # inside: 2 x 16/10 x 7/8 = 2.8 s at every step for both; across 0.16 s, at every step or every thirtieth
    parallel, diloco = at_ten_gbit(DP, DILOCO, overlap="none", collective=collective)
    assert parallel.wall_clock_s == pytest.approx(300 * (1 + 2.8 + 0.16))
    assert diloco.wall_clock_s == pytest.approx(300 * (1 + 2.8) + 10 * (2.8 + 0.16))
    assert parallel.exposed_inside_s == pytest.approx(300 * 2.8)
    assert parallel.exposed_across_s == pytest.approx(300 * 0.16)
    # behind a backward pass of 2/3 s
    parallel, diloco = at_ten_gbit(DP, DILOCO, overlap="backward", collective=collective)
    assert parallel.wall_clock_s == pytest.approx(300 * (1 + 2.8 - 2 / 3 + 0.16))
    assert diloco.wall_clock_s == pytest.approx(300 * (1 + 2.8 - 2 / 3) + 10 * (2.8 + 0.16))
    assert parallel.hidden_communication_s == pytest.approx(300 * 2 / 3)


def test_the_published_ring_goes_through_every_chip():
    # sixteen chips: 2 x 16 x 15/16 = 30 Gbit over the narrower of 10 and 100 Gbit/s
    (parallel,) = at_ten_gbit(DP, overlap=None, collective="published")
    assert parallel.wall_clock_s == parallel.closed_form_s == pytest.approx(300 * (1 + 3))


def test_measured_steps_hold_the_exchange_inside():
    inside = {"bandwidth": "10 Gbit/s", "latency": "0 s", "overlap": "none"}
    parallel, diloco = run(scenario(DP, DILOCO, inside=inside, chips=8, collective="ring")).runs
    assert parallel.wall_clock_s == pytest.approx(5 * (1 + 2))
    assert diloco.wall_clock_s == pytest.approx(5 + 2 + 2.8)  # one outer step, with its parts inside
    (alone,) = run(
        load_scenario(
            topology="h100-one-site",
            workload="10b",
            strategies=["data-parallel"],
            settings=[
                "workload.step_time=1 s",
                "workload.steps=7",
                "topology.datacenters[0].inside.bandwidth=1 Gbit/s",
            ],
        )
    ).runs
    assert alone.wall_clock_s == pytest.approx(7)
    assert alone.bound_s == pytest.approx(7)


def test_layers_queue_inside_a_datacenter():
    (only,) = run(
        load_scenario(
            topology="h100-one-site",
            workload="10b",
            strategies=["data-parallel:overlap=layers"],
            settings=["workload.steps=100", 'topology.datacenters[0].inside={bandwidth: "10 Gbit/s"}'],
        )
    ).runs
    # 2 x 160 Gbit / 10 Gbit/s x 999/1000 a step, hardly any of which fits behind the backward pass
    assert only.wall_clock_s >= only.bound_s == pytest.approx(100 * 32 * 0.999)
    assert only.wall_clock_s == pytest.approx(only.closed_form_s, rel=1e-9)


def test_a_row_does_not_depend_on_its_neighbours():
    def rows(*replicas):
        strategies = [f"diloco:sync_every=100,replicas={each}" for each in replicas]
        asked = study(params=10e9, layers=48, step_time_s=0.8, strategies=strategies)
        return [utilization(asked.replaced(strategies=[s.model_dump(by_alias=True)])) for s in asked.strategies]

    assert rows(2, 8)[0] == rows(2)[0]
    runs = run(
        load_scenario(topology="low-bw", workload="10b", strategies=["diloco:replicas=3", "diloco:replicas=7"])
    ).runs
    (alone,) = run(load_scenario(topology="low-bw", workload="10b", strategies=["diloco:replicas=3"])).runs
    assert runs[0] == alone
    assert [each.chips % each.replicas for each in runs] == [0, 0]


def test_asynchronous_replicas_go_by_their_own_way_to_the_server():
    sites = [{"name": name} for name in ("hub", "fat", "thin")]
    links = [
        {"between": ["hub", name], "bandwidth": bandwidth, "latency": "0 s"}
        for name, bandwidth in (("fat", "1000 Gbit/s"), ("thin", "1 Gbit/s"))
    ]
    document = {
        "topology": {"name": "hub", "datacenters": sites, "links": links},
        "workload": {"params": 1e9, "step_time": "1 s", "steps": 100, "chips": 3, "batch_tokens": 4096},
        "strategies": [{"kind": "async-diloco", "replicas": 3, "sync_every": 10}],
    }
    for collective in ("published", "ring"):
        (only,) = run(Scenario.model_validate(document | {"collective": collective})).runs
        # rounds of 10, 10.032 and 42 s share 300 steps
        assert [round(site.compute_s) for site in only.sites] == [135, 135, 30]
        assert only.sites[1].exposed_communication_s == pytest.approx(14 * 0.032)


@pytest.mark.parametrize("gbit", [0.1, 0.15, 1, 10, 100])
def test_better_links_do_not_make_an_asynchronous_run_longer(gbit):
    sync_s = 2 * 7 * 16 / gbit
    dealt = deal_steps((Pace(10.0, 0.0, 10), Pace(10.0, sync_s, 10)), 10)
    ends = [Pace(10.0, each, 10).seconds(steps) for each, steps in zip((0.0, sync_s), dealt, strict=True) if steps]
    assert sum(dealt) == 10
    assert max(ends) <= 100


def test_the_closing_exchange_can_be_left_out():
    long = {"steps": 1000}
    for kind in ("diloco", "elastic-diloco", "eager-diloco", "streaming-diloco"):
        strategy = {"kind": kind, "replicas": 2, "sync_every": 128}
        strategy |= (
            {"quorum": 2} if kind == "elastic-diloco" else {"fragments": 1} if kind == "streaming-diloco" else {}
        )
        closed, open_ = run(scenario(strategy, {**strategy, "closing_exchange": False}, workload=long)).runs
        assert (closed.outer_steps, open_.outer_steps) == (8, 7)
        assert open_.cross_datacenter_bytes == pytest.approx(7 / 8 * closed.cross_datacenter_bytes)
        whole = {**strategy, "sync_every": 125, "closing_exchange": False}
        assert run(scenario(whole, workload=long)).runs[0].outer_steps == 8


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.floats(0.01, 1), min_size=1, max_size=4),
    steps=st.integers(1, 9),
    gbit_per_s=st.floats(1, 1000),
    strategy=st.sampled_from(
        [
            {"kind": "data-parallel"},
            {"kind": "data-parallel", "overlap": "layers"},
            {"kind": "diloco", "replicas": 1, "sync_every": 3},
        ]
    ),
)
def test_no_run_in_one_site_is_shorter_than_its_bound_wherever_it_ends_in_its_cycle(
    seconds, steps, gbit_per_s, strategy
):
    measured = {"seconds": seconds, "params": 1e8, "batch_tokens": 65536, "chips": 8}
    site = {"name": "a", "inside": {"bandwidth": f"{gbit_per_s!r} Gbit/s", "latency": "0 s"}}
    asked = {
        "topology": {"name": "one", "datacenters": [site]},
        "workload": {"trace": measured, "rescale": True, "steps": steps, "layers": 4},
        "strategies": [strategy],
    }
    (only,) = run(Scenario.model_validate(asked)).runs
    assert only.bound_s <= only.wall_clock_s * (1 + 1e-9)
    if steps % len(seconds) == 0 and strategy == {"kind": "data-parallel"}:  # whole cycles: the link's work by formula
        link_s = steps * 2 * 8 * 2e8 / gbit_per_s / 1e9 * (1 - 1 / only.chips)
        assert only.bound_s == pytest.approx(max(only.compute_s, link_s))


def test_no_run_is_shorter_than_its_bound_on_a_recording():
    result = run(
        load_scenario(topology="low-bw", settings=["workload.steps=50", 'topology.generate.bandwidth="100 Tbit/s"'])
    )
    for each in result.runs:
        assert each.bound_s <= each.wall_clock_s * (1 + 1e-12)
        assert math.isfinite(each.bound_s)


@pytest.mark.parametrize("inside", ["dgx-h100", {"preset": "dgx-h100"}, {"preset": "dgx-h100", "latency": "50 us"}])
def test_a_preset_stands_for_its_numbers(inside):
    named = scenario(DP, inside=inside, chips=16, collective="ring").topology.datacenters[0].inside
    assert (named.bandwidth_bits_per_s, named.node_chips, named.node_bandwidth_bits_per_s) == (400e9, 8, 3600e9)
    assert named.latency_s == pytest.approx(5e-5 if "latency" in inside else 1e-4)
    document = {"topology": {"name": "t", "datacenters": [{"name": "a", "inside": inside}]}}
    document |= {"workload": {"params": 1e9}, "strategies": [DP]}
    jsonschema.validate(document, schema())


def test_a_preset_that_nobody_knows_is_named():
    with pytest.raises(ValidationError, match="there is none named 'dgx-h1000'"):
        scenario(DP, inside="dgx-h1000")
