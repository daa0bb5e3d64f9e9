"""What real links add: token buckets, headers, and the cost of starting an exchange. Stories in round numbers."""

import json
import math
from itertools import pairwise

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.network.fluid.division
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.wire import Wire
from sim.questions import topology as topology_question
from sim.questions.bandwidth.bandwidth import answer as bandwidth_answer
from sim.questions.explain.explain import closed_form
from sim.questions.flows import Flows, answer
from sim.report.answers import flows as flows_report
from sim.report.answers import topology as topology_report
from sim.report.drawing.screen import Screen
from sim.report.render.terminal import render
from sim.scenario.model import Scenario
from sim.simulation.jobs import jobs
from sim.simulation.run import run
from sim.topology.capacity import CapacityOverTime
from sim.topology.model import Topology

MB_PER_S = 8e6


@pytest.fixture(params=[64, 0], ids=["small sets", "large sets"])
def both_sizes(request, monkeypatch):
    monkeypatch.setattr(sim.network.fluid.division, "_SMALL", request.param)


def flat(mb_per_s):
    return CapacityOverTime.of([0.0], [mb_per_s * MB_PER_S])


def story(wires, *flows):
    """When each flow (route, MB, start and what else it has) has left; checks that no byte is lost or made.

    Args:
      wires: MB/s or a profile, and the burst [MB].
      flows: route, size [MB], start [s], keywords of `send`.
    """
    env = simpy.Environment()
    profiles = [(wire if isinstance(wire, CapacityOverTime) else flat(wire), burst) for wire, burst in wires]
    network = FluidNetwork(env, [Wire(f"w{i}", p, burst * MB_PER_S) for i, (p, burst) in enumerate(profiles)])
    ends = [math.nan] * len(flows)

    def flow(number, route, mb, start_s, keywords=None):
        yield env.timeout(start_s)
        yield network.send(tuple(route), mb * 1e6, **(keywords or {}))
        ends[number] = env.now

    for number, each in enumerate(flows):
        env.process(flow(number, *each))
    env.run()
    for number, use in enumerate(network.use()):
        assert use.bits == pytest.approx(sum(each[1] for each in flows if number in each[0]) * MB_PER_S, rel=1e-9)
        assert use.full_s <= use.busy_s * (1 + 1e-9)
        assert use.peak <= 1
    return ends


@pytest.mark.usefixtures("both_sizes")
class TestBuckets:
    def test_what_the_bucket_holds_passes_at_once(self):
        assert story([(10, 4)], ([0], 24, 0.0)) == pytest.approx([2.0], rel=1e-12)
        assert story([(10, 4)], ([0], 3, 0.0)) == [0.0]

    def test_right_behind_another_there_is_nothing_in_it(self):
        assert story([(10, 4)], ([0], 24, 0.0), ([0], 24, 2.0)) == pytest.approx([2.0, 4.4])

    def test_all_who_come_at_one_instant_share_the_credit(self):
        """10 MB/s and 4 MB of credit: 2 MB each at once, then 5 MB/s each, whoever of them was heard of first."""
        env, ends = simpy.Environment(), []
        network = FluidNetwork(env, [Wire("w", flat(10), 4 * MB_PER_S)])

        def late(detours):
            for _ in range(detours):
                yield env.timeout(0.0)
            yield network.send((0,), 7e6)
            ends.append(env.now)

        for detours in (0, 5):
            env.process(late(detours))
        env.run()
        assert ends == pytest.approx([1.0, 1.0], rel=1e-12)

    @pytest.mark.parametrize(("silence_s", "credit"), [(0.1, 1), (0.4, 4), (5, 4)])
    def test_silence_fills_it(self, silence_s, credit):
        again_s = 2 + silence_s
        ends = story([(10, 4)], ([0], 24, 0.0), ([0], 24, again_s))
        assert ends == pytest.approx([2.0, again_s + (24 - credit) / 10])

    def test_flows_that_begin_together_divide_it_and_what_is_left(self):
        assert story([(10, 4)], ([0], 12, 0.0), ([0], 12, 0.0)) == pytest.approx([2.0, 2.0])
        assert story([(10, 4)], ([0], 1, 0.0), ([0], 12, 0.0)) == pytest.approx([0.0, 0.9])
        # by weight 3 and 1 MB at once; then 7.5 and 2.5 MB/s up to 1.2 s, and the 8 MB left alone
        assert story([(10, 4)], ([0], 12, 0.0, {"streams": 3.0}), ([0], 12, 0.0)) == pytest.approx([1.2, 2.0])

    def test_a_link_without_one_as_wide_or_narrower_leaves_no_gain(self):
        assert story([(10, 4), (10, 0)], ([0, 1], 20, 0.0)) == pytest.approx([2.0])
        assert story([(10, 4), (5, 0)], ([0, 1], 20, 0.0)) == pytest.approx([4.0])

    def test_a_wider_link_without_one_sets_the_pace_while_the_bucket_lasts(self):
        # 20 MB/s for 0.4 s take 4 MB more than the 10 MB/s that come in; 12 MB are left
        assert story([(10, 4), (20, 0)], ([0, 1], 20, 0.0)) == pytest.approx([1.6])
        assert story([(10, 4)], ([0], 20, 0.0, {"cap_bits_per_s": 20 * MB_PER_S})) == pytest.approx([1.6])

    def test_a_sender_slower_than_the_link_gains_nothing(self):
        assert story([(10, 4)], ([0], 20, 0.0, {"cap_bits_per_s": 5 * MB_PER_S})) == pytest.approx([4.0])

    def test_it_fills_under_a_flow_that_another_link_holds_back(self):
        # emptied at once; 5 of 10 MB/s are taken, so that 2 MB have come by 0.4 s; then both have 5 MB/s
        ends = story([(10, 4), (5, 0)], ([0], 4, 0.0), ([0, 1], 20, 0.0), ([0], 12, 0.4))
        assert ends == pytest.approx([0.0, 4.0, 2.4])

    def test_a_flow_that_takes_from_it_leaves_less_for_the_next(self):
        # 15 of 10 MB/s for 0.4 s: 2 of 4 MB are left for the second, which then shares 10 MB/s
        ends = story([(10, 4), (15, 0)], ([0, 1], 11, 0.0), ([0], 7, 0.4))
        assert ends == pytest.approx([1.4, 1.4])

    def test_a_cut_link_passes_nothing_and_fills_nothing(self):
        cut = CapacityOverTime.of([0.0], [10 * MB_PER_S], None, [(0.0, 1.0)])
        assert story([(cut, 4)], ([0], 3, 0.0)) == pytest.approx([1.0])
        assert story([(cut, 4)], ([0], 14, 0.0)) == pytest.approx([2.0])
        later = CapacityOverTime.of([0.0], [10 * MB_PER_S], None, [(0.2, 1.0)])
        # emptied at 0, 2 MB by the cut at 0.2, and 1 MB more by 1.1
        assert story([(later, 4)], ([0], 4, 0.0), ([0], 13, 1.1)) == pytest.approx([0.0, 2.1])

    def test_it_fills_at_the_bandwidth_of_the_moment(self):
        sagging = CapacityOverTime.of([0.0, 1.0], [10 * MB_PER_S, 2 * MB_PER_S])
        assert story([(sagging, 40)], ([0], 40, 0.0), ([0], 14, 2.0)) == pytest.approx([0.0, 3.0])

    @settings(max_examples=150)
    @given(
        wires=st.lists(st.tuples(st.floats(1, 100), st.floats(0, 50)), min_size=1, max_size=4),
        mb=st.floats(0.1, 100),
        cap=st.one_of(st.just(math.inf), st.floats(1, 100)),
    )
    def test_a_lone_flow_is_held_by_the_worst_wire_alone(self, wires, mb, cap):
        """By time t a wire passes burst + capacity x t at the most (an arrival curve), a sender cap x t."""
        wanted_s = max(mb / cap, *(max(0.0, mb - burst) / capacity for capacity, burst in wires))
        route = list(range(len(wires)))
        (end_s,) = story(wires, (route, mb, 0.0, {"cap_bits_per_s": cap * MB_PER_S}))
        assert end_s == pytest.approx(wanted_s, rel=1e-6, abs=1e-9)
        (larger_s,) = story([(capacity, 1.5 * burst + 1) for capacity, burst in wires], (route, mb, 0.0))
        assert larger_s <= end_s * (1 + 1e-9) + 1e-12

    @settings(max_examples=150)
    @given(
        capacity=st.floats(1, 100),
        burst=st.floats(0, 50),
        flows=st.lists(st.tuples(st.floats(0.01, 2), st.floats(0.1, 100)), min_size=1, max_size=6),
    )
    def test_flows_in_a_row_are_held_by_their_arrival_curve(self, capacity, burst, flows):
        """Of any flows in a row, from the start of the first: no sooner than (sum - burst) / capacity."""
        starts, ends = [], []
        for silence_s, _ in flows:
            starts.append((ends[-1] if ends else 0.0) + silence_s)
            sums = [sum(each for _, each in flows[k : len(starts)]) for k in range(len(starts))]
            ends.append(
                max(
                    starts[-1], *(s + max(0.0, total - burst) / capacity for s, total in zip(starts, sums, strict=True))
                )
            )
        found = story([(capacity, burst)], *(([0], mb, start) for start, (_, mb) in zip(starts, flows, strict=True)))
        assert found == pytest.approx(ends, rel=1e-6, abs=1e-6)


def sites(count, transport=None, inside="1e30 bit/s", **link):
    """Sites in a full mesh, with links of 80 Mbit/s (10 MB/s)."""
    names = "abcd"[:count]
    plain = {"bandwidth": "80 Mbit/s", "latency": "0 s", **link}
    return {
        "name": "t",
        "datacenters": [{"name": name, "inside": {"bandwidth": inside, "latency": "0 s"}} for name in names],
        "links": [{"between": [a, b], **plain} for a in names for b in names if a < b],
        **({"transport": transport} if transport else {}),
    }


def flows_of(topology, *flows):
    keys = ("from", "to", "size")
    return answer(
        Flows.model_validate({"topology": topology, "flows": [dict(zip(keys, flow, strict=True)) for flow in flows]})
    )


def test_both_directions_of_a_half_duplex_link_share_one_bucket():
    there_and_back = ("a", "b", "4 MB"), ("b", "a", "4 MB")
    both = flows_of(sites(2, duplex="half", burst="4 MB"), *there_and_back)
    assert [row.finish_s for row in both.flows] == pytest.approx([0.4, 0.4])
    each = flows_of(sites(2, burst="4 MB"), *there_and_back)
    assert [row.finish_s for row in each.flows] == [0.0, 0.0]
    assert [row.mean_rate_bits_per_s for row in each.flows] == [None, None]
    assert [(row.bytes, row.busy_share, row.peak_utilization) for row in each.links] == [(4e6, 0.0, 1.0)] * 2
    assert "at once" in render(flows_report.report(each), Screen())


def test_a_generated_shape_has_buckets_and_a_report_shows_them():
    shape = {"shape": "ring", "datacenters": 3, "bandwidth": "1 Gbit/s", "latency": "1 ms", "burst": "1 MB"}
    transport = {"header": "66 B", "exchange_overhead": "5 ms"}
    topology = Topology.model_validate({"name": "t", "generate": shape, "transport": transport})
    assert {link.burst_bytes for link in topology.links} == {1e6}
    shown = " ".join(render(topology_report.report(topology_question.answer(topology)), Screen()).split())
    assert "bursts of 1 MB" in shown
    assert "headers of 66 B, 5.00 ms to start an exchange" in shown
    assert Topology.model_validate(topology.model_dump(mode="json", exclude_none=True)) == topology


def two_sites_run(strategy, collective, steps=3, step_s=1.0, topology=None, mb=10.0, **more):
    """Runs with a payload of so many MB (16 bits a parameter)."""
    topology = topology or sites(2)
    chips = len(topology["datacenters"])
    workload = {"params": mb * 1e6 / 2, "steps": steps, "chips": chips, "batch_tokens": 8192}
    workload |= {"step_time": f"{step_s!r} s"}
    document = {
        "topology": topology,
        "workload": workload,
        "strategies": [strategy],
        "collective": collective,
        **more,
    }
    return run(Scenario.model_validate(document))


@pytest.mark.parametrize(("step_s", "later_s"), [(0.05, 0.95), (0.3, 0.8), (2.0, 0.8)])
def test_a_run_refills_the_bucket_while_it_computes(step_s, later_s):
    """A ring of two sends 10 MB each way at 10 MB/s, with a burst of 2 MB: 1 s less what has come in."""
    (only,) = two_sites_run(
        {"kind": "data-parallel"}, "ring", steps=50, step_s=step_s, topology=sites(2, burst="2 MB")
    ).runs
    assert only.exposed_across_s == pytest.approx(0.8 + 49 * later_s, rel=1e-9)
    assert only.replayed_steps < 50
    assert [link.bytes for link in only.links] == pytest.approx([50 * 10e6] * 2, rel=1e-9)


@pytest.mark.parametrize("kind", ["data-parallel", "diloco", "streaming-diloco", "eager-diloco"])
def test_a_bucket_makes_a_run_no_slower_and_lets_it_repeat_itself(kind):
    strategy = {"kind": kind} | ({} if kind == "data-parallel" else {"sync_every": 5})
    (only,) = two_sites_run(strategy, "ring", steps=200, topology=sites(2, burst="2 MB")).runs
    (full,) = two_sites_run(strategy, "ring", steps=200, topology=sites(2, burst="2 MB"), replay="full").runs
    (plain,) = two_sites_run(strategy, "ring", steps=200).runs
    assert only.replayed_steps < 200 == full.replayed_steps
    assert only.wall_clock_s == pytest.approx(full.wall_clock_s, rel=1e-9)
    assert only.wall_clock_s <= plain.wall_clock_s


def test_a_bucket_that_goes_down_slowly_is_not_taken_for_steady_before_it_is_empty():
    """10 MB a step of 0.95 s at 10 MB/s: 0.5 MB of a full 100 MB are gone each time, and all after 200 steps.

    From then on the link is busy all the time: the last of 10,000 MB, less the first 100, has left 990 s after the first.
    """
    topology = sites(2, burst="100 MB")
    (only,) = two_sites_run({"kind": "data-parallel"}, "ring", steps=1000, step_s=0.95, topology=topology).runs
    assert only.wall_clock_s == pytest.approx(990.95, rel=1e-9)
    assert 180 < only.replayed_steps < 500


def test_ideal_exchanges_have_no_buckets_and_the_answer_says_so():
    result = two_sites_run({"kind": "data-parallel"}, "ideal", topology=sites(2, burst="2 MB"))
    plain = two_sites_run({"kind": "data-parallel"}, "ideal")
    flows = two_sites_run({"kind": "data-parallel"}, "ring", topology=sites(2, burst="2 MB"))
    assert result.runs == plain.runs
    assert not any("burst" in note for note in flows.notes)
    assert any("links[0].burst" in note for note in result.notes)
    assert not any("burst" in note for note in plain.notes)


def test_auto_sees_the_buckets():
    # a - b is a tenth as wide, and 3 MB go through a server at c in 0.6 s; with a large bucket on it no piece of 1 MB of
    # a direct exchange is slower than the 0.1 s that the others take
    topology = sites(3)
    topology["links"][0] |= {"bandwidth": "8 Mbit/s"}
    (plain,) = two_sites_run({"kind": "data-parallel"}, "auto", topology=topology, mb=3.0, steps=1).runs
    topology["links"][0] |= {"burst": "100 MB"}
    (only,) = two_sites_run({"kind": "data-parallel"}, "auto", topology=topology, mb=3.0, steps=1).runs
    assert (plain.collective, plain.exposed_across_s) == ("auto: star", pytest.approx(0.6))
    assert (only.collective, only.exposed_across_s) == ("auto: direct", pytest.approx(0.2))


# Headers


@pytest.mark.parametrize("collective", ["ideal", "ring", "star", "hierarchical"])
def test_headers_leave_so_much_less_for_payload(collective):
    transport = {"segment": "1448 B", "header": "66 B"}
    (plain,) = two_sites_run({"kind": "diloco", "sync_every": 1}, collective).runs
    (only,) = two_sites_run({"kind": "diloco", "sync_every": 1}, collective, topology=sites(2, transport)).runs
    assert only.exposed_across_s == pytest.approx(plain.exposed_across_s * 1514 / 1448, rel=1e-12)
    assert only.cross_datacenter_bytes == plain.cross_datacenter_bytes
    assert [link.bytes for link in only.links] == pytest.approx([link.bytes for link in plain.links], rel=1e-12)
    for link, before in zip(only.links, plain.links, strict=True):
        assert link.bandwidth_bits_per_s == 80e6
        busy = only.exposed_across_s / only.wall_clock_s
        if before.busy_share:
            assert link.mean_utilization == pytest.approx(link.busy_share, rel=1e-9)
            assert link.mean_utilization <= busy * (1 + 1e-9)
    if collective == "ideal":
        assert only.closed_form_s == pytest.approx(only.wall_clock_s, rel=1e-12)
        assert only.bound_s <= only.wall_clock_s


def test_headers_are_in_the_bucket_too():
    transport = {"segment": "1000 B", "header": "250 B"}
    (row,) = flows_of(sites(2, transport, burst="5 MB"), ("a", "b", "24 MB")).flows
    assert row.finish_s == pytest.approx((24 * 1.25 - 5) / 10, rel=1e-12)


def test_a_site_alone_has_no_headers_and_no_overhead():
    transport = {"segment": "1000 B", "header": "250 B", "exchange_overhead": "7 s"}
    topology = sites(2, transport, inside="80 Mbit/s")
    (only,) = two_sites_run({"kind": "diloco", "sync_every": 3}, "ideal", topology=topology).runs
    (plain,) = two_sites_run({"kind": "diloco", "sync_every": 3}, "ideal", topology=sites(2, inside="80 Mbit/s")).runs
    assert only.exposed_inside_s == plain.exposed_inside_s
    alone = Topology.model_validate(topology).narrowest(("a",))
    assert alone[:3] == (80e6, 0.0, 0.0)


def test_the_bandwidth_that_is_asked_for_is_that_of_the_link():
    def need(transport):
        workload = {"params": 1e9, "steps": 100, "chips": 2, "batch_tokens": 8192, "step_time": "1 s"}
        document = {
            "topology": sites(2, transport),
            "workload": workload,
            "strategies": [{"kind": "data-parallel"}],
        }
        return bandwidth_answer(Scenario.model_validate(document), [0.5]).rows[0].bandwidth_bits_per_s

    assert need(None) == pytest.approx(16e9, rel=1e-6)  # 2 GB each way in the second that a step takes
    assert need({"segment": "1000 B", "header": "250 B"}) == pytest.approx(20e9, rel=1e-6)


# The overhead of an exchange


@pytest.mark.parametrize("collective", ["ideal", "ring", "direct", "halving-doubling", "star", "hierarchical"])
@pytest.mark.parametrize(
    ("strategy", "exchanges"),
    [
        ({"kind": "data-parallel"}, 12),
        ({"kind": "diloco", "replicas": 1, "sync_every": 3}, 12 + 4),
        ({"kind": "diloco", "sync_every": 3}, 4),
        ({"kind": "elastic-diloco", "replicas": 2, "quorum": 2, "sync_every": 3}, 4),
        # the second fragment closes the run besides, right behind the first
        ({"kind": "streaming-diloco", "sync_every": 3, "fragments": 2, "overlap_steps": 0}, 4 * 2 + 1),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_every_exchange_between_sites_costs_its_overhead_once(collective, strategy, exchanges):
    topology = sites(2, {"exchange_overhead": "5 ms"})
    (plain,) = two_sites_run(strategy, collective, steps=12).runs
    (only,) = two_sites_run(strategy, collective, steps=12, topology=topology).runs
    assert only.wall_clock_s == pytest.approx(plain.wall_clock_s + exchanges * 0.005, rel=1e-12)
    if collective == "ideal" and strategy["kind"] != "streaming-diloco":
        assert only.closed_form_s == pytest.approx(only.wall_clock_s, rel=1e-9)


@pytest.mark.parametrize("collective", ["ideal", "ring"])
def test_a_push_and_a_pull_cost_it_each(collective):
    strategy = {"kind": "async-diloco", "sync_every": 3}
    runs = [
        two_sites_run(strategy, collective, steps=3, topology=sites(2, transport)).runs[0]
        for transport in (None, {"exchange_overhead": "5 ms"})
    ]
    plain, only = (each.sites[1].exposed_communication_s for each in runs)
    assert only == pytest.approx(plain + 2 * 0.005, rel=1e-12)


def test_what_queues_behind_an_exchange_waits_for_its_overhead_too():
    """Two layers of 5 MB, 0.5 s each at 10 MB/s. Backward 1/3 s each: the first is ready at 2/3, the second at 1 s.

    With 0.1 s of overhead the first holds the link until 2/3 + 0.6, and the second until 0.6 s later.
    """
    strategy = {"kind": "data-parallel", "overlap": "layers"}
    workload = {"params": 5e6, "steps": 1, "chips": 2, "batch_tokens": 8192, "step_time": "1 s", "layers": 2}
    for collective in ("ideal", "ring"):
        for overhead_s in (0.0, 0.1):
            transport = {"exchange_overhead": f"{overhead_s} s"}
            document = {"topology": sites(2, transport), "workload": workload, "strategies": [strategy]}
            scenario = Scenario.model_validate(document | {"collective": collective})
            (only,) = run(scenario).runs
            assert only.wall_clock_s == pytest.approx(2 / 3 + 2 * (0.5 + overhead_s), rel=1e-12)
    terms = {term.what: term for term in closed_form(jobs(scenario)[0])}
    assert terms["overhead of the other layers' exchanges"].seconds == pytest.approx(0.1)
    assert terms["gradients across datacenters"].seconds == pytest.approx(1.1)
    assert terms["gradients across datacenters"].letters == "[(2 N b/W1)(1 - 1/R) + e1 + o1] T"
    assert terms["gradients across datacenters"].numbers.endswith("+ 0 s + 100 ms] x 1")
    assert terms["hidden behind the backward pass"].seconds == pytest.approx(-1 / 3)


# Measured


SHAPED = {"segment": "1448 B", "header": "66 B", "exchange_overhead": "4 ms"}


@pytest.mark.parametrize(
    ("rate", "size_bytes", "measured_s"),
    [
        ("500 Mbit/s", 2_624_000, 0.0426),
        ("100 Mbit/s", 2_624_000, 0.2027),
        ("500 Mbit/s", 8_388_608, 0.142),
        ("100 Mbit/s", 8_388_608, 0.687),
        ("20 Mbit/s", 2_624_000, 1.0016),
    ],
)
def test_the_first_exchange_over_a_shaped_link_takes_what_was_measured(rate, size_bytes, measured_s):
    """An all-reduce between two processes over TCP, each end behind `tc qdisc add ... tbf rate R burst 256k`.

    Source: measured with tc tbf, see experiments/wan_emulation.
    """
    topology = sites(2, SHAPED, bandwidth=rate, burst="256 KiB")
    (only,) = two_sites_run({"kind": "data-parallel"}, "ring", steps=1, topology=topology, mb=size_bytes / 1e6).runs
    assert only.exposed_across_s == pytest.approx(measured_s, rel=0.03)


def test_the_next_exchange_over_a_shaped_link_takes_what_was_measured():
    """After 0.041 s of silence at 20 Mbit/s: 1.062 s, where the first took 1.0016 s. Source: as above."""
    topology = sites(2, SHAPED, bandwidth="20 Mbit/s", burst="256 KiB")
    exposed = [
        two_sites_run({"kind": "data-parallel"}, "ring", steps=n, step_s=0.041, topology=topology, mb=2.624)
        .runs[0]
        .exposed_across_s
        for n in (1, 2, 3)
    ]
    assert [later - earlier for earlier, later in pairwise(exposed)] == pytest.approx([1.062, 1.062], rel=0.03)


def test_terms_that_are_nought_change_nothing():
    nothing = sites(2, {"header": "0 B", "exchange_overhead": "0 s"}, burst="0 B")
    for collective in ("ideal", "ring", "auto"):
        strategy = {"kind": "diloco", "sync_every": 3}
        one, other = (two_sites_run(strategy, collective, steps=30, topology=t).runs for t in (nothing, sites(2)))
        assert one == other
    assert json.dumps(Topology.model_validate(nothing).model_dump(mode="json")) == json.dumps(
        Topology.model_validate(sites(2)).model_dump(mode="json")
    )
