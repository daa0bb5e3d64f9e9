"""Transfers that last many repetitions of a schedule, links that never return, and bytes late on the clock."""

import math
import sys

import pytest
import simpy
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import sim.network.fluid.network
from sim.documents.validation import validate
from sim.errors import InputError
from sim.network.fluid.network import FluidNetwork
from sim.network.fluid.repetition import turn_of
from sim.network.fluid.wire import Wire
from sim.questions.flows import Flows, answer
from sim.topology.capacity import CapacityOverTime

MOST_EVENTS = 20_000
"""None of these stories needs more; without skipping they would need millions, or never end."""


def told(links, flows):
    """Sends (route, bits, start) over links; returns when each has left, and the network."""
    env = simpy.Environment()
    network = FluidNetwork(env, [Wire(f"link {i}", link) for i, link in enumerate(links)])
    ends = {}

    def process(name, route, bits, start_s):
        yield env.timeout(start_s)
        yield network.send(tuple(route), bits / 8)
        ends[name] = env.now

    for name, flow in enumerate(flows):
        env.process(process(name, *flow))
    for _ in range(MOST_EVENTS):
        if env.peek() == math.inf:
            return ends, network
        env.step()
    raise AssertionError(f"more than {MOST_EVENTS} events")


def constant(bits_per_s, outages=()):
    return CapacityOverTime.of([0.0], [bits_per_s], None, outages)


FLICKER = CapacityOverTime.of([0.0, 1e-4], [1.0, 2.0], 2e-4)


def test_a_transfer_over_millions_of_repetitions():
    # A turn carries 3e-4 bit. 8000 bit are 26,666,666 turns and 2e-4 bit: 1e-4 bit in the first half of a turn at
    # 1 bit/s, and 1e-4 bit in 5e-5 s of the other at 2 bit/s.
    ends, network = told([FLICKER], [([0], 8000, 0.0)])
    assert ends[0] == pytest.approx(26_666_666 * 2e-4 + 1.5e-4, rel=1e-13)
    (use,) = network.use()
    assert use.bits == pytest.approx(8000, rel=1e-12)
    assert use.busy_s == use.full_s == pytest.approx(ends[0], rel=1e-12)


def test_a_repetition_with_a_pause():
    # Half of the time nothing moves, and nobody is busy then
    ends, network = told([CapacityOverTime.of([0.0, 1.0], [10.0, 0.0], 2.0)], [([0], 10e6, 0.0)])
    assert ends[0] == pytest.approx(2e6 - 1, rel=1e-12)  # the last bit leaves before the last pause
    assert network.use()[0].busy_s == pytest.approx(1e6, rel=1e-12)


def test_one_that_comes_in_the_midst_of_many_repetitions():
    # 1.5 bit/s alone to 3000.00005 s; then half each until B's 300 bit are through, then alone again
    start_s = 3000.00005
    ends, _ = told([FLICKER], [([0], 9000, 0.0), ([0], 300, start_s)])
    assert ends[1] == pytest.approx(start_s + 400, abs=1e-4)
    assert ends[0] == pytest.approx(9300 / 1.5, abs=1e-4)


def test_an_outage_ends_the_repetition():
    link = CapacityOverTime.of([0.0, 1e-4], [1.0, 2.0], 2e-4, [(1000.0, 5000.0)])
    ends, _ = told([link], [([0], 3000, 0.0)])
    assert ends[0] == pytest.approx(6000, abs=1e-4)


def test_schedules_of_several_lengths_repeat_together():
    links = [CapacityOverTime.of([0.0, 0.1], [1.0, 3.0], 0.2), CapacityOverTime.of([0.0, 0.1], [3.0, 1.0], 0.3)]
    # 0.6 s: min(1 3 1 3 1 3, 3 1 1 3 1 1) = 1 1 1 3 1 1 in tenths
    ends, _ = told(links, [([0, 1], 0.8e6, 0.0)])
    assert ends[0] == pytest.approx(0.6e6, rel=1e-9)


def test_the_least_common_length_is_that_of_the_decimal_numbers():
    turn = turn_of(
        {0: CapacityOverTime.of([0.0, 0.1], [1.0, 3.0], 0.2), 3: CapacityOverTime.of([0.0, 0.1], [3.0, 1.0], 0.3)},
        0.0,
        100,
    )
    assert turn.length_s == pytest.approx(0.6)
    assert [seconds for seconds, _ in turn.pieces] == pytest.approx([0.1] * 6)
    assert turn.pieces[0][1] == {0: 1.0, 3: 3.0}


def test_a_slow_schedule_beside_a_quick_one_is_constant_for_a_while():
    # min(1.5 of the quick one, 10): the slow one's changes do not matter, and are too far apart to wait for
    slow = CapacityOverTime.of([0.0, 28_800.3], [10.0, 20.0], 86_401.7)
    ends, _ = told([FLICKER, slow], [([0, 1], 150_000, 0.0)])
    assert ends[0] == pytest.approx(100_000, abs=1e-3)


def test_what_never_repeats_is_refused_in_the_end(monkeypatch):
    monkeypatch.setattr(sim.network.fluid.network, "_MOST_CHANGES", 2000)
    quick = [
        CapacityOverTime.of([0.0, 1e-4], [1.0, 2.0], 2.00000017e-4),
        CapacityOverTime.of([0.0, 1e-4], [2.0, 1.0], 2.00000023e-4),
    ]
    with pytest.raises(InputError, match=r"link 0, link 1 changes 2,000 times .* repeats less often"):
        told(quick, [([0, 1], 8000, 0.0)])


DAY_AND_NIGHT = CapacityOverTime.of([0.0, 8.0], [1e3, 500.0], 24.0)


@pytest.mark.parametrize("over", [[0], [0, 1]], ids=["beside", "across"])
def test_a_link_that_never_returns_is_told_whatever_another_repeats(over):
    ends, network = told([constant(1e3, [(1.0, math.inf)]), DAY_AND_NIGHT], [(over, 1e6, 0.0), ([1], 1e5, 0.0)])
    assert set(ends) == {1}
    assert network.stalled() == ["link 0"]


def test_links_that_never_have_bandwidth_at_the_same_time():
    apart = [CapacityOverTime.of([0.0, 1.0], [1.0, 0.0], 2.0), CapacityOverTime.of([0.0, 1.0], [0.0, 1.0], 2.0)]
    ends, network = told(apart, [([0, 1], 10, 0.0), ([0], 10, 0.0)])
    assert set(ends) == {1}
    assert network.active == 1
    document = {
        "topology": {
            "name": "apart",
            "datacenters": [{"name": "a"}, {"name": "b"}],
            "routers": ["ix"],
            "links": [
                {"between": ends, "latency": "1 ms", "schedule": {"points": points, "repeat": "2 s"}}
                for ends, points in (
                    (["a", "ix"], [{"at": "0 s", "bandwidth": "1 Gbit/s"}, {"at": "1 s", "bandwidth": "0 bit/s"}]),
                    (["ix", "b"], [{"at": "0 s", "bandwidth": "0 bit/s"}, {"at": "1 s", "bandwidth": "1 Gbit/s"}]),
                )
            ],
        },
        "flows": [{"from": "a", "to": "b", "size": "1 MB"}],
    }
    with pytest.raises(InputError, match=r"a -> ix, ix -> b never have bandwidth at the same time"):
        answer(validate(Flows, document, source="test"))


LENGTH = st.sampled_from([0.3, 0.7, 1.0])
SCHEDULE = st.tuples(LENGTH, st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=2, max_size=4)).filter(
    lambda it: any(it[1])
)
LATER = st.tuples(
    st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    st.floats(1.0, 60.0),
    st.sampled_from([0.0, 0.0, 1.3, 77.77]),
)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(SCHEDULE, min_size=3, max_size=3), st.lists(LATER, min_size=1, max_size=4), st.floats(10.0, 300.0))
def test_skipping_changes_no_answer(schedules, flows, outage_s):
    links = [
        CapacityOverTime.of([i * length / len(values) for i in range(len(values))], values, length)
        for length, values in schedules
    ]
    links[2] = CapacityOverTime.of(links[2].times_s, links[2].bits_per_s, links[2].repeat_s, [(outage_s, outage_s + 5)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim.network.fluid.network, "_PATIENCE", 3)
        ends, network = told(links, flows)
        patch.setattr(sim.network.fluid.network, "_PATIENCE", 10**9)  # one change at a time
        patch.setattr(sys.modules[__name__], "MOST_EVENTS", 10**5)
        plain, by_changes = told(links, [flow if name in ends else ([], 0, 0) for name, flow in enumerate(flows)])
    assert [plain[name] for name in ends] == pytest.approx(list(ends.values()), rel=1e-9)
    for use, other in zip(network.use(), by_changes.use(), strict=True):
        assert (use.bits, use.busy_s, use.full_s, use.peak) == pytest.approx(
            (other.bits, other.busy_s, other.full_s, other.peak), rel=1e-9
        )


@pytest.mark.parametrize("start_s", [0.0, 1e6, 1e12, 1e16])
def test_a_link_carries_the_bytes_of_its_flows_however_late_it_is(start_s):
    # 1 kB at 100 Gbit/s takes 80 ns, which is less than the clock can tell from 1e9 s on
    flows = [([0], 8000, start_s), ([0], 24_000, start_s), ([0], 8000, start_s * 1.5 + 1)]
    _, network = told([constant(100e9)], flows)
    (use,) = network.use()
    assert use.bits == pytest.approx(40_000, rel=1e-12)
    assert use.busy_s == use.full_s == pytest.approx(40_000 / 100e9, rel=1e-9)


def test_bytes_under_way_are_those_that_have_left():
    env = simpy.Environment(1e9)
    network = FluidNetwork(env, [Wire("link", constant(8.0))])
    network.send((0,), 10.0)
    env.run(until=1e9 + 2.5)
    assert network.use()[0].bits == pytest.approx(20)


def test_a_flow_that_begins_late_has_the_rate_that_it_would_have_early():
    topology = {
        "name": "two",
        "datacenters": [{"name": "a"}, {"name": "b"}],
        "links": [{"between": ["a", "b"], "latency": "1 us", "bandwidth": "8 Gbit/s"}],
    }
    flows = [{"from": "a", "to": "b", "size": "1 kB", "start": start} for start in ("0 s", "1e11 s")]
    rows = answer(validate(Flows, {"topology": topology, "flows": flows}, source="test")).flows
    assert [row.mean_rate_bits_per_s for row in rows] == pytest.approx([8000 / 2e-6] * 2, rel=1e-9)


def test_a_schedule_that_the_clock_cannot_follow_is_refused():
    with pytest.raises(InputError, match=r"link link 0: .*every 0.0002 s cannot be resolved at 1e\+12 s"):
        told([FLICKER], [([0], 10, 1e12)])


def test_what_a_repeating_link_could_carry_is_counted_by_whole_repetitions():
    # 3 bit in 2 s, less two outages of a turn and two turns
    flicker = CapacityOverTime.of([0.0, 1.0], [1.0, 2.0], 2.0, [(100.0, 102.0), (1e9, 1e9 + 4)])
    assert flicker.bits_between(0.0, 8e9) == 12e9 - 9
    assert flicker.bits_between(101.0, 1e9 + 2.0) == 1.5 * (1e9 - 102)
    assert flicker.bits_between(5e8 + 0.5, 5e8 + 1.5) == 1.5
