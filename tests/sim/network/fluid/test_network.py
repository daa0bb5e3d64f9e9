"""Flows on links over time: stories in round numbers, and what must hold for all."""

import math

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.network.fluid.division
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.wire import Wire
from sim.topology.capacity import CapacityOverTime

MB_PER_S = 8e6


class Story:
    """Sends flows over links of so many MB/s (or of a profile), and keeps when each has left."""

    def __init__(self, *links):
        profiles = [p if isinstance(p, CapacityOverTime) else CapacityOverTime.of([0.0], [p * MB_PER_S]) for p in links]
        self.env = simpy.Environment()
        self.network = FluidNetwork(self.env, [Wire(f"link {i}", profile) for i, profile in enumerate(profiles)])
        self.ends = {}

    def flow(self, name, route, mb, at=0.0, *, streams=1.0, cap=math.inf):
        def process():
            yield self.env.timeout(at)
            yield self.network.send(tuple(route), mb * 1e6, streams=streams, cap_bits_per_s=cap * MB_PER_S)
            self.ends[name] = self.env.now

        self.env.process(process())
        return self

    def run(self, until=None):
        self.env.run(until)
        return self.ends

    def carried_mb(self):
        return [use.bits / MB_PER_S for use in self.network.use()]


def at(times_s, mb_per_s, repeat_s=None, outages=()):
    return CapacityOverTime.of(times_s, [value * MB_PER_S for value in mb_per_s], repeat_s, outages)


@pytest.fixture(params=[64, 0], ids=["small sets", "carried levels"], autouse=True)
def both_solvers(request, monkeypatch):
    monkeypatch.setattr(sim.network.fluid.division, "_SMALL", request.param)


def test_the_parking_lot():
    story = Story(100, 50).flow("A", [0, 1], 100).flow("B", [0], 100).flow("C", [1], 100)
    assert story.run() == pytest.approx({"A": 4.0, "B": 4 / 3, "C": 4.0}, rel=1e-12)
    assert story.carried_mb() == pytest.approx([200, 200])
    first, second = story.network.use()
    assert (first.busy_s, second.busy_s) == pytest.approx((4.0, 4.0))
    assert (first.peak, second.peak) == pytest.approx((1.0, 1.0))
    assert story.network.active == 0


def test_a_flow_that_comes_in_the_middle_halves_the_rate_from_then_on():
    # 100 MB/s: A alone sends 50 MB in 0.5 s, then both at 50 MB/s; B's 25 MB are through at 1.0, A's last 25 at 1.25
    assert Story(100).flow("A", [0], 100).flow("B", [0], 25, at=0.5).run() == pytest.approx({"B": 1.0, "A": 1.25})


def test_a_short_flow_leaves_and_the_long_one_speeds_up():
    assert Story(10).flow("A", [0], 10).flow("B", [0], 30).run() == pytest.approx({"A": 2.0, "B": 4.0})


def test_flows_that_begin_and_end_at_the_same_instants():
    ends = Story(30).flow("A", [0], 10).flow("B", [0], 10).flow("C", [0], 10).flow("D", [0], 30, at=1.0).run()
    assert ends == pytest.approx({"A": 1.0, "B": 1.0, "C": 1.0, "D": 2.0})


def test_capacity_that_falls_in_flight():
    story = Story(at([0, 1], [100, 50])).flow("A", [0], 200)
    assert story.run() == pytest.approx({"A": 3.0})
    assert story.carried_mb() == pytest.approx([200])
    assert story.network.use()[0].peak == pytest.approx(1.0)


def test_a_link_that_stalls_and_returns_neither_loses_nor_repeats_a_byte():
    story = Story(at([0], [10], outages=[(1.0, 5.0)])).flow("A", [0], 30)
    assert story.run() == pytest.approx({"A": 7.0})
    (use,) = story.network.use()
    assert (use.bits / MB_PER_S, use.busy_s) == pytest.approx((30, 3.0))


def test_a_stall_on_one_link_frees_the_other():
    story = Story(10, at([0, 1, 3], [10, 0, 10])).flow("A", [0, 1], 10).flow("B", [0], 25)
    # to 1 s: 5 MB each; to 3 s B alone, 20 MB more, is done; A has the rest to itself from then on
    assert story.run() == pytest.approx({"B": 3.0, "A": 3.5})
    assert story.carried_mb() == pytest.approx([35, 10])


def test_a_repeated_schedule():
    # 10 MB/s for a second, 1 MB/s for a second, and again: 33 MB are three rounds
    story = Story(at([0, 1], [10, 1], repeat_s=2.0)).flow("A", [0], 33)
    assert story.run() == pytest.approx({"A": 6.0})


def test_a_capacity_that_changes_while_nothing_is_under_way():
    story = Story(at([0, 5], [10, 1])).flow("A", [0], 10).flow("B", [0], 10, at=7.0)
    assert story.run() == pytest.approx({"A": 1.0, "B": 17.0})


def test_a_flow_that_begins_when_the_capacity_changes():
    assert Story(at([0, 5], [10, 1])).flow("A", [0], 10, at=5.0).run() == pytest.approx({"A": 15.0})


def test_an_outage_under_way_at_the_start():
    assert Story(at([0], [10], outages=[(0.0, 2.0)])).flow("A", [0], 10).run() == pytest.approx({"A": 3.0})


def test_a_link_that_never_returns_leaves_its_flows_waiting_and_names_itself():
    story = Story(at([0], [10], outages=[(1.0, math.inf)]), 10).flow("A", [0, 1], 30).flow("B", [1], 10)
    assert set(story.run()) == {"B"}
    assert story.network.stalled() == ["link 0"]
    assert story.network.active == 1
    assert story.carried_mb() == pytest.approx([5, 15])


def test_streams_weigh():
    # 3 to 1: 30 MB/s and 10 MB/s
    ends = Story(40).flow("A", [0], 30, streams=3).flow("B", [0], 30).run()
    assert ends == pytest.approx({"A": 1.0, "B": 1.5})


def test_what_a_capped_flow_leaves_is_for_the_others():
    ends = Story(100).flow("A", [0], 20, cap=20).flow("B", [0], 80).run()
    assert ends == pytest.approx({"A": 1.0, "B": 1.0})


def test_a_cap_above_the_fair_share_does_nothing_until_it_binds():
    # half each until B is gone at 1 s; then A could have 100 and takes 60
    ends = Story(100).flow("A", [0], 110, cap=60).flow("B", [0], 50).run()
    assert ends == pytest.approx({"B": 1.0, "A": 2.0})


def test_peak_is_the_share_in_use():
    story = Story(100).flow("A", [0], 20, cap=25)
    story.run()
    assert story.network.use()[0].peak == pytest.approx(0.25)


def test_both_directions_of_a_half_duplex_link_share_it():
    # one wire for both, as sim.network.paths makes it
    assert Story(10).flow("there", [0], 10).flow("back", [0], 10).run() == pytest.approx({"there": 2.0, "back": 2.0})


def test_nothing_to_send_and_nowhere_to_go_take_no_time():
    assert Story(10).flow("empty", [0], 0, at=1.0).flow("at home", [], 10, at=2.0).run() == {
        "empty": 1.0,
        "at home": 2.0,
    }


def test_nothing_to_send_needs_no_link():
    assert Story(at([0], [10], outages=[(0.0, math.inf)])).flow("empty", [0], 0, at=1.0).run() == {"empty": 1.0}


def test_peak_knows_a_capacity_that_changed_while_nothing_was_under_way():
    story = Story(at([0, 5], [10, 100])).flow("A", [0], 10, at=7.0, cap=5)
    story.run()
    assert story.network.use()[0].peak == pytest.approx(0.05)


def test_use_can_be_read_at_any_time():
    story = Story(10).flow("A", [0], 30)
    story.run(until=1.5)
    assert story.carried_mb() == pytest.approx([15])
    assert story.carried_mb() == pytest.approx([15])
    story.run()
    assert story.carried_mb() == pytest.approx([30])


def test_the_same_flows_again_and_again_add_up():
    story = Story(10, 5)
    for turn in range(5):
        story.flow(f"A{turn}", [0, 1], 10, at=10.0 * turn).flow(f"B{turn}", [0], 20, at=10.0 * turn)
    ends = story.run()
    assert [ends[f"A{turn}"] - 10 * turn for turn in range(5)] == pytest.approx([2.0] * 5)
    assert [ends[f"B{turn}"] - 10 * turn for turn in range(5)] == pytest.approx([3.0] * 5)
    first, second = story.network.use()
    assert (first.bits / MB_PER_S, second.bits / MB_PER_S) == pytest.approx((150, 50))
    assert (first.busy_s, second.busy_s) == pytest.approx((15, 10))


def test_many_flows_one_after_the_other_on_one_link():
    story = Story(100)
    for number in range(300):
        story.flow(number, [0], number + 1)
    ends = story.run()
    assert ends[299] == pytest.approx(300 * 301 / 2 / 100, rel=1e-9)
    assert [ends[n] for n in range(300)] == sorted(ends.values())


LINKS = 4
CAPACITY = st.sampled_from([1.0, 2.0, 5.0, 7.5, 10.0])
FLOW = st.tuples(
    st.lists(st.integers(0, LINKS - 1), min_size=1, max_size=3, unique=True),
    st.floats(0.01, 20.0),
    st.sampled_from([0.0, 0.0, 0.5, 1.0, 2.5]),
    st.sampled_from([1.0, 1.0, 2.0, 4.0]),
    st.sampled_from([math.inf, math.inf, 0.5, 3.0]),
)
FLOWS = st.lists(FLOW, min_size=1, max_size=8)
CAPACITIES = st.lists(CAPACITY, min_size=LINKS, max_size=LINKS)
quickly = settings(max_examples=60, deadline=None)


def told(links, flows, size=1.0, bandwidth=1.0):
    story = Story(*(link if isinstance(link, CapacityOverTime) else link * bandwidth for link in links))
    for name, (route, mb, start, streams, cap) in enumerate(flows):
        story.flow(name, route, mb * size, start, streams=streams, cap=cap * bandwidth)
    story.run()
    return story


class TestProperties:
    @pytest.fixture(autouse=True)
    def both_solvers(self):
        """Hypothesis may not be used under a fixture of a function; the solvers are told apart above."""

    @quickly
    @given(CAPACITIES, FLOWS, st.floats(0.1, 3.0), st.floats(0.1, 3.0))
    def test_every_link_carries_the_bytes_of_its_flows(self, links, flows, stall_s, length_s):
        links = [*links[:-1], at([0, 1], [links[-1], 1.0], 2.0, [(stall_s, stall_s + length_s)])]
        story = told(links, flows)
        wanted = [sum(mb for route, mb, *_ in flows if link in route) for link in range(LINKS)]
        assert story.carried_mb() == pytest.approx(wanted, rel=1e-9)
        assert story.network.active == 0
        assert all(use.peak <= 1 + 1e-9 for use in story.network.use())
        assert all(use.busy_s <= story.env.now * (1 + 1e-9) for use in story.network.use())

    @quickly
    @given(CAPACITIES, FLOWS)
    def test_contention_never_beats_the_time_alone(self, links, flows):
        story = told(links, flows)
        for name, (route, mb, start, _, cap) in enumerate(flows):
            alone_s = mb / min(cap, *(links[link] for link in route))
            assert story.ends[name] - start >= alone_s * (1 - 1e-9)

    @quickly
    @given(CAPACITIES, FLOWS, st.sampled_from([1e-3, 0.7, 8.0, 1e3]))
    def test_scaling_bytes_and_bandwidth_together_changes_nothing(self, links, flows, factor):
        ends = told(links, flows).ends
        assert told(links, flows, factor, factor).ends == pytest.approx(ends, rel=1e-9)
