"""A run leaps over what repeats itself between two changes of its links, and the sums are those of the full replay."""

import math
import random

import pytest

from sim.engine.calendar import Calendar, Leap
from sim.engine.timeline import Timeline, Totals
from sim.network.fluid.leaping_capacity import LeapingCapacity
from sim.scenario.model import Scenario
from sim.simulation.run import outcomes
from sim.topology.capacity import CapacityOverTime

from ..changing_worlds import changing_world, check_same

STRATEGIES = (
    {"kind": "data-parallel"},
    {"kind": "data-parallel", "overlap": "layers"},
    {"kind": "diloco", "replicas": 1},
    {"kind": "diloco"},
    {"kind": "streaming-diloco", "fragments": 2, "overlap_steps": 1},
    {"kind": "eager-diloco"},
    {"kind": "elastic-diloco", "quorum": 2, "grace": "0.2 s"},
)


@pytest.mark.parametrize("seed", range(60))
def test_a_run_with_leaps_is_the_full_one(seed):
    document = changing_world(random.Random(seed), STRATEGIES)
    (short,), (full,) = (outcomes(Scenario.model_validate(document | {"replay": how})) for how in ("steady", "full"))
    check_same(short, full)


def test_most_of_a_long_run_is_leapt_over():
    """A day of 16 s of exchange and 1 s of compute a step, and half the bandwidth from the second hour on."""
    link = {
        "between": ["a", "b"],
        "latency": "0 s",
        "schedule": {"points": [{"at": "0 s", "bandwidth": "10 Gbit/s"}, {"at": "3600 s", "bandwidth": "5 Gbit/s"}]},
    }
    topology = {"name": "t", "datacenters": [{"name": "a"}, {"name": "b"}], "links": [link], "collective": "ring"}
    workload = {"params": 10e9, "steps": 5000, "chips": 2, "batch_tokens": 4096, "chip_speed": "122.88 Tflop/s"}
    asked = {"topology": topology, "workload": workload, "strategies": [{"kind": "data-parallel"}]}
    (found,) = outcomes(Scenario.model_validate(asked))
    # 17 s a step: step 212 computes from 3587 s to 3588 s, has sent 12 s' worth at 3600 s, and needs 8 s for the rest.
    assert found.timeline.wall_clock_s == pytest.approx(3608 + (5000 - 212) * 33, rel=1e-12)
    assert found.replayed_steps < 30


def leap(at_s, cycle_s, cycles):
    nothing = Timeline((Totals(),))
    return Leap(at_s, cycle_s, cycles, 1, nothing, nothing)


def test_the_clock_stands_still_in_a_leap():
    calendar = Calendar([leap(10.0, 2.5, 4), leap(20.0, 1.0, 5)])
    assert [calendar.at(clock_s) for clock_s in (0.0, 9.0, 10.0, 19.0, 20.0)] == [0.0, 9.0, 20.0, 29.0, 35.0]
    assert [calendar.clock(calendar_s) for calendar_s in (9.0, 20.0, 29.0, 35.0)] == [9.0, 10.0, 19.0, 20.0]
    assert calendar.clock(math.inf) == math.inf
    assert [calendar.next_leap(clock_s) for clock_s in (0.0, 10.0, 20.0)] == [10.0, 20.0, math.inf]


def test_a_clock_is_never_so_early_that_its_calendar_is():
    draw = random.Random(0)
    for _ in range(1000):
        calendar = Calendar([leap(draw.uniform(0, 10), draw.uniform(0, 1), draw.randint(1, 10**6))])
        moment_s = calendar.at(10.0) + draw.uniform(0, 1e5)
        assert calendar.at(calendar.clock(moment_s)) >= moment_s
        assert calendar.clock(moment_s) == pytest.approx(10.0 + moment_s - calendar.at(10.0), rel=1e-9, abs=1e-6)


def test_a_link_changes_by_the_calendar():
    base = CapacityOverTime.of([0.0, 30.0], [8.0, 2.0], 100.0, [(250.0, 260.0)])
    found = LeapingCapacity(base, Calendar([leap(10.0, 1.0, 15), leap(40.0, 5.0, 9)]))
    assert found.next_change_s(0.0) == 15.0  # 15 s of the 30 are leapt over
    assert found.next_change_s(15.0) == 40.0  # 45 s of the 70 that follow, whose end is also that of the leap
    assert [found.capacity_at(clock_s) for clock_s in (14.9, 15.0, 39.9, 40.0, 40.1)] == [8.0, 2.0, 2.0, 8.0, 8.0]
    assert found.bits_between(0.0, 20.0) == 15 * 8 + 5 * 2
    assert found.alike_until_s(0.0) == 10.0
    assert found.alike_until_s(40.0) == 40.0 + 150.0
